"""What a worker and its parent say to each other."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.config.first_run import prepare
from mqgate.config.reader import read
from mqgate.dialects import ALL
from mqgate.listening import Lent
from mqgate.storage.sharing import Seat
from mqgate.tls.endpoints import Handed
from mqgate.workers.child import receive_task, tell_failure
from mqgate.workers.task import Frames, Task, framed, unpacked
from tests.config.sample import counting_hex


class FrameTests(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50))
    def test_they_arrive_whole_whatever_the_pieces(self, messages: list[bytes], size: int) -> None:
        data = b"".join(framed(each) for each in messages)
        frames = Frames()
        found: list[bytes] = []
        for start in range(0, len(data), size):
            found += frames.received(data[start : start + size])
        self.assertEqual(found, messages)

    def test_words_are_set_apart(self) -> None:
        self.assertEqual(framed(b"figures", b"1", b"all"), framed(b"figures 1 all"))


class TaskTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = os.path.abspath(self.mktemp())
        path = prepare(folder, ALL, counting_hex(), ["tcp:8080", "ssl:8443"])
        text = Path(path).read_text(encoding="utf-8")
        Path(path).write_text(f"workers = 2\n{text}", encoding="utf-8")
        self.configuration = read(path, ALL, {})
        lent = Lent((Handed(7, socket.AF_INET), Handed(8, socket.AF_INET)), b"PEM")
        self.task = Task(Seat(1, 3, (4, 5)), self.configuration, lent, 12.5)

    def test_it_is_the_same_in_another_process(self) -> None:
        """Every setting of every dialect can be handed over."""
        self.assertEqual(unpacked(self.task.packed()), self.task)

    def test_listeners_are_known_again(self) -> None:
        """An annex's by being the same as the one that is opened."""
        configuration = unpacked(self.task.packed()).configuration
        for annex in configuration.annexes:
            self.assertTrue(any(annex is each for each in configuration.sockets))

    def test_a_worker_waits_for_it(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        ours.sendall(framed(b"x" * 100_000))
        self.assertEqual(receive_task(theirs), b"x" * 100_000)

    def test_a_parent_that_is_gone_has_none(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        ours.sendall(framed(b"task")[:5])
        ours.close()
        self.assertRaises(EOFError, receive_task, theirs)

    def test_a_failure_is_told_whatever_is_in_it(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        tell_failure(theirs, "no folder \udcff")
        self.assertEqual(list(Frames().received(ours.recv(100))), [b"failed no folder \\udcff"])
