"""One message to a hundred queues, and what that writes to the disk."""

from __future__ import annotations

import os
import sqlite3

from mqgate.config.first_run import DATABASE
from mqgate.storage.verify import verify
from tests.live.case import LiveTestCase
from tests.live.server import Server

QUEUES = 100
BODY = os.urandom(64 * 1024)
#: What it may write; a copy of the body for each queue would be thirty times as much.
MOST_BYTES = 200_000

CONFIGURATION = f"""
data = "mqgate-data"
[namespaces.demo.robomq]
vhosts = ["demo"]
users = [{{ name = "demo", password = "s3cret", rights = ["configure", "read", "write"] }}]
token_headers = [{{ header = "X-Secret-Token", value = "t0ken", user = "demo" }}]
exchanges = [{{ name = "all", type = "fanout" }}]
queues = [{", ".join(f'{{ name = "q{number}" }}' for number in range(QUEUES))}]
bindings = [{", ".join(f'{{ source = "all", destination = "q{n}" }}' for n in range(QUEUES))}]
"""


def written(server: Server) -> dict[str, int]:
    """Bytes that it has written: by system calls (answers too), and to a disk if it has one."""
    assert server.process is not None
    with open(f"/proc/{server.process.pid}/io") as file:
        counters = dict(line.split(": ") for line in file.read().splitlines())
    return {name: int(counters[name]) for name in ("wchar", "write_bytes")}


class FanOutTests(LiveTestCase):
    """Declared in the configuration, published over TLS."""

    def setUp(self) -> None:
        super().setUp()
        self.live = self.started(config=CONFIGURATION)
        self.connection = self.live.connect(tls=True)
        self.addCleanup(self.connection.close)

    def ask(self, method: str, queue: str, body: bytes | None = None) -> tuple[int, bytes]:
        path = f"/rest/demo/all/{queue}/"
        self.connection.request(method, path, body, {"X-Secret-Token": "t0ken"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def test_a_body_is_written_once_however_many_queues_it_reaches(self) -> None:
        self.assertEqual(self.ask("POST", "q0", b"to have all that is needed")[0], 200)
        before = written(self.live)
        self.assertEqual(self.ask("POST", "q0", BODY)[0], 200)
        after = written(self.live)
        for name, count in after.items():
            self.assertLessEqual(count - before[name], MOST_BYTES, name)
        self.assertGreater(after["wchar"] - before["wchar"], len(BODY))

    def test_it_is_in_all_of_them_after_a_kill_and_gone_with_the_last(self) -> None:
        self.ask("POST", "q0", BODY)
        self.assertEqual(self.ask("GET", "q7"), (200, BODY))
        self.live.kill()
        self.connection.close()
        self.live.start()
        for number in range(QUEUES):
            wanted = (204, b"") if number == 7 else (200, BODY)
            self.assertEqual(self.ask("GET", f"q{number}"), wanted)
        self.live.stop()
        connection = sqlite3.connect(self.live.data / DATABASE)
        self.addCleanup(connection.close)
        self.assertEqual(verify(connection), [])
        self.assertEqual(connection.execute("SELECT count(*) FROM body").fetchone(), (0,))
