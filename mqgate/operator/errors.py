"""What ends a command before it is done."""

from __future__ import annotations


class CommandError(Exception):
    """What was asked cannot be done. Its text is the one line that is shown."""


class Interrupted(BaseException):
    """Somebody wants the command to end, by a signal."""

    def __init__(self, number: int, so_far: str = "") -> None:
        super().__init__(number)
        self.number = number
        #: What was done already and what to do about the rest, as the end of a sentence.
        self.so_far = so_far
