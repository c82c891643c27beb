"""What the documents give to paste does what they say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from mqgate.config.first_run import DATABASE
from tests.live.case import LiveTestCase
from tests.live.documents import block
from tests.live.server import PATIENCE_SECONDS, Server, environment


class DocumentTests(LiveTestCase):
    def paste(self, shell: str, text: str) -> str:
        """Run a text in a shell, where the server was started; what it writes."""
        done = subprocess.run(
            [shell, "-c", text],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_the_first_minute_goes_as_the_readme_has_it(self) -> None:
        server = self.started()
        text = block("README.md", "first-minute").replace("8443", str(server.tls_port))
        text = text.replace('"delay": 5', '"delay": 1')
        for shell in ("sh", "bash"):
            answers = [json.loads(line) for line in self.paste(shell, text).splitlines()]
            posted, queue, taken, deleted, later = answers
            self.assertEqual(queue["size"], 2)
            [hello] = taken["messages"]
            self.assertEqual((hello["id"], hello["body"]), (posted["ids"][0], "hello"))
            self.assertEqual(deleted, {"msg": "Deleted"})
            self.assertEqual([message["body"] for message in later["messages"]], ["later"])
            self.assertEqual(server.ask_queue("GET", "minute").json["size"], 0)

    def test_a_message_goes_through_an_exchange_as_the_readme_has_it(self) -> None:
        server = self.started()
        text = block("README.md", "robomq-minute").replace("8443", str(server.tls_port))
        for shell in ("sh", "bash"):
            posted, got = self.paste(shell, text).split("HTTP/1.1 200 OK\n")[1:]
            self.assertTrue(posted.endswith("\n\nOK\n"), posted)
            self.assertTrue(got.endswith("\n\nHello World\n"), got)
            self.assertIn('"routingKey":"testKey","messageCount":0}\n', got)

    def test_a_message_is_published_to_a_topic_as_the_readme_has_it(self) -> None:
        server = self.started()
        text = block("README.md", "shiftr-minute").replace("8443", str(server.tls_port))
        for shell in ("sh", "bash"):
            self.assertEqual(self.paste(shell, text), "OK\n21.5\n")

    def test_the_alert_of_the_page_goes_off(self) -> None:
        server = self.started()
        text = block("docs/dialects/ironmq.md", "alerts").replace("8443", str(server.tls_port))
        text = text.replace("4fd2729368a0197d1102056b", server.project()[0])
        added, queue, _, got, cleared = map(json.loads, self.paste("sh", text).splitlines())
        self.assertEqual(added, {"msg": "Alerts were added."})
        [alert], [message] = queue["alerts"], got["messages"]
        told = json.loads(message["body"])
        self.assertEqual((told["alert_id"], told["queue_size"]), (alert["id"], 2))
        self.assertEqual(cleared, {"msg": "Alerts were replaced."})

    def test_the_minute_with_rocketmq_goes_as_the_readme_has_it(self) -> None:
        server = self.started()
        command = f"{sys.executable} -m mqgate.operator"
        text = block("README.md", "rocketmq-minute").replace("8443", str(server.tls_port))
        published, consumed = self.messages(text.replace(".venv/bin/mqgate", command))
        self.assertEqual(consumed["MessageBody"], "hello")
        self.assertEqual(consumed["MessageId"], published["MessageId"])

    def test_the_first_request_of_rocketmqs_page_works(self) -> None:
        server = self.started()
        command = f"{sys.executable} -m mqgate.operator sign"
        text = block("docs/dialects/rocketmq.md", "sign-curl").replace("mqgate sign", command)
        [published] = self.messages(text.replace("8443", str(server.tls_port)))
        self.assertIn("MessageId", published)

    def messages(self, text: str) -> list[dict[str, str]]:
        """The elements of each message that a text gets when it is run."""
        answers = self.paste("sh", text).split("</Message>")[:-1]
        return [dict(re.findall(r"<(\w+)>([^<]*)</", answer)) for answer in answers]

    def post(self, server: Server, body: str) -> None:
        """Post a message."""
        answer = server.ask_queue("POST", "q", "/messages", {"messages": [{"body": body}]})
        self.assertEqual(answer.status, 201)

    def test_a_backup_of_a_running_server_can_be_restored_as_described(self) -> None:
        server = self.started()
        self.post(server, "before")
        self.paste("sh", block("docs/operations.md", "backup"))
        self.post(server, "after")
        server.kill()
        for ending in ("-wal", "-shm"):
            (server.data / f"{DATABASE}{ending}").unlink()
        Path(self.folder, "backup.db").rename(server.data / DATABASE)
        server.start()
        found = server.ask_queue("GET", "q", "/messages/peek?n=10").json["messages"]
        self.assertEqual([message["body"] for message in found], ["before"])
