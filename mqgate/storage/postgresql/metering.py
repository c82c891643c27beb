"""Begins and ends the counting of bytes (`mqgate.storage.statements.metering`)."""

from __future__ import annotations

from twisted.logger import Logger

from mqgate.storage.postgresql.line import Line
from mqgate.storage.statements import metering as sql

_log = Logger()


def become(line: Line, wanted: bool) -> None:
    """Count bytes as this version does it, or not at all; in a transaction with the schema's lock.

    As long as there are other gateways that may want it, it is not ended.
    """
    there = dict(line.ask(sql.FUNCTIONS_THERE).all())
    if there == (sql.FUNCTIONS if wanted else {}):
        return
    if wanted:
        _log.info("Counting the bytes of all messages, for the limits; this may take a while")
        line.ask(sql.HOLD_MESSAGES)
        _end(line, there)
        _begin(line)
    elif line.ask(sql.OTHERS_ALIVE).one() is None:
        _log.info("The bytes of messages are no longer counted: no limit asks for it")
        line.ask(sql.HOLD_MESSAGES)
        _end(line, there)


def _begin(line: Line) -> None:
    """Count all that is there, and from now on what comes and goes."""
    for name, body in sql.FUNCTIONS.items():
        line.ask(sql.CREATE_FUNCTION.format(name, body))
    for trigger in sql.CREATE_TRIGGERS:
        line.ask(trigger)
    line.ask(sql.SUM_ALL_UP)


def _end(line: Line, there: dict[str, str]) -> None:
    for name in there:
        line.ask(sql.DROP_FUNCTION.format(name))
    line.ask(sql.FORGET_ALL_SUMS)
