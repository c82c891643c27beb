"""Signing requests for RocketMQ: what curl is told, and what is not told to anybody."""

from __future__ import annotations

import shlex
from email.utils import formatdate

from mqgate.dialects.rocketmq.signature import signature, signed_text
from tests.operator.case import CONFIGURATION, START, CommandCase

DATE = formatdate(START, usegmt=True)
TARGET = "/topics/t/messages?ns=i"
SECTIONS = """
[namespaces.demo.rocketmq]
instances = ["i", ""]
keys = [{ id = "one", secret = "s3cret" }, { id = "two", secret = { env = "NOT_SET_HERE" } }]
[namespaces.other.rocketmq]
instances = ["j"]
keys = [{ id = "three", secret = "s3cret too" }]
"""


def authorization(
    method: str,
    target: str,
    *,
    key: str = "one",
    secret: bytes = b"s3cret",
    kind: bytes = b"",
) -> str:
    """The header of a request without a body, or with one."""
    more = [(b"x-mq-version", b"2015-06-06")]
    text = signed_text(method.encode(), b"", kind, DATE.encode(), more, target.encode())
    return f"Authorization: MQ {key}:{signature(secret, text).decode()}"


class SigningTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        (self.folder / "mqgate.toml").write_text(CONFIGURATION + SECTIONS, encoding="utf-8")

    def test_curl_can_read_what_is_written(self) -> None:
        out = self.did("sign", "GET", TARGET).out
        self.assertEqual(
            out.splitlines(),
            [
                'request = "GET"',
                f'header = "Date: {DATE}"',
                'header = "x-mq-version: 2015-06-06"',
                f'header = "{authorization("GET", TARGET)}"',
            ],
        )

    def test_a_body_is_text_or_a_file(self) -> None:
        kind = b"text/xml;charset=utf-8"
        header = f'header = "{authorization("POST", TARGET, kind=kind)}"'
        file = self.folder / "message.xml"
        file.write_text("<Message/>")
        for words, data in (
            (("-b", 'a "b"\n\\'), 'data-raw = "a \\"b\\"\\n\\\\"'),
            (("-b", "@a"), 'data-raw = "@a"'),
            (("-f", str(file)), f'data-binary = "@{file}"'),
        ):
            lines = self.did("sign", "POST", TARGET, *words).out.splitlines()
            self.assertEqual(lines[-1], data)
            self.assertIn(header, lines)
            self.assertIn('header = "Content-Type: text/xml;charset=utf-8"', lines)
        self.assertIn("no such file", self.refused("sign", "POST", TARGET, "-f", "/nowhere"))

    def test_a_command_line_can_be_had(self) -> None:
        words = ["sign", "POST", TARGET, "-b", "it's", "--url", "https://localhost:8443/"]
        line = shlex.split(self.did(*words).out)
        self.assertEqual(line[:3], ["curl", "-X", "POST"])
        self.assertEqual(line[-3:], ["--data-raw", "it's", f"https://localhost:8443{TARGET}"])
        self.assertEqual(line.count("-H"), 4)

    def test_the_instance_says_which_key(self) -> None:
        for target, key, secret in (
            (TARGET, "one", b"s3cret"),
            ("/topics/t/messages", "one", b"s3cret"),
            ("/topics/t/messages?ns=j", "three", b"s3cret too"),
        ):
            expected = authorization("GET", target, key=key, secret=secret)
            self.assertIn(expected, self.did("sign", "GET", target).out)
        named = self.did("sign", "GET", TARGET, "--key", "three").out
        self.assertIn(authorization("GET", TARGET, key="three", secret=b"s3cret too"), named)

    def test_what_cannot_be_signed_is_said(self) -> None:
        for words, why in (
            (["GET", "/topics/t/messages?ns=k"], "no key"),
            (["GET", TARGET, "--key", "four"], "no key"),
            (["GET", TARGET, "--key", "two"], "NOT_SET_HERE"),
            (["GET", "topics/t/messages"], "is no path"),
            (["GET", "/topics/\u00e4/messages"], "is no path"),
            (["GET", "/topics/t/messages?a b"], "is no path"),
        ):
            self.assertIn(why, self.refused("sign", *words))

    def test_the_secret_is_never_shown(self) -> None:
        for words in ([], ["--url", "http://h"], ["--key", "one"]):
            outcome = self.did("sign", "GET", TARGET, *words)
            self.assertNotIn("s3cret", outcome.out + outcome.err)
