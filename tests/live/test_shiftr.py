"""The shiftr dialect over real sockets: curl over TLS and without, order, kills, restarts."""

from __future__ import annotations

import http.client
import shlex
import socket
import sqlite3
import subprocess
import threading
from base64 import b64encode
from contextlib import closing

from mqgate.config.first_run import DATABASE
from mqgate.storage.verify import verify
from tests.live.case import LiveTestCase
from tests.live.documents import block
from tests.live.server import PATIENCE_SECONDS, Answer, Server, free_port

#: How many publishes each of the two clients makes that take turns.
TURNS = 30
#: How often a server is killed.
KILLS = 4


class ShiftrTestCase(LiveTestCase):
    """Asks a server that made its own configuration, as the instance of its main world."""

    def credentials(self, server: Server) -> tuple[str, str]:
        """The instance and the secret of its token."""
        section = server.configuration["namespaces"]["demo"]["shiftr"]
        return section["instances"][0], section["tokens"][0]["secret"]

    def ask(
        self,
        server: Server,
        method: str,
        topic: str,
        body: bytes | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> Answer:
        """Ask something over TLS."""
        secret = b64encode(":".join(self.credentials(server)).encode()).decode()
        asked = connection or server.connect(tls=True)
        try:
            headers = {"Authorization": f"Basic {secret}"}
            asked.request(method, f"/broker/{topic}", body, headers)
            return server.receive(asked)
        finally:
            if connection is None:
                asked.close()

    def with_settings(self, text: str, server: Server | None = None) -> Server:
        """A server that is ready, with more in the configuration that it made at its first start.

        If one is given, it is running.
        """
        server = server or self.started()
        server.stop()
        with (server.data / "mqgate.toml").open("a") as file:
            file.write(text)
        server.start()
        return server


class CurlTests(ShiftrTestCase):
    def run_lines(self, endpoint: str, *options: str) -> list[str]:
        """What the documented lines show, in the order in which they make sense."""
        lines = block("docs/dialects/shiftr.md", "seed-curl").strip().split("\n\n")
        read, find, find_retained, publish, retain, assure = lines
        shown = []
        for line in (read, find, publish, read, find, find_retained, retain, find_retained, assure):
            line = line.replace("ENDPOINT", endpoint)
            line = line.replace("curl ", f"curl -sS {shlex.join(options)} ", 1)
            done = subprocess.run(
                ["sh", "-c", line], capture_output=True, timeout=PATIENCE_SECONDS, check=False
            )
            self.assertEqual((done.returncode, done.stderr), (0, b""), line)
            shown.append(done.stdout.decode())
        return shown

    HELLO = "Hello World!"
    EXPECTED = ("", "", "OK", HELLO, HELLO, "", "OK", HELLO, "OK")

    def test_the_lines_of_the_documentation_over_tls(self) -> None:
        server = self.started()
        instance, secret = self.credentials(server)
        endpoint = f"https://{instance}:{secret}@localhost:{server.tls_port}"
        shown = self.run_lines(endpoint, "--cacert", server.authority)
        self.assertEqual(tuple(shown), self.EXPECTED)

    def test_the_lines_of_the_documentation_on_the_desktop_listener(self) -> None:
        port = free_port()
        server = self.with_settings(f"\n[shiftr.desktop]\nport = {port}\n")
        self.assertIn(f"http://127.0.0.1:{port} (shiftr Desktop", server.output())
        shown = self.run_lines(f"http://127.0.0.1:{port}")
        self.assertEqual(tuple(shown), self.EXPECTED)
        self.assertEqual(self.ask(server, "GET", "foo/bar").body, b"Hello World!")

    def test_a_listener_without_tls_answers_403(self) -> None:
        server = self.started()
        for method in ("GET", "POST", "OPTIONS"):
            self.assertEqual(server.ask(method, "/broker/foo").status, 403)


class DesktopTests(ShiftrTestCase):
    def test_if_its_port_is_taken_the_next_free_one_is_used_and_shown(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            server = self.with_settings(f"\n[shiftr.desktop]\nport = {port}\n")
            self.assertIn(f"Port {port} on 127.0.0.1 is taken", server.output())
            lines = [line for line in server.output().splitlines() if "(shiftr Desktop" in line]
            url = lines[0].partition("Listening on ")[2].split()[0]
            self.assertIn(url, lines[-1])  # which is what its operator sees
            self.assertNotEqual(url, f"http://127.0.0.1:{port}")
            endpoint = url.removeprefix("http://")
            with closing(http.client.HTTPConnection(endpoint, timeout=PATIENCE_SECONDS)) as client:
                client.request("POST", "/broker/a", b"1")
                self.assertEqual(server.receive(client).body, b"OK")
                client.request("GET", "/broker/@")
                self.assertEqual(server.receive(client).body, b"1")
                client.request("GET", "/1/projects/x/queues")
                self.assertEqual(server.receive(client).status, 404)
        self.assertEqual(self.ask(server, "GET", "a").body, b"1")

    def test_an_instance_that_is_not_there_keeps_it_from_starting(self) -> None:
        server = self.started()
        server.stop()
        with (server.data / "mqgate.toml").open("a") as file:
            file.write('\n[shiftr.desktop]\ninstance = "nowhere"\n')
        server.launch()
        self.assertEqual(server.wait(), 1)
        self.assertIn("desktop.instance is 'nowhere': use 'demo'", server.errors())


class OrderTests(ShiftrTestCase):
    def test_two_clients_that_publish_in_turns_are_seen_in_order_by_a_third(self) -> None:
        """Each waits for its answer before the other one goes on."""
        server = self.started()
        seen: list[int] = []
        done = threading.Event()

        def watch() -> None:
            with closing(server.connect(tls=True)) as connection:
                while not done.is_set():
                    answer = self.ask(server, "GET", "log/+", connection=connection)
                    if answer.status == 200:
                        seen.append(int(answer.body))

        watcher = threading.Thread(target=watch)
        watcher.start()
        with (
            closing(server.connect(tls=True)) as first,
            closing(server.connect(tls=True)) as second,
        ):
            for number in range(2 * TURNS):
                sender, body = (first, second)[number % 2], b"%d" % number
                topic = f"log/{number % 3}"
                self.assertEqual(
                    self.ask(server, "POST", topic, body, connection=sender).body, b"OK"
                )
                self.assertEqual(self.ask(server, "GET", "log/+", connection=first).body, body)
        done.set()
        watcher.join(PATIENCE_SECONDS)
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len(set(seen)), 2)


class KillTests(ShiftrTestCase):
    def test_what_was_answered_is_read_after_a_kill(self) -> None:
        """It is killed right behind an answer, while others publish."""
        server = self.server()
        for kill in range(KILLS):
            server.start()
            self.assertEqual(self.ask(server, "POST", "state/kept?retained=true", b"k").status, 200)
            latest = self.publish_until_killed(server, kill)
            server.start()
            for topic, (sure, tried) in latest.items():
                body = self.ask(server, "GET", topic).body
                self.assertIn(int(body or b"-1"), range(sure, tried + 1), topic)
            self.assertEqual(self.ask(server, "GET", "state/+?retained=true").body, b"k")
            server.stop()
        with closing(sqlite3.connect(server.data / DATABASE)) as connection:
            self.assertEqual(verify(connection), [])

    def publish_until_killed(self, server: Server, kill: int) -> dict[str, tuple[int, int]]:
        """By topic, the number that was answered last, and the one that was tried last."""
        latest = {f"kill/{kill}/{worker}": (-1, -1) for worker in range(4)}

        def publish(topic: str) -> None:
            try:
                with closing(server.connect(tls=True)) as connection:
                    for number in range(100_000):
                        latest[topic] = (latest[topic][0], number)
                        answer = self.ask(server, "POST", topic, b"%d" % number, connection)
                        if answer.status != 200:
                            return
                        latest[topic] = (number, number)
                        if number == 20 + kill and topic.endswith("0"):
                            server.kill()
            except (OSError, http.client.HTTPException):
                pass

        threads = [threading.Thread(target=publish, args=(topic,)) for topic in latest]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        return latest


class RestartTests(ShiftrTestCase):
    def test_values_survive_a_restart_unless_a_setting_says_otherwise(self) -> None:
        server = self.started()
        self.assertEqual(self.ask(server, "POST", "a?retained=true", b"1").status, 200)
        server.stop()
        server.start()
        for topic in ("a", "@", "a?retained=true", "+?retained=true"):
            self.assertEqual(self.ask(server, "GET", topic).body, b"1")
        self.with_settings("\n[shiftr]\nkeep_values = false\n", server)
        answer = self.ask(server, "GET", "a")
        while answer.status == 503:
            answer = self.ask(server, "GET", "a")
        self.assertEqual(answer.status, 404)
