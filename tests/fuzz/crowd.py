"""Many clients of a real server, and what they cost it."""

from __future__ import annotations

import os
import re
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.fuzz.answers import Answer, read_answers
from tests.live.server import PATIENCE_SECONDS, Server

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
#: Files that a test process and a server have open beside their connections.
_OTHER_FILES = 200
_ANSWER = b"HTTP/1.1 "
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)")
#: A listener lets so many wait to be accepted.
_BACKLOG = 40


def room_for(connections: int) -> int:
    """How many of these connections this process, and a server it starts, may have open.

    Raises the soft limit on open files as far as the hard one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most - _OTHER_FILES


def memory_of(server: Server) -> int:
    """The bytes of memory that a server has."""
    assert server.process is not None
    pages = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * _PAGE_BYTES


def connect(server: Server) -> socket.socket:
    """A new connection."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)


@contextmanager
def idle(server: Server, connections: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """That many connections on which nothing happens once these bytes were sent."""
    with ExitStack() as stack:
        opened = []
        for number in range(connections):
            opened.append(stack.enter_context(connect(server)))
            opened[-1].sendall(sent)
            if number % _BACKLOG == 0:
                server.ask("GET", "/healthz")  # it has accepted them when it answers
        server.ask("GET", "/healthz")
        yield opened


@contextmanager
def idle_in_tls(server: Server, connections: int) -> Iterator[None]:
    """That many TLS connections that were answered something; they end without a close_notify."""
    context = ssl.create_default_context(cafile=server.authority)
    with ExitStack() as stack:
        for _ in range(connections):
            address = ("127.0.0.1", server.tls_port)
            plain = socket.create_connection(address, timeout=PATIENCE_SECONDS)
            secure = context.wrap_socket(plain, server_hostname="localhost")
            stack.enter_context(secure)
            secure.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            secure.recv(1000)
        yield


def converse(server: Server, *requests: bytes) -> list[Answer]:
    """Send all of these on one connection, and read an answer for each, or until it ends."""
    with connect(server) as connection:
        connection.sendall(b"".join(requests))
        got = b""
        while not _are_whole(got, len(requests)):
            piece = connection.recv(65536)
            if not piece:
                break
            got += piece
    return read_answers(got)


def _are_whole(data: bytes, count: int) -> bool:
    """Whether that many answers are there, the last one to its end."""
    if data.count(_ANSWER) < count:
        return False
    head, end, body = data[data.rfind(_ANSWER) :].partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return bool(end) and length is not None and len(body) >= int(length[1])
