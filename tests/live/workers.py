"""What the tests of servers with several processes have in common."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mqgate.storage.verify import verify
from tests.live.case import LiveTestCase
from tests.live.server import PATIENCE_SECONDS, Answer, Server

CONFIG = """
data = "mqgate-data"
workers = 2
[namespaces.demo.ironmq]
projects = ["p"]
tokens = ["t"]
"""
MESSAGES = "/1/projects/p/queues/q/messages"


class WorkersTestCase(LiveTestCase):
    """Knows the processes of a server, and which of them a connection has come to."""

    def started_with_workers(self, more: str = "", *, module: str = "") -> Server:
        """A server of two workers that is ready."""
        server = self.started(config=more + CONFIG, module=module)
        # Any of them answers that it is.
        self.wait_until(lambda: "Crew#info] Ready" in server.output(), "not all are ready")
        return server

    def workers(self, server: Server) -> list[int]:
        """Its workers' processes, the oldest first."""
        assert server.process is not None
        pid = server.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def wait_until(self, come: Callable[[], bool], why: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not come():
            self.assertLess(time.monotonic(), deadline, why)
            time.sleep(0.01)

    def wait_for_workers(self, server: Server, *gone: int) -> None:
        """Until there are two again, none of them one of these, and both serve."""
        self.wait_until(
            lambda: len(self.workers(server)) == 2 and not {*self.workers(server)} & {*gone},
            "no worker was started",
        )
        self.wait_until(
            lambda: server.output().count("A new worker") >= len(gone), "no new worker serves"
        )

    def connection_to(self, server: Server, worker: int) -> http.client.HTTPConnection:
        """A connection that this process has taken; it stays open until the test ends."""
        connections = []
        for _ in range(400):
            connection = server.connect()
            self.addCleanup(connection.close)
            server.send(connection, "GET", "/healthz")
            server.receive(connection)
            if self.taker(server, connection) == worker:
                break
            connections.append(connection)
        else:
            self.fail(f"of {len(connections)} connections, none came to {worker}")
        for each in connections:
            each.close()
        return connection

    def taker(self, server: Server, connection: http.client.HTTPConnection) -> int | None:
        """The process that has a connection's other end."""
        port = connection.sock.getsockname()[1]
        place = f":{server.port:04X} 0100007F:{port:04X} "
        lines = Path("/proc/net/tcp").read_text().splitlines()
        # The list may have a line twice if connections come and go while it is read.
        sockets = {f"socket:[{line.split()[9]}]" for line in lines if place in line}
        for pid in self.workers(server):
            for each in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    target = os.readlink(each)
                except FileNotFoundError:
                    continue
                if target in sockets:
                    return pid
        return None

    def poll(self, server: Server, connection: http.client.HTTPConnection, wait: int = 30) -> None:
        """Have a poll wait there."""
        server.send(connection, "GET", f"{MESSAGES}?wait={wait}")
        # What was sent before this is read before this is answered, by whichever worker.
        for worker in self.workers(server):
            other = self.connection_to(server, worker)
            server.send(other, "GET", "/1/projects/p/queues/none")
            server.receive(other)

    def post(self, server: Server, connection: http.client.HTTPConnection, body: str) -> Answer:
        server.send(connection, "POST", MESSAGES, {"messages": [{"body": body}]})
        return server.receive(connection)

    def check(self, server: Server, posted: set[str]) -> None:
        """What was acknowledged is there; what is in the database adds up."""
        found: list[str] = []
        connection = server.connect()
        while True:
            server.send(connection, "GET", f"{MESSAGES}?n=100&timeout=3600")
            messages = server.receive(connection).json["messages"]
            if not messages:
                break
            found += [each["body"] for each in messages]
        connection.close()
        self.assertEqual(len(found), len(set(found)), "a message came twice")
        self.assertEqual(posted - set(found), set())
        server.stop()
        self.assertEqual(self.problems(server), [])
        self.assertIsNone(re.search("Traceback|#critical", server.output()), server.output())
        self.assertEqual(server.errors(), "")

    def problems(self, server: Server) -> list[str]:
        """What is wrong with the database of a server that has ended."""
        with closing(sqlite3.connect(server.data / "mqgate.db")) as database:
            return verify(database)

    def turn_is_taken(self, server: Server) -> bool:
        """Whether somebody has the turn at the database now."""
        with (server.data / "mqgate.db.turn").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


class Posters:
    """Threads that post as fast as they can, each over a connection that it opens anew at need."""

    def __init__(self, server: Server, count: int = 8) -> None:
        self.acknowledged: set[str] = set()
        #: When the last message was acknowledged, and the longest time between two.
        self.last = time.monotonic()
        self.longest_gap = 0.0
        self._lock = threading.Lock()
        self._server = server
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(number,)) for number in range(count)
        ]
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        """End them."""
        self._stop.set()
        for each in self._threads:
            each.join()

    def _work(self, number: int) -> None:
        connection = self._server.connect()
        headers = {"Authorization": "OAuth t", "Content-Type": "application/json"}
        serial = 0
        while not self._stop.is_set():
            serial += 1
            body = f"{number}-{serial}"
            try:
                connection.request(
                    "POST", MESSAGES, json.dumps({"messages": [{"body": body}]}), headers
                )
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = self._server.connect()
                continue
            if response.status == 201:
                self._note(body)
        connection.close()

    def _note(self, body: str) -> None:
        with self._lock:
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - self.last)
            self.last = now
            self.acknowledged.add(body)
