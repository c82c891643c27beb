"""A data folder that nobody may write to: from the start, or from some moment on."""

from __future__ import annotations

import signal

from mqgate.config.first_run import DATABASE
from tests.live.case import LiveTestCase
from tests.live.odd import Oddities
from tests.live.server import Server

HUMBLE, ODD = "tests.live.humble", "tests.live.odd"


def post(server: Server, body: str = "x") -> int:
    return server.ask_queue("POST", "q", "/messages", {"messages": [{"body": body}]}).status


class ReadOnlyStartTests(LiveTestCase):
    """One line, which names what cannot be written; and it is no one-way street."""

    def setUp(self) -> None:
        super().setUp()
        self.here = self.started(module=HUMBLE)
        self.assertEqual(post(self.here), 201)
        self.here.stop()
        self.addCleanup(self.here.data.chmod, 0o700)

    def line(self) -> str:
        self.here.launch()
        self.assertEqual(self.here.wait(), 1)
        errors = self.here.errors()
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertNotIn("Traceback", errors + self.here.output())
        return errors

    def assert_starts_again(self) -> None:
        self.here.start()
        self.assertEqual(self.here.ask_queue("GET", "q").json["size"], 1)
        self.assertEqual(post(self.here), 201)

    def test_a_folder_that_cannot_be_written(self) -> None:
        self.here.data.chmod(0o500)
        line = self.line()
        self.assertIn(DATABASE, line)
        self.assertIn("check its owner and mode, and its folder's", line)
        self.here.data.chmod(0o700)
        self.assert_starts_again()

    def test_a_database_that_cannot_be_written(self) -> None:
        """Nor is its mode changed: who took the right to write away had a reason."""
        database = self.here.data / DATABASE
        database.chmod(0o400)
        line = self.line()
        self.assertIn(f"{DATABASE} cannot be written: check its owner and mode", line)
        self.assertEqual(database.stat().st_mode & 0o777, 0o400)
        database.chmod(0o600)
        self.assert_starts_again()

    def test_a_lock_that_cannot_be_written(self) -> None:
        lock = self.here.data / f"{DATABASE}.lock"
        lock.chmod(0o400)
        self.assertIn(f"{DATABASE}.lock cannot be written (Permission denied)", self.line())
        lock.chmod(0o600)
        self.assert_starts_again()

    def test_a_first_start_where_nothing_can_be_made(self) -> None:
        place = self.folder / "sealed"
        server = self.server(arguments=[f"--data={place}/data"], module=HUMBLE)
        place.mkdir(mode=0o500)
        server.launch()
        self.assertEqual(server.wait(), 1)
        self.assertEqual(
            server.errors().splitlines()[-1],
            f"{place}/data: cannot be made: Permission denied: use --data to name another folder",
        )


class ReadOnlyLaterTests(LiveTestCase):
    """The right to write is taken away under a running server, and given back."""

    def test_modes_that_change_do_not_disturb_who_has_the_files_open(self) -> None:
        server = self.started(module=HUMBLE)
        self.addCleanup(server.data.chmod, 0o700)
        database = server.data / DATABASE
        database.chmod(0o400)
        server.data.chmod(0o500)
        for _ in range(20):
            self.assertEqual(post(server), 201)
        self.assertEqual(server.stop(), -signal.SIGTERM)
        server.launch()
        self.assertEqual(server.wait(), 1)
        server.data.chmod(0o700)
        database.chmod(0o600)
        server.start()
        self.assertEqual(server.ask_queue("GET", "q").json["size"], 20)

    def test_what_cannot_be_written_is_refused_until_it_can(self) -> None:
        server = self.started(module=ODD)
        oddities = Oddities(server.folder)
        answer = server.ask_queue("POST", "q", "/messages", {"messages": [{"body": "kept"}]})
        (message,) = answer.json["ids"]
        oddities.forbid_writing(True)
        for _ in range(3):
            self.assertEqual(post(server), 503)
        self.assertEqual(server.ask_queue("DELETE", "q", f"/messages/{message}").status, 503)
        self.assertEqual(server.ask("GET", "/readyz").status, 503)
        self.assertEqual(server.ask("GET", "/healthz").status, 200)
        read = server.ask_queue("GET", "q", f"/messages/{message}")
        self.assertEqual(server.ask("GET", "/readyz").status, 503)
        self.assertEqual((read.status, read.json["body"]), (200, "kept"))
        oddities.forbid_writing(False)
        self.assertEqual(post(server, "after"), 201)
        self.assertEqual(server.ask("GET", "/readyz").status, 200)
        found = server.ask_queue("GET", "q", "/messages?n=9").json["messages"]
        self.assertEqual([each["body"] for each in found], ["kept", "after"])
        log = server.output()
        self.assertNotIn("Traceback", log)
        self.assertEqual(log.count("The database cannot be used:"), 1)
        self.assertEqual(log.count("The database can be used again"), 1)
