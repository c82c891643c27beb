"""Push queues of a real server, and real receivers over HTTPS."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mqgate.storage.verify import verify
from tests.live.case import LiveTestCase
from tests.live.documents import block
from tests.live.receiver import Receiver
from tests.live.server import PATIENCE_SECONDS, Server, free_port

CONFIG = """\
{top}
[namespaces.demo.ironmq]
projects = ["4fd2729368a0197d1102056b"]
tokens = ["abc4c7c627376858"]

[ironmq]
{settings}
"""
TOKEN = "abc4c7c627376858"
#: The shortest delay between tries that the service has.
SHORTEST_DELAY = 3


class PushTestCase(LiveTestCase):
    """A server that pushes, and receivers."""

    def receiver(self, *, tls: bool = False, authority: str = "") -> Receiver:
        folder = self.folder / "receiver" if tls else None
        receiver = Receiver(folder, token=TOKEN, authority=authority)
        self.addCleanup(receiver.close)
        return receiver

    def pushing(self, *settings: str, top: str = "") -> Server:
        """A server that is ready."""
        return self.started(config=CONFIG.format(top=top, settings="\n".join(settings)))

    def push_queue(self, server: Server, *urls: str, queue: str = "q", **settings: Any) -> None:
        settings["subscribers"] = [{"url": url} for url in urls]
        answer = server.ask_queue("POST", queue, "", settings)
        self.assertEqual(answer.status, 201, answer.body)

    def post(self, server: Server, *bodies: str, queue: str = "q", **options: int) -> list[str]:
        messages = [{"body": body, **options} for body in bodies]
        answer = server.ask_queue("POST", queue, "/messages", {"messages": messages})
        self.assertEqual(answer.status, 201, answer.body)
        ids: list[str] = answer.json["ids"]
        return ids

    def statuses(self, server: Server, message: str) -> dict[str, tuple[str, int, int]]:
        """By the last part of the subscriber's URL: status, code, retries left."""
        answer = server.ask_queue("GET", "q", f"/messages/{message}/subscribers")
        return {
            each["url"].rpartition("/")[2]: (
                each["status"],
                each["status_code"],
                each["retries_remaining"],
            )
            for each in answer.json["subscribers"]
        }

    def wait_until(self, found: Any, wanted: Any, seconds: float = PATIENCE_SECONDS) -> None:
        """Ask until it is so."""
        deadline = time.monotonic() + seconds
        while (last := found()) != wanted:
            self.assertLess(time.monotonic(), deadline, last)
            time.sleep(0.02)

    def check(self, server: Server) -> None:
        """Stop the server in good order; all has to be well with what it leaves."""
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertNotIn("Traceback", server.output() + server.errors())
        self.assertNotIn(TOKEN, server.output() + server.errors())
        connection = sqlite3.connect(server.data / "mqgate.db")
        self.assertEqual(verify(connection), [])
        connection.close()


class HistoryTests(PushTestCase):
    """All answers there are, from their first status to their last."""

    def test_the_whole_history_of_one_message(self) -> None:
        receiver = self.receiver(tls=True)
        server = self.pushing(f'push_ca_file = "{receiver.ca_file}"', "push_timeout_seconds = 2")
        down = f"https://localhost:{free_port()}/down"
        words = ("200", "202", "404", "500", "hang")
        self.push_queue(
            server,
            *(f"{receiver.url}/{word}" for word in words),
            down,
            retries=1,
            retries_delay=SHORTEST_DELAY,
            error_queue="errors",
        )
        (message,) = self.post(server, "grüße", delay=1)

        def now() -> dict[str, tuple[str, int, int]]:
            return self.statuses(server, message)

        self.assertEqual(now(), dict.fromkeys((*words, "down"), ("queued", 0, 1)))
        history = {
            "200": ("deleted", 200, 0),
            "202": ("reserved", 202, 0),
            "404": ("retrying", 404, 0),
            "500": ("retrying", 500, 0),
            "hang": ("reserved", 0, 0),
            "down": ("retrying", 0, 0),
        }
        self.wait_until(now, history)
        history["hang"] = ("retrying", 0, 0)
        self.wait_until(now, history)
        history["404"], history["500"] = ("error", 404, 0), ("error", 500, 0)
        history["down"], history["hang"] = ("error", 0, 0), ("error", 0, 0)
        self.wait_until(now, history)
        accepted = next(push for push in receiver.pushes if push.path == "/202")
        self.assertEqual(accepted.body, "grüße".encode())
        self.assertEqual(accepted.headers["content-type"], "text/plain; encoding=utf-8")
        self.assertEqual(accepted.headers["user-agent"], "IronMQ Pusherd")
        self.assertEqual(receiver.acknowledge(accepted), 200)
        history["202"] = ("deleted", 202, 0)
        self.assertEqual(now(), history)
        self.check_errors(server, message)
        self.assertEqual(server.ask_queue("GET", "q").json["size"], 0)
        tries = sorted(push.path for push in receiver.pushes)
        self.assertEqual(tries, ["/200", "/202", "/404", "/404", "/500", "/500", "/hang", "/hang"])
        self.check(server)

    def check_errors(self, server: Server, message: str) -> None:
        """One message on the error queue for each subscriber that did not take it."""
        answer = server.ask_queue("GET", "errors", "/messages?n=10")
        errors = [json.loads(each["body"]) for each in answer.json["messages"]]
        found = {each["subscribers"][0]["url"].rpartition("/")[2]: each for each in errors}
        self.assertEqual(len(errors), 4)
        for word, code, text in (
            ("404", 404, "Not Found"),
            ("500", 500, "Internal Server Error"),
            ("hang", 0, "no answer in time"),
            ("down", 0, "connection refused"),
        ):
            error = found[word]
            self.assertEqual(error["source_msg_id"], message)
            self.assertEqual((error["code"], error["msg"]), (code, text))

    def test_a_certificate_of_an_unknown_authority_is_not_believed(self) -> None:
        receiver = self.receiver(tls=True)
        server = self.pushing()
        self.push_queue(server, f"{receiver.url}/200", retries=0)
        (message,) = self.post(server, "secret")
        self.wait_until(lambda: self.statuses(server, message), {"200": ("error", 0, 0)})
        self.assertEqual(receiver.pushes, [])
        self.check(server)

    def test_unless_the_configuration_says_so(self) -> None:
        receiver = self.receiver(tls=True)
        server = self.pushing("push_verify = false")
        self.push_queue(server, f"{receiver.url}/200")
        self.post(server, "not so secret")
        receiver.wait_for(1)
        self.check(server)

    def test_private_addresses_are_refused_where_the_configuration_says_so(self) -> None:
        receiver = self.receiver()
        server = self.pushing("push_allow_private = false")
        self.push_queue(server, f"{receiver.url}/200", retries=0)
        (message,) = self.post(server, "hello")
        self.wait_until(lambda: self.statuses(server, message), {"200": ("error", 0, 0)})
        self.assertEqual(receiver.pushes, [])
        self.check(server)

    def test_a_receiver_may_acknowledge_before_it_answers(self) -> None:
        """Over TLS, at the URL that came with the message."""
        server = self.server(config=CONFIG.format(top="", settings=""))
        server.start()
        receiver = self.receiver(authority=server.authority)
        self.push_queue(server, f"{receiver.url}/202/ack")
        messages = {"messages": [{"body": "hello"}]}
        posted = server.ask_queue("POST", "q", "/messages", messages, tls=True)
        (message,) = posted.json["ids"]
        self.wait_until(lambda: self.statuses(server, message), {"ack": ("deleted", 0, 2)})
        url = receiver.pushes[0].headers["iron-subscriber-message-url"]
        self.assertTrue(url.startswith(f"https://localhost:{server.tls_port}/1/projects/"), url)
        self.wait_until(lambda: receiver.acknowledgements, [200])
        self.check(server)

    def test_the_url_is_the_public_one_where_there_is_one(self) -> None:
        receiver = self.receiver()
        server = self.pushing(top='public_url = "https://mq.example.org/queues/"')
        self.push_queue(server, f"{receiver.url}/200")
        self.post(server, "hello")
        (push,) = receiver.wait_for(1)
        url = push.headers["iron-subscriber-message-url"]
        self.assertTrue(url.startswith("https://mq.example.org/queues/1/projects/"), url)
        self.check(server)

    def test_queues_of_another_server(self) -> None:
        """The URL's token opens the project there, and is in no log."""
        there = self.server(folder="there", config=CONFIG.format(top="", settings=""))
        there.start()
        here = self.pushing(f'push_ca_file = "{there.authority}"')
        project, token = there.project()
        url = f"ironmq://{project}:{token}@localhost:{there.tls_port}/other%20queue"
        self.push_queue(here, url)
        self.post(here, "hello")

        def arrived() -> list[str]:
            answer = there.ask_queue("GET", "other%20queue", "/messages/peek")
            return [each["body"] for each in answer.json["messages"]]

        self.wait_until(arrived, ["hello"])
        self.check(here)
        self.check(there)

    def test_a_file_without_authorities_is_told_at_the_start(self) -> None:
        (self.folder / "empty.pem").write_text("nothing")
        config = CONFIG.format(top="", settings='push_ca_file = "empty.pem"')
        server = self.server(config=config)
        server.launch()
        self.assertEqual(server.wait(), 1)
        self.assertIn("empty.pem holds no certificates that can be read", server.errors())


class KillTests(PushTestCase):
    """What is to be pushed is pushed, whatever happens to the server."""

    MESSAGES = 500

    def test_a_kill_during_many_pushes_loses_none(self) -> None:
        """And what was not under way when it came is not repeated."""
        receiver = self.receiver()
        server = self.pushing()
        self.push_queue(server, f"{receiver.url}/200")
        for start in range(0, self.MESSAGES, 100):
            bodies = [f"message {number}" for number in range(start, start + 100)]
            self.post(server, *bodies, delay=1)
        receiver.wait_for(100)
        server.kill()
        before = len(receiver.pushes)
        self.assertLess(before, self.MESSAGES)
        server.start()
        self.wait_until(lambda: server.ask_queue("GET", "q").json["size"], 0)
        bodies_seen = [push.body.decode() for push in receiver.pushes]
        self.assertEqual(set(bodies_seen), {f"message {n}" for n in range(self.MESSAGES)})
        at_once = 10  # pushes to one host
        self.assertLessEqual(len(bodies_seen), self.MESSAGES + at_once)
        self.check(server)

    def test_a_stop_during_a_push_repeats_it(self) -> None:
        receiver = self.receiver()
        server = self.pushing()
        self.push_queue(server, f"{receiver.url}/hang", retries=0)
        (message,) = self.post(server, "hello")
        receiver.wait_for(1)
        began = time.monotonic()
        self.check(server)
        self.assertLess(time.monotonic() - began, 5)
        server.start()
        receiver.wait_for(2)
        self.assertEqual(self.statuses(server, message), {"hang": ("reserved", 0, 0)})


class ExampleTests(PushTestCase):
    """The receiver that the documentation has."""

    def test_the_receiver_of_the_documentation_works(self) -> None:

        server = self.pushing()
        port = free_port()
        text = block("docs/dialects/ironmq.md", "receiver").replace("8000", str(port))
        script = Path(self.folder, "receiver.py")
        script.write_text(text)
        process = subprocess.Popen([sys.executable, "-u", str(script)], stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        url = f"http://127.0.0.1:{port}/"
        self.push_queue(server, url, retries=100, retries_delay=SHORTEST_DELAY)
        (message,) = self.post(server, "hello")
        self.wait_until(
            lambda: self.statuses(server, message)[""][:2],
            ("deleted", 200),
        )
        self.assertIn(b"hello", process.stdout.readline())
        self.check(server)
