"""The first start of a server: what it leaves behind, and what its operator is told."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mqgate.config.first_run import DATABASE, REQUESTS, make_folder, prepare
from mqgate.config.introduction import Door, introduce, where
from mqgate.config.problems import ConfigurationError
from mqgate.config.reader import read
from mqgate.config.template import configuration_text
from mqgate.config.toml import toml_key, toml_value
from mqgate.tls.listeners import parse_listener
from tests.config.sample import SampleNamespace, counting_hex, declare

TLS = Door("https://localhost:8443", None, "/data/tls/ca.pem", "all of this machine")
PLAIN = Door("http://127.0.0.1:8080", None, None)


class FirstRunTestCase(SynchronousTestCase):
    """Gives each test a data folder that is not there yet."""

    def setUp(self) -> None:
        self.data = os.path.join(os.path.abspath(self.mktemp()), "mqgate-data")
        self.declarations = [declare("sample"), declare("other")]
        self.random_hex = counting_hex()

    def prepare(self, *listen: str) -> str:
        return prepare(self.data, self.declarations, self.random_hex, listen)

    def introduce(self, *doors: Door) -> str | None:
        return introduce(self.data, doors, "1.2.3")

    def mode(self, *names: str) -> int:
        return os.stat(os.path.join(self.data, *names)).st_mode & 0o777

    def text(self, *names: str) -> str:
        with open(os.path.join(self.data, *names), encoding="utf-8") as file:
            return file.read()


class FolderTests(FirstRunTestCase):
    def test_the_configuration_it_writes_can_be_read(self) -> None:
        configuration = read(self.prepare(), self.declarations, {})
        self.assertEqual(configuration.data, self.data)
        section = configuration.namespaces[0].sections["other"]
        self.assertEqual(section, SampleNamespace((f"{0xABC2:024x}",), (f"{0xABC3:016x}",)))

    def test_tables_in_a_list_stand_on_lines_of_their_own(self) -> None:
        """Such as users, which get longer."""
        users = [{"name": "a", "rights": ["read"]}, {"name": "b", "rights": []}]
        section = {"users": users, "one": users[:1], "none": []}
        text = configuration_text(["tcp:1"], {"sample": section})
        self.assertEqual(tomllib.loads(text)["namespaces"]["demo"]["sample"], section)
        self.assertIn('users = [\n    { name = "a", rights = ["read"] },\n    { name = "b"', text)

    def test_nobody_else_can_read_it(self) -> None:
        self.prepare()
        self.assertEqual(self.mode(), 0o700)
        self.assertEqual(self.mode("curl"), 0o700)
        for file in ("mqgate.toml", "curl/sample", "curl/other", REQUESTS):
            self.assertEqual(self.mode(file), 0o600, file)

    def test_curl_finds_the_credentials_of_the_configuration(self) -> None:
        self.prepare()
        tables = tomllib.loads(self.text("mqgate.toml"))
        [token] = tables["namespaces"]["demo"]["sample"]["tokens"]
        self.assertEqual(self.text("curl", "sample"), f'header = "X-Token: {token}"\n')

    def test_the_next_start_finds_it_all_again(self) -> None:
        path = self.prepare()
        before = self.text("mqgate.toml")
        self.assertEqual(self.prepare(), path)
        self.assertEqual(self.text("mqgate.toml"), before)

    def test_listeners_of_the_command_line_are_written_down(self) -> None:
        """So that the next start, without them, is found at the same place."""
        configuration = read(self.prepare("tcp:7001"), self.declarations, {})
        [listening] = configuration.listeners
        self.assertEqual(listening.listener, parse_listener("tcp:7001", Path("/")))

    def test_listeners_that_could_not_be_written_down_are_refused_before_anything_is_made(
        self,
    ) -> None:
        for endpoint in ("nonsense", "ssl:1:privateKey=relative.pem", "unix:socket"):
            error = self.assertRaises(ConfigurationError, self.prepare, "tcp:7001", endpoint)
            self.assertTrue(str(error).startswith("--listen: "), error)
            self.assertIn(endpoint, str(error))
            self.assertFalse(os.path.exists(self.data))
        self.prepare("ssl:1:privateKey=/absolute.pem")

    def test_one_that_was_cut_short_is_done_again(self) -> None:
        """The configuration comes last: without it nothing else counts."""
        os.unlink(self.prepare())
        with open(os.path.join(self.data, "mqgate.toml.new"), "w") as file:
            file.write("half")
        configuration = read(self.prepare(), self.declarations, {})
        [token] = tomllib.loads(self.text("mqgate.toml"))["namespaces"]["demo"]["sample"]["tokens"]
        self.assertIn(token, self.text("curl", "sample"))
        self.assertEqual(configuration.data, self.data)

    def test_a_folder_that_is_there_keeps_its_mode(self) -> None:
        os.makedirs(self.data, mode=0o750)
        self.prepare()
        self.assertEqual(self.mode(), 0o750)

    def test_a_database_without_its_configuration_is_left_alone(self) -> None:
        os.makedirs(self.data)
        with open(os.path.join(self.data, DATABASE), "w"):
            pass
        error = self.assertRaises(ConfigurationError, self.prepare)
        self.assertEqual(
            str(error),
            f"{self.data}: has a database but no mqgate.toml: put that back, or use --config FILE",
        )

    def test_a_file_that_cannot_be_written_is_one_line(self) -> None:
        os.makedirs(os.path.join(self.data, "curl", "sample.new"))
        error = self.assertRaises(ConfigurationError, self.prepare)
        self.assertIn("sample.new: cannot be made: Is a directory", str(error))

    def test_a_folder_that_cannot_be_made_is_one_line(self) -> None:
        self.data = os.path.join(os.path.dirname(self.data), "x" * 300)
        error = self.assertRaises(ConfigurationError, self.prepare)
        self.assertEqual(
            str(error),
            f"{self.data}: cannot be made: File name too long: use --data to name another folder",
        )

    def test_a_file_where_the_folder_has_to_be_is_called_one(self) -> None:
        """Or above it."""
        os.makedirs(os.path.dirname(self.data))
        with open(self.data, "w"):
            pass
        for folder, what in (
            (self.data, "a file"),
            (os.path.join(self.data, "below"), "below a file"),
        ):
            error = self.assertRaises(ConfigurationError, make_folder, folder)
            self.assertEqual(
                str(error),
                f"{folder}: is {what}, but has to be a folder: use data or --data for another",
            )


class IntroductionTests(FirstRunTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.prepare()

    def test_it_is_told_once_and_kept(self) -> None:
        text = self.introduce(TLS, PLAIN)
        self.assertEqual(text, self.text("FIRST-STEPS.txt"))
        self.assertIsNone(self.introduce(TLS, PLAIN))

    def test_it_says_where_the_server_listens(self) -> None:
        text = self.introduce(TLS, PLAIN)
        assert text is not None
        self.assertIn("mqgate 1.2.3 is running", text)
        self.assertIn(
            "    https://localhost:8443 (open to the network: all of this machine)\n"
            "        with a certificate signed by /data/tls/ca.pem\n"
            "    http://127.0.0.1:8080\n",
            text,
        )

    def test_each_dialect_has_a_line_to_paste(self) -> None:
        text = self.introduce(PLAIN, TLS)
        assert text is not None
        lines = [shlex.split(line) for line in text.splitlines() if line.startswith("curl ")]
        self.assertEqual(len(lines), 2)
        self.assertEqual(
            lines[0],
            [
                *("curl", "-w", r"\n", "--cacert", "/data/tls/ca.pem"),
                *("-K", os.path.join(self.data, "curl", "sample")),
                *("-d", "it's here"),
                f"https://localhost:8443/rooms/{0xABC0:024x}",
            ],
        )

    def test_it_has_no_secret(self) -> None:
        text = self.introduce(TLS)
        assert text is not None
        for name in ("sample", "other"):
            [token] = tomllib.loads(self.text("mqgate.toml"))["namespaces"]["demo"][name]["tokens"]
            self.assertNotIn(token, text)

    def test_a_dialect_is_asked_where_it_is_served(self) -> None:
        limited = Door("https://localhost:8444", frozenset({"other"}), None)
        text = self.introduce(limited, PLAIN)
        assert text is not None
        lines = [line for line in text.splitlines() if line.startswith("curl ")]
        self.assertIn(" http://127.0.0.1:8080/rooms/", lines[0])
        self.assertIn(" https://localhost:8444/rooms/", lines[1])

    def test_a_dialect_that_no_listener_serves_has_no_line(self) -> None:
        text = self.introduce(Door("https://localhost:8444", frozenset({"other"}), None))
        assert text is not None
        self.assertNotIn("sample:", text)

    def test_a_dialect_for_https_alone_is_asked_over_it(self) -> None:
        """Or where a listener without TLS names it."""
        self.declarations = [attrs.evolve(each, https_only=True) for each in self.declarations]
        os.unlink(os.path.join(self.data, "mqgate.toml"))
        self.prepare()
        named = Door("http://127.0.0.1:81", frozenset({"sample"}), None)
        text = self.introduce(PLAIN, named)
        assert text is not None
        [line] = [line for line in text.splitlines() if line.startswith("curl ")]
        self.assertIn(" http://127.0.0.1:81/rooms/", line)

    def test_later_starts_have_one_line(self) -> None:
        self.assertEqual(
            where([TLS, PLAIN], "/data"),
            "mqgate listens on https://localhost:8443 (open to the network: all of this machine),"
            " http://127.0.0.1:8080; its data is in /data\n",
        )


class TemplateTests(FirstRunTestCase):
    def test_the_listeners_that_its_comments_show_are_ones(self) -> None:
        """One each for this machine, for IPv4, and for IPv6 too."""
        self.prepare()
        shown = re.findall(
            r"^# +(['\"])(ssl:8443[^/]*?)\1 +\w", self.text("mqgate.toml"), re.MULTILINE
        )
        found = [parse_listener(endpoint, Path("/")).endpoint for _, endpoint in shown]
        self.assertEqual(
            found,
            [
                "tcp:8443:backlog=1024",
                "tcp:8443:interface=127.0.0.1:backlog=1024",
                r"tcp:8443:interface=\:\::backlog=1024",
            ],
        )


class TOMLTests(SynchronousTestCase):
    def test_what_is_written_is_read_as_it_was(self) -> None:
        table = {
            "plain": "text",
            "hard ones": 'quote " backslash \\ newline \n delete \x7f snowman ☃',
            "": [1, -5, True, False, 1.5, []],
            "tables": [{"a b": "c", "d": {"e": 1}}],
        }
        text = "".join(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in table.items())
        self.assertEqual(tomllib.loads(text), table)
