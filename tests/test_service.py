"""`Gate` and what it is made of, over a reactor and a clock that are turned by hand."""

from __future__ import annotations

import ipaddress
import os
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import msgspec
from cryptography import x509
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import ILoggingContext
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mqgate.certifying import REFRESH_SECONDS, RENEWAL
from mqgate.config.first_run import DATABASE, FILE, make_folder, prepare
from mqgate.config.reader import Overrides, read
from mqgate.config.values import Configuration
from mqgate.dialects.declaration import CannotOpen, Opening
from mqgate.engine.intake import Limits
from mqgate.engine.values import NewMessage, Topology
from mqgate.service import LAST_COMMIT_SECONDS, Gate
from mqgate.starting import StartFailed, Surroundings
from mqgate.storage.interface import Batch, Opened, Results, StoreError, Unavailable
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.supervision import Supervision
from mqgate.terminal import Terminal
from mqgate.tls.certificates import RENEW_BEFORE, SERVER_LIFETIME, ensure
from mqgate.web.limits import HTTPLimits
from mqgate.web.values import Dialect
from tests.config.sample import NAMESPACE, counting_hex, declare

#: When these tests take place.
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HERE = IPv4Address("TCP", "127.0.0.1", 50_000)
PLAIN = 'listen = ["tcp:8080:interface=127.0.0.1"]\n'


class Notebook(Terminal):
    """A terminal whose text can be read."""

    def __init__(self) -> None:
        super().__init__(-1, -1)
        self.said: list[str] = []
        self.complaints: list[str] = []
        self.hung_up = False

    def say(self, text: str) -> None:
        self.said.append(text)

    def complain(self, line: str) -> None:
        self.complaints.append(line)

    def hang_up(self) -> None:
        self.hung_up = True


class StuckStore(SQLiteStore):
    """A store over a disk that has stopped answering."""

    def run(self, batch: Batch) -> Deferred[Results]:
        return Deferred()


class FullStore(SQLiteStore):
    """A store on a disk without room."""

    def run(self, batch: Batch) -> Deferred[Results]:
        return fail(Unavailable("disk full"))


class BrokenStore(SQLiteStore):
    """A store that cannot be opened."""

    def open(self) -> Opened:
        raise StoreError("mq.db is held by\nanother server")


class Client:
    """A connection to one of a reactor's listeners."""

    def __init__(self, reactor: MemoryReactorClock, listener: int = 0) -> None:
        factory = reactor.tcpServers[listener][1]
        self.transport = StringTransport()
        protocol = factory.buildProtocol(HERE)
        assert isinstance(protocol, Protocol)
        self.protocol: Protocol = protocol
        self.protocol.makeConnection(self.transport)

    def ask(self, path: bytes) -> bytes:
        """Ask for a path; what has been answered until now."""
        self.protocol.dataReceived(b"GET %b HTTP/1.1\r\nHost: here\r\n\r\n" % path)
        return self.answer()

    def answer(self) -> bytes:
        """What was answered since this was asked last."""
        answered: bytes = self.transport.value()
        self.transport.clear()
        return answered


class GateTestCase(SynchronousTestCase):
    """Gives each test a folder with a configuration, and a clock."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.terminal = Notebook()
        self.heedless = 0
        self.folder = os.path.abspath(self.mktemp())
        self.opened: list[Opening] = []
        self.declarations = [declare("sample", self.opened), declare("other", self.opened)]
        self.gates: list[Gate] = []
        #: Seconds of the reactor's clock in one of the wall clock.
        self.pace = 1
        self.log_is_shown = False
        self.environment: dict[str, str] = {}

    def tearDown(self) -> None:
        for gate in self.gates:
            self.stop(gate)
            self.reactor.pump([0] * 5 + [10])

    def heed_no_more(self) -> None:
        self.heedless += 1

    def configuration(self, text: str | None = None) -> Configuration:
        """The configuration that ``text`` is, or that a first start writes."""
        if text is None:
            path = prepare(self.folder, self.declarations, counting_hex(), ["tcp:8080"])
        else:
            make_folder(self.folder)
            path = os.path.join(self.folder, FILE)
            Path(path).write_text(f'data = "."\n{text}', encoding="utf-8")
        return read(path, self.declarations, {}, Overrides())

    def gate(
        self, text: str | None = PLAIN + NAMESPACE, store: Callable[..., SQLiteStore] = SQLiteStore
    ) -> Gate:
        """A server that is not started yet."""
        path = os.path.join(self.folder, DATABASE)
        gate = Gate(
            self.configuration(text),
            self.declarations,
            store(path, Inline()),
            Surroundings(
                self.reactor,
                self.wall,
                self.reactor.seconds,
                self.terminal,
                self.heed_no_more,
                Supervision(self.environment, os.getpid(), self.reactor),
                self.log_is_shown,
            ),
            "1.2.3",
        )
        self.gates.append(gate)
        return gate

    def wall(self) -> float:
        return NOW.timestamp() + self.reactor.seconds() / self.pace

    def start(self, gate: Gate) -> Gate:
        gate.privilegedStartService()
        gate.startService()
        return gate

    def stop(self, gate: Gate) -> Deferred[None]:
        stopping = gate.stopService()
        self.reactor.advance(0)
        return stopping


class DeclaringTests(GateTestCase):
    """What a dialect's section wants to be there."""

    def test_it_is_there_before_anybody_is_answered(self) -> None:
        def wanted(section: object) -> dict[str, Topology]:
            return {"hall": Topology({"e": "direct"}, {"q": "sample"}, [("e", "q", "k")])}

        self.declarations[0] = attrs.evolve(self.declarations[0], topologies=wanted)
        for _ in range(2):
            gate = self.start(self.gate())
            opening = self.opened[-2]
            (world,) = opening.grants[0].worlds.values()
            published = opening.engine.publish(world, "e", ["k"], NewMessage(b""))
            self.reactor.advance(0)
            self.assertEqual(self.successResultOf(published), 1)
            self.successResultOf(self.stop(gate))
            self.gates.remove(gate)


class Errand:
    """Something that a dialect has going on by itself; it ends when it is told to."""

    def __init__(self) -> None:
        self.started = 0
        self.ending: Deferred[None] | None = None

    def start(self) -> None:
        self.started += 1

    def stop(self) -> Deferred[None]:
        self.ending = Deferred()
        return self.ending


class BackgroundTests(GateTestCase):
    """What dialects have going on by itself."""

    def setUp(self) -> None:
        super().setUp()
        self.errand = Errand()

        def open_door(opening: Opening) -> Dialect:
            assert opening.outside is not None
            opening.outside.run(self.errand)
            return self.plain.open(opening)

        self.plain = self.declarations[0]
        self.declarations[0] = attrs.evolve(self.plain, open=open_door)

    def test_it_begins_when_the_engine_works_and_ends_before_it(self) -> None:
        gate = self.gate()
        gate.privilegedStartService()
        self.assertEqual(self.errand.started, 0)
        gate.startService()
        self.assertEqual(self.errand.started, 1)
        stopping = self.stop(gate)
        self.assertNoResult(stopping)
        assert self.errand.ending is not None
        posted = self.opened[0].engine.list_queues(1, offset=0, limit=1)
        self.reactor.pump([0] * 5)
        self.successResultOf(posted)
        self.errand.ending.callback(None)
        self.reactor.pump([0] * 5)
        self.successResultOf(stopping)

    def test_it_is_waited_for_as_long_as_clients_are(self) -> None:
        gate = self.start(self.gate(f"shutdown_seconds = 3\n{PLAIN}{NAMESPACE}"))
        stopping = self.stop(gate)
        self.reactor.advance(3 - LAST_COMMIT_SECONDS)
        self.reactor.pump([0] * 5)
        self.successResultOf(stopping)

    def test_what_it_gets_is_the_world_around(self) -> None:
        self.start(self.gate(f'public_url = "https://mq.example.org"\n{PLAIN}{NAMESPACE}'))
        outside = self.opened[0].outside
        assert outside is not None
        self.assertIs(outside.reactor, self.reactor)
        self.assertEqual(outside.public_url, "https://mq.example.org")
        self.assertEqual(outside.folder, self.folder)

    def test_a_dialect_that_cannot_work_keeps_the_server_from_starting(self) -> None:
        def open_door(opening: Opening) -> Dialect:
            raise CannotOpen("it has no hands")

        self.declarations[0] = attrs.evolve(self.plain, open=open_door)
        gate = self.gate()
        gate.privilegedStartService()
        self.assertRaises(StartFailed, gate.startService)
        self.assertEqual(self.terminal.complaints, ["it has no hands"])


class StartTests(GateTestCase):
    def test_it_is_ready_once_it_is_started(self) -> None:
        gate = self.gate()
        self.assertEqual(gate.ready(), "starting")
        self.start(gate)
        self.assertIsNone(gate.ready())
        self.assertIn(b"200 OK", Client(self.reactor).ask(b"/readyz"))

    def test_sockets_are_opened_while_there_may_still_be_rights_for_that(self) -> None:
        """And nothing else: files that are made then would belong to root."""
        gate = self.gate()
        gate.privilegedStartService()
        self.assertEqual(len(self.reactor.tcpServers), 1)
        self.assertFalse(os.path.exists(os.path.join(self.folder, DATABASE)))
        factory = self.reactor.tcpServers[0][1]
        self.assertIsNone(factory.buildProtocol(HERE))

    def test_it_can_be_started_without_that(self) -> None:
        self.gate().startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def test_a_dialect_gets_its_settings_and_worlds(self) -> None:
        text = (
            PLAIN
            + "[sample]\npost_status = 200\n"
            + '[namespaces.demo.sample]\nrooms = ["a", "b"]\ntokens = []\n'
            + '[namespaces.demo.other]\nrooms = ["a"]\ntokens = []\n'
            + '[namespaces.more.sample]\nrooms = ["c"]\ntokens = ["t"]\n'
        )
        self.start(self.gate(text))
        [sample, other] = self.opened
        self.assertEqual(sample.settings.post_status, 200)
        self.assertEqual([list(grant.worlds) for grant in sample.grants], [["a", "b"], ["c"]])
        numbers = [number for grant in sample.grants for number in grant.worlds.values()]
        self.assertEqual(len(set(numbers)), 3)
        self.assertEqual(sample.grants[1].section.tokens, ("t",))
        self.assertEqual(other.grants[0].worlds["a"], sample.grants[0].worlds["a"])

    def test_a_listener_serves_the_dialects_it_is_for(self) -> None:
        listen = 'listen = ["tcp:1", { endpoint = "tcp:2", dialects = ["other"] }]\n'
        self.start(self.gate(listen + NAMESPACE))
        self.assertEqual(Client(self.reactor, 0).ask(b"/sample/x"), b"")
        self.assertIn(b"404 Not Found", Client(self.reactor, 1).ask(b"/sample/x"))

    def test_a_dialect_for_https_alone_is_turned_down_without_it(self) -> None:
        """Unless the listener names it: behind a proxy that speaks TLS, say."""
        self.declarations[0] = attrs.evolve(self.declarations[0], https_only=True)
        listen = 'listen = ["tcp:1", { endpoint = "tcp:2", dialects = ["sample"] }]\n'
        self.start(self.gate(listen + NAMESPACE))
        self.assertIn(b"400 Bad Request", Client(self.reactor, 0).ask(b"/sample/x"))
        self.assertEqual(Client(self.reactor, 1).ask(b"/sample/x"), b"")

    def test_it_says_where_it_listens_and_lets_go_of_the_terminal(self) -> None:
        self.start(self.gate())
        [said] = self.terminal.said
        self.assertTrue(said.startswith("mqgate listens on http://"), said)
        self.assertTrue(self.terminal.hung_up)
        self.assertEqual(self.terminal.complaints, [])

    def test_addresses_are_shown_as_clients_write_them(self) -> None:
        listen = r"['tcp:1:interface=\:\:1', 'tcp:2', 'unix:s']"
        self.start(self.gate(f"listen = {listen}\n{NAMESPACE}"))
        [said] = self.terminal.said
        self.assertIn("http://[::1]:1, http://localhost:2 (", said)
        self.assertIn("), unix:", said)

    def test_what_is_open_to_the_network_is_said_to_be(self) -> None:
        """On the terminal and in the log."""
        listen = r"['ssl:1', 'tcp:2:interface=\:\:', 'unix:s']"
        with capturedLogs() as events:
            self.start(self.gate(f"listen = {listen}\n{NAMESPACE}"))
        doors = [
            "https://localhost:1 (open to the network: all IPv4 addresses of this machine)",
            "http://localhost:2 (open to the network: all addresses of this machine)",
        ]
        self.assertIn(f"mqgate listens on {', '.join(doors)}, unix:", self.terminal.said[0])
        lines = [formatEvent(event) for event in events]
        for door in doors:
            self.assertIn(f"Listening on {door}", lines)

    def test_twisted_reports_the_listeners_by_our_name(self) -> None:
        """Not by that of a class."""
        self.start(self.gate(f'listen = ["tcp:1", "ssl:2"]\n{NAMESPACE}'))
        factories = [server[1] for server in self.reactor.tcpServers]
        prefixes = [ILoggingContext(factory).logPrefix() for factory in factories]
        self.assertEqual(prefixes, ["mqgate", "mqgate (TLS)"])

    def test_listeners_with_old_versions_of_tls_are_warned_of(self) -> None:
        for minimum, count in (("1.0", 1), ("1.1", 1), ("1.2", 0), ("1.3", 0)):
            text = f'tls_minimum = "{minimum}"\nlisten = ["ssl:1", "tcp:2"]\n{NAMESPACE}'
            with capturedLogs() as events:
                self.stop(self.start(self.gate(text)))
            found = [formatEvent(each) for each in events if each["log_level"] == LogLevel.warn]
            said = f"TLS {minimum} is admitted on https://localhost:1 (tls_minimum): it is broken"
            self.assertEqual([line.startswith(said) for line in found], [True] * count)

    def test_a_new_server_introduces_itself(self) -> None:
        self.start(self.gate(None))
        [said] = self.terminal.said
        self.assertTrue(said.startswith("mqgate 1.2.3 is running"), said)

    def test_first_steps_that_cannot_be_written_down_keep_nobody_from_working(self) -> None:
        gate = self.gate(None)
        os.mkdir(os.path.join(self.folder, "FIRST-STEPS.txt"))
        self.start(gate)
        self.assertIsNone(gate.ready())
        [said] = self.terminal.said
        self.assertTrue(said.startswith("mqgate listens on"), said)

    def test_defaults_of_the_configuration_are_those_of_the_rooms(self) -> None:
        server = self.configuration(NAMESPACE).server
        limits = Limits()
        self.assertEqual(server.limits.waiting_bytes, limits.waiting_bytes)
        self.assertEqual(server.limits.waiting_operations, limits.waiting_operations)
        self.assertEqual(HTTPLimits(**msgspec.structs.asdict(server.http)), HTTPLimits())


class FailingStartTests(GateTestCase):
    def refused(self, gate: Gate) -> StartFailed:
        with capturedLogs() as self.events:
            error = self.assertRaises(StartFailed, self.start, gate)
        assert isinstance(error, StartFailed)
        self.assertEqual(self.terminal.complaints, [str(error)])
        self.assertTrue(self.terminal.hung_up)
        self.assertEqual(self.terminal.said, [])
        return error

    def test_a_store_that_cannot_be_opened_is_one_line(self) -> None:
        error = self.refused(self.gate(store=BrokenStore))
        self.assertEqual(str(error), "mq.db is held by another server")

    def test_a_certificate_that_cannot_be_read_is_one_line(self) -> None:
        """It names the file, and what to change for another one."""
        error = self.refused(self.gate('listen = ["ssl:1:privateKey=no.pem"]\n' + NAMESPACE))
        file, config = Path(self.folder, "no.pem"), Path(self.folder, FILE)
        self.assertEqual(
            str(error),
            f"The key file {file} is missing. Mend that, or change listen in {config}"
            " (or use --listen).",
        )

    def test_an_authority_that_cannot_be_read_is_one_line(self) -> None:
        error = self.refused(self.gate('tls_authority = "no.pem"\n' + PLAIN + NAMESPACE))
        file = Path(self.folder, "no.pem")
        self.assertEqual(
            str(error),
            f"The certificate file {file} is missing. Mend that, or change tls_authority.",
        )

    def test_a_folder_that_made_certificates_cannot_go_to_is_one_line(self) -> None:
        gate = self.gate('listen = ["ssl:1"]\n' + NAMESPACE)
        Path(self.folder, "tls").touch()
        self.assertIn(f"cannot be made in {self.folder}/tls (", str(self.refused(gate)))

    def told(self, error: StartFailed) -> list[str]:
        """What the log has about why."""
        return [line for line in map(formatEvent, self.events) if line and str(error) in line]

    def test_a_log_elsewhere_has_the_line_too(self) -> None:
        error = self.refused(self.gate(store=BrokenStore))
        self.assertEqual(self.told(error), [f"mqgate cannot start: {error}"])

    def test_a_log_on_the_same_terminal_does_not_repeat_it(self) -> None:
        self.log_is_shown = True
        error = self.refused(self.gate(store=BrokenStore))
        self.assertEqual(self.told(error), [])

    def test_it_ends_the_process_with_status_1_and_lets_twistd_clean_up(self) -> None:
        """twistd cleans up after an `Exception` only; of a `SystemExit` there is no traceback."""
        error = StartFailed("no way")
        self.assertIsInstance(error, SystemExit)
        self.assertIsInstance(error, Exception)
        self.assertEqual(error.code, 1)

    def test_what_twistd_shows_of_it_in_the_background_is_not_cut_short(self) -> None:
        """That is 100 bytes, with a few of its own, of the last line that Python would print."""
        shown = traceback.format_exception_only(StartFailed("x" * 200))[-1]
        self.assertIn("reason above", shown)
        self.assertLess(len(shown), 90)

    def test_what_cannot_be_declared_is_one_line(self) -> None:
        def wanted(section: object) -> dict[str, Topology]:
            return {"hall": Topology({"amq.topic": "fanout"}, {}, [])}

        self.declarations[0] = attrs.evolve(self.declarations[0], topologies=wanted)
        error = self.refused(self.gate())
        self.assertEqual(
            str(error),
            "namespaces.demo.sample declares for 'hall' what cannot be made:"
            " exchange 'amq.topic' is of type topic already, not fanout: declare it as topic, or"
            " use another name",
        )

    def test_it_can_be_stopped_all_the_same(self) -> None:
        gate = self.gate(store=BrokenStore)
        self.refused(gate)
        self.assertIsNone(self.successResultOf(self.stop(gate)))


class StopTests(GateTestCase):
    def test_who_waits_is_answered_with_nothing(self) -> None:
        gate = self.start(self.gate())
        client = Client(self.reactor)
        client.ask(b"/sample/x")
        self.reactor.advance(0)
        stopping = gate.stopService()
        self.assertTrue(client.answer().endswith(b"\r\n\r\n0"))
        self.assertTrue(client.transport.disconnecting)
        self.assertNoResult(stopping)
        client.protocol.connectionLost()
        self.reactor.advance(0)
        self.successResultOf(stopping)

    def test_it_is_not_ready_meanwhile(self) -> None:
        gate = self.start(self.gate())
        client = Client(self.reactor)
        gate.stopService()
        self.assertEqual(gate.ready(), "stopping")
        client.protocol.connectionLost()

    def test_a_client_that_reads_nothing_is_cut_off(self) -> None:
        gate = self.start(self.gate(f"shutdown_seconds = 3\n{PLAIN}{NAMESPACE}"))
        client = Client(self.reactor)
        client.ask(b"/sample/x")
        stopping = gate.stopService()
        self.reactor.advance(3 - LAST_COMMIT_SECONDS)
        client.protocol.connectionLost()
        self.reactor.advance(0)
        self.successResultOf(stopping)

    def test_a_disk_that_has_stopped_answering_does_not_keep_it(self) -> None:
        gate = self.start(self.gate(store=StuckStore))
        client = Client(self.reactor)
        client.ask(b"/sample/x")
        self.reactor.advance(0)
        client.protocol.connectionLost()
        stopping = gate.stopService()
        self.reactor.advance(LAST_COMMIT_SECONDS / 2)
        self.assertNoResult(stopping)
        self.reactor.advance(LAST_COMMIT_SECONDS / 2)
        self.successResultOf(stopping)

    def test_it_lets_go_of_the_data(self) -> None:
        """Another server can be started over it at once."""
        self.successResultOf(self.stop(self.start(self.gate())))
        self.assertIsNone(self.start(self.gate()).ready())

    def test_nothing_is_left_on_the_clock(self) -> None:
        self.successResultOf(self.stop(self.start(self.gate())))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stopping_twice_or_before_the_start_is_harmless(self) -> None:
        gate = self.gate()
        self.successResultOf(self.stop(gate))
        self.start(gate)
        self.successResultOf(self.stop(gate))
        self.successResultOf(self.stop(gate))


class HealthTests(GateTestCase):
    def test_a_store_that_fails_is_why_it_is_not_ready(self) -> None:
        self.start(self.gate(store=FullStore))
        Client(self.reactor).ask(b"/sample/x")
        self.reactor.advance(0)
        answer = Client(self.reactor).ask(b"/readyz")
        self.assertIn(b"503 ", answer)
        self.assertIn(b"disk full", answer)


class CertificateTests(GateTestCase):
    TEXT = 'listen = ["ssl:8443"]\n' + NAMESPACE

    def made(self, file: str = "server.pem") -> bytes:
        return Path(self.folder, "tls", file).read_bytes()

    def test_one_is_made_for_listeners_that_name_none(self) -> None:
        self.start(self.gate(self.TEXT))
        self.assertIn(b"BEGIN CERTIFICATE", self.made())
        [said] = self.terminal.said
        self.assertIn("https://", said)

    def test_none_is_made_where_none_is_needed(self) -> None:
        self.start(self.gate())
        self.assertFalse(os.path.exists(os.path.join(self.folder, "tls")))

    def test_what_clients_are_to_trust_can_be_fetched(self) -> None:
        """The authority, without its key, at every listener."""
        self.start(self.gate('listen = ["tcp:1", "ssl:2"]\n' + NAMESPACE))
        answer = Client(self.reactor).ask(b"/ca.crt")
        self.assertTrue(answer.endswith(b"\r\n\r\n" + self.made("ca.pem")), answer)
        self.assertIn(b"Content-Type: application/x-pem-file\r\n", answer)

    def test_there_is_nothing_to_trust_where_none_was_made(self) -> None:
        self.start(self.gate())
        self.assertIn(b"404 Not Found", Client(self.reactor).ask(b"/ca.crt"))

    def test_what_clients_are_to_trust_can_be_named(self) -> None:
        """Of a file that has more in it, the certificates are shown and nothing else."""
        self.stop(self.start(self.gate(self.TEXT)))
        folder, wanted = Path(self.folder), self.made()
        (folder / "both.pem").write_bytes(self.made("server.key") + wanted)
        self.start(self.gate('listen = ["tcp:1"]\ntls_authority = "both.pem"\n' + NAMESPACE))
        answer = Client(self.reactor, -1).ask(b"/ca.crt")
        self.assertTrue(answer.endswith(b"\r\n\r\n" + wanted), answer)

    def test_it_names_the_address_that_a_listener_is_limited_to(self) -> None:
        text = 'listen = ["ssl:8443:interface=127.0.0.9", "ssl:8444"]\n'
        self.start(self.gate(text + 'tls_names = ["mq.example"]\n' + NAMESPACE))
        certificate = x509.load_pem_x509_certificate(self.made())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertIn(ipaddress.IPv4Address("127.0.0.9"), names.get_values_for_type(x509.IPAddress))
        self.assertIn("mq.example", names.get_values_for_type(x509.DNSName))

    def test_it_is_made_anew_before_it_ends(self) -> None:
        self.start(self.gate(self.TEXT))
        before, authority = self.made(), self.made("ca.pem")
        self.pass_days(SERVER_LIFETIME - RENEW_BEFORE - 2 * RENEWAL)
        self.assertEqual(self.made(), before)
        self.pass_days(3 * RENEWAL)
        self.assertNotEqual(self.made(), before)
        self.assertEqual(self.made("ca.pem"), authority)

    def levels(self, text: str) -> list[LogLevel]:
        """The levels of the log's lines with ``text`` while a server starts and stops."""
        with capturedLogs() as events:
            self.stop(self.start(self.gate(self.TEXT)))
        return [each["log_level"] for each in events if text in (formatEvent(each) or "")]

    def test_an_authority_is_a_warning_only_to_those_who_had_another(self) -> None:
        """A first start has no clients yet that trust anything."""
        self.assertEqual(self.levels("which clients have to trust"), [LogLevel.info])
        Path(self.folder, "tls", "ca.pem").unlink()
        self.assertEqual(self.levels("which clients have to trust"), [LogLevel.warn])

    def test_a_certificate_that_cannot_be_made_anew_is_a_warning(self) -> None:
        self.levels("")
        Path(self.folder, "tls", "ca.key").unlink()
        self.TEXT = 'tls_names = ["new.example"]\n' + self.TEXT
        self.assertEqual(self.levels("cannot be made anew without"), [LogLevel.warn])

    def test_a_renewal_that_fails_is_logged_once(self) -> None:
        self.start(self.gate(self.TEXT))
        Path(self.folder, "tls", "ca.pem").write_text("not a certificate")
        with capturedLogs() as events:
            self.pass_days(3 * RENEWAL)
        lines = [formatEvent(event) for event in events]
        failed = [line for line in lines if "cannot be renewed" in line]
        self.assertEqual(len(failed), 1, lines)
        self.assertIn("ca.pem", failed[0])

    def test_a_fault_in_looking_after_them_is_logged_once_and_this_goes_on(self) -> None:
        gate = self.start(self.gate(self.TEXT))
        self.pace = 0
        for _ in range(3):
            self.reactor.advance(REFRESH_SECONDS)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.pace = 1
        served = gate._listeners._contexts[None].certificate
        made = ensure(Path(self.folder, "tls"), ["other.example"], datetime.now(UTC))
        self.assertTrue(made.server_made)
        self.reactor.advance(REFRESH_SECONDS)
        self.assertNotEqual(gate._listeners._contexts[None].certificate, served)
        self.assertIsNone(gate.ready())
        self.successResultOf(self.stop(gate))

    def test_days_pass_where_none_is_made(self) -> None:
        self.start(self.gate())
        self.pass_days(2 * RENEWAL)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "tls")))

    def test_files_that_vanish_while_it_runs_stop_nothing(self) -> None:
        gate = self.start(self.gate(self.TEXT))
        Path(self.folder, "tls", "server.pem").unlink()
        self.reactor.advance(REFRESH_SECONDS)
        self.assertIsNone(gate.ready())
        self.successResultOf(self.stop(gate))

    def pass_days(self, time: timedelta) -> None:
        """Let time pass: for the wall clock at once, for the reactor's timers shortly."""
        step = RENEWAL.total_seconds()
        for _ in range(int(time / RENEWAL)):
            self.reactor.advance(step)


class TerminalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.out, self.out_end = os.pipe()
        self.err, self.err_end = os.pipe()
        self.terminal = Terminal(self.out_end, self.err_end)
        for descriptor in (self.out, self.err, self.out_end, self.err_end):
            self.addCleanup(os.close, descriptor)

    def test_texts_and_complaints_go_where_they_should(self) -> None:
        self.terminal.say("Grüße\n")
        self.terminal.complain("no")
        self.terminal.hang_up()
        self.assertEqual(os.read(self.out, 100).decode(), "Grüße\n")
        self.assertEqual(os.read(self.err, 100), b"no\n")

    def test_after_hanging_up_nothing_is_shown(self) -> None:
        self.terminal.hang_up()
        self.terminal.hang_up()
        self.terminal.say("too late")
        os.set_blocking(self.out, False)
        self.assertRaises(BlockingIOError, os.read, self.out, 100)

    def test_a_process_without_a_terminal_gets_on_without(self) -> None:
        """Such as one whose parent closed its standard output."""
        closed = os.dup(self.out)
        os.close(closed)
        terminal = Terminal(closed, closed)
        terminal.say("nobody hears")
        terminal.hang_up()

    def test_a_terminal_that_went_away_is_no_fault(self) -> None:
        out, end = os.pipe()
        terminal = Terminal(end, end)
        os.close(end)
        os.close(out)
        terminal.say("x")  # the signal for a broken pipe is ignored in Python
        terminal.hang_up()
