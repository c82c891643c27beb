"""``export`` and ``import``."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mqgate.engine.values import NewMessage
from mqgate.operator import importing
from mqgate.storage.statements.texts import plain
from tests.operator.case import PROJECTS, CommandCase
from tests.stores import examples, only_sqlite

A, B = PROJECTS

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1f"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
messages = st.builds(
    NewMessage,
    st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode()),
    timeout=st.integers(1, 86_400_000),
    delay=st.sampled_from([0, 0, 1, 5000, 604_800_000]),
    expires_in=st.none() | st.integers(1, 2_592_000_000),
    props=st.none() | st.binary(max_size=20),
)


def told(line: dict[str, Any]) -> dict[str, Any]:
    """What is to be the same after an import."""
    return {key: value for key, value in line.items() if key not in ("id", "made_at", "world")}


class ExportTests(CommandCase):
    def test_every_kind_of_message_has_its_line(self) -> None:
        self.post("ä\n".encode(), expires_in=70_000)
        self.post(b"\xff", props=b"p")
        self.post(b"later", delay=20_000, props=b"\xfe")
        self.take(lease=45_000)
        self.clock.advance(5)
        header, queue, *lines = self.did("export", A, "jobs").lines
        self.assertEqual(
            header,
            {
                "line": "export",
                "version": 1,
                "world": f"ironmq/{A}",
                "made_at": "2027-01-15T08:00:05.000Z",
                "queues": 1,
                "messages": 3,
            },
        )
        expected = {"line": "queue", "name": "jobs", "policy": "ironmq", "settings": {}}
        self.assertEqual(queue, expected)
        common = {"line": "message", "timeout_ms": 60_000}
        for line in lines:
            self.assertGreater(int(line.pop("id")), 1 << 60)
        self.assertEqual(
            lines,
            [
                {
                    **common,
                    "state": "reserved",
                    "body": "ä\n",
                    "count": 1,
                    "reserved_ms": 40_000,
                    "expires_ms": 65_000,
                },
                {**common, "state": "ready", "body64": "/w==", "props": "p"},
                {
                    **common,
                    "state": "delayed",
                    "body": "later",
                    "delay_ms": 15_000,
                    "props64": "/g==",
                },
            ],
        )

    def test_a_world_is_exported_whole_or_some_of_its_queues(self) -> None:
        for name in "abc":
            self.post(b"x", queue=name)
        for words, expected in (([], "abc"), (["c", "a", "c"], "ca")):
            lines = self.did("export", A, *words).lines
            found = [line["name"] for line in lines if line["line"] == "queue"]
            self.assertEqual(found, list(expected))
        self.refused("export", A, "a", "x")

    def test_a_file_is_there_when_it_is_whole(self) -> None:
        self.post(b"x")
        target = self.folder / "out.jsonl"
        outcome = self.did("export", A, "-o", str(target))
        self.assertIn("exported 1 message of 1 queue to", outcome.err)
        self.assertEqual(target.stat().st_mode & 0o777, 0o600)
        self.assertEqual(len(target.read_bytes().splitlines()), 3)

    def test_an_export_that_fails_leaves_the_old_file_alone(self) -> None:
        self.post(*[b"x"] * 9)
        target = self.folder / "out.jsonl"
        target.write_text("old")
        moments = iter(range(1_900_000_000, 1_900_000_010))

        def seconds() -> int:
            now = next(moments)
            if now % 10 == 8:  # when the progress is looked at
                self.signals.came(signal.SIGTERM)
            return now

        self.patch(self.clock, "seconds", seconds)
        outcome = self.run_command("export", A, "-o", str(target), terminal=True)
        self.assertEqual((outcome.status, target.read_text()), (143, "old"))
        self.assertTrue(outcome.err.endswith("mqgate: interrupted\n"))
        self.assertEqual([each for each in os.listdir(self.folder) if "part" in each], [])

    def test_a_device_is_written_to_and_not_replaced(self) -> None:
        self.post(b"x")
        self.did("export", A, "-o", "/dev/null")
        self.assertFalse(os.path.isfile("/dev/null"))

    def test_a_folder_that_is_not_there_is_named(self) -> None:
        self.assertIn("No such file", self.refused("export", A, "-o", "/nowhere/out"))

    def test_a_terminal_gets_what_it_can_take_and_sees_how_far_it_is(self) -> None:
        self.post(*["\x9b".encode()] * 3)
        self.patch(self.clock, "seconds", iter(range(1_900_000_000, 2_000_000_000)).__next__)
        outcome = self.did("export", A, terminal=True)
        self.assertTrue(outcome.out.replace("\n", "").isprintable())
        self.assertIn("exported 2 of 3 (66%)", outcome.err)
        self.assertTrue(outcome.err.endswith("\r\x1b[Kexported 3 messages of 1 queue\n"))


class ImportTests(CommandCase):
    def lines(self, *messages: dict[str, Any], **header: Any) -> bytes:
        """An export of a queue that is not there yet."""
        first = {"line": "export", "version": 1, "world": f"ironmq/{A}", "made_at": ""}
        counts = {"queues": 1, "messages": len(messages)}
        queue = {"line": "queue", "name": "new", "policy": "ironmq", "settings": {"a": 1}}
        lines = [{**first, **counts, **header}, queue]
        for number, message in enumerate(messages):
            line = {"line": "message", "id": str(number), "state": "ready", "timeout_ms": 60_000}
            lines.append({**line, **message})
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    def test_what_was_exported_is_there_again(self) -> None:
        self.post(b"held", expires_in=70_000)
        self.post(b"ready", timeout=30_000, props=b"p")
        self.post(b"later", delay=20_000)
        self.take(lease=45_000)
        exported = self.did("export", A).out.encode()
        self.clock.advance(5)
        outcome = self.did("import", "-", "--world", B, given=exported)
        self.assertEqual(
            outcome.err,
            f"imported 3 messages of 1 queue into demo/ironmq/{B}, with new ids\n",
        )
        found = self.did("peek", B, "jobs", "--json").json["messages"]
        self.assertEqual(
            [(each["body"], each["state"], each["count"]) for each in found],
            [("held", "ready", 0), ("ready", "ready", 0), ("later", "delayed", 0)],
        )
        self.assertEqual(found[0]["expires_at"], "2027-01-15T08:01:15.000Z")
        self.assertEqual(found[2]["due_at"], "2027-01-15T08:00:25.000Z")
        self.check()

    def test_the_server_hands_out_what_was_imported(self) -> None:
        self.did("import", "-", given=self.lines({"body": "1"}, {"body": "2"}))
        self.assertEqual(self.take(5, "new"), [b"1", b"2"])
        info = self.done(self.engine.info(self.world, "new"))
        self.assertEqual(info.settings, {"a": 1})

    def test_a_queue_that_is_there_keeps_its_settings(self) -> None:
        self.done(self.engine.update(self.world, "new", {"a": 2}, policy="ironmq"))
        self.did("import", "-", given=self.lines({"body": "1"}))
        self.assertEqual(self.did("show", A, "new", "--json").json["settings"], {"a": 2})

    def test_a_queue_without_messages_is_made_too(self) -> None:
        self.did("import", "-", given=self.lines())
        self.assertEqual(self.size("new"), 0)

    def test_batches_are_kept_small_in_messages_and_in_bytes(self) -> None:
        """An import of many or of large messages must not hold the server up."""
        self.did("import", "-", given=self.lines(*[{"body": "x"}] * 1201))
        self.assertEqual(self.size("new"), 1201)
        self.patch(importing, "BATCH_BYTES", 10)
        self.did("import", "-", given=self.lines(*[{"body": "x" * 6}] * 5))
        self.assertEqual(self.size("new"), 1206)
        self.check()

    def test_what_is_wrong_is_named_and_how_far_it_came(self) -> None:
        """Nothing of the batch with the wrong line is posted."""
        given = self.lines(*[{"body": "x"}] * 1100, {"body": "x", "delay_ms": -1})
        line = self.refused("import", "-", given=given)
        self.assertIn("line 1103: Expected `int` >= 0 - at `$.delay_ms`", line)
        self.assertIn("999 messages are imported: go on with --skip 999", line)
        self.assertEqual(self.size("new"), 999)

    def test_an_import_goes_on_where_another_ended(self) -> None:
        whole = self.lines(*({"body": str(n)} for n in range(1100)))
        self.refused("import", "-", given=whole.replace(b'"body": "1050"', b'"body": 1050'))
        outcome = self.did("import", "-", "--skip", "999", "--json", given=whole)
        self.assertEqual((outcome.json["messages"], outcome.json["skipped"]), (101, 999))
        self.assertEqual(self.take(1100, "new"), [b"%d" % n for n in range(1100)])

    def test_a_signal_ends_it_between_batches(self) -> None:
        rests = iter([signal.SIGINT])
        self.patch(self.clock, "advance", lambda seconds: self.signals.came(next(rests)))
        given = self.lines(*[{"body": "x"}] * 1100)
        # The worker's own clock is another one.
        outcome = self.run_command("import", "-", given=given)
        self.assertEqual(outcome.status, 130)
        self.assertEqual(
            outcome.err,
            "mqgate: interrupted; 499 messages are imported: go on with --skip 499\n",
        )

    def test_lines_that_make_no_sense_are_refused(self) -> None:
        message = self.lines({"body": "x"})
        header, queue, first = message.splitlines(keepends=True)
        for export, reason in (
            (b"", "line 1: this is no export of mqgate"),
            (b"\xff\n", "line 1: this is no export of mqgate"),
            (queue, "line 1: this is no export"),
            (self.lines(version=2), "by a newer mqgate (version 2 of the format"),
            (header + first, "line 2: this message has no queue before it"),
            (header + queue + b"\n", "line 3: Input data was truncated"),
            (header + queue + first[:-5], "line 3: Input data was truncated"),
            (
                header + queue.replace(b"{", b'{"x":' + b"[" * 99_999, 2).replace(b"}", b"", 1),
                "line 2: ",
            ),
            (header + queue.replace(b'"new"', b'"n\\u0000"'), "line 2: a queue's name cannot"),
            (header + queue.replace(b"policy", b"polizei"), "line 2: Object"),
            (self.lines({}), "line 3: one of body and body64 has to be there"),
            (self.lines({"body": "x", "body64": ""}), "line 3: one of body and body64"),
            (self.lines({"body": "x", "props": "", "props64": ""}), "line 3: one of props"),
            (self.lines({"body64": "?"}), "line 3: Invalid base64"),
            (self.lines({"body": "x", "state": "lost"}), "line 3: Invalid enum value 'lost'"),
            (self.lines({"body": "x", "delay_ms": 1 << 60}), "line 3: Expected `int` <= "),
        ):
            self.assertIn(reason, self.refused("import", "-", given=export))
        self.assertNotIn("new", self.did("queues").out)

    def test_a_line_that_has_no_end_is_not_read_to_its_end(self) -> None:
        self.patch(importing, "LONGEST", 1000)
        given = self.lines({"body": "x" * 2000})
        self.assertIn("line 3: this is longer than", self.refused("import", "-", given=given))

    def test_more_cannot_be_skipped_than_there_is(self) -> None:
        line = self.refused("import", "-", "--skip", "2", given=self.lines({"body": "x"}))
        self.assertIn("--skip 2 is more than the 1 there are", line)

    def test_an_export_that_was_cut_short_is_noticed(self) -> None:
        outcome = self.did("import", "-", given=self.lines({"body": "x"}, messages=3))
        self.assertIn("says that it has 3 messages of 1 queue, and had 1 message", outcome.err)

    def test_what_the_database_refuses_is_told(self) -> None:
        """As a bug would have it; nobody has a log to look into."""
        self.database.poison("INSERT", plain("NEW.id > 0"))
        line = self.refused("import", "-", given=self.lines({"body": "x"}))
        self.assertIn("this could not be done: poison", line)
        self.assertIn("; nothing was imported", line)
        self.assertEqual(len(self.flushLoggedErrors(self.database.refusal)), 1)

    def test_a_file_that_is_not_there_is_named(self) -> None:
        self.assertIn("/nowhere/x: No such file", self.refused("import", "/nowhere/x"))

    @only_sqlite
    def test_a_disk_without_room_takes_nothing_in(self) -> None:
        config = self.folder / "mqgate.toml"
        text = config.read_text().replace("minimum = 0", 'minimum = "9999999 GB"')
        config.write_text(text)
        line = self.refused("import", "-", given=self.lines({"body": "x"}))
        self.assertIn("the disk is nearly full", line)
        self.assertIn("nothing was imported", line)


class RoundTripTests(CommandCase):
    def sleep(self, seconds: float) -> None:
        """What is left of an expiry is to be the same, so no time passes."""

    @settings(deadline=None, max_examples=examples(40))
    @given(
        st.dictionaries(
            names, st.tuples(st.dictionaries(st.text(max_size=5), values), st.lists(messages))
        )
    )
    def test_what_is_exported_can_be_imported(
        self, queues: dict[str, tuple[dict[str, object], list[NewMessage]]]
    ) -> None:
        # Ids run ahead of a clock that stands still, and time with them.
        self.clock.advance(1)
        for world in (A, B):
            for queue in self.did("queues", world, "--json").json["queues"]:
                self.did("delete", world, "--yes", "--", queue["queue"])
        for name, (properties, posted) in queues.items():
            self.done(self.engine.update(self.world, name, properties, policy="ironmq"))
            if posted:
                self.done(self.engine.post(self.world, name, posted, policy="ironmq"))
        exported = self.did("export", A)
        self.clock.advance(1)
        self.did("import", "-", "--world", B, given=exported.out.encode())
        again = self.did("export", B)
        self.assertEqual(
            [told(each) for each in again.lines], [told(each) for each in exported.lines]
        )
        self.check()
