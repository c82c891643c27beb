"""Documents: those that are read, as values; and those that are written, as bytes.

What is written has one shape that all SDKs can read: the namespace as the root's only attribute,
no prefixes, no CDATA, each element one run of text, none of them empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import md5

import attrs

from mqgate.dialects.rocketmq.refusal import Refused, invalid
from mqgate.dialects.rocketmq.xml import Element

#: Without a slash at its end: Java's SDK reads errors by exactly this.
_NAMESPACE = b"http://mq.aliyuncs.com/doc/v1"
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
#: The most handles of one request.
MOST_HANDLES = 1000
_LONGEST_TAG = 64
#: What no XML document can hold.
_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@attrs.frozen
class Publication:
    """What is to be published."""

    body: bytes
    tag: str
    properties: str


def publication(root: Element) -> Publication:
    """The message in a document. Raises `Refused`."""
    if root.name != "Message":
        raise invalid("The body is not a Message.")
    texts: dict[str, str | None] = {child.name: child.text for child in root}
    body = _text(texts, "MessageBody")
    if not body:
        raise invalid("The element MessageBody is missing or empty.")
    tag = _text(texts, "MessageTag")
    if len(tag) > _LONGEST_TAG:
        raise invalid(f"The element MessageTag is longer than {_LONGEST_TAG} characters.")
    if "||" in tag:
        raise invalid("The element MessageTag is more than one tag.")
    return Publication(body.encode(), tag, _text(texts, "Properties"))


def _text(texts: dict[str, str | None], name: str) -> str:
    text = texts.get(name, "")
    if text is None:
        raise invalid(f"The element {name} has other elements in it.")
    return text


def handles(root: Element) -> list[str]:
    """The receipt handles in a document. Raises `Refused`."""
    if root.name != "ReceiptHandles":
        raise invalid("The body is not ReceiptHandles.")
    found = [(child.text or "").strip() for child in root if child.name == "ReceiptHandle"]
    found = [handle for handle in found if handle]
    if not found:
        raise no_handle()
    if len(found) > MOST_HANDLES:
        raise invalid(f"There are more than {MOST_HANDLES} receipt handles.")
    return found


def no_handle() -> Refused:
    """An acknowledgement of nothing."""
    return Refused(400, "MissingReceiptHandle", "There is no receipt handle in the body.")


# -- what is kept with a message


def pack(tag: str, properties: str) -> bytes | None:
    """Tag and properties as the engine keeps them; None if there are none."""
    return f"{tag}\0{properties}".encode() if tag or properties else None


def _unpack(props: bytes | None) -> tuple[bytes, bytes]:
    tag, _, properties = (props or b"").partition(b"\0")
    return tag, properties


# -- what is written


def published(message_id: int, body: bytes, receipt: str | None) -> bytes:
    """The answer to a publish; with a handle for a half message."""
    handle = b"" if receipt is None else _element(b"ReceiptHandle", receipt.encode("ascii"))
    return _document(
        b"Message",
        b"<MessageId>%032X</MessageId><MessageBodyMD5>%b</MessageBodyMD5>%b"
        % (message_id, _digest(body), handle),
    )


@attrs.frozen
class Consumed:
    """A message that is handed out. Times in milliseconds since 1970."""

    id: int
    body: bytes
    props: bytes | None
    receipt: str
    published_at: int
    first_at: int
    next_at: int
    times: int


def consumed(messages: Iterable[Consumed]) -> bytes:
    """The answer to a poll that found something."""
    return _document(b"Messages", b"".join(map(_message, messages)))


def _message(message: Consumed) -> bytes:
    tag, properties = _unpack(message.props)
    return (
        b"<Message><MessageId>%032X</MessageId><MessageBodyMD5>%b</MessageBodyMD5>"
        b"<MessageBody>%b</MessageBody><ReceiptHandle>%b</ReceiptHandle>"
        b"<PublishTime>%d</PublishTime><FirstConsumeTime>%d</FirstConsumeTime>"
        b"<NextConsumeTime>%d</NextConsumeTime><ConsumedTimes>%d</ConsumedTimes>%b%b</Message>"
        % (
            message.id,
            _digest(message.body),
            _escaped(message.body),
            message.receipt.encode("ascii"),
            message.published_at,
            message.first_at,
            message.next_at,
            message.times,
            _element(b"MessageTag", _escaped(tag)) if tag else b"",
            _element(b"Properties", _escaped(properties)) if properties else b"",
        )
    )


def error(code: str, text: str, request_id: str, host: str) -> bytes:
    """A refusal."""
    return _document(
        b"Error",
        b"".join(
            _element(name, _escaped_text(value))
            for name, value in (
                (b"Code", code),
                (b"Message", text),
                (b"RequestId", request_id),
                (b"HostId", host),
            )
        ),
    )


def handle_errors(failed: Sequence[tuple[str, str, str]]) -> bytes:
    """What is wrong with handles: each with a code and a text."""
    return _document(
        b"Errors",
        b"".join(
            b"<Error>%b%b%b</Error>"
            % (
                _element(b"ErrorCode", _escaped_text(code)),
                _element(b"ErrorMessage", _escaped_text(text)),
                _element(b"ReceiptHandle", _escaped_text(handle)),
            )
            for handle, code, text in failed
        ),
    )


def _document(root: bytes, content: bytes) -> bytes:
    return b'%b<%b xmlns="%b">%b</%b>' % (_HEAD, root, _NAMESPACE, content, root)


def _element(name: bytes, escaped: bytes) -> bytes:
    return b"<%b>%b</%b>" % (name, escaped, name)


def _escaped(text: bytes) -> bytes:
    """UTF-8 that came out of a document, ready to go into another."""
    return (
        text.replace(b"&", b"&amp;")
        .replace(b"<", b"&lt;")
        .replace(b">", b"&gt;")
        .replace(b"\r", b"&#13;")
    )


def _escaped_text(text: str) -> bytes:
    """Any text; U+FFFD stands for what no document can hold."""
    return _escaped(_NOT_XML.sub("\ufffd", text).encode())


def _digest(body: bytes) -> bytes:
    return md5(body, usedforsecurity=False).hexdigest().upper().encode()
