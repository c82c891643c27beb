"""What may be written about a listener."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.endpoints import serverFromString
from twisted.trial.unittest import SynchronousTestCase

from mqgate.tls.listeners import Listener, parse_listener
from mqgate.tls.pem import KeyFiles

BASE = Path("/etc/mqgate")


class EndpointStringTests(SynchronousTestCase):
    """Strings, as in Twisted."""

    def assert_parsed(self, text: str, endpoint: str, *, tls: bool = False, **rest: object) -> None:
        """``text`` means a socket at ``endpoint``, and so on; Twisted agrees about the socket."""
        found = parse_listener(text, BASE)
        self.assertEqual(found, Listener(endpoint, tls, **rest))  # type: ignore[arg-type]
        if not endpoint.startswith("systemd:"):
            serverFromString(object(), endpoint)

    def test_plain_sockets_stay_as_they_are(self) -> None:
        """But for a longer queue of connections, if none is given."""
        self.assert_parsed("tcp:8080", "tcp:8080:backlog=1024")
        self.assert_parsed(
            "tcp:8080:interface=127.0.0.1:backlog=7",
            "tcp:8080:interface=127.0.0.1:backlog=7",
        )
        self.assert_parsed("tcp:port=8080", "tcp:8080:backlog=1024")
        self.assert_parsed(r"tcp6:8080:5:\:\:1", r"tcp6:8080:backlog=5:interface=\:\:1")
        self.assert_parsed("systemd:domain=INET6:index=0", "systemd:domain=INET6:index=0")
        self.assert_parsed("systemd:INET:name=web", "systemd:domain=INET:name=web")

    def test_unix_sockets_are_relative_to_the_configuration(self) -> None:
        """As all paths are."""
        self.assert_parsed(
            "unix:run/mq.sock:mode=660", "unix:/etc/mqgate/run/mq.sock:mode=660:backlog=1024"
        )
        self.assert_parsed("unix:/run/a\\:b\\=c", "unix:/run/a\\:b\\=c:backlog=1024")

    def test_ssl_without_files_means_the_made_certificate(self) -> None:
        """So does the default configuration."""
        self.assert_parsed("ssl:8443", "tcp:8443:backlog=1024", tls=True)
        self.assert_parsed(
            r"ssl:8443:interface=\:\:1", r"tcp:8443:interface=\:\:1:backlog=1024", tls=True
        )

    def test_files_of_ssl_are_made_absolute(self) -> None:
        """And colons in them are quoted as anywhere."""
        self.assert_parsed(
            r"ssl:443:privateKey=tls/a\:b.key:certKey=/srv/cert.pem:extraCertChain=ca.pem",
            "tcp:443:backlog=1024",
            tls=True,
            files=KeyFiles(BASE / "tls/a:b.key", Path("/srv/cert.pem"), BASE / "ca.pem"),
        )

    def test_one_file_may_hold_key_and_certificate(self) -> None:
        """Under either of its names."""
        for name in ("privateKey", "certKey"):
            self.assert_parsed(
                f"ssl:443:{name}=both.pem",
                "tcp:443:backlog=1024",
                tls=True,
                files=KeyFiles(BASE / "both.pem", BASE / "both.pem"),
            )

    def test_tls_takes_a_folder(self) -> None:
        """And listens on all addresses at 443, as Twisted has it."""
        files = KeyFiles(BASE / "live", BASE / "live", in_folder=True)
        self.assert_parsed(
            "tls:live", r"tcp6:443:interface=\:\::backlog=1024", tls=True, files=files
        )
        self.assert_parsed(
            "tls:live:8443:interface=127.0.0.1",
            "tcp6:8443:interface=127.0.0.1:backlog=1024",
            tls=True,
            files=files,
        )

    def test_kinds_of_plugins_are_left_to_twisted(self) -> None:
        """Word for word."""
        self.assertEqual(parse_listener("haproxy:tcp:80", BASE), Listener("haproxy:tcp:80"))

    def test_what_is_wrong_is_named(self) -> None:
        """Each in a sentence with what was written, and mostly with the fix."""
        for text, reason in (
            ("", "is no endpoint"),
            ("8443", "is no endpoint"),
            ("a=b:c", "is no endpoint"),
            ("tcp:", "has no port"),
            ("tcp:backlog=5", "has no port"),
            ("ssl:https", "the port is 'https', which is no number from 0 to 65535"),
            ("tcp:65536", "from 0 to 65535"),
            ("tcp:-1", "from 0 to 65535"),
            ("tcp:1:backlog=x", "the backlog is 'x'"),
            ("tcp:1:interfaces=x", "'interfaces' is unknown, use port, interface, backlog"),
            ("tcp:1:port=1", "names port twice"),
            ("tcp:1::5:5", "has a part without a name"),
            ("ssl:1:interface=::1", r"a colon is written \:"),
            ("ssl:1:extraCertChain=a", "needs a privateKey and a certKey"),
            ("ssl:1:sslmethod=TLSv1_METHOD", "tls_minimum sets the lowest TLS version"),
            ("ssl:1:dhParameters=a", "elliptic curves only"),
            ("tls:8443", 'write "ssl:8443"'),
            ("tls:", "has no path"),
            ("unix:", "has no address"),
            ("systemd:domain=INET", "one of index and name"),
            ("systemd:domain=INET:index=0:name=a", "one of index and name"),
            ("haproxy:ssl:443", '{ endpoint = "haproxy:tcp:...", tls = true }'),
            ("tcp:1\\", "ends in a backslash"),
            ("carrier:pigeon", "there is no endpoint 'carrier', use tcp, tcp6, unix, systemd, ssl"),
        ):
            error = str(self.assertRaises(ValueError, parse_listener, text, BASE))
            self.assertIn(reason, error)
            self.assertIn(repr(text), error)


class ClashTests(SynchronousTestCase):
    """Two listeners that cannot both be had."""

    def clash(self, one: str, other: str) -> bool:
        """Whether these two do, in whichever order."""
        first, second = (parse_listener(each, BASE) for each in (one, other))
        self.assertEqual(first.clashes_with(second), second.clashes_with(first))
        return first.clashes_with(second)

    def test_the_same_address_clashes_however_it_is_written(self) -> None:
        """With TLS or without, whatever the rest of the string says."""
        for one, other in (
            ("tcp:1", "tcp:1"),
            ("tcp:1", "ssl:port=1:backlog=5"),
            ("tcp:1:interface=127.0.0.1", "ssl:1:certKey=a:interface=127.0.0.1"),
            ("tcp:1:interface=0.0.0.0", "tcp:1:interface=127.0.0.1"),
            ("tls:live:1", r"tcp6:1:interface=\:\:1"),
            ("unix:a", "unix:/etc/mqgate/a"),
            ("systemd:domain=INET:index=0", "systemd:INET:0"),
        ):
            self.assertTrue(self.clash(one, other), (one, other))

    def test_different_ones_do_not(self) -> None:
        """Whether the system gives IPv4 to who asks for IPv6 is a setting of its."""
        for one, other in (
            ("tcp:1", "tcp:2"),
            ("tcp:0", "tcp:0"),
            ("tcp:1:interface=127.0.0.1", "tcp:1:interface=127.0.0.2"),
            ("tcp:1", r"tcp:1:interface=\:\:"),
            ("unix:a", "unix:b"),
            ("systemd:INET:0", "systemd:INET:1"),
            ("tcp:1", "haproxy:tcp:1"),
        ):
            self.assertFalse(self.clash(one, other), (one, other))


class TableTests(SynchronousTestCase):
    """Tables around a string."""

    def parse(self, endpoint: str, **rest: object) -> Listener:
        """The listener of a table."""
        return parse_listener({"endpoint": endpoint, **rest}, BASE)

    def test_a_listener_may_be_limited_to_dialects(self) -> None:
        """None are named for all."""
        found = self.parse("ssl:1", dialects=["ironmq", "shiftr"])
        self.assertEqual(found.dialects, {"ironmq", "shiftr"})
        self.assertIsNone(self.parse("ssl:1").dialects)

    def test_a_socket_of_systemd_may_be_served_by_tls(self) -> None:
        """Which no string can say."""
        text = "systemd:domain=INET6:index=0"
        self.assertEqual(self.parse(text, tls=True), Listener(text, tls=True))
        self.assertEqual(self.parse(text, tls=False), Listener(text))
        self.assertEqual(
            self.parse(text, tls={"privateKey": "a", "certKey": "b"}),
            Listener(text, True, KeyFiles(BASE / "a", BASE / "b")),
        )

    def test_tls_may_be_said_twice_but_not_in_contradiction(self) -> None:
        """What was meant could only be guessed."""
        self.assertTrue(self.parse("ssl:1", tls=True).tls)
        files = self.parse("ssl:1", tls={"certKey": "b"}).files
        self.assertEqual(files, KeyFiles(BASE / "b", BASE / "b"))
        for endpoint, tls, reason in (
            ("ssl:1", False, "'ssl:1' means TLS, but `tls` is false"),
            ("ssl:1:certKey=a", {"certKey": "b"}, "names its files already"),
            ("tcp:1", {}, "`tls = true`"),
            ("tcp:1", {"cert": "b"}, "`tls.cert`: use privateKey, certKey, extraCertChain"),
            ("tcp:1", {"certKey": 5}, "`tls.certKey`"),
            ("tcp:1", "yes", "`tls` is true, false or a table"),
        ):
            error = self.assertRaises(ValueError, self.parse, endpoint, tls=tls)
            self.assertIn(reason, str(error))

    def test_what_is_no_table_of_a_listener_is_refused(self) -> None:
        """With what one has."""
        for wrong, reason in (
            (5, 'a table with `endpoint = "..."`'),
            ({"tls": True}, 'a table with `endpoint = "..."`'),
            ({"endpoint": "tcp:1", "dialect": "x"}, "'dialect' is no key of a listener"),
            ({"endpoint": "tcp:1", "dialects": []}, "a list of at least one name"),
            ({"endpoint": "tcp:1", "dialects": "x"}, "a list of at least one name"),
            ({"endpoint": "tcp:1", "dialects": [1]}, "each of them a string"),
        ):
            error = self.assertRaises(ValueError, parse_listener, wrong, BASE)
            self.assertIn(reason, str(error))
