"""Callers do not take anything for done that was not acknowledged."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.figures import BenchmarkFailed
from benchmarks.scripts import Tally, Work, fill, life, post, publish, take
from benchmarks.wire import Answer, Connection, Target

TARGET = Target(80, None, "/q", "Authorization: OAuth token")
POSTED = Answer(201, b'{"ids": ["1"]}')
DELETED = Answer(200, b'{"msg": "Deleted"}')


def received(*ids: str) -> Answer:
    """The answer to a get."""
    return Answer(200, json.dumps({"messages": [{"id": each} for each in ids]}).encode())


class ScriptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tally = Tally(counting=True)
        self.work = Work(TARGET, self.tally, 3)

    def test_a_life_cycle_counts_when_its_delete_is_acknowledged(self) -> None:
        """Not before, and only what was answered in the window is measured."""
        script = life(self.work)
        self.assertIn(b"POST /q/messages HTTP/1.1\r\n", next(script))
        self.assertIn(b"GET /q/messages?n=1 ", script.send(POSTED))
        self.assertIn(b"DELETE /q/messages/7 ", script.send(received("7")))
        self.assertEqual((self.tally.posted, self.tally.finished), (1, 0))
        self.tally.counting = False
        script.send(DELETED)
        self.assertEqual((self.tally.deleted, self.tally.finished), (1, 1))
        self.assertEqual(self.tally.measured, 0)

    def test_a_message_is_finished_when_it_was_handed_out(self) -> None:
        """By both dialects that are compared in this, with one request less than a life cycle."""
        for script, asked, answers in (
            (take, b"GET /q/messages?n=1&delete=true ", [POSTED, received("7")]),
            (publish, b"GET /q ", [Answer(200, b"OK"), Answer(200, b"xxx")]),
        ):
            self.setUp()
            running = script(self.work)
            self.assertTrue(next(running).startswith(b"POST /q"))
            self.assertIn(asked, running.send(answers[0]))
            self.assertEqual((self.tally.posted, self.tally.finished), (1, 0))
            running.send(answers[1])
            self.assertEqual((self.tally.deleted, self.tally.measured), (1, 1))

    def test_an_empty_queue_or_a_refusal_is_no_message(self) -> None:
        for answers in ([Answer(503, b"")], [Answer(200, b"OK"), Answer(204, b"")]):
            running = publish(self.work)
            next(running)
            with self.assertRaises(BenchmarkFailed):
                for answer in answers:
                    running.send(answer)

    def test_what_is_not_as_expected_fails(self) -> None:
        """A refusal is cheap, and so is an answer without the message."""
        for answers in ([Answer(503, b"{}")], [Answer(201, b'{"ids": []}')], [POSTED, received()]):
            script = life(self.work)
            next(script)
            with self.assertRaises(BenchmarkFailed):
                for answer in answers:
                    script.send(answer)

    def test_varied_heads_are_all_different(self) -> None:
        """Else they are the same to the byte, as those of most clients."""
        same, varied = post(self.work), post(Work(TARGET, self.tally, 3, varied=True))
        self.assertEqual(next(same), same.send(POSTED))
        self.assertNotEqual(next(varied), varied.send(POSTED))

    def test_filling_stops_at_the_number(self) -> None:
        """All callers of a process share it."""
        self.tally.room = 250
        ids = Answer(201, json.dumps({"ids": ["1"] * 100}).encode())
        script = fill(self.work)
        next(script)
        script.send(ids)
        self.assertRaises(StopIteration, script.send, ids)
        self.assertEqual(self.tally.posted, 200)


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.answers: list[Answer] = []
        self.connection = Connection(self.answers.append, self.fail)

    def test_an_answer_in_pieces_is_one(self) -> None:
        """However it is cut."""
        whole = b"HTTP/1.1 201 Created\r\nX: y\r\ncontent-length: 3\r\n\r\n{ }"
        for cut in range(1, len(whole)):
            self.connection.data_received(whole[:cut])
            self.connection.data_received(whole[cut:])
        self.assertEqual(self.answers, [Answer(201, b"{ }")] * (len(whole) - 1))

    def test_more_than_was_asked_for_fails(self) -> None:
        """There is one request at a time."""
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.assertRaises(BenchmarkFailed, self.connection.data_received, answer * 2)
