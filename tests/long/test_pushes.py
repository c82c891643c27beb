"""A receiver that hangs keeps nobody waiting, and costs no memory."""

from __future__ import annotations

import time
from pathlib import Path

from tests.live.server import Server
from tests.live.test_ironmq_push import PushTestCase

#: Posts, one after the other, so many a second.
FEW, MANY = 1_000, 10_000
PACE = 160.0


class HangingReceiverTests(PushTestCase):
    """Three subscribers, one of which never answers."""

    def test_the_others_get_theirs_at_once_and_memory_stays(self) -> None:
        receiver, hanging = self.receiver(), self.receiver()
        server = self.pushing()
        self.push_queue(
            server, f"{receiver.url}/200/a", f"{receiver.url}/200/b", f"{hanging.url}/hang"
        )
        self.post_many(server, FEW)
        receiver.wait_for(2 * FEW)
        little = memory_mb(server)
        self.post_many(server, MANY)
        receiver.wait_for(2 * (FEW + MANY), 60)
        much = memory_mb(server)
        late = sorted(push.at - float(push.body) for push in receiver.pushes)
        p99 = late[int(len(late) * 0.99)]
        print(
            f"\n{little:.1f} MB after {FEW} posts, {much:.1f} MB after {MANY} more; pushed after"
            f" {1000 * late[len(late) // 2]:.1f} ms (median), {1000 * p99:.0f} ms (p99),"
            f" {1000 * late[-1]:.0f} ms (longest)"
        )
        self.assertLess(much - little, 30)
        self.assertLess(p99, 1)
        self.assertEqual(server.ask_queue("GET", "q").json["size"], FEW + MANY)

    def post_many(self, server: Server, posts: int) -> None:
        """Post at the pace; each body is the moment of its post."""
        project, _ = server.project()
        path = f"/1/projects/{project}/queues/q/messages"
        connection = server.connect()
        begin = time.monotonic()
        for number in range(posts):
            time.sleep(max(0.0, begin + number / PACE - time.monotonic()))
            body = {"messages": [{"body": repr(time.monotonic())}]}
            server.send(connection, "POST", path, body)
            self.assertEqual(server.receive(connection).status, 201)
        connection.close()


def memory_mb(server: Server) -> float:
    """What the server has in memory, in MB."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1000
