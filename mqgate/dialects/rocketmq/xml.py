"""XML from strangers, read by lxml so that nothing in it can do harm.

It is always read as UTF-8, whatever it came in, so that the parser sees what was seen in its bytes
before. A long document is looked over first: what could make the parser slow or large (a document
type, tags with no end of attributes, countless elements) is told by its brackets alone. In a short
one none of this can do much.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Generator, Iterator
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from mqgate.dialects.rocketmq.refusal import Refused, invalid, malformed

#: The longest document that is parsed as it is.
_SHORT_BYTES = 16 * 1024
#: So much of a longer one is parsed in one step: some milliseconds.
STEP_BYTES = 256 * 1024
#: The parser takes no text of more bytes; no message can have half as many.
_LONGEST_TEXT = 10_000_000
#: Tags, comments, CDATA sections and so on in a document, and the brackets looked over in a step.
_MOST_MARKUP = 50_000
_MARKUP_STEP = 5_000
#: The longest tag, in bytes. Ours have no attribute but a namespace.
_LONGEST_TAG = 4096

_DECLARATION = re.compile(
    rb"<\?xml\s[^>]{0,200}?encoding\s*=\s*(?:\"([A-Za-z][A-Za-z0-9._-]{0,39})\""
    rb"|'([A-Za-z][A-Za-z0-9._-]{0,39})')[^>]{0,200}?\?>"
)
_TAG = re.compile(rb"</?[^\"'<>!?][^\"'<>]*(?:\"[^\"<]*\"[^\"'<>]*|'[^'<]*'[^\"'<>]*)*>")
#: What begins so ends so; what begins otherwise is a tag, or a document type.
_ENDS = ((b"<![CDATA[", b"]]>"), (b"<!--", b"-->"), (b"<?", b"?>"))
_DOCTYPE = b"<!DOCTYPE"
#: All that clients can mean; other codecs of Python's are no encodings of text, or decode brackets
#: from what looks like none.
_ENCODINGS = frozenset(
    codecs.lookup(name).name
    for name in [
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "us-ascii", "gbk", "gb2312", "gb18030"),
        *("big5", "shift_jis", "euc-jp", "euc-kr", "koi8-r"),
        *(f"iso-8859-{part}" for part in range(1, 17) if part != 12),
        *(f"windows-125{part}" for part in range(9)),
    ]
)


def _parser() -> Any:
    """A parser that loads nothing, expands nothing, and has libxml2's limits on size and depth."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )


#: For documents that are read in one go.
_PARSER = _parser()


class Element:
    """An element that was read; its own name, without its namespace."""

    def __init__(self, element: Any) -> None:
        self._element = element

    @property
    def name(self) -> str:
        """The local name: SDKs spell the namespace in four ways."""
        tag: str = self._element.tag
        return tag.rpartition("}")[2]

    @property
    def text(self) -> str | None:
        """All text directly in it; None if there are elements in it, too."""
        return None if len(self._element) else self._element.text or ""

    def __iter__(self) -> Iterator[Element]:
        """The elements directly in it."""
        return map(Element, self._element)


class Reading:
    """The reading of one document, step by step."""

    def __init__(self, body: bytes) -> None:
        """Raises `Refused` if its encoding is not one."""
        self._document = _as_utf8(body)
        self._root: Element | None = None

    @property
    def long(self) -> bool:
        """Whether it is to be read in more than one turn."""
        return len(self._document) > STEP_BYTES

    def steps(self) -> Iterator[None]:
        """Read; between the steps others may have their turn. Raises `Refused`."""
        document = self._document
        try:
            if len(document) <= _SHORT_BYTES:
                root = etree.fromstring(document, _PARSER)
            else:
                yield from _looked_over(document)
                root = yield from _parsed(document)
        except etree.XMLSyntaxError:
            if len(document) > _LONGEST_TEXT:
                raise invalid("The body is too long, or not well-formed XML.") from None
            raise malformed("The body is not well-formed XML.") from None
        if _DOCTYPE in document and root.getroottree().docinfo.doctype:
            raise _has_doctype()
        self._root = Element(root)

    @property
    def root(self) -> Element:
        """The document's element, after the last step."""
        assert self._root is not None
        return self._root


def read(body: bytes) -> Element:
    """The document in ``body``, read in one go. Raises `Refused`."""
    reading = Reading(body)
    for _ in reading.steps():
        pass
    return reading.root


def _as_utf8(body: bytes) -> bytes:
    """The document in UTF-8, without a byte order mark."""
    if body.startswith(codecs.BOM_UTF8):
        body = body[3:]
        encoding = "utf-8"
    elif body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        declared = _DECLARATION.match(body)
        if declared is None:
            return body
        encoding = (declared[1] or declared[2]).decode("ascii").lower()
    try:
        codec = codecs.lookup(encoding).name
        if codec == "utf-8":
            return body
        if codec not in _ENCODINGS:
            raise LookupError
        return body.decode(codec).encode()
    except LookupError:
        raise malformed("The body's encoding is not known.") from None
    except UnicodeError:
        raise malformed("The body is not in the encoding that it says.") from None


def _parsed(document: bytes) -> Generator[None, None, Any]:
    """The root of a long document."""
    parser = _parser()
    for begin in range(0, len(document), STEP_BYTES):
        parser.feed(document[begin : begin + STEP_BYTES])
        yield
    return parser.close()


def _looked_over(document: bytes) -> Iterator[None]:
    """Refuse what could hold the parser up."""
    markup = 0
    begin = document.find(b"<")
    while begin >= 0:
        markup += 1
        if markup > _MOST_MARKUP:
            raise malformed("The body has too many elements.")
        if markup % _MARKUP_STEP == 0:
            yield
        begin = document.find(b"<", _end(document, begin))


def _end(document: bytes, begin: int) -> int:
    """Where what begins with this bracket ends."""
    for start, closing in _ENDS:
        if document.startswith(start, begin):
            end = document.find(closing, begin + len(start))
            if end < 0:
                raise malformed("The body is not well-formed XML.")
            return end + len(closing)
    tag = _TAG.match(document, begin, begin + _LONGEST_TAG)
    if tag is None:
        raise _has_doctype() if document.startswith(_DOCTYPE, begin) else _bad_tag()
    return tag.end()


def _has_doctype() -> Refused:
    return malformed("The body has a document type, which is not read here.")


def _bad_tag() -> Refused:
    return malformed("The body has a tag that is not well-formed, or too long.")
