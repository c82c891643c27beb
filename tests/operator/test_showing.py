"""``queues``, ``show`` and ``peek``."""

from __future__ import annotations

import sqlite3

from mqgate.engine.values import NewAlert
from mqgate.storage.statements import showing
from tests import stores
from tests.operator.case import PROJECTS, CommandCase

A = PROJECTS[0]


class QueuesTests(CommandCase):
    def test_messages_are_counted_by_state_as_they_are_now(self) -> None:
        """What has come due is ready, and what has expired is gone, swept up or not."""
        self.post(b"1", b"2", b"3")
        self.post(b"later", delay=20_000)
        self.post(b"soon", delay=5_000)
        self.post(b"gone", expires_in=5_000)
        self.take(2, lease=60_000)
        self.clock.advance(10)
        [queue] = self.did("queues", "--json").json["queues"]
        self.assertEqual(
            queue,
            {
                "world": [f"demo/ironmq/{A}"],
                "queue": "jobs",
                "ready": 2,
                "reserved": 2,
                "delayed": 1,
                "pushed": 0,
                "size": 5,
                "total": 6,
                "oldest_ms": 10_000,
            },
        )

    def test_queues_of_every_world_are_listed_by_name(self) -> None:
        self.post(b"1", queue="b")
        self.post(b"1", queue="a")
        self.post(b"1", queue="c", world=self.other)
        self.post(b"1", queue="d", world=self.dropped)
        lines = self.did("queues").out.splitlines()
        self.assertEqual([line.split()[1] for line in lines], ["QUEUE", "a", "b", "c", "d"])
        self.assertEqual(lines[-1].split()[0], "ironmq/old")

    def test_worlds_can_be_chosen_by_whatever_is_a_name_of_theirs(self) -> None:
        for number, world in enumerate((self.world, self.other, self.dropped)):
            self.post(b"1", queue=f"q{number}", world=world)
        for words, expected in (
            ([A], ["q0"]),
            (["demo"], ["q0", "q1"]),
            ([f"demo/{PROJECTS[1]}", "old"], ["q1", "q2"]),
            (["ironmq"], ["q0", "q1", "q2"]),
            ([f"demo/ironmq/{A}", f"ironmq/{A}"], ["q0"]),
        ):
            found = self.did("queues", "--json", *words).json["queues"]
            self.assertEqual([each["queue"] for each in found], expected)

    def test_where_there_is_nothing_nothing_is_printed(self) -> None:
        outcome = self.did("queues")
        self.assertEqual((outcome.out, outcome.err), ("", "there are no queues\n"))

    def test_an_empty_queue_has_no_oldest_message(self) -> None:
        self.post(b"1")
        self.take(remove=True)
        self.assertIs(self.did("queues", "--json").json["queues"][0]["oldest_ms"], None)

    def test_numbers_are_aligned_to_the_right(self) -> None:
        self.post(*[b"x"] * 12, queue="many")
        self.post(b"x", queue="日本")
        lines = self.did("queues").out.splitlines()
        self.assertTrue(lines[1].endswith("many      12         0        0    12     12  0ms"))
        self.assertTrue(lines[2].endswith("日本       1         0        0     1      1  0ms"))

    @stores.only_sqlite
    def test_every_statement_walks_the_queue_s_own_index(self) -> None:
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        values = dict.fromkeys(("world", "shelf", "now", "keeps_place", "epoch", "shift"), 1)
        for statement, index in (
            (showing.READY_FIGURES, "msg_ready (world=? AND queue=?"),
            (showing.HELD_FIGURES, "msg_held (world=? AND queue=?"),
            (showing.HELD_PLACES, "msg_held (world=? AND queue=?"),
        ):
            plan = connection.execute("EXPLAIN QUERY PLAN " + statement.sqlite, values)
            self.assertIn(index, " ".join(text for *_, text in plan))


class ShowTests(CommandCase):
    def test_a_queue_is_shown_with_all_there_is(self) -> None:
        settings = {"colour": "r\u00f6d"}
        self.done(self.engine.update(self.world, "jobs", settings, policy="ironmq"))
        self.post(b"1", b"2")
        self.post(b"later", delay=20_000, expires_in=90_000)
        self.take(lease=60_000)
        outcome = self.did("show", A, "jobs")
        for part in (
            "made         2027-01-15T08:00:00.000Z",
            "policy       ironmq: returned messages go to the back,"
            " deleted ones can be read for 10m",
            'settings     colour = "r\u00f6d"',
            "size         3 messages",
            "next due     in 20s, 2027-01-15T08:00:20.000Z",
            "next expiry  in 1m 30s, 2027-01-15T08:01:30.000Z",
        ):
            self.assertIn(part + "\n", outcome.out)
        shown = self.did("show", A, "jobs", "--json").json
        self.assertEqual(shown["settings"], settings)
        self.assertEqual(shown["next_due_at"], "2027-01-15T08:00:20.000Z")

    def test_a_queue_without_anything_is_shown_too(self) -> None:
        self.done(self.engine.update(self.world, "jobs", {}, policy="forgotten"))
        out = self.did("show", A, "jobs").out
        self.assertIn("policy       forgotten: returned messages go to the back", out)
        self.assertIn("deleted ones are gone", out)
        self.assertIn("next due     nothing is reserved or delayed\nnext expiry  never\n", out)

    def test_alerts_are_shown(self) -> None:
        rising, falling = (
            NewAlert(False, False, 2, "bells"),
            NewAlert(True, True, 1000, "\x1b", 60_000),
        )
        alerts = self.engine.add_alerts(self.world, "jobs", [rising, falling], policy="ironmq")
        self.done(alerts)
        self.post(b"1", b"2")
        self.clock.advance(5)
        out = self.did("show", A, "jobs").out
        for part in (
            "settings     none\n"
            "alert        rises to 2: a message to 'bells', last one 5s ago,"
            " 2027-01-15T08:00:00.000Z\n",
            "alert        falls to a multiple of 1,000: a message to '\\x1b', then none for 1m\n",
        ):
            self.assertIn(part, out)
        first, second = self.did("show", A, "jobs", "--json").json["alerts"]
        self.assertEqual((first["threshold"], first["fired_at"]), (2, "2027-01-15T08:00:00.000Z"))
        self.assertEqual(
            {**second, "id": None},
            {
                "id": None,
                "progressive": True,
                "descending": True,
                "threshold": 1000,
                "target": "\x1b",
                "snooze_ms": 60_000,
                "fired_at": None,
            },
        )
        self.check()

    def test_the_command_sets_alerts_off(self) -> None:
        alerts = [NewAlert(False, True, 1, "bells")]
        self.done(self.engine.add_alerts(self.world, "jobs", alerts, policy="ironmq"))
        self.post(b"1", b"2")
        self.did("purge", A, "jobs", "--yes")
        self.assertEqual(self.size("bells"), 1)
        self.check()

    def test_a_missing_queue_is_named(self) -> None:
        self.assertIn("has no queue 'no\\x1b'", self.refused("show", A, "no\x1b"))
        self.refused("show", A, "\udcff")

    def test_an_unknown_or_ambiguous_world_is_no_guess(self) -> None:
        self.assertIn("has no world 'x': use demo/ironmq/4fd", self.refused("show", "x", "jobs"))
        self.assertIn(f"use demo/ironmq/{A} or", self.refused("show", "demo", "jobs"))


class PeekTests(CommandCase):
    def test_messages_of_every_state_are_shown_in_their_order(self) -> None:
        self.post(b"1", b"2", b"3")
        self.post(b"later", delay=20_000)
        self.take(lease=60_000)
        shown = self.did("peek", A, "jobs", "--json").json["messages"]
        self.assertEqual(
            [(each["body"], each["state"], each["count"]) for each in shown],
            [("1", "reserved", 1), ("2", "ready", 0), ("3", "ready", 0), ("later", "delayed", 0)],
        )

    def test_what_has_come_due_stands_where_it_would_be_handed_out(self) -> None:
        """A lapsed reservation goes to the back of those who were there when it lapsed."""
        self.post(b"lapsed", b"second")
        self.take(lease=10_000)
        self.post(b"delayed", delay=5_000)
        self.clock.advance(20)
        self.post(b"last")
        shown = self.did("peek", A, "jobs", "--json").json["messages"]
        self.assertEqual({each["state"] for each in shown}, {"ready"})
        bodies = [each["body"] for each in shown]
        self.assertEqual(bodies, ["second", "delayed", "lapsed", "last"])
        self.assertEqual([body.decode() for body in self.take(4)], bodies)

    def test_nothing_is_reserved_and_nothing_written(self) -> None:
        self.post(b"1")
        before = self.done(self.engine.peek(self.world, "jobs"))
        self.did("peek", A, "jobs")
        self.assertEqual(self.done(self.engine.peek(self.world, "jobs")), before)

    def test_so_many_are_shown_as_are_asked_for(self) -> None:
        self.post(*[b"x"] * 20)
        self.assertEqual(len(self.did("peek", A, "jobs").out.splitlines()), 11)
        self.assertEqual(len(self.did("peek", A, "jobs", "-n", "3").out.splitlines()), 4)

    def test_no_message_talks_to_the_terminal(self) -> None:
        self.post(b"\x1b[2J\r\n\x07" + "\u202e\x9b\ue000".encode() + b"\xff")
        for words in ([], ["--body"], ["--json"]):
            out = self.did("peek", A, "jobs", *words).out
            self.assertTrue(out.replace("\n", "").isprintable(), out)

    def test_the_beginning_of_a_body_is_shown_or_all_of_it(self) -> None:
        self.post(b"first\n" + b"x" * 100)
        self.assertIn("first\\n" + "x" * 32 + "\u2026\n", self.did("peek", A, "jobs").out)
        whole = self.did("peek", A, "jobs", "--body").out
        self.assertTrue(whole.endswith("    first\n    " + "x" * 100 + "\n"))

    def test_bytes_that_are_no_text_are_base64_for_scripts(self) -> None:
        self.post(b"\xff\xfe")
        [message] = self.did("peek", A, "jobs", "--json").json["messages"]
        self.assertEqual(message["body64"], "//4=")

    def test_an_empty_queue_is_said_to_be_empty(self) -> None:
        self.post(b"1")
        self.take(remove=True)
        self.assertEqual(self.did("peek", A, "jobs").err, "there are no messages\n")
