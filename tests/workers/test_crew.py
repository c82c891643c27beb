"""The parent of workers, over processes and a clock that are turned by hand."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mqgate.config.first_run import prepare
from mqgate.config.reader import Overrides, read
from mqgate.listening import Lent
from mqgate.starting import StartFailed, Surroundings
from mqgate.storage.interface import StoreError
from mqgate.supervision import Supervision
from mqgate.workers.crew import (
    FIGURES_SECONDS,
    LATE_SECONDS,
    LOOK_SECONDS,
    SILENT_LOOKS,
    Crew,
)
from mqgate.workers.launching import Launched
from mqgate.workers.pauses import LIVED_SECONDS, PAUSES
from mqgate.workers.task import ALIVE, FAILED, FIGURES, READY, Frames, framed
from mqgate.workers.worker import GONE_SECONDS, HUNG_UP_SECONDS
from tests.config.sample import counting_hex, declare
from tests.test_service import NOW, Notebook

WORKERS = 2


class Process:
    """A process that does what the test says."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.signals: list[int] = []

    def poll(self) -> int | None:
        return self.returncode

    def wait(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.signals.append(number)

    def kill(self) -> None:
        self.signals.append(signal.SIGKILL)


class Port:
    """A port that others accept at."""

    def __init__(self, descriptor: int) -> None:
        self.socket = self
        self.family = socket.AF_INET
        self.reads = True
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 8080)

    def stopReading(self) -> None:
        self.reads = False

    def stopListening(self) -> None:
        pass


class Reactor(MemoryReactorClock):
    """Keeps the lines that it is given; what comes in is for the test to say."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Any] = []
        self.ports: list[Port] = []
        #: Whether they are such as nobody else can accept at.
        self.ports_are_odd = False

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """See `IReactorTCP`."""
        if self.ports_are_odd:
            return super().listenTCP(port, factory, backlog, interface)
        self.ports.append(Port(20 + len(self.ports)))
        return self.ports[-1]

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
        """See `IReactorSocket`."""
        line = factory.buildProtocol(None)
        line.makeConnection(StringTransport())
        self.lines.append(line)


class Child:
    """A worker as the test plays it."""

    def __init__(self, number: int) -> None:
        self.process = Process(1000 + number)
        self.parents = [socket.socketpair() for _ in range(2)]
        #: Its line and its log, in the parent's reactor.
        self.line: Any = None
        self.log: Any = None

    def launched(self) -> Launched:
        process: Any = self.process
        return Launched(process, self.parents[0][0], self.parents[1][0])

    def says(self, *words: bytes) -> None:
        self.line.dataReceived(framed(*words))

    def hears(self) -> list[bytes]:
        data = self.line.transport.value()
        self.line.transport.clear()
        return list(Frames().received(data))

    def ends(self, status: int) -> None:
        """It is gone."""
        self.process.returncode = status
        self.line.connectionLost()
        self.log.connectionLost()

    def close(self) -> None:
        for pair in self.parents:
            for each in pair:
                each.close()


class Database:
    """A shared database that is fine, unless the test says otherwise."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.slot: int | None = None
        self.fault = ""

    def open(self) -> None:
        if self.fault:
            raise StoreError(self.fault)
        self.opened += 1

    def task(self, slot: int, lent: Lent) -> tuple[bytes, Sequence[int]]:
        return b"task %d" % slot, (7, 8)

    def stuck(self) -> int | None:
        return self.slot

    def close(self) -> None:
        self.closed += 1


class CrewTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.database = Database()
        self.terminal = Notebook()
        self.children: list[Child] = []
        self.launches: list[Sequence[int]] = []
        #: What those say at their start that are waited for.
        self.first_words = [READY]
        self.refuse = False
        self.heedless = 0
        self.told: list[LogEvent] = []
        self.crew = self.made()

    def made(self) -> Crew:
        folder = os.path.abspath(self.mktemp())
        declarations = [declare("sample"), declare("other")]
        path = prepare(folder, declarations, counting_hex(), ["tcp:8080"])
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"workers = {WORKERS}\n{text}")
        configuration = read(path, declarations, {}, Overrides())
        around = Surroundings(
            self.reactor,
            lambda: NOW.timestamp() + self.reactor.seconds(),
            self.reactor.seconds,
            self.terminal,
            self.heed_no_more,
            Supervision({}, os.getpid(), self.reactor),
        )
        return Crew(configuration, self.database, self.launch, around, "1.2.3", self.told.append)

    def heed_no_more(self) -> None:
        self.heedless += 1

    def launch(self, descriptors: Sequence[int]) -> Launched:
        if self.refuse:
            raise OSError("too many processes")
        self.launches.append(descriptors)
        child = Child(len(self.children))
        self.addCleanup(child.close)
        self.children.append(child)
        if not self.reactor.lines:  # it is waited for
            child.parents[0][1].sendall(framed(*self.first_words))
            if self.first_words[0] == FAILED:
                for _, its_end in child.parents:
                    its_end.close()
        return child.launched()

    def started(self) -> list[Child]:
        self.crew.startService()
        self.attach(*self.children)
        return list(self.children)

    def attach(self, *children: Child) -> None:
        for child in children:
            child.line, child.log = self.reactor.lines[:2]
            del self.reactor.lines[:2]
        self.reactor.lines.append(None)  # from now on nobody is waited for

    def newest(self) -> Child:
        """The one that was started last."""
        del self.reactor.lines[0]
        self.attach(self.children[-1])
        return self.children[-1]

    def alive(self, *children: Child) -> None:
        for child in children:
            child.says(ALIVE)


class StartTests(CrewTestCase):
    def test_it_is_over_when_all_are_ready(self) -> None:
        self.started()
        self.assertEqual(len(self.children), WORKERS)
        self.assertEqual(self.launches, [[7, 8, 20]] * WORKERS)
        self.assertEqual([port.reads for port in self.reactor.ports], [False])
        told = [list(Frames().received(child.parents[0][1].recv(100))) for child in self.children]
        self.assertEqual(told, [[b"task 0"], [b"task 1"]])
        self.assertEqual(len(self.terminal.said), 1)

    def test_a_database_that_cannot_be_used_is_one_line(self) -> None:
        self.database.fault = "mqgate.db is damaged"
        self.assertRaises(StartFailed, self.crew.startService)
        self.assertEqual(self.terminal.complaints, ["mqgate.db is damaged"])
        self.assertEqual(self.children, [])

    def test_what_a_worker_cannot_start_for_is_one_line_too(self) -> None:
        self.first_words = [FAILED, b"no such folder"]
        self.assertRaises(StartFailed, self.crew.startService)
        self.assertEqual(self.terminal.complaints, ["no such folder"])
        for child in self.children:
            self.assertIn(signal.SIGKILL, child.process.signals)
        self.assertEqual(self.database.closed, 1)

    def test_a_worker_that_ends_without_a_word_is_another(self) -> None:
        self.first_words = [FAILED]
        self.assertRaises(StartFailed, self.crew.startService)
        (line,) = self.terminal.complaints
        self.assertRegex(line, "The worker [01] ended at its start: the log says why.")

    def test_so_is_a_listener_that_cannot_be_shared(self) -> None:
        self.reactor.ports_are_odd = True
        self.assertRaises(StartFailed, self.crew.startService)
        (line,) = self.terminal.complaints
        self.assertRegex(line, "'tcp:8080.*' cannot be shared by several processes: set workers")

    def test_processes_that_cannot_be_made_are_told(self) -> None:
        self.refuse = True
        self.assertRaises(StartFailed, self.crew.startService)
        self.assertEqual(self.terminal.complaints, ["too many processes"])


class ReplacingTests(CrewTestCase):
    def test_one_that_ends_is_replaced_at_its_place(self) -> None:
        first, second = self.started()
        with capturedLogs() as logs:
            second.ends(-signal.SIGKILL)
            self.reactor.advance(0)
            third = self.newest()
            self.assertEqual(third.hears(), [b"task 1"])
            third.says(READY)
        self.assertEqual(
            [formatEvent(event) for event in logs],
            [
                "The worker 1 (process 1001) was ended by SIGKILL; another one is started in 0.0 s",
                "A new worker 1 serves (process 1002)",
            ],
        )
        self.assertEqual(first.process.signals, [])

    def test_those_that_end_at_once_are_replaced_later_and_later(self) -> None:
        child = self.started()[0]
        for pause in PAUSES:
            child.ends(1)
            if pause:
                self.reactor.advance(pause - 0.01)
                self.assertIs(self.children[-1], child)
            self.reactor.advance(0.02)
            self.assertIsNot(self.children[-1], child)
            child = self.newest()
        for _ in range(int(LIVED_SECONDS) + 1):
            self.reactor.advance(1)
        child.ends(0)
        self.reactor.advance(PAUSES[0])
        self.assertIsNot(self.children[-1], child)

    def test_why_one_cannot_start_later_is_told_and_tried_again(self) -> None:
        """A full disk, say: the others go on."""
        self.started()[0].ends(1)
        self.reactor.advance(0)
        child = self.newest()
        with capturedLogs() as logs:
            child.says(FAILED, b"the disk is full")
            child.ends(1)
        self.assertIn("cannot start: the disk is full", formatEvent(logs[0]))
        self.reactor.advance(PAUSES[1])
        self.assertIsNot(self.children[-1], child)

    def test_processes_that_cannot_be_made_are_tried_again(self) -> None:
        self.refuse = True
        with capturedLogs() as logs:
            self.started_and_one_ended()
        self.assertEqual(formatEvent(logs[-1]), "A worker cannot be started: too many processes")
        self.refuse = False
        self.reactor.advance(PAUSES[1])
        self.assertEqual(len(self.children), WORKERS + 1)

    def started_and_one_ended(self) -> None:
        self.refuse, refuse = False, self.refuse
        child = self.started()[0]
        self.refuse = refuse
        child.ends(0)
        self.reactor.advance(0)

    def test_one_that_hangs_up_and_lives_on_is_helped(self) -> None:
        child = self.started()[0]
        child.line.connectionLost()
        self.reactor.pump([GONE_SECONDS] * int(HUNG_UP_SECONDS / GONE_SECONDS + 2))
        self.assertIn(signal.SIGKILL, child.process.signals)
        child.process.returncode = -signal.SIGKILL
        self.reactor.pump([GONE_SECONDS, 0])
        self.assertEqual(len(self.children), WORKERS + 1)


class WatchingTests(CrewTestCase):
    def test_one_that_keeps_the_others_from_the_database_is_killed(self) -> None:
        first, second = self.started()
        self.database.slot = 1
        self.reactor.advance(LOOK_SECONDS)
        self.assertEqual((first.process.signals, second.process.signals), ([], [signal.SIGKILL]))

    def test_one_that_gives_no_sign_of_life_is_killed(self) -> None:
        first, second = self.started()
        for _ in range(SILENT_LOOKS):
            self.reactor.advance(LOOK_SECONDS)
            self.alive(first)
        self.assertEqual(second.process.signals, [])
        self.reactor.advance(LOOK_SECONDS)
        self.assertEqual((first.process.signals, second.process.signals), ([], [signal.SIGKILL]))

    def test_a_parent_that_slept_itself_blames_nobody(self) -> None:
        children = self.started()
        self.reactor.advance(LOOK_SECONDS * SILENT_LOOKS * 10)
        self.assertEqual([child.process.signals for child in children], [[], []])

    def test_one_that_starts_may_take_its_time(self) -> None:
        """What it does then may be long, and it says nothing meanwhile."""
        first, second = self.started()
        second.ends(0)
        self.reactor.advance(0)
        third = self.newest()
        for _ in range(SILENT_LOOKS * 2):
            self.reactor.advance(LOOK_SECONDS)
            self.alive(first)
        self.assertEqual(third.process.signals, [])

    def test_the_supervisor_hears_of_it_as_long_as_somebody_serves(self) -> None:
        first, second = self.started()
        supervision = self.crew._around.supervision
        first.ends(0)
        self.alive(second)
        self.reactor.advance(LOOK_SECONDS)
        self.assertTrue(supervision.lives)
        second.ends(0)
        self.reactor.advance(LOOK_SECONDS)
        self.assertFalse(supervision.lives)

    def test_what_a_worker_logs_is_logged(self) -> None:
        first, _ = self.started()
        with capturedLogs() as logs:
            first.log.dataReceived(b"a line\n")
        self.assertEqual(formatEvent(logs[0]), "worker 0: a line")


class FiguresTests(CrewTestCase):
    def test_all_are_asked_and_one_for_the_queues_too(self) -> None:
        first, second = self.started()
        asked = self.crew._figures()
        self.assertEqual((first.hears(), second.hears()), ([b"figures 1 all"], [b"figures 1 own"]))
        for child, value in ((first, 1), (second, 2)):
            child.says(FIGURES, b"1", b"# HELP a A.\n# TYPE a gauge\na %d.0\n" % value)
        self.assertEqual(
            self.successResultOf(asked),
            b'# HELP a A.\n# TYPE a gauge\na{worker="0"} 1.0\na{worker="1"} 2.0\n',
        )

    def test_one_that_does_not_answer_is_left_out(self) -> None:
        first, second = self.started()
        asked = self.crew._figures()
        second.says(FIGURES, b"1", b"# HELP a A.\n# TYPE a gauge\na 2.0\n")
        self.reactor.advance(FIGURES_SECONDS)
        text = b'# HELP a A.\n# TYPE a gauge\na{worker="1"} 2.0\n'
        self.assertEqual(self.successResultOf(asked), text)
        first.says(FIGURES, b"1", b"too late")

    def test_so_is_one_that_ends_meanwhile(self) -> None:
        first, second = self.started()
        asked = self.crew._figures()
        for child in (first, second):
            child.ends(0)
        self.assertEqual(self.successResultOf(asked), b"")


class StopTests(CrewTestCase):
    def test_it_waits_for_all(self) -> None:
        children = self.started()
        stopped = self.crew.stopService()
        self.assertEqual([child.process.signals for child in children], [[signal.SIGTERM]] * 2)
        children[0].ends(0)
        self.assertNoResult(stopped)
        self.assertEqual(self.database.closed, 0)
        children[1].ends(0)
        self.successResultOf(stopped)
        self.assertEqual((self.database.closed, self.heedless), (1, 1))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_does_not_wait_for_ever(self) -> None:
        children = self.started()
        stopped = self.crew.stopService()
        children[0].ends(0)
        self.reactor.advance(4 + LATE_SECONDS)
        self.assertEqual(children[1].process.signals, [signal.SIGTERM, signal.SIGKILL])
        children[1].ends(-signal.SIGKILL)
        self.successResultOf(stopped)

    def test_nobody_is_replaced_any_more(self) -> None:
        children = self.started()
        children[0].ends(1)
        self.reactor.advance(0)
        self.newest().ends(1)  # the next one would come in a second
        stopped = self.crew.stopService()
        children[1].ends(0)
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_second_stop_and_one_before_the_start_do_nothing(self) -> None:
        self.successResultOf(self.made().stopService())
        children = self.started()
        self.crew.stopService()
        self.successResultOf(self.crew.stopService())
        for child in children:
            child.ends(0)
