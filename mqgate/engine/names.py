"""Names of queues, and those that the engine keeps to itself.

What a topic keeps and what its groups consume from are queues, too, but nobody else's: their names
begin with a character that no other queue's name may begin with.
"""

from __future__ import annotations

from mqgate.engine.errors import InvalidRequest

#: Begins a name of the engine's own, and separates its parts.
HIDDEN = "\x1f"


def log_name(topic: str) -> str:
    """The queue that is a topic's log."""
    return HIDDEN + topic


def halves_name(topic: str) -> str:
    """The queue of messages published to a topic that are not decided."""
    return group_name(topic, "")


def group_name(topic: str, group: str) -> str:
    """The queue that a group of a topic consumes from."""
    return f"{HIDDEN}{topic}{HIDDEN}{group}"


def is_hidden(name: str) -> bool:
    """Whether a queue is one of the engine's own."""
    return name.startswith(HIDDEN)


def parts_of(name: str) -> tuple[str, str | None]:
    """The topic of a hidden queue, and its group: None for a log, "" for half messages."""
    _, topic, *group = name.split(HIDDEN)
    return topic, group[0] if group else None


def fed_from(name: str) -> str | None:
    """The log that a queue is fed from, if it is a group's."""
    if not is_hidden(name):
        return None
    topic, group = parts_of(name)
    return log_name(topic) if group else None


def check_text(text: str, what: str) -> None:
    """Raise `InvalidRequest` for what would fail a whole batch."""
    if "\0" in text:  # which the text of some databases refuses
        raise InvalidRequest(f"{what} cannot hold a NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{what} has to be text") from None


def check_names(*names: str) -> None:
    """Raise `InvalidRequest` for what nothing can be called, and what is the engine's own."""
    for name in names:
        check_text(name, "a name")
        if is_hidden(name):
            raise InvalidRequest("a name cannot begin with U+001F")


def check_part(name: str, what: str) -> None:
    """Raise `InvalidRequest` for what no topic or group can be called."""
    check_text(name, what)
    if not name or HIDDEN in name:
        raise InvalidRequest(f"{what} cannot be empty or hold U+001F")
