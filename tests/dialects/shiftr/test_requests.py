"""Requests and their answers: the first table of the documentation, row by row."""

from __future__ import annotations

from mqgate.dialects.shiftr.settings import Settings
from tests.dialects.robomq.case import request
from tests.dialects.shiftr.case import DEMO, ShiftrCase


class ReadTests(ShiftrCase):
    def test_a_get_answers_with_the_latest_message(self) -> None:
        self.publish("foo/bar", b"Hello")
        self.publish("foo/bar", b"World")
        answer = self.broker("GET", "foo/bar")
        self.assertEqual((answer.status, answer.body), (200, b"World"))
        self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_a_wildcard_finds_the_latest_of_all_that_match(self) -> None:
        self.publish("foo/bar", b"1")
        self.publish("foo/baz", b"2")
        self.publish("fox", b"3")
        self.assertEqual(self.value("foo/+"), b"2")
        self.publish("foo/bar", b"4")
        self.assertEqual(self.value("foo/+"), b"4")

    def test_retained_asks_for_the_latest_retained_message(self) -> None:
        self.publish("foo/bar?retained=true", b"kept")
        self.publish("foo/bar", b"gone by")
        self.publish("foo/baz", b"later")
        self.assertEqual(self.value("foo/bar?retained=true"), b"kept")
        self.assertEqual(self.value("foo/+?retained=true"), b"kept")
        self.assertEqual(self.value("foo/+"), b"later")
        self.assertIsNone(self.value("foo/baz?retained=true"))

    def test_nothing_there_is_404_without_a_byte(self) -> None:
        for path in ("foo", "foo/+", "@", "foo?retained=true", "@?retained=true"):
            with self.subTest(path=path):
                answer = self.broker("GET", path)
                self.assertEqual((answer.status, answer.body), (404, b""))
                self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_reading_takes_nothing_away(self) -> None:
        self.publish("foo", b"x")
        self.assertEqual([self.value("foo") for _ in range(3)], [b"x"] * 3)

    def test_head_is_a_get_without_its_body(self) -> None:
        self.publish("foo", b"12345")
        answer = self.broker("HEAD", "foo")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["Content-Length"], "5")
        self.assertEqual(self.broker("HEAD", "bar").status, 404)


class PublishTests(ShiftrCase):
    def test_a_post_answers_ok(self) -> None:
        answer = self.broker("POST", "foo/bar", b"Hello World!")
        self.assertEqual((answer.status, answer.body), (200, b"OK"))
        self.assertEqual(answer.headers["Content-Type"], "text/plain")

    def test_every_quality_of_service_does_the_same(self) -> None:
        for qos in "012":
            self.publish(f"foo/bar?qos={qos}", qos.encode())
            self.assertEqual(self.value("foo/bar"), qos.encode())

    def test_parameters_combine_in_any_order(self) -> None:
        for qos in "012":
            self.publish(f"a?qos={qos}&retained=true", b"a" + qos.encode())
            self.publish(f"b?retained=true&qos={qos}", b"b" + qos.encode())
            self.assertEqual(self.value("a?retained=true"), b"a" + qos.encode())
            self.assertEqual(self.value("b?retained=true"), b"b" + qos.encode())

    def test_a_post_without_a_body_publishes_an_empty_message(self) -> None:
        answer = self.broker("POST", "foo")
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.value("foo"), b"")

    def test_the_content_type_means_nothing(self) -> None:
        """And a form in the body is a payload, whatever it says about the parameters."""
        for kind in (
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/plain; charset=nonsense",
        ):
            with self.subTest(kind=kind):
                answer = self.broker("POST", "foo", b"retained=true&qos=9", f"Content-Type: {kind}")
                self.assertEqual(answer.status, 200)
                self.assertEqual(self.value("foo"), b"retained=true&qos=9")
                self.assertIsNone(self.value("foo?retained=true"))


class ParameterTests(ShiftrCase):
    def test_the_values_of_retained(self) -> None:
        for value, retained in (("true", True), ("1", True), ("false", False), ("0", False)):
            self.publish(f"{value}?retained={value}", b"x")
            self.assertEqual(self.value(f"{value}?retained=true") is not None, retained)
        for value in ("", "True", "yes", "2", "true%20", "tru"):
            for method in ("GET", "POST"):
                with self.subTest(value=value, method=method):
                    answer = self.broker(method, f"foo?retained={value}", b"x")
                    self.assert_error(answer, 400, "invalid-retained")
        self.assert_error(self.broker("GET", "foo?retained"), 400, "invalid-retained")
        self.assertIsNone(self.value("foo"))

    def test_a_bad_quality_of_service_publishes_nothing(self) -> None:
        for value in ("", "3", "-1", "one", "1.0", "00"):
            with self.subTest(value=value):
                self.assert_error(self.broker("POST", f"foo?qos={value}", b"x"), 400, "invalid-qos")
        self.assertIsNone(self.value("foo"))

    def test_a_get_ignores_quality_of_service(self) -> None:
        self.publish("foo", b"x")
        self.assertEqual(self.value("foo?qos=9"), b"x")

    def test_of_a_parameter_given_twice_the_first_counts(self) -> None:
        self.publish("foo?retained=true&retained=nonsense&qos=1&qos=9", b"x")
        self.assertEqual(self.value("foo?retained=true"), b"x")
        answer = self.broker("POST", "bar?qos=9&qos=1", b"x")
        self.assert_error(answer, 400, "invalid-qos")

    def test_unknown_parameters_are_ignored(self) -> None:
        self.publish("foo?x=1&&=&%&retain=true&RETAINED=true&\u00e9", b"x")
        self.assertEqual(self.value("foo?callback=x"), b"x")
        self.assertIsNone(self.value("foo?retained=true"))

    def test_names_and_values_may_be_encoded(self) -> None:
        self.publish("foo?%72etained=%74rue", b"x")
        self.assertEqual(self.value("foo?retained=true"), b"x")


class PathTests(ShiftrCase):
    def test_other_paths_are_not_there(self) -> None:
        for path in ("/", "/broker", "/brokers/foo", "/Broker/foo", "//broker/foo", "/foo/bar"):
            with self.subTest(path=path):
                answer = self.ask("GET", path, who=DEMO)
                self.assertEqual(answer.status, 404)
                self.assertEqual(answer.headers["Content-Type"], "text/plain")
                self.assertNotEqual(answer.body, b"")

    def test_other_methods_are_refused(self) -> None:
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "BREW"):
            with self.subTest(method=method):
                answer = self.broker(method, "foo", b"x")
                self.assertEqual(answer.status, 405)
                self.assertEqual(answer.headers["Allow"], "GET, POST")
        self.assertIsNone(self.value("foo"))


class OriginTests(ShiftrCase):
    def test_a_browser_may_ask_without_credentials(self) -> None:
        answer = self.raw("OPTIONS", "/broker/foo/bar", "Origin: https://example.org")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
        self.assertEqual(answer.headers["Access-Control-Allow-Methods"], "GET, POST")
        allowed = answer.headers["Access-Control-Allow-Headers"]
        self.assertEqual(allowed, "Authorization, Content-Type")

    def test_every_answer_may_be_read_by_scripts(self) -> None:
        self.publish("foo")
        for answer in (
            self.broker("POST", "foo", b"x"),
            self.broker("GET", "foo"),
            self.broker("GET", "nothing"),
            self.broker("PUT", "foo"),
            self.broker("GET", "a b"),
            self.broker("GET", "foo", who=None),
            self.broker("POST", "foo", b"x" * 65_537),
            self.ask("GET", "/broker", who=None),
        ):
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*", answer)

    def test_a_refusal_of_the_http_room_too(self) -> None:
        received = self.client().send(b"GET /broker/foo HTTP/1.1\r\nbroken\r\n\r\n")
        self.assertIn(b"HTTP/1.1 400 ", received)
        self.assertIn(b"\r\nAccess-Control-Allow-Origin: *\r\n", received)


class OneOriginTests(ShiftrCase):
    shiftr = Settings(allow_origin="https://example.org")

    def test_a_setting_names_the_origin(self) -> None:
        for answer in (self.broker("GET", "foo"), self.raw("OPTIONS", "/broker/foo")):
            origin = answer.headers["Access-Control-Allow-Origin"]
            self.assertEqual(origin, "https://example.org")


class NoOriginTests(ShiftrCase):
    shiftr = Settings(allow_origin="")

    def test_a_setting_shuts_scripts_out(self) -> None:
        for answer in (self.broker("GET", "foo"), self.raw("OPTIONS", "/broker/foo")):
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        self.assertEqual(self.raw("OPTIONS", "/broker/foo").headers["Allow"], "GET, POST")


class PayloadTests(ShiftrCase):
    LIMIT = 65_536

    def test_any_bytes_come_back_as_they_are(self) -> None:
        payload = bytes(range(256)) * (self.LIMIT // 256)
        self.publish("foo?retained=true", payload)
        self.assertEqual(self.value("foo"), payload)
        self.assertEqual(self.value("@?retained=true"), payload)

    def test_one_byte_too_many_publishes_nothing(self) -> None:
        answer = self.broker("POST", "foo", b"x" * (self.LIMIT + 1))
        self.assert_error(answer, 413, "payload-limit")
        self.assertIsNone(self.value("foo"))

    def test_a_large_one_is_refused_by_its_length(self) -> None:
        """Before any of it has come."""
        head = request("POST", "/broker/foo", None, DEMO, "Content-Length: 99999999")
        received = self.client().send(head)
        self.assertIn(b"HTTP/1.1 413 ", received)
        self.assertIn(b"payload-limit: ", received)

    def test_one_whose_sender_waits_is_refused_by_its_length(self) -> None:
        headers = (DEMO, "Content-Length: 65537", "Expect: 100-continue")
        received = self.client().send(request("POST", "/broker/foo", None, *headers))
        self.assertIn(b"HTTP/1.1 413 ", received)

    def test_one_in_chunks_is_counted_as_it_comes(self) -> None:
        head = request("POST", "/broker/foo", None, DEMO, "Transfer-Encoding: chunked")
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        client = self.client()
        received = client.send(head + chunk * 2 + b"0\r\n\r\n")
        self.assertIn(b"HTTP/1.1 200 ", received)
        received = client.send(head + chunk * 2 + b"1\r\nx\r\n0\r\n\r\n")
        self.assertIn(b"HTTP/1.1 413 ", received)
        self.assertIn(b"payload-limit: ", received)
        self.assertEqual(self.value("foo"), b"x" * self.LIMIT)
        endless = self.client()
        received = endless.send(head)
        for _ in range(200):
            received += endless.send(chunk)
        self.assertIn(b"HTTP/1.1 413 ", received)
