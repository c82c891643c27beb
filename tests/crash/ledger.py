"""What all callers together know of each message, and what therefore must not happen to it."""

from __future__ import annotations

import enum
from array import array
from collections import Counter

import attrs


class Known(enum.Enum):
    """How sure the callers are that something was done."""

    NO = "nobody asked for it"
    UNSURE = "it was asked for, but nobody was told"
    YES = "it was acknowledged"


@attrs.define(eq=False)
class Entry:
    """A message: its body is unique, and known before its id is."""

    body: str
    queue: str
    id: str | None = None
    posted: Known = Known.UNSURE
    deleted: Known = Known.NO
    #: When its deletion was acknowledged, and until when somebody certainly holds it, in seconds.
    deleted_at: float = 0.0
    held_until: float = 0.0


@attrs.define
class Ledger:
    """All messages, and what was seen of them that must not be."""

    entries: dict[str, Entry] = attrs.Factory(dict)
    by_id: dict[str, Entry] = attrs.Factory(dict)
    #: How often each thing was done; those without an answer count as "unanswered …".
    counts: Counter[str] = attrs.Factory(Counter)
    #: Why, in the server's words.
    refusals: Counter[str] = attrs.Factory(Counter)
    faults: list[str] = attrs.Factory(list)
    #: How long the slowest answer took, in seconds, and when something was changed for somebody.
    slowest: float = 0.0
    done_at: array[float] = attrs.Factory(lambda: array("d"))

    def answered(self, seconds: float) -> None:
        """An answer came, after so long."""
        self.slowest = max(self.slowest, seconds)

    def write(self, queue: str, n: int) -> list[Entry]:
        """Messages that are about to be posted."""
        numbers = range(len(self.entries), len(self.entries) + n)
        entries = [Entry(f"message {number}", queue) for number in numbers]
        self.entries.update((entry.body, entry) for entry in entries)
        return entries

    def posted(self, entries: list[Entry], ids: list[str]) -> None:
        """They were acknowledged."""
        for entry, message_id in zip(entries, ids, strict=True):
            self._name(entry, message_id)
            entry.posted = Known.YES
        self.counts["posted"] += len(entries)

    def handed_out(
        self, body: str, message_id: str, asked_at: float, now: float, lease: float
    ) -> Entry | None:
        """Somebody who asked then has it now, for ``lease`` seconds at least since he asked."""
        entry = self.entries.get(body)
        if entry is None:
            self.faults.append(f"{message_id} was never posted: {body!r}")
            return None
        self._name(entry, message_id)
        if entry.deleted is Known.YES and entry.deleted_at < asked_at:
            self.faults.append(f"{entry} came back")
        if entry.held_until > now:
            self.faults.append(f"{entry} was handed out to two")
        entry.held_until = asked_at + lease
        self.counts["handed out"] += 1
        return entry

    def deleting(self, entries: list[Entry]) -> None:
        """Their deletion is being asked for."""
        for entry in entries:
            entry.held_until = 0.0
            if entry.deleted is Known.NO:
                entry.deleted = Known.UNSURE

    def deleted(self, entries: list[Entry], now: float) -> None:
        """Their deletion was acknowledged."""
        for entry in entries:
            entry.deleted, entry.deleted_at = Known.YES, now
        self.counts["deleted"] += len(entries)

    def missed(self, entry: Entry, what: str) -> None:
        """The server did not find a message that somebody holds."""
        self.faults.append(f"{entry} was not there for a {what}")

    def _name(self, entry: Entry, message_id: str) -> None:
        if entry.id is None:
            if message_id in self.by_id:
                self.faults.append(f"{entry} has the id of {self.by_id[message_id]}")
            entry.id, self.by_id[message_id] = message_id, entry
        elif entry.id != message_id:
            self.faults.append(f"{entry} is there twice, as {message_id} too")
