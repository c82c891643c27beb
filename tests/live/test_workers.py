"""A server of two processes over one SQLite file."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.live import test_activation
from tests.live.server import Server, environment, free_port, twistd
from tests.live.workers import CONFIG, MESSAGES, Posters, WorkersTestCase
from tests.postgresql.chosen import PostgreSQL

#: From the signal to the end of all processes.
STOP_SECONDS = 5.0
#: From a post at one worker to the answer of a poll at another; the next look would be a second.
WAKE_SECONDS = 0.5


class ServingTests(WorkersTestCase):
    def test_both_serve_and_see_the_same(self) -> None:
        server = self.started_with_workers()
        first, second = (self.connection_to(server, each) for each in self.workers(server))
        self.assertEqual(self.post(server, first, "a").status, 201)
        server.send(second, "GET", MESSAGES)
        (message,) = server.receive(second).json["messages"]
        self.assertEqual(message["body"], "a")
        server.send(first, "DELETE", f"{MESSAGES}/{message['id']}")
        self.assertEqual(server.receive(first).status, 200)
        server.send(second, "GET", "/ca.crt")
        self.assertEqual(server.receive(second).body, Path(server.authority).read_bytes())
        self.assertEqual(server.ask("GET", "/readyz", tls=True).status, 200)
        self.check(server, set())

    def test_a_queue_that_one_has_made_is_known_to_the_other_at_once(self) -> None:
        server = self.started_with_workers()
        first, second = (self.connection_to(server, each) for each in self.workers(server))
        for number in range(50):
            path = f"/1/projects/p/queues/q{number}"
            server.send(first, "POST", f"{path}/messages", {"messages": [{"body": "x"}]})
            self.assertEqual(server.receive(first).status, 201)
            server.send(second, "GET", path)
            self.assertEqual(server.receive(second).json["size"], 1)
            server.send(second, "DELETE", path)
            self.assertEqual(server.receive(second).status, 200)
            server.send(first, "GET", path)
            self.assertEqual(server.receive(first).status, 404)

    def test_a_post_at_one_wakes_a_poll_at_the_other(self) -> None:
        server = self.started_with_workers()
        first, second = (self.connection_to(server, each) for each in self.workers(server))
        for number in range(10):
            waiting, posting = (first, second) if number % 2 else (second, first)
            self.poll(server, waiting)
            began = time.monotonic()
            self.post(server, posting, str(number))
            (message,) = server.receive(waiting).json["messages"]
            self.assertLess(time.monotonic() - began, WAKE_SECONDS)
            self.assertEqual(message["body"], str(number))

    def test_what_they_log_says_who_it_was_and_their_figures_too(self) -> None:
        port = free_port()
        server = self.started_with_workers(
            f'metrics = {{ listen = "tcp:{port}:interface=127.0.0.1" }}\naccess_log = {{}}\n'
        )
        for worker in self.workers(server):
            connection = self.connection_to(server, worker)
            self.assertEqual(self.post(server, connection, "a").status, 201)
        scraped = Server(self.folder / "scraped")
        scraped.port = port
        families = {
            each.name: each.samples
            for each in text_string_to_metric_families(scraped.ask("GET", "/metrics").body.decode())
        }
        posts = {
            sample.labels["worker"]: sample.value
            for sample in families["mqgate_requests"]
            if sample.labels.get("status") == "201" and sample.name == "mqgate_requests_total"
        }
        self.assertEqual(posts, {"0": 1, "1": 1})
        (size,) = (
            sample
            for sample in families["mqgate_queue_messages"]
            if sample.labels["state"] == "ready"
        )
        self.assertEqual((size.value, "worker" in size.labels), (2, False))
        server.stop()
        for name in ("worker 0", "worker 1"):
            self.assertIn(f"[{name}, mqgate.service.Gate#info] Stopped", server.output())
        lines = (self.folder / "access.log").read_text().splitlines()
        posted = [each for each in map(json.loads, lines) if each["method"] == "POST"]
        self.assertEqual(len(posted), 2)


class EndingTests(WorkersTestCase):
    def polls(self, server: Server, each: int = 10) -> list[object]:
        connections = [
            self.connection_to(server, worker)
            for worker in self.workers(server)
            for _ in range(each)
        ]
        for connection in connections[:-1]:
            server.send(connection, "GET", f"{MESSAGES}?wait=30")
        self.poll(server, connections[-1])
        return list(connections)

    def check_answered(self, server: Server, connections: list[object]) -> None:
        answers = [server.receive(each) for each in connections]  # type: ignore[arg-type]
        self.assertEqual(
            [(answer.status, answer.json) for answer in answers],
            [(200, {"messages": []})] * len(connections),
        )

    def test_a_stop_answers_the_polls_of_all(self) -> None:
        server = self.started_with_workers()
        polls = self.polls(server)
        began = time.monotonic()
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        self.check_answered(server, polls)
        self.assertEqual(server.wait(), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, STOP_SECONDS)
        self.check_log(server)

    def check_log(self, server: Server) -> None:
        self.assertIn("Stopped: all workers have ended", server.output())
        self.assertEqual(server.output().count("Stopped: everything accepted is on disk"), 2)
        self.assertNotIn("Traceback", server.output())
        self.assertEqual(server.errors(), "")

    def test_an_interrupt_from_the_keyboard_is_a_stop_as_well(self) -> None:
        """It comes to all processes of the terminal at once."""
        server = self.started_with_workers()
        for worker in self.workers(server):
            os.kill(worker, signal.SIGINT)
        self.assertEqual(server.stop(signal.SIGINT), -signal.SIGINT)
        self.check_log(server)

    def test_workers_do_not_outlive_their_parent(self) -> None:
        """And then the ports and the folder are free for another start."""
        server = self.started_with_workers()
        workers = self.workers(server)
        polls = self.polls(server, 2)
        server.kill()
        self.check_answered(server, polls)
        self.wait_until(
            lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), "they live on"
        )
        server.start()
        self.assertEqual(self.post(server, server.connect(), "a").status, 201)

    def test_while_workers_are_left_nobody_else_has_the_folder(self) -> None:
        server = self.started_with_workers()
        workers = self.workers(server)
        for worker in workers:
            self.addCleanup(os.kill, worker, signal.SIGKILL)
            os.kill(worker, signal.SIGSTOP)
        server.kill()
        second = self.server(listen=[], config=CONFIG)
        second.launch()
        self.assertEqual(second.wait(), 1)
        self.assertIn("mqgate.db.lock is held by another server", second.errors())

    def test_a_second_start_in_the_same_folder_is_refused(self) -> None:
        server = self.started_with_workers()
        assert server.process is not None
        for config in (CONFIG, CONFIG.replace("workers = 2", "workers = 1")):
            second = self.server(listen=[], config=config)
            second.launch()
            self.assertEqual(second.wait(), 1)
            self.assertIn(f"held by another server (process {server.process.pid})", second.errors())
        self.assertEqual(len(self.workers(server)), 2)

    def test_what_a_worker_cannot_start_for_is_one_line_of_its_parent(self) -> None:
        server = self.server(config='access_log = { file = "none/access.log" }\n' + CONFIG)
        server.launch()
        self.assertEqual(server.wait(), 1)
        self.assertEqual(server.errors().count("\n"), 1, server.errors())
        self.assertIn("none/access.log", server.errors())
        self.assertNotIn("Traceback", server.output())


class ReplacingTests(WorkersTestCase):
    def test_a_worker_that_is_killed_under_load_is_replaced_and_nothing_is_lost(self) -> None:
        server = self.started_with_workers()
        posters = Posters(server)
        gone: list[int] = []
        for _ in range(2):
            self.wait_until(lambda: len(posters.acknowledged) > 200 * (len(gone) + 1), "too slow")
            gone.append(self.workers(server)[0])
            os.kill(gone[-1], signal.SIGKILL)
            self.wait_for_workers(server, *gone)
        posters.stop()
        self.assertLess(posters.longest_gap, 1.0)
        self.assertIn("was ended by SIGKILL; another one is started", server.output())
        self.check(server, posters.acknowledged)

    def test_a_worker_that_hangs_in_a_transaction_is_killed(self) -> None:
        server = self.started_with_workers(module="tests.live.impatient")
        posters = Posters(server)
        self.wait_until(lambda: len(posters.acknowledged) > 200, "too slow")
        victim = self.workers(server)[0]
        self.wait_until(lambda: self.stop_in_transaction(server, victim), "it never hung")
        self.wait_for_workers(server, victim)
        before = len(posters.acknowledged)
        self.wait_until(lambda: len(posters.acknowledged) > before + 100, "nobody goes on")
        posters.stop()
        self.assertIn("keeps the others from the database: it is killed", server.output())
        self.check(server, posters.acknowledged)

    def stop_in_transaction(self, server: Server, worker: int) -> bool:
        """Stop it; let it go on if it was not its turn."""
        os.kill(worker, signal.SIGSTOP)
        deadline = time.monotonic() + 0.1
        while time.monotonic() < deadline:
            if not self.turn_is_taken(server):
                os.kill(worker, signal.SIGCONT)
                return False
            time.sleep(0.005)
        return True

    def test_a_worker_that_is_told_to_stop_finishes_and_is_replaced(self) -> None:
        server = self.started_with_workers()
        first, second = self.workers(server)
        connection = self.connection_to(server, first)
        self.poll(server, connection)
        os.kill(first, signal.SIGTERM)
        self.assertEqual(server.receive(connection).json, {"messages": []})
        self.wait_for_workers(server, first)
        self.assertIn(second, self.workers(server))


class PostgreSQLTests(WorkersTestCase):
    """Workers over a database that is made to be shared."""

    def setUp(self) -> None:
        super().setUp()
        self.database = PostgreSQL()

    def tearDown(self) -> None:
        self.doCleanups()
        self.database.close()

    def problems(self, server: Server) -> list[str]:
        return self.database.problems()

    def test_a_worker_that_is_killed_under_load_is_replaced_and_nothing_is_lost(self) -> None:
        server = self.started_with_workers(self.database.configuration)
        first, second = (self.connection_to(server, each) for each in self.workers(server))
        self.poll(server, first)
        self.post(server, second, "first")
        (message,) = server.receive(first).json["messages"]
        self.assertEqual(message["body"], "first")
        posters = Posters(server)
        self.wait_until(lambda: len(posters.acknowledged) > 200, "too slow")
        victim = self.workers(server)[0]
        os.kill(victim, signal.SIGKILL)
        self.wait_for_workers(server, victim)
        posters.stop()
        self.assertLess(posters.longest_gap, 1.0)
        self.check(server, posters.acknowledged)


class SurroundingsTests(WorkersTestCase):
    """What a server of several processes is started from, and with."""

    def test_the_file_of_a_unix_socket_stays_when_a_worker_ends(self) -> None:
        folder = tempfile.mkdtemp()  # a socket's path must be short
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "socket")
        server = self.server(config=CONFIG)
        server.add_listener(f"unix:{path}")
        server.start()
        self.wait_until(lambda: "Crew#info] Ready" in server.output(), "not all are ready")
        first, _ = self.workers(server)
        os.kill(first, signal.SIGTERM)
        self.wait_for_workers(server, first)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200 "))
        server.stop()
        self.assertFalse(os.path.exists(path))
        self.assertNotIn("Traceback", server.output())

    def test_in_the_background_it_is_started_when_all_are_ready(self) -> None:
        """twistd comes back then, and in the folder that it was sent to nothing is imported."""
        (self.folder / "mqgate.toml").write_text(CONFIG, encoding="utf-8")
        (self.folder / "json.py").write_text("raise SystemExit('imported')", encoding="utf-8")
        port, pid_file = free_port(), self.folder / "pid"
        options = [f"--pidfile={pid_file}", f"--logfile={self.folder}/log"]
        listen = f"--listen=tcp:{port}:interface=127.0.0.1"
        command = twistd(*options, "mqgate", "--config=mqgate.toml", listen)
        command = [*command[:1], "-P", *command[1:]]
        nowhere = subprocess.DEVNULL
        subprocess.run(command, cwd=self.folder, env=environment(), stdout=nowhere, check=True)
        pid = int(pid_file.read_text())
        self.addCleanup(self.end, pid)
        self.assertIn("#info] Ready", (self.folder / "log").read_text())
        server = Server(self.folder / "asked")
        server.port = port
        self.assertEqual(server.ask("GET", "/readyz").status, 200)
        os.kill(pid, signal.SIGTERM)
        self.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "it does not end")
        self.assertIn("Stopped: all workers have ended", (self.folder / "log").read_text())

    def end(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class ActivatedWorkersTests(test_activation.ActivationTests):
    """The same as one process, as far as systemd can tell."""

    configuration = "workers = 2\n" + test_activation.CONFIGURATION
