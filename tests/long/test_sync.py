"""What a server asks of the disk before it answers, seen from outside (Debian: ``strace``)."""

from __future__ import annotations

import re
import signal
import subprocess

from tests.live.case import LiveTestCase
from tests.live.server import PATIENCE_SECONDS, Server

POSTS = 30
_CALL = re.compile(r"^\d+\s+(?P<name>\w+)\(\d+<(?P<file>[^>]*)>(?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<thread>\d+)\s+<\.\.\. (?P<name>\w+) resumed>.* = (?P<result>-?\d+)")


class SyncTests(LiveTestCase):
    def traced(self, server: Server) -> subprocess.Popen[bytes]:
        """A tracer that has begun to look."""
        assert server.process is not None
        tracer = subprocess.Popen(
            [
                *("strace", "-f", "-y", "-s", "12", "-o", str(self.folder / "trace")),
                *("-e", "trace=pwrite64,fdatasync,fsync,sendto,write"),
                *("-p", str(server.process.pid)),
            ],
            stderr=subprocess.PIPE,
        )
        assert tracer.stderr is not None
        self.assertIn(b"attached", tracer.stderr.readline())
        return tracer

    def steps(self) -> list[str]:
        """What happened, in order: ``write`` and ``sync`` of the log, and ``answer``."""
        steps = []
        syncing: set[str] = set()
        for line in (self.folder / "trace").read_text(encoding="utf-8").splitlines():
            call, resumed = _CALL.match(line), _RESUMED.match(line)
            if call and call["name"] == "pwrite64" and call["file"].endswith("-wal"):
                steps.append("write")
            elif call and call["name"] in ("fdatasync", "fsync") and call["file"].endswith("-wal"):
                if "unfinished" in call["rest"]:
                    syncing.add(line.split()[0])
                else:
                    steps.append("sync")
            elif resumed and resumed["thread"] in syncing:
                syncing.remove(resumed["thread"])
                self.assertEqual(resumed["result"], "0")
                steps.append("sync")
            elif call and "HTTP/1.1 201" in call["rest"]:
                steps.append("answer")
        return steps

    def test_every_answer_to_a_post_follows_a_write_and_a_sync(self) -> None:
        server = self.started()
        project, token = server.project()
        path = f"/1/projects/{project}/queues/q/messages?oauth={token}"
        tracer = self.traced(server)
        for n in range(POSTS):
            answer = server.ask("POST", path, {"messages": [{"body": str(n)}]})
            self.assertEqual(answer.status, 201)
        server.ask("GET", "/healthz")  # what came before it has been written down by now
        tracer.send_signal(signal.SIGINT)
        tracer.wait(PATIENCE_SECONDS)
        steps = "".join(step[0] for step in self.steps())
        self.assertEqual(steps.count("a"), POSTS)
        for before in steps.split("a")[:-1]:
            self.assertRegex(before, "w+s+$")
