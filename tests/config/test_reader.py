"""The file and the command line: what is taken, and how what is not is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from mqgate.config.problems import ConfigurationError
from mqgate.config.reader import Overrides, read
from mqgate.config.values import Configuration
from mqgate.tls.context import VERSIONS
from mqgate.tls.listeners import Listener
from tests.config.sample import NAMESPACE, SampleNamespace, SampleSettings, declare


class ReaderTestCase(SynchronousTestCase):
    """Gives each test a folder with a configuration in it."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.path = os.path.join(self.folder, "mqgate.toml")

    def write(self, text: str, name: str = "mqgate.toml") -> None:
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(
        self,
        text: str,
        environment: Mapping[str, str] | None = None,
        overrides: Overrides | None = None,
    ) -> Configuration:
        self.write(text)
        declarations = [declare("sample"), declare("other")]
        return read(self.path, declarations, environment or {}, overrides or Overrides())

    def listeners(self, configuration: Configuration) -> list[Listener]:
        return [listening.listener for listening in configuration.listeners]

    def refusal(self, text: str, environment: Mapping[str, str] | None = None) -> str:
        """The line for a configuration that cannot be used, without the file's folder."""
        error = self.assertRaises(ConfigurationError, self.read, text, environment)
        line = str(error)
        self.assertNotIn("\n", line)
        return line.replace(self.folder + os.sep, "")


class AcceptedTests(ReaderTestCase):
    def test_everything_but_a_namespace_has_a_default(self) -> None:
        configuration = self.read(NAMESPACE)
        self.assertEqual(configuration.data, os.path.join(self.folder, "mqgate-data"))
        self.assertEqual(
            [(each.tls, each.files, each.dialects) for each in self.listeners(configuration)],
            [(True, None, None), (False, None, None)],
        )
        self.assertIsNone(configuration.database.address())
        self.assertEqual(configuration.server.tls_minimum, "1.2")
        self.assertEqual(configuration.server.free_space_minimum, 256_000_000)
        self.assertEqual(configuration.server.limits.waiting_bytes, 64 * 2**20)
        self.assertEqual(configuration.server.limits.waiting_operations, 10_000)
        self.assertEqual(configuration.server.workers, 1)
        self.assertEqual(configuration.settings["sample"], SampleSettings())

    def test_metrics_and_access_log_are_off_unless_their_tables_are_there(self) -> None:
        configuration = self.read(NAMESPACE)
        self.assertIsNone(configuration.scraping)
        self.assertIsNone(configuration.server.access_log)
        self.assertEqual(configuration.sockets, configuration.listeners)

    def test_metrics_listen_on_the_loopback_interface_unless_told_otherwise(self) -> None:
        """They are none of the listeners, which clients are told of."""
        configuration = self.read("[metrics]\n" + NAMESPACE)
        assert configuration.scraping is not None
        self.assertIn("tcp:9309:interface=127.0.0.1", configuration.scraping.listener.endpoint)
        self.assertEqual(configuration.sockets[:-1], configuration.listeners)
        self.assertIs(configuration.sockets[-1], configuration.scraping)

    def test_the_tls_versions_are_those_of_the_tls_room(self) -> None:
        for version in VERSIONS:
            configuration = self.read(f'tls_minimum = "{version}"\n' + NAMESPACE)
            self.assertEqual(configuration.server.tls_minimum, version)

    def test_sections_become_values_of_the_dialects_types(self) -> None:
        configuration = self.read("[sample]\npost_status = 200\n" + NAMESPACE)
        self.assertEqual(configuration.settings["sample"], SampleSettings(post_status=200))
        [namespace] = configuration.namespaces
        self.assertEqual(namespace.name, "demo")
        self.assertEqual(
            dict(namespace.sections), {"sample": SampleNamespace(("hall",), ("s3cret",))}
        )

    def test_relative_paths_are_relative_to_the_file(self) -> None:
        self.assertEqual(self.read('data = "."\n' + NAMESPACE).data, self.folder)
        self.assertEqual(self.read('data = "/srv/mq"\n' + NAMESPACE).data, "/srv/mq")

    def test_the_command_line_overrides_the_file(self) -> None:
        """What is given there is relative to where the command is given."""
        configuration = self.read(
            'data = "a"\nlisten = ["tcp:1"]\n' + NAMESPACE,
            overrides=Overrides(data="b", listen=["tcp:2", "tcp:3"]),
        )
        self.assertEqual(configuration.data, os.path.abspath("b"))
        self.assertEqual(
            [each.endpoint for each in self.listeners(configuration)],
            ["tcp:2:backlog=1024", "tcp:3:backlog=1024"],
        )

    def test_a_listener_can_be_limited_to_some_dialects(self) -> None:
        configuration = self.read(
            'listen = ["tcp:1", { endpoint = "tcp:2", dialects = ["other"] }]\n' + NAMESPACE
        )
        self.assertEqual(
            [each.dialects for each in self.listeners(configuration)],
            [None, frozenset({"other"})],
        )

    def test_sizes_may_have_units(self) -> None:
        for text, size in [
            ("0", 0),
            ("1000", 1000),
            ('"12 B"', 12),
            ('"256 MB"', 256_000_000),
            ('"1GiB"', 2**30),
        ]:
            configuration = self.read(f"free_space_minimum = {text}\n" + NAMESPACE)
            self.assertEqual(configuration.server.free_space_minimum, size)

    def test_a_section_may_claim_no_name(self) -> None:
        configuration = self.read("[namespaces.demo.sample]\nrooms = []\ntokens = []\n")
        self.assertEqual(configuration.worlds, ())

    def test_the_first_names_of_a_namespace_share_a_world(self) -> None:
        """Every further name is a world apart: docs/configuration.md, Namespaces."""
        configuration = self.read(
            '[namespaces.demo.sample]\nrooms = ["a", "b"]\ntokens = []\n'
            '[namespaces.demo.other]\nrooms = ["a", "c"]\ntokens = []\n'
            '[namespaces.more.other]\nrooms = ["d"]\ntokens = []\n'
        )
        self.assertEqual(
            sorted(configuration.worlds),
            [("other/c",), ("other/d",), ("sample/a", "other/a"), ("sample/b",)],
        )

    def test_files_of_a_listener_are_relative_to_the_file_or_to_where_the_command_is_given(
        self,
    ) -> None:
        endpoint = "ssl:1:privateKey=a.pem"
        [found] = self.listeners(self.read(f'listen = ["{endpoint}"]\n' + NAMESPACE))
        assert found.files is not None
        self.assertEqual(str(found.files.key), os.path.join(self.folder, "a.pem"))
        [found] = self.listeners(self.read(NAMESPACE, overrides=Overrides(listen=[endpoint])))
        assert found.files is not None
        self.assertEqual(str(found.files.key), os.path.abspath("a.pem"))


class SecretTests(ReaderTestCase):
    def tokens(self, text: str, environment: Mapping[str, str] | None = None) -> object:
        configuration = self.read(self.section(text), environment)
        section = configuration.namespaces[0].sections["sample"]
        assert isinstance(section, SampleNamespace)
        return section.tokens

    def section(self, tokens: str) -> str:
        return f'[namespaces.demo.sample]\nrooms = ["hall"]\ntokens = {tokens}\n'

    def test_a_secret_can_stand_in_the_environment(self) -> None:
        tokens = self.tokens('["a", { env = "MQ_TOKEN" }]', {"MQ_TOKEN": "b"})
        self.assertEqual(tokens, ("a", "b"))

    def test_a_secret_can_stand_in_a_file_whose_last_newline_is_not_part_of_it(self) -> None:
        self.write("päss word \n", name="token")
        self.assertEqual(self.tokens('[{ file = "token" }]'), ("päss word ",))

    def test_what_is_missing_is_named(self) -> None:
        where = "mqgate.toml: namespaces.demo.sample.tokens[0] asks for"
        self.write("", name="empty")
        with open(os.path.join(self.folder, "latin"), "wb") as file:
            file.write(b"p\xe4ss")
        for reference, complaint in [
            ('{ env = "MQ_TOKEN" }', "the environment variable MQ_TOKEN: set it"),
            ('{ file = "empty" }', "the file empty: it is empty"),
            ('{ file = "latin" }', "the file latin: it is not UTF-8 text"),
        ]:
            self.assertEqual(self.refusal(self.section(f"[{reference}]")), f"{where} {complaint}")

    def test_a_missing_file_is_named_with_its_folder(self) -> None:
        """Which need not be the one that the operator has in mind."""
        text = self.section('[{ file = "none" }]')
        error = self.assertRaises(ConfigurationError, self.read, text)
        path = os.path.join(self.folder, "none")
        self.assertIn(f" asks for the file {path}: No such file or directory", str(error))

    def test_a_misspelt_reference_is_refused(self) -> None:
        self.assertEqual(
            self.refusal(self.section('[{ evn = "MQ_TOKEN" }]')),
            "mqgate.toml: namespaces.demo.sample.tokens[0] is a table that cannot be used:"
            " use text in quotes",
        )

    def test_a_wrong_kind_of_value_is_named_but_not_shown(self) -> None:
        for value, kind in [
            ("true", "a boolean"),
            ("1.5", "a number"),
            ("[]", "a list"),
            ("1979-05-27", "a date or time"),
        ]:
            self.assertEqual(
                self.refusal(self.section(f"[{value}]")),
                f"mqgate.toml: namespaces.demo.sample.tokens[0] is {kind} that cannot be used:"
                " use text in quotes",
            )

    def test_no_line_and_no_repr_shows_a_secret(self) -> None:
        for tokens in ('"s3cret"', '[["s3cret"]]', '[{ file = "token", env = "s3cret" }]'):
            self.assertNotIn("s3cret", self.refusal(self.section(tokens)))
        self.assertNotIn("s3cret", self.refusal(self.section('["s3cret"]') + 'colour = "s3cret"'))
        configuration = self.read(self.section('[{ env = "X" }]'), {"X": "s3cret"})
        self.assertNotIn("s3cret", repr(configuration))


class DatabaseTests(ReaderTestCase):
    """What the key says may have a password in it."""

    def test_it_is_a_file_or_the_address_of_a_server(self) -> None:
        for text in (
            "postgresql://mq:s3cret@one,two/mq?target_session_attrs=read-write",
            "postgres://mq@db/mq",
            "host=one,two dbname=mq password='s3 pass'",
        ):
            configuration = self.read(f'database = "{text}"\n' + NAMESPACE)
            self.assertEqual(configuration.database.address(), text)
            self.assertNotIn("s3", repr(configuration))
        self.assertIsNone(self.read('database = "sqlite"\n' + NAMESPACE).database.address())

    def test_it_can_stand_elsewhere(self) -> None:
        self.write("postgresql://mq:s3cret@db/mq\n", "address")
        for reference in ('{ env = "DATABASE" }', '{ file = "address" }'):
            configuration = self.read(
                f"database = {reference}\n{NAMESPACE}",
                {"DATABASE": "postgresql://mq:s3cret@db/mq"},
            )
            self.assertEqual(configuration.database.address(), "postgresql://mq:s3cret@db/mq")
        self.assertEqual(
            self.refusal('database = { env = "DATABASE" }\n' + NAMESPACE),
            "mqgate.toml: database asks for the environment variable DATABASE: set it",
        )

    def test_what_it_cannot_be_is_told_without_showing_it(self) -> None:
        for value, kind in (
            ('"mysql://mq:s3cret@db/mq"', "text"),
            ('"SQLite"', "text"),
            ("5", "a number"),
            ('{ sqlite = "s3cret" }', "a table"),
        ):
            line = self.refused_address(f"database = {value}\n{NAMESPACE}")
            self.assertTrue(
                line.startswith(f"mqgate.toml: database is {kind} that cannot be used: use "), line
            )
            self.assertNotIn("s3cret", line)

    def refused_address(self, text: str) -> str:
        """The line for a database that cannot be meant."""
        error = self.assertRaises(ConfigurationError, lambda: self.read(text).database.address())
        return str(error).replace(self.folder + os.sep, "")

    def test_its_deadline_is_a_second_at_least(self) -> None:
        configuration = self.read("database_deadline_seconds = 2.5\n" + NAMESPACE)
        self.assertEqual(configuration.server.database_deadline_seconds, 2.5)
        self.assertEqual(
            self.refusal("database_deadline_seconds = 0\n" + NAMESPACE),
            "mqgate.toml: database_deadline_seconds is 0: use a number from 1 to 60",
        )


class RefusedTests(ReaderTestCase):
    def test_a_wrong_value_is_shown_with_what_can_stand_in_its_place(self) -> None:
        for text, line in [
            ("[sample]\npost_status = 202", "sample.post_status is 202: use 200 or 201"),
            (
                '[sample]\npost_status = "201"',
                'sample.post_status is "201": use 200 or 201',
            ),
            (
                "[sample]\ndeleted_seconds = -1",
                "sample.deleted_seconds is -1: use a whole number of at least 0",
            ),
            ("[sample]\npolite = 1", "sample.polite is 1: use true or false"),
            ('[sample]\npace = "fast"', 'sample.pace is "fast": use a number'),
            (
                "[sample]\ndeleted_seconds = 13",
                "sample: deleted_seconds is 13: use a number that is not unlucky",
            ),
            (
                'free_space_minimum = "much"',
                'free_space_minimum is "much": use a number of bytes or text such as "256 MB"',
            ),
            ("http = { head_seconds = 0 }", None),
            (
                "http = { connections = 0 }",
                "http.connections is 0: use a whole number from 1 to 1000000",
            ),
            (
                'http = { head_bytes = "1 kB" }',
                "http: head_bytes is 1000: use 8192 to 1048576 bytes",
            ),
            (
                "http = { unsent_bytes = 0 }",
                "http: unsent_bytes is 0: use 1048576 to 1099511627776 bytes",
            ),
            ("workers = 0", "workers is 0: use a whole number from 1 to 64"),
            (
                "tls_minimum = 1.2",
                'tls_minimum is 1.2: use "1.0" or "1.1" or "1.2" or "1.3"',
            ),
            (
                'public_url = "mq.example.org"',
                'public_url is "mq.example.org": use a URL such as "https://mq.example.org:8443"',
            ),
            ('public_url = "https://mq.example.org/?a=b"', None),
            ("data = 2026-11-21", "data is 2026-11-21: use text in quotes"),
            ("tls_names = { }", None),
        ]:
            found = self.refusal(f"{text}\n{NAMESPACE}")
            if line is not None:
                self.assertEqual(found, f"mqgate.toml: {line}")

    def test_metrics_cannot_have_the_address_of_a_listener(self) -> None:
        text = 'listen = ["tcp:9309"]\n[metrics]\nlisten = "tcp:9309"\n' + NAMESPACE
        self.assertEqual(
            self.refusal(text),
            'mqgate.toml: metrics.listen: "tcp:9309" has the address of another listener: '
            "use another",
        )

    def test_what_metrics_and_access_log_take_is_said(self) -> None:
        for text, line in [
            ("[metrics]\nqueues = -1", "metrics.queues is -1: use a whole number from 0 to 1000"),
            ("[metrics]\nqueue = 1", "metrics.queue is not a key: use queues"),
            ('[metrics]\nlisten = ""', "metrics.listen: '' is no endpoint"),
            ('[access_log]\nformat = "xml"', 'access_log.format is "xml": use "common" or "json"'),
            ("metrics = true", "metrics is true: use a table of listen, queues"),
        ]:
            self.assertIn(line, self.refusal(f"{text}\n{NAMESPACE}"), text)

    def test_a_long_value_is_cut_short(self) -> None:
        line = self.refusal(f'listen = "{"x" * 1000}"\n{NAMESPACE}')
        self.assertLess(len(line), 200)

    def test_a_missing_key_is_named(self) -> None:
        self.assertEqual(
            self.refusal('[namespaces.demo.sample]\nrooms = ["hall"]\n'),
            "mqgate.toml: namespaces.demo.sample.tokens is missing:"
            " use a list, each of its items text in quotes",
        )

    def test_the_nearest_known_key_is_offered_for_an_unknown_one(self) -> None:
        for text, line in [
            ('dta = "x"', "dta is not a key: use data"),
            ("[sample]\npost_statsu = 200", "sample.post_statsu is not a key: use post_status"),
            (
                "[sample]\nzzz = 1",
                "sample.zzz is not a key: use one of deleted_seconds, pace, polite, post_status",
            ),
        ]:
            self.assertEqual(self.refusal(f"{text}\n{NAMESPACE}"), f"mqgate.toml: {line}")

    def test_a_dialect_of_another_version_is_refused(self) -> None:
        for text, key in [
            (f"{NAMESPACE}[rocketmq]\n", "rocketmq"),
            (f"{NAMESPACE}[namespaces.demo.robomq]\n", "namespaces.demo.robomq"),
        ]:
            self.assertEqual(
                self.refusal(text),
                f"mqgate.toml: {key} is no dialect of this version: use sample or other",
            )
        self.assertEqual(
            self.refusal(f'listen = [{{ endpoint = "tcp:1", dialects = ["x"] }}]\n{NAMESPACE}'),
            'mqgate.toml: listen[0].dialects is "x": use sample or other',
        )

    def test_tables_in_lists_are_told_apart(self) -> None:
        where = "mqgate.toml: namespaces.demo.sample.users[1]"
        for user, line in [
            ('{ name = "b", quotta = 1 }', f"{where}.quotta is not a key: use quota"),
            ("{ quota = 1 }", f"{where}.name is missing: use text in quotes"),
            ('"b"', f"{where} is text that cannot be used: use a table of name, quota"),
        ]:
            found = self.refusal(f'{NAMESPACE}users = [{{ name = "a" }}, {user}]\n')
            self.assertEqual(found, line)

    def test_values_under_keys_that_anybody_may_choose_are_not_shown_either(self) -> None:
        self.assertEqual(
            self.refusal(f'{NAMESPACE}rights = {{ carol = "s3cret" }}\n'),
            "mqgate.toml: namespaces.demo.sample.rights has a key or a value that cannot be used",
        )

    def test_a_name_has_one_owner(self) -> None:
        more = '[namespaces."old ones".sample]\nrooms = ["attic", "hall"]\ntokens = []\n'
        self.assertEqual(
            self.refusal(NAMESPACE + more),
            'mqgate.toml: namespaces."old ones".sample claims "hall", as namespaces.demo.sample'
            " does: a name has one owner",
        )
        self.assertIn(
            "a name has one owner",
            self.refusal('[namespaces.demo.sample]\nrooms = ["a", "a"]\ntokens = []\n'),
        )

    def test_two_dialects_may_use_the_same_name(self) -> None:
        self.read(NAMESPACE + '[namespaces.more.other]\nrooms = ["hall"]\ntokens = []\n')

    def test_a_server_that_nobody_could_use_does_not_start(self) -> None:
        expected = (
            "mqgate.toml: namespaces has no section, so nobody could use the server:"
            " add [namespaces.demo.sample] or [namespaces.demo.other]"
        )
        for text in ("", "[namespaces.demo]\n"):
            self.assertEqual(self.refusal(text), expected)

    def test_tables_have_to_be_tables(self) -> None:
        for text in ("namespaces = 1", "namespaces.demo = 1", "namespaces.demo.sample = 1"):
            self.assertIn("use a table", self.refusal(text))
        self.assertIn("use a table", self.refusal(f"sample = 1\n{NAMESPACE}"))
        self.assertIn("use a table", self.refusal(f"http = 1\n{NAMESPACE}"))

    def test_an_empty_list_of_listeners_is_refused(self) -> None:
        self.assertEqual(
            self.refusal(f"listen = []\n{NAMESPACE}"),
            'mqgate.toml: listen is an empty list: use at least one endpoint, such as "ssl:8443"',
        )

    def test_what_the_tls_room_refuses_is_told_with_its_place(self) -> None:
        line = self.refusal(f'listen = ["tcp:1", "ssl:x"]\n{NAMESPACE}')
        self.assertTrue(line.startswith("mqgate.toml: listen[1]: 'ssl:x'"), line)
        line = self.refusal(f'tls_names = ["a b"]\n{NAMESPACE}')
        self.assertTrue(line.startswith("mqgate.toml: tls_names[0]: 'a b' is neither"), line)
        overrides = Overrides(listen=["nonsense"])
        error = self.assertRaises(ConfigurationError, self.read, NAMESPACE, overrides=overrides)
        self.assertTrue(str(error).startswith("--listen: 'nonsense' is no endpoint"), error)

    def test_no_two_listeners_can_have_the_same_address(self) -> None:
        """The system would only say that the port is taken."""
        line = self.refusal(f'listen = ["tcp:1", "tcp:2", "ssl:1"]\n{NAMESPACE}')
        self.assertEqual(
            line,
            'mqgate.toml: listen[2]: "ssl:1" has the address of a listener before it: use another',
        )
        overrides = Overrides(listen=["tcp:1", "tcp:1"])
        error = self.assertRaises(ConfigurationError, self.read, NAMESPACE, overrides=overrides)
        self.assertTrue(str(error).startswith('--listen: "tcp:1" has the address of a'), error)

    def test_a_kind_of_endpoint_that_does_not_exist_is_refused(self) -> None:
        self.assertEqual(
            self.refusal(f'listen = ["carrier:pigeon"]\n{NAMESPACE}'),
            "mqgate.toml: listen[0]: 'carrier:pigeon': there is no endpoint 'carrier',"
            " use tcp, tcp6, unix, systemd, ssl, tls",
        )

    def test_the_mark_that_some_editors_put_before_the_text_does_no_harm(self) -> None:
        self.read("\N{ZERO WIDTH NO-BREAK SPACE}" + NAMESPACE)

    def test_lines_may_end_as_on_windows(self) -> None:
        self.read(NAMESPACE.replace("\n", "\r\n"))

    def test_what_is_given_twice_is_told_with_its_line(self) -> None:
        for text, at in [
            ('data = "a"\ndata = "b"\n', "line 2, column 11"),
            ("[sample]\n[sample]\n", "line 2, column 8"),
            ("http = { head_seconds = 1, head_seconds = 2 }\n", "line 1, column 44"),
            ("http = {}\n[http]\n", "line 2, column 6"),
        ]:
            self.assertEqual(
                self.refusal(text),
                f"mqgate.toml: a key or section is given twice (at {at}): keep one",
            )

    def test_a_file_that_is_not_toml_is_refused_with_its_line(self) -> None:
        self.assertEqual(
            self.refusal("data = \n"),
            "mqgate.toml: is not TOML: Invalid value (at line 1, column 8)",
        )

    def test_a_file_that_cannot_be_read_is_refused(self) -> None:
        with open(self.path, "wb") as file:
            file.write(b'data = "\xe4"')
        error = self.assertRaises(ConfigurationError, read, self.path, [], {})
        self.assertIn("is not UTF-8 text", str(error))
        error = self.assertRaises(ConfigurationError, read, self.path + "x", [], {})
        self.assertEqual(str(error), f"{self.path}x: cannot be read: No such file or directory")
