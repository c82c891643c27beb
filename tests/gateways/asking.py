"""One who asks several gateways in turn, each over one connection that stays open."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode

from tests.gateways.fleet import PROJECT, TOKEN, Fleet
from tests.live.server import Answer


class Asker:
    """Asks IronMQ's, RoboMQ's and shiftr's requests of the gateway that is named."""

    def __init__(self, fleet: Fleet) -> None:
        self._servers = fleet.servers
        self._connections = [server.connect() for server in fleet]

    def iron(self, gateway: int, method: str, path: str, body: object = None) -> Answer:
        """Ask for something about IronMQ's queues; ``path`` begins with the name of one."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"OAuth {TOKEN}", "Content-Type": "application/json"}
        return self._ask(gateway, method, f"/1/projects/{PROJECT}/queues/{path}", data, headers)

    def robo(self, gateway: int, method: str, path: str, body: bytes | None = None) -> Answer:
        """Ask for something of RoboMQ: ``path`` is exchange/queue/key."""
        return self._ask(gateway, method, f"/rest/demo/{path}", body, {"X-Demo": TOKEN})

    def shiftr(self, gateway: int, method: str, path: str, body: bytes | None = None) -> Answer:
        """Ask for something of shiftr: ``path`` is a topic or a filter."""
        credentials = b64encode(f"demo:{TOKEN}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        return self._ask(gateway, method, f"/broker/{path}", body, headers)

    def _ask(
        self, gateway: int, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> Answer:
        connection = self._connections[gateway % len(self._connections)]
        connection.request(method, path, body, headers)
        return self._servers[0].receive(connection)

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections:
            connection.close()

    def lose(self, gateway: int) -> None:
        """Have a new connection to that one, in place of one that it broke."""
        gateway %= len(self._connections)
        self._connections[gateway].close()
        self._connections[gateway] = self._servers[gateway].connect()

    def begin(self, gateway: int, path: str) -> http.client.HTTPConnection:
        """A connection with a GET about IronMQ's queues that is sent, and not answered yet."""
        connection = self._servers[gateway % len(self._servers)].connect()
        headers = {"Authorization": f"OAuth {TOKEN}"}
        connection.request("GET", f"/1/projects/{PROJECT}/queues/{path}", None, headers)
        return connection
