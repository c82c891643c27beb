"""Crowds and floods against a real server; how large they are is for others to say."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from tests.fuzz.crowd import idle, idle_in_tls, memory_of, room_for
from tests.fuzz.flood import Flood
from tests.live.case import LiveTestCase
from tests.live.server import Server

_MIB = 1024 * 1024
_CONNECTIONS = 5000
#: A test with fewer of them would show nothing.
_CONNECTIONS_LEAST = 1000
#: Bytes of memory for a connection on which nothing happens.
_FOR_A_CONNECTION = 8 * 1024
#: Bytes that may be left of a TLS connection; a garbage cycle has some thousands.
_LEFT_IN_TLS = 1024
#: What an allocator may keep for itself.
_SLACK = 8 * _MIB
_ASKED = 100
#: Seconds that the middle one of some answers may take.
_PROMPT = 0.1


class HostileCrowds(LiveTestCase):
    """Memory is bounded while they are there and as before when they are gone."""

    #: How often a crowd comes and goes, and requests of a flood; a mixin's heir may take more.
    crowds = 3
    flood = 20_000

    def test_idle_connections(self) -> None:
        """They cost little, others are served as if they were not there, and it does not add up."""
        connections = min(_CONNECTIONS, room_for(_CONNECTIONS))
        self.assertGreaterEqual(connections, _CONNECTIONS_LEAST, "the limit on open files")
        if connections < _CONNECTIONS:
            print(f"only {connections} idle connections: the hard limit on open files is low")
        server = self.started()
        self.seconds_for_an_answer(server)
        before = memory_of(server)
        after: list[int] = []
        for _ in range(self.crowds):
            with idle(server, connections):
                self.assertLess(memory_of(server) - before, connections * _FOR_A_CONNECTION)
                self.assertLess(self.seconds_for_an_answer(server), _PROMPT)
            server.ask("GET", "/healthz")
            after.append(memory_of(server))
        self.assert_flat(after)

    def test_tls_connections_that_end_without_a_word(self) -> None:
        """Most clients close the socket, and say nothing in TLS before; nothing may be left."""
        connections = min(_CONNECTIONS_LEAST, room_for(_CONNECTIONS_LEAST))
        server = self.started()
        after: list[int] = []
        for _ in range(self.crowds):
            with idle_in_tls(server, connections):
                server.ask("GET", "/healthz")
            server.ask("GET", "/healthz")
            after.append(memory_of(server))
        self.assertLess(after[-1] - after[0], len(after) * connections * _LEFT_IN_TLS, after)

    def test_connections_with_half_a_head(self) -> None:
        """The same for those that began a request and went to sleep."""
        connections = min(_CONNECTIONS_LEAST, room_for(_CONNECTIONS_LEAST))
        server = self.started()
        before = memory_of(server)
        begun = b"POST /1/projects/x/queues HTTP/1.1\r\nX: " + b"x" * 1000
        with idle(server, connections, begun):
            each = _FOR_A_CONNECTION + 2 * len(begun)
            self.assertLess(memory_of(server) - before, connections * each)
            self.assertLess(self.seconds_for_an_answer(server), _PROMPT)

    def test_a_flood_of_hostile_requests(self) -> None:
        """All are refused, none is a fault, nothing is stored and nothing is kept in memory."""
        server = self.started()
        server.ask_queue("POST", "q", "/messages", {"messages": [{"body": "stays"}]})
        flood = Flood(server)
        part = self.flood // 4
        used = self.measured(server, lambda: flood.pour(part), times=4)
        self.assert_flat(used)
        project, _ = server.project()
        listed = server.ask("GET", f"/1/projects/{project}/queues").json
        self.assertEqual([queue["name"] for queue in listed], ["q"])
        [message] = server.ask_queue("GET", "q", "/messages/peek").json["messages"]
        self.assertEqual((message["body"], message["reserved_count"]), ("stays", 0))
        self.assertNotIn("Traceback", server.output() + server.errors())

    def measured(self, server: Server, do: Callable[[], object], times: int) -> list[int]:
        """The memory of a server after each time that something is done."""
        used = []
        for _ in range(times):
            do()
            used.append(memory_of(server))
        return used

    def seconds_for_an_answer(self, server: Server) -> float:
        """How long a client waits for one, over new connections: the median."""
        taken = []
        for _ in range(_ASKED):
            start = time.perf_counter()
            self.assertEqual(server.ask_queue("GET", "q", "/messages").status, 200)
            taken.append(time.perf_counter() - start)
        return median(taken)

    def assert_flat(self, used: list[int]) -> None:
        """After the first time, which fills caches, memory must not grow."""
        self.assertLess(used[-1] - used[0], _SLACK, used)
