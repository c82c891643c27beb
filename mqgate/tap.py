"""``twistd mqgate``: its options, and how they become a server."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from mqgate import __version__
from mqgate.config.first_run import DATABASE, FOLDER, make_folder, prepare
from mqgate.config.problems import ConfigurationError
from mqgate.config.reader import Overrides, read
from mqgate.config.values import Configuration
from mqgate.dialects import ALL
from mqgate.service import Gate
from mqgate.starting import Surroundings
from mqgate.storage.databases import Database, choose
from mqgate.storage.interface import StoreError
from mqgate.storage.runners import CallThread
from mqgate.storage.sqlite.backup import Backups
from mqgate.storage.sqlite.lock import FileLock
from mqgate.supervision import Supervision
from mqgate.terminal import Terminal

#: Few and short collections: under load, the slowest hundredth of posts takes a third of the time.
#: Requests and connections leave no cycles, but failed handshakes do; full collections, which find
#: those, look only at what came after the start.
COLLECTOR_THRESHOLDS = (2000, 4, 20)


class Options(usage.Options):
    """What stands behind ``twistd mqgate``."""

    synopsis = "[--config FILE] [--data DIR] [--listen ENDPOINT]..."
    longdesc = (
        "A durable queue server. Without options it keeps everything in mqgate-data/ here, which"
        " its first start makes, together with credentials and certificates. Recommended:"
        " twistd -n --pidfile= mqgate"
    )
    optParameters = [
        ["config", "c", None, "The configuration, a TOML file."],
        ["data", "d", None, "The data folder, in place of the configuration's."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.listen: list[str] = []

    def opt_listen(self, endpoint: str) -> None:
        """Where to listen, such as ssl:8443, in place of the configuration's list; repeatable."""
        self.listen.append(endpoint)

    opt_l = opt_listen

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line; exits with one line if there is something wrong with it."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            raise SystemExit(
                f"mqgate: {error}: write twistd -n --pidfile= mqgate {self.synopsis}"
                " (twistd's own options stand before mqgate)"
            ) from None

    def parseArgs(self, *words: str) -> None:
        """Refuse words that belong to no option."""
        if words:
            raise usage.UsageError(f"{words[0]!r} is no option")

    def opt_version(self) -> None:
        """Show the version of mqgate."""
        print(f"mqgate {__version__}")
        raise SystemExit(0)


def makeService(options: Options) -> IService:
    """The server that is asked for; exits with one line if it cannot be started as it is."""
    from twisted.internet import reactor

    try:
        configuration = configure(options)
        check_unused(configuration.data)
        database(configuration)  # one that cannot be meant is told before anything is opened
    except (ConfigurationError, StoreError) as error:
        raise SystemExit(str(error)) from None
    keep_time(reactor)
    return build(configuration, reactor, Terminal(), log_is_shown=shows_log(options.parent))


def build(
    configuration: Configuration, reactor: Any, terminal: Terminal, *, log_is_shown: bool = False
) -> Gate:
    """A server, not started, in the world as it is."""
    store = database(configuration).store(
        CallThread(reactor), CallThread(reactor, "mqgate-observer")
    )
    reactor.callWhenRunning(settle_collector)
    surroundings = Surroundings(
        reactor,
        time.time,
        time.monotonic,
        terminal,
        heed_no_more_signals,
        Supervision(os.environ, os.getpid(), reactor),
        log_is_shown,
    )
    return Gate(configuration, ALL, store, surroundings, __version__)


def database(configuration: Configuration) -> Database:
    """The database that a configuration names; raises `ConfigurationError` and `StoreError`."""
    server = configuration.server
    return choose(
        configuration.database.address(),
        os.path.join(configuration.data, DATABASE),
        free_space_minimum=server.free_space_minimum,
        backups=Backups(server.backup_before_upgrade),
        deadline_seconds=server.database_deadline_seconds,
    )


def keep_time(reactor: Any) -> None:
    """Have a reactor's timers follow a clock that nobody sets.

    Twisted's follow the wall clock: when that is set back by an hour, all of them are an hour late.
    """
    reactor.seconds = time.monotonic


def shows_log(twistd: Mapping[str, Any] | None) -> bool:
    """Whether twistd, with these options of its own, writes its log to the terminal."""
    if twistd is None or not twistd["nodaemon"]:
        return False
    return twistd["logfile"] in (None, "-") and not twistd["syslog"] and not twistd["logger"]


def check_unused(data: str) -> None:
    """Raise `StoreError` if another server has the data folder.

    The store finds that out as well, but after the ports were opened: a second start in the same
    folder would only hear that its ports are taken.
    """
    path = os.path.join(data, DATABASE + ".lock")
    if os.path.exists(path):  # making it is for the user that the server runs as in the end
        lock = FileLock(path)
        lock.take()
        lock.release()


def configure(options: Options) -> Configuration:
    """The configuration that is asked for, written first if this is the first start.

    Raises `ConfigurationError`.
    """
    overrides = Overrides(options["data"], tuple(options.listen))
    path = options["config"]
    if path is None:
        path = prepare(options["data"] or FOLDER, ALL, random_hex, options.listen)
    configuration = read(path, ALL, os.environ, overrides)
    make_folder(configuration.data)
    return configuration


def heed_no_more_signals() -> None:
    """Let a stop that has begun come to its end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def random_hex(length: int) -> str:
    """So many hex digits that nobody can guess."""
    return secrets.token_hex((length + 1) // 2)[:length]


def settle_collector() -> None:
    """Spare the garbage collector what stays until the end, and have it do little at a time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
