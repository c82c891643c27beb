"""A receiver of pushes over HTTP or HTTPS, in threads of the tests' own process.

What it answers is the path's first part: ``/200``, ``/404/x``; ``/hang`` answers when it is told
to end; ``/202/ack`` answers 202 and acknowledges at once.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from mqgate.tls.certificates import ensure


@attrs.frozen
class Push:
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float


class Receiver:
    """Listens on a port of loopback from the start to `close`."""

    def __init__(self, folder: Path | None = None, *, token: str = "", authority: str = "") -> None:
        """With a ``folder`` it speaks TLS, with a certificate made there.

        The token, and the authority of the server's certificate, are for acknowledging.
        """
        self.pushes: list[Push] = []
        self.came = threading.Condition()
        self.ending = threading.Event()
        self.acknowledgements: list[int] = []
        self._token, self._authority = token, authority
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]
        self.ca_file: str | None = None
        self.url = f"http://127.0.0.1:{self.port}"
        if folder is not None:
            made = ensure(folder, ["localhost"], datetime.now(UTC))
            self.ca_file = str(made.ca_file)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(made.files.certificate, made.files.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """End; whoever hangs is answered."""
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, push: Push) -> None:
        """Note what came."""
        with self.came:
            self.pushes.append(push)
            self.came.notify_all()

    def wait_for(self, pushes: int, seconds: float = 30.0) -> list[Push]:
        """The first so many; raises `AssertionError` if they do not come in time."""
        with self.came:
            came = self.came.wait_for(lambda: len(self.pushes) >= pushes, seconds)
            assert came, f"only {len(self.pushes)} of {pushes} pushes came"
            return self.pushes[:pushes]

    def acknowledge(self, push: Push) -> int:
        """Delete the URL that came with a push; the status."""
        parts = urlsplit(push.headers["iron-subscriber-message-url"])
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=self._authority)
            connection = http.client.HTTPSConnection(parts.netloc, timeout=10, context=context)
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        connection.request("DELETE", parts.path, None, {"Authorization": f"OAuth {self._token}"})
        status = connection.getresponse().status
        connection.close()
        return status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.receiver = receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up has his reasons."""


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Take a push."""
        assert isinstance(self.server, _Server)
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        push = Push(self.path, headers, body, time.monotonic())
        receiver.take(push)
        word = self.path.split("/")[1]
        if word == "hang":
            receiver.ending.wait()
            self.close_connection = True
            return
        if self.path.endswith("/ack"):
            receiver.acknowledgements.append(receiver.acknowledge(push))
        self.send_response(int(word))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
