"""The RoboMQ dialect over real sockets: TLS, curl, many clients, restarts, clients that vanish."""

from __future__ import annotations

import http.client
import json
import shlex
import socket
import sqlite3
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mqgate.config.first_run import DATABASE
from tests.live.case import LiveTestCase
from tests.live.documents import block
from tests.live.server import PATIENCE_SECONDS, Answer, Server, free_port

PUBLISHERS = 64
#: Messages of each of them.
EACH = 10
QUEUE = "/rest/demo/testEx/testQ/testKey"


class RoboMQTestCase(LiveTestCase):
    """Asks a server that made its own configuration."""

    def section(self, server: Server) -> dict[str, Any]:
        """The dialect's section of the configuration."""
        found: dict[str, Any] = server.configuration["namespaces"]["demo"]["robomq"]
        return found

    def token(self, server: Server) -> dict[str, str]:
        """The header that lets the user ``demo`` in."""
        [token] = self.section(server)["token_headers"]
        return {token["header"]: token["value"]}

    def ask(
        self,
        server: Server,
        method: str,
        body: bytes | None = None,
        *,
        path: str = QUEUE,
        connection: http.client.HTTPConnection | None = None,
    ) -> Answer:
        """Ask something over TLS, with the token."""
        asked = connection or server.connect(tls=True)
        try:
            asked.request(method, path, body, self.token(server))
            return server.receive(asked)
        finally:
            if connection is None:
                asked.close()

    def bodies(self, server: Server) -> list[str]:
        """Take all messages."""
        found = []
        with closing(server.connect(tls=True)) as connection:
            while (answer := self.ask(server, "GET", connection=connection)).status == 200:
                found.append(answer.body.decode())
        self.assertEqual(answer.status, 204)
        return found


class CurlTests(RoboMQTestCase):
    def curl(self, server: Server, line: str) -> tuple[int, dict[str, str], str]:
        """Run a documented line; status, headers as they are spelled, and body."""
        section = self.section(server)
        user = section["users"][0]
        for name, value in (
            ("hostname", f"localhost:{server.tls_port}"),
            ("yourvhost", section["vhosts"][0]),
            ("token", section["token_headers"][0]["value"]),
            ("username", user["name"]),
            ("password", user["password"]),
        ):
            line = line.replace(f"{{{name}}}", value)
        line = line.replace("curl ", f"curl -sS --cacert {shlex.quote(server.authority)} ", 1)
        done = subprocess.run(
            ["sh", "-c", line],
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        head, _, body = done.stdout.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body

    def test_the_four_lines_of_the_documentation(self) -> None:
        server = self.started()
        lines = block("docs/dialects/robomq.md", "seed-curl").strip().split("\n\n")
        get_by_token, get_by_name, post_by_token, post_by_name = lines
        self.assertIn("https://{username}:{password}@", get_by_name)
        self.assertIn("-u {username}:{password}", post_by_name)
        for get, post in ((get_by_token, post_by_name), (get_by_name, post_by_token)):
            self.assertEqual(self.curl(server, get)[0], 204)
            status, headers, body = self.curl(server, post)
            self.assertEqual((status, body), (200, "OK"))
            status, headers, body = self.curl(server, get)
            self.assertEqual((status, body), (200, "Hello World"))
            self.assertEqual(headers["Content-Type"], "text/plain")
            self.assertEqual(
                headers["X-AMQP-Envelop"],
                '{"deliveryTag":1,"redelivered":false,"exchange":"testEx","routingKey":"testKey",'
                '"messageCount":0}',
            )
            self.assertRegex(
                headers["X-AMQP-Properties"],
                r'^\{"contentType":"text/plain","headers":\{\},"deliveryMode":2,'
                r'"correlationId":"([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})",'
                r'"messageId":"\1"\}$',
            )


class ListenerTests(RoboMQTestCase):
    def test_a_listener_without_tls_answers_403(self) -> None:
        server = self.started()
        for method in ("GET", "POST", "OPTIONS"):
            answer = server.ask(method, QUEUE)
            self.assertEqual((answer.status, answer.headers["content-type"]), (403, "text/plain"))
            self.assertIn(b"Only over HTTPS", answer.body)
        self.assertEqual(self.ask(server, "GET").status, 204)

    def test_a_listener_without_tls_that_names_it_serves_it(self) -> None:
        port = free_port()
        config = (
            f'listen = [{{ endpoint = "tcp:{port}:interface=127.0.0.1", dialects = ["robomq"] }}]\n'
            '[namespaces.demo.robomq]\nvhosts = ["demo"]\n'
            'users = [{ name = "u", password = "p", rights = ["configure", "read"] }]\n'
        )
        server = self.server(listen=[], config=config)
        server.port = port
        server.start()
        with closing(server.connect()) as connection:
            header = {"Authorization": f"Basic {b64encode(b'u:p').decode()}"}
            connection.request("GET", QUEUE, headers=header)
            self.assertEqual(server.receive(connection).status, 204)

    def test_the_authority_can_be_fetched_by_everybody(self) -> None:
        server = self.started()
        for tls in (False, True):
            answer = server.ask("GET", "/ca.crt", tls=tls)
            self.assertEqual(answer.headers["content-type"], "application/x-pem-file")
            self.assertEqual(answer.body, Path(server.authority).read_bytes())


class CrowdTests(RoboMQTestCase):
    def publish(self, server: Server, number: int, failures: list[str]) -> None:
        """Publish messages with this number, one after the other, on a connection of its own."""
        try:
            with closing(server.connect(tls=True)) as connection:
                for count in range(EACH):
                    body = f"{number}:{count}".encode()
                    answer = self.ask(server, "POST", body, connection=connection)
                    if answer.status != 200:
                        failures.append(f"{number}: {answer}")
        except OSError as error:
            failures.append(f"{number}: {error}")

    def test_every_publisher_s_messages_stay_in_order(self) -> None:
        """And none is lost, however many publish at the same time."""
        server = self.started()
        failures: list[str] = []
        threads = [
            threading.Thread(target=self.publish, args=(server, number, failures))
            for number in range(PUBLISHERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        self.assertEqual(failures, [])
        found: dict[str, list[int]] = {}
        for body in self.bodies(server):
            number, count = body.split(":")
            found.setdefault(number, []).append(int(count))
        self.assertEqual(found, {str(n): list(range(EACH)) for n in range(PUBLISHERS)})


class RestartTests(RoboMQTestCase):
    def test_everything_survives_a_restart_and_a_crash_in_its_order(self) -> None:
        """Messages, and bindings: a key that was used before goes on leading to its queue."""
        server = self.started()
        self.ask(server, "GET", path="/rest/demo/testEx/bound/a.%23")
        for how in ("stop", "kill"):
            for number in range(3):
                answer = self.ask(server, "POST", f"{how} {number}".encode())
                self.assertEqual(answer.status, 200)
            getattr(server, how)()
            server.start()
        answer = self.ask(server, "POST", b"fanned out", path="/rest/demo/testEx/testQ/a.b")
        self.assertEqual(answer.status, 200)
        wanted = [f"{how} {number}" for how in ("stop", "kill") for number in range(3)]
        self.assertEqual(self.bodies(server), [*wanted, "fanned out"])
        answer = self.ask(server, "GET", path="/rest/demo/testEx/bound/a.%23")
        self.assertEqual(answer.body, b"fanned out")
        self.assertEqual(json.loads(answer.headers["x-amqp-envelop"])["routingKey"], "a.b")


class VanishingTests(RoboMQTestCase):
    @contextmanager
    def stalled(self, server: Server) -> Iterator[None]:
        """Have every commit of the server wait."""
        with closing(sqlite3.connect(server.data / DATABASE)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()

    def get_and_vanish(self, server: Server) -> None:
        """Ask for a message, and be gone before it can be handed out."""
        asking = server.connect(tls=True)
        asking.request("GET", QUEUE, headers=self.token(server))
        assert asking.sock is not None
        # Without TLS's farewell: as if it had crashed.
        socket.socket(fileno=asking.sock.detach()).close()
        for _ in range(2):  # what came before this was read before this is answered
            self.assertEqual(server.ask("GET", "/healthz").status, 200)

    def test_the_message_of_a_client_that_vanished_is_handed_out_again(self) -> None:
        """From its old place, and marked."""
        server = self.started()
        for body in (b"first", b"second"):
            self.assertEqual(self.ask(server, "POST", body).status, 200)
        with self.stalled(server):
            self.get_and_vanish(server)
        first, second = self.ask(server, "GET"), self.ask(server, "GET")
        self.assertEqual([first.body, second.body], [b"first", b"second"])
        envelops = [json.loads(each.headers["x-amqp-envelop"]) for each in (first, second)]
        self.assertEqual([each["redelivered"] for each in envelops], [True, False])
        self.assertEqual(self.ask(server, "GET").status, 204)
