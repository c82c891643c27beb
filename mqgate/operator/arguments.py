"""The words of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from mqgate import __version__
from mqgate.operator import (
    changing,
    copying,
    exporting,
    grouping,
    importing,
    showing,
    signing,
    topics,
    verifying,
    wiring,
)
from mqgate.operator.call import Call
from mqgate.operator.text import escaped

_ABOUT = "Looks after the queues of an mqgate server. Safe beside a running one."
_WORLDS = (
    "WORLD is a project's id, or NAMESPACE/DIALECT/NAME as `mqgate queues` shows it; anything in"
    " between will do where it is unambiguous. The exit status is 0, 1 if something could not be"
    " done or `verify` found something, 2 for a wrong command line."
)


class Parser(argparse.ArgumentParser):
    """Says what is wrong on one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, escaped(f"{self.prog}: {message} (see {self.prog} --help)") + "\n")


def parser() -> Parser:
    """The command line's parser; what it makes has ``run``, the function for the command."""
    whole = Parser(prog="mqgate", description=_ABOUT, epilog=_WORLDS)
    whole.add_argument("--version", action="version", version=f"mqgate {__version__}")
    _add_places(whole, None)
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[Call], int], does: str, *, json: bool = True) -> Parser:
        command: Parser = commands.add_parser(
            name, help=does, description=does[0].upper() + does[1:] + ".", epilog=_WORLDS
        )
        # Said before the command or after it; what is said after it counts.
        _add_places(command, argparse.SUPPRESS)
        if json:
            command.add_argument("--json", action="store_true", help="for scripts: JSON")
        command.set_defaults(run=run)
        return command

    queues = add("queues", showing.queues, "list queues, with what is in them and how old it is")
    queues.add_argument("worlds", nargs="*", metavar="WORLD", help="the worlds; without: all")
    topics_ = add("topics", topics.topics, "list topics, with their latest and retained values")
    topics_.add_argument("worlds", nargs="*", metavar="WORLD", help="the worlds; without: all")
    groups = add("groups", grouping.groups, "list topics and their consumer groups")
    groups.add_argument("worlds", nargs="*", metavar="WORLD", help="the worlds; without: all")
    _add_queue(add("show", showing.show, "show all about one queue"))
    _add_peek(add("peek", showing.peek, "show the first messages of a queue, leaving them there"))
    for name, run, does in (
        ("purge", changing.purge, "delete all messages of a queue, reserved and delayed ones too"),
        ("delete", changing.delete, "delete a queue, with all that is in it"),
    ):
        command = add(name, run, does)
        _add_queue(command)
        command.add_argument("-y", "--yes", action="store_true", help="do not ask")
    _add_export(add("export", exporting.export, "write queues out as lines of JSON", json=False))
    _add_import(add("import", importing.import_, "post what was exported, with new ids"))
    exchanges = add("exchanges", wiring.exchanges, "list exchanges, with how much is bound to them")
    bindings = add("bindings", wiring.bindings, "list which queues are bound to which exchanges")
    for command in (exchanges, bindings):
        command.add_argument("worlds", nargs="*", metavar="WORLD", help="the worlds; without: all")
    bindings.add_argument("--exchange", metavar="NAME", help="of this exchange only")
    bindings.add_argument("--queue", metavar="NAME", help="of this queue only")
    _add_unbind(add("unbind", wiring.unbind, "remove a binding"))
    add("verify", verifying.verify, "check that the database adds up: counters, bodies, orphans")
    _add_copy(
        add("copy", copying.copy, "copy everything from one database into another, empty one")
    )
    _add_sign(add("sign", signing.sign, "sign a request for RocketMQ, for curl", json=False))
    return whole


def _add_places(command: Parser, default: str | None) -> None:
    for short, name, metavar, does in (
        ("-c", "--config", "FILE", "the server's configuration (mqgate-data/mqgate.toml)"),
        ("-d", "--data", "DIR", "the data folder, in place of the configuration's"),
    ):
        command.add_argument(short, name, metavar=metavar, default=default, help=does)


def _add_queue(command: Parser) -> None:
    command.add_argument("world", metavar="WORLD")
    command.add_argument("queue", metavar="QUEUE")


def _add_peek(command: Parser) -> None:
    _add_queue(command)
    command.add_argument(
        "-n", type=_positive, default=10, metavar="N", help="so many messages at most (10)"
    )
    command.add_argument("--body", action="store_true", help="with all of their bodies")


def _add_unbind(command: Parser) -> None:
    command.add_argument("world", metavar="WORLD")
    command.add_argument("exchange", metavar="EXCHANGE")
    command.add_argument("queue", metavar="QUEUE")
    command.add_argument("key", metavar="KEY", help="as it is listed; '' is the empty one")


def _add_export(command: Parser) -> None:
    command.add_argument("world", metavar="WORLD")
    command.add_argument("queues", nargs="*", metavar="QUEUE", help="the queues; without: all")
    command.add_argument(
        "-o", "--output", metavar="FILE", help="where to; it is there when it is whole"
    )


def _add_import(command: Parser) -> None:
    command.add_argument("file", metavar="FILE", help="an export; - is standard input")
    command.add_argument("--world", help="where to; without: the world it came from")
    command.add_argument(
        "--skip",
        type=_counted,
        default=0,
        metavar="N",
        help="leave out the first N messages, which an import that was cut short has posted",
    )


def _add_copy(command: Parser) -> None:
    for name, does in (
        (
            "from",
            "where from: sqlite (the file in the data folder), sqlite:PATH,"
            " postgresql://…, or @FILE, which says so; without: the configured database",
        ),
        ("to", "where to, likewise"),
    ):
        command.add_argument(f"--{name}", dest=f"copy_{name}", metavar="DATABASE", help=does)


def _add_sign(command: Parser) -> None:
    command.add_argument("method", metavar="METHOD", choices=("GET", "POST", "DELETE"))
    command.add_argument("path", metavar="PATH", help="path and query, such as /topics/t/messages")
    body = command.add_mutually_exclusive_group()
    body.add_argument("-b", "--body", metavar="TEXT", help="the request's body")
    body.add_argument("-f", "--file", dest="body_file", metavar="FILE", help="a file that holds it")
    command.add_argument(
        "--key", metavar="ID", help="the key; without: one that opens the instance"
    )
    command.add_argument(
        "--url", help="write a command line for the server at this URL; without: for curl -K -"
    )


def _positive(text: str) -> int:
    if not _counted(text):
        raise ValueError
    return int(text)


def _counted(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


_positive.__name__ = "positive number"
_counted.__name__ = "number"
