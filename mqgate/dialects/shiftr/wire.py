"""Topics and parameters: from the bytes of a request target to values. Pure functions.

Not left to the framework: it would read a form body, which is a payload here, into the query.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote_to_bytes

import attrs

from mqgate.dialects.shiftr.refusal import Refused, invalid_topic
from mqgate.engine.topic_names import LONGEST_TOPIC, has_legal_characters, normal

#: The first segment of every path.
SEGMENT = b"broker"
#: What old HTTP tools would take for the begin of a fragment is written ``@``.
_WILDCARDS = str.maketrans("@*", "#+")

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_QOS = {"0", "1", "2"}


@attrs.frozen
class Parameters:
    """What the query says. qos makes no difference: an answer is for what is stored."""

    retained: bool


def topic_part(path: bytes, *, root: bool) -> bytes | None:
    """What of a path is the topic, not decoded; None if there is none.

    With ``root`` the prefix may be missing, as in the older service's paths.
    """
    prefix = b"/%b/" % SEGMENT
    if path.startswith(prefix):
        return path[len(prefix) :]
    return path[1:] if root else None


def read_filter(raw: bytes) -> str:
    """The filter, or the topic, that the path names. Raises `Refused`."""
    text = _decoded(raw).translate(_WILDCARDS)
    if len(text) > LONGEST_TOPIC:
        raise Refused(
            400, f"topic-limit: the topic has {len(text)} characters, {LONGEST_TOPIC} are allowed"
        )
    if not has_legal_characters(text):
        raise invalid_topic("only letters, digits and .,:;-_$/+# can be in a topic")
    return check_filter(normal(text))


def read_topic(raw: bytes) -> str:
    """The topic that is published to. Raises `Refused`."""
    topic = read_filter(raw)
    if "+" in topic or "#" in topic:
        raise invalid_topic("what is published to cannot have wildcards")
    return topic


def check_filter(text: str) -> str:
    """The text, if wildcards stand in it where they can. Raises `Refused`."""
    if not text:
        raise invalid_topic("the topic is empty")
    words = text.split("/")
    for place, word in enumerate(words, 1):
        if ("+" in word or "#" in word) and len(word) > 1:
            raise invalid_topic("a wildcard has to be a whole level")
        if word == "#" and place < len(words):
            raise invalid_topic("# has to be the last level")
    return text


def read_parameters(query: bytes, *, publishing: bool) -> Parameters:
    """What the query says; of a name that is given twice, the first. Raises `Refused`."""
    if not query:
        return _NONE
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    values = dict(reversed(pairs))
    retained = _FLAGS.get(values.get("retained", "false"))
    if retained is None:
        raise Refused(400, "invalid-retained: retained has to be true or false")
    if publishing and values.get("qos", "0") not in _QOS:
        raise Refused(400, "invalid-qos: qos has to be 0, 1 or 2")
    return Parameters(retained)


def _decoded(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise invalid_topic("the topic is not UTF-8") from None


_NONE = Parameters(retained=False)
