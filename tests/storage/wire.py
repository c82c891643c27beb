"""A wire between a store and its server that can be cut or blocked at a chosen moment."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

#: A statement's words are sent once for each connection, when it is first used.
COMMIT = b"COMMIT"


class Wire:
    """Carries bytes from a port of its own to the server's, in threads of its own.

    Once ``cut_at`` is seen on its way to the server, that connection is cut: with ``deliver`` the
    server gets it first, and its answer is lost.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut_at: bytes | None = None
        self.deliver = False
        #: Whether nobody gets in any more after that.
        self.closes = False
        #: While it is not set, nothing comes through.
        self.open = threading.Event()
        self.open.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more, and cut what there is."""
        _cut(self._listener)
        for pair in self._pairs:
            _cut(*pair)

    def cut(self) -> None:
        """Cut all that is connected now."""
        for pair in self._pairs:
            _cut(*pair)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            self._pairs.append((client, server))
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    self.open.wait()
                    if not data:
                        return
                    if ready is client and self.cut_at is not None and self.cut_at in data:
                        self._cut_short(data, server)
                        return
                    (server if ready is client else client).sendall(data)
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def _cut_short(self, data: bytes, server: socket.socket) -> None:
        self.cut_at = None
        if self.closes:
            _cut(self._listener)
        if self.deliver:
            server.sendall(data)
            server.recv(65536)  # its answer, which nobody will see


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):  # it was cut before
            end.shutdown(socket.SHUT_RDWR)
