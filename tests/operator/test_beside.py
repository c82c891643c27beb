"""The command beside a running server that is busy."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.live.case import LiveTestCase
from tests.live.server import PATIENCE_SECONDS, Server, environment, heed_interrupts

CALLERS = 8


class Load:
    """Callers that post to the queues a and b and take from a, until they are told to stop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(number,)) for number in range(CALLERS)
        ]
        #: Statuses other than those of success.
        self.refused: list[tuple[int, bytes]] = []
        #: The longest that anybody waited for an answer, in seconds.
        self.slowest = 0.0
        self.posted = 0

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        connection = self._server.connect()
        project, _ = self._server.project()
        messages = {"messages": [{"body": f"caller {number}"}] * 5}
        while not self._over.is_set():
            for method, path, body in (
                ("POST", "a/messages", messages),
                ("POST", "b/messages", messages),
                ("GET", "a/messages?n=5&delete=true", None),
            ):
                self._ask(connection, method, f"/1/projects/{project}/queues/{path}", body)
        connection.close()

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: object
    ) -> None:
        began = time.monotonic()
        self._server.send(connection, method, path, body)
        answer = self._server.receive(connection)
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.posted += method == "POST"
        if answer.status >= 300:
            self.refused.append((answer.status, answer.body))


class BesideTests(LiveTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.live = self.started()
        self.world, _ = self.live.project()

    def call(self, *words: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Call the command where the server was started."""
        return subprocess.run(
            self.command(*words),
            input=given,
            cwd=self.live.folder,
            env=environment(),
            capture_output=True,
            timeout=4 * PATIENCE_SECONDS,
        )

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "mqgate.operator", *words]

    def did(self, *words: str, given: bytes | None = None) -> bytes:
        done = self.call(*words, given=given)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def queues(self) -> dict[str, Any]:
        found = json.loads(self.did("queues", "--json"))["queues"]
        return {queue["queue"]: queue for queue in found}

    def export_of(self, messages: int) -> bytes:
        """An export of a queue ``imported``."""
        lines: list[dict[str, Any]] = [
            {
                "line": "export",
                "version": 1,
                "world": f"ironmq/{self.world}",
                "made_at": "",
                "queues": 1,
                "messages": messages,
            },
            {"line": "queue", "name": "imported", "policy": "ironmq", "settings": {}},
        ]
        lines += [
            {
                "line": "message",
                "id": str(number),
                "state": "ready",
                "body": str(number),
                "timeout_ms": 60_000,
            }
            for number in range(messages)
        ]
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    def test_it_does_all_it_can_beside_a_busy_server(self) -> None:
        with Load(self.live) as load:
            file = Path(self.live.folder) / "export.jsonl"
            for _ in range(3):
                self.did("export", self.world, "-o", str(file))
                header, *lines = map(json.loads, file.read_bytes().splitlines())
                found = [line for line in lines if line["line"] == "message"]
                self.assertEqual(header["messages"], len(found))
                self.did("purge", self.world, "b", "--yes")
                self.did("delete", self.world, "a", "--yes")
                self.did("verify")
            self.did("import", "-", given=self.export_of(3000))
            self.did("verify")
        self.assertEqual(load.refused, [])
        self.assertGreater(load.posted, 50)
        self.assertEqual(self.queues()["imported"]["ready"], 3000)
        answer = self.live.ask_queue("GET", "imported", "/messages?n=3")
        bodies = [message["body"] for message in answer.json["messages"]]
        self.assertEqual(bodies, ["0", "1", "2"])
        self.assertEqual(self.live.ask_queue("GET", "imported").json["size"], 3000)
        self.live.stop()
        self.did("verify")
        self.assertNotIn("Traceback", self.live.output())

    def test_a_deleted_queue_can_be_made_again_through_the_server(self) -> None:
        self.live.ask_queue("POST", "q", "/messages", {"messages": [{"body": "1"}]})
        self.did("delete", self.world, "q", "--yes")
        self.assertEqual(self.live.ask_queue("GET", "q").status, 404)
        self.live.ask_queue("POST", "q", "/messages", {"messages": [{"body": "2"}]})
        self.assertEqual(self.queues()["q"]["total"], 1)
        self.did("verify")

    def test_an_interrupted_import_goes_on_where_it_says(self) -> None:
        file = Path(self.live.folder) / "export.jsonl"
        file.write_bytes(self.export_of(100_000))
        process = subprocess.Popen(
            self.command("import", str(file)),
            cwd=self.live.folder,
            env=environment(),
            stderr=subprocess.PIPE,
            preexec_fn=heed_interrupts,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.queues():
            self.assertLess(time.monotonic(), deadline)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(process.returncode, 130, said)
        self.assertRegex(
            said.decode(),
            r"^mqgate: interrupted; ([\d,]+) messages are imported: go on with --skip \d+\n$",
        )
        done = said.decode().split()[-1]
        self.assertEqual(self.queues()["imported"]["size"], int(done))
        self.did("import", str(file), "--skip", done)
        self.assertEqual(self.queues()["imported"]["size"], 100_000)
        self.did("verify")

    def test_whoever_reads_no_more_is_left_in_peace(self) -> None:
        self.did("import", "-", given=self.export_of(20_000))
        process = subprocess.Popen(
            self.command("export", self.world),
            cwd=self.live.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertEqual(process.wait(PATIENCE_SECONDS), 128 + 13)

    def test_a_stopped_server_s_database_can_be_read_too(self) -> None:
        self.live.ask_queue("POST", "q", "/messages", {"messages": [{"body": "1"}]})
        self.live.stop()
        self.assertEqual(self.queues()["q"]["size"], 1)
        self.did("purge", self.world, "q", "--yes")
        self.assertEqual(self.queues()["q"]["size"], 0)
        self.live.start()
        self.assertEqual(self.live.ask_queue("GET", "q").json["size"], 0)

    def test_nothing_is_shown_in_an_encoding_that_cannot_show_it(self) -> None:
        body = {"messages": [{"body": "日本"}]}
        self.live.ask_queue("POST", "q", "/messages", body)
        done = subprocess.run(
            self.command("peek", self.world, "q"),
            cwd=self.live.folder,
            env={**environment(), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
            capture_output=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(rb"\u65e5\u672c", done.stdout)

    def test_closed_streams_are_no_traceback(self) -> None:
        script = 'exec 2>err; "$@" >&- <&-'
        done = subprocess.run(
            ["sh", "-c", script, "sh", *self.command("queues", "--json")],
            cwd=self.live.folder,
            env={**os.environ, **environment()},
        )
        self.assertEqual(done.returncode, 0)
        self.assertEqual((Path(self.live.folder) / "err").read_bytes(), b"")
