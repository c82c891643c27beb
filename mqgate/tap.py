"""``twistd mqgate``: its options, and how they become a server."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from twisted.application.service import IService
from twisted.logger import globalLogBeginner, globalLogPublisher
from twisted.python import usage

from mqgate import __version__
from mqgate.config.first_run import DATABASE, FOLDER, make_folder, prepare
from mqgate.config.problems import ConfigurationError
from mqgate.config.reader import Overrides, read
from mqgate.config.values import Configuration
from mqgate.dialects import ALL
from mqgate.service import Gate
from mqgate.starting import StartFailed, Surroundings
from mqgate.storage.databases import Database, choose
from mqgate.storage.interface import StoreError
from mqgate.storage.runners import CallThread
from mqgate.storage.sharing import TURN_SECONDS
from mqgate.storage.sqlite.backup import Backups
from mqgate.storage.sqlite.lock import FileLock
from mqgate.supervision import Supervision
from mqgate.terminal import Terminal
from mqgate.workers.child import Parent, receive_task, tell_failure
from mqgate.workers.crew import Crew
from mqgate.workers.database import SharedDatabase
from mqgate.workers.launching import launcher
from mqgate.workers.logs import LogLines
from mqgate.workers.task import Task, unpacked

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
    make = build if configuration.server.workers == 1 else build_crew
    return make(configuration, reactor, Terminal(), log_is_shown=shows_log(options.parent))


def build(
    configuration: Configuration, reactor: Any, terminal: Terminal, *, log_is_shown: bool = False
) -> Gate:
    """A server of one process, not started, in the world as it is."""
    store = database(configuration).store(*threads(reactor))
    reactor.callWhenRunning(settle_collector)
    around = surroundings(reactor, terminal, log_is_shown)
    return Gate(configuration, ALL, store, around, __version__)


def build_crew(
    configuration: Configuration, reactor: Any, terminal: Terminal, *, log_is_shown: bool = False
) -> Crew:
    """A server of several processes, not started."""
    workers = configuration.server.workers
    sharing = database(configuration).sharing(workers, time.monotonic, TURN_SECONDS)
    shared = SharedDatabase(configuration, ALL, sharing, time.time, time.monotonic)
    launch = launcher(sys.path, os.environ).launch
    around = surroundings(reactor, terminal, log_is_shown)
    return Crew(configuration, shared, launch, around, __version__, globalLogPublisher)


def build_worker(task: Task, reactor: Any) -> Gate:
    """One of several processes, not started, as its parent has told it to be."""
    configuration = task.configuration
    store = database(configuration).seated(task.seat, *threads(reactor), time.monotonic)
    reactor.callWhenRunning(settle_collector)
    began = task.time_began
    around = attrs.evolve(
        surroundings(reactor, Terminal(-1, -1), log_is_shown=True),
        supervision=Supervision({}, os.getpid(), reactor),
        lent=task.lent,
        engine_wall=None if began is None else lambda: began + time.monotonic(),
    )
    return Gate(configuration, ALL, store, around, __version__)


def work(descriptor: int) -> None:
    """Be a worker, whose parent is at the other end of this connected socket; see `Crew`."""
    from twisted.internet import reactor

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's is for its parent
    line = socket.socket(fileno=descriptor)
    globalLogBeginner.beginLoggingTo([LogLines(sys.stderr.buffer)], redirectStandardIO=False)
    keep_time(reactor)
    try:
        gate = build_worker(unpacked(receive_task(line)), reactor)
        gate.startService()
    except EOFError:
        return
    except StartFailed as failure:
        tell_failure(line, str(failure))
        raise SystemExit(failure.code) from None
    parent = Parent(reactor, gate.figures)
    reactor.callWhenRunning(parent.attend, line)
    reactor.addSystemEventTrigger("before", "shutdown", gate.stopService)
    reactor.run()


def threads(reactor: Any) -> tuple[CallThread, CallThread]:
    """Those that make the database's calls: the one that writes, and the one that only looks."""
    return CallThread(reactor), CallThread(reactor, "mqgate-observer")


def surroundings(reactor: Any, terminal: Terminal, log_is_shown: bool) -> Surroundings:
    """The world as it is."""
    return Surroundings(
        reactor,
        time.time,
        time.monotonic,
        terminal,
        heed_no_more_signals,
        Supervision(os.environ, os.getpid(), reactor),
        log_is_shown,
    )


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
