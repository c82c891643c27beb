"""RocketMQ's requests, signed, as a client of any language sends them."""

from __future__ import annotations

import hmac
import time
from base64 import b64encode
from email.utils import formatdate

from tests.live.server import Server

#: The default instance, with a key.
INSTANCE = """
free_space_minimum = 0
[namespaces.demo.rocketmq]
instances = [""]
keys = [{ id = "id", secret = "secret" }]
"""


class Worker:
    """A client with a connection of its own."""

    def __init__(self, server: Server, topic: str) -> None:
        self._server = server
        self._topic = topic
        self._connection = server.connect()

    def ask(self, method: str, query: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer to a signed request."""
        self.send(method, query, body)
        response = self._connection.getresponse()
        return response.status, response.read()

    def send(self, method: str, query: str, body: bytes = b"") -> None:
        """Send it, and wait for nothing."""
        target = f"/topics/{self._topic}/messages?{query}"
        date = formatdate(time.time(), usegmt=True)
        text = f"{method}\n\n\n{date}\n{target}".encode()
        signature = b64encode(hmac.digest(b"secret", text, "sha1")).decode()
        headers = {"Date": date, "Authorization": f"MQ id:{signature}"}
        self._connection.request(method, target, body, headers)

    def crash(self) -> None:
        """Go without a word; a new one takes its place."""
        self._connection.close()
        self._connection = self._server.connect()
