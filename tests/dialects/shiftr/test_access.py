"""Who may come in, by which listener, and what is forgotten at a start."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from mqgate.dialects.shiftr import DECLARATION
from mqgate.dialects.shiftr.door import Door
from mqgate.dialects.shiftr.settings import Desktop, Settings
from mqgate.engine.errors import LimitReached, OperationFailed, StoreUnavailable
from mqgate.web.front import Barred, Front
from mqgate.web.site import GateSite
from tests.dialects.robomq.case import Healthy, basic
from tests.dialects.shiftr.case import DEMO, ShiftrCase


class CredentialTests(ShiftrCase):
    def test_every_token_opens_every_instance_of_its_namespace(self) -> None:
        for instance in ("demo", "demo-2"):
            for secret in ("s3cret", "reader", "p:\u00e4"):
                self.assertIsNone(self.value("a", who=basic(instance, secret)))
        self.assertIsNone(self.value("a", who=basic("far", "far-secret")))

    def test_the_scheme_may_be_written_in_any_case(self) -> None:
        self.assertIsNone(self.value("a", who=DEMO.replace("Basic", "bASIC")))

    def test_all_else_is_401(self) -> None:
        whole = DEMO.partition(": Basic ")[2]
        for who in (
            None,
            basic("demo", "wrong"),
            basic("demo", ""),
            basic("demo", "far-secret"),
            basic("far", "s3cret"),
            basic("nobody", "s3cret"),
            basic("", "s3cret"),
            basic("DEMO", "s3cret"),
            "Authorization: Bearer s3cret",
            f"Authorization: {whole}",
            f"Authorization: Basic {whole}=",
            "Authorization: Basic \u00e9",
            f"Authorization: Basic {b64encode(b'demo').decode()}",
            f"{DEMO}\r\n{DEMO}",
        ):
            for method in ("GET", "POST", "PUT"):
                with self.subTest(who=who, method=method):
                    answer = self.broker(method, "a", b"x", who=who)
                    self.assertEqual(answer.status, 401)
                    challenge = answer.headers["WWW-Authenticate"]
                    self.assertEqual(challenge, 'Basic realm="shiftr.io"')
                    self.assertNotIn("s3cret", answer.text)
        self.assertIsNone(self.value("a"))

    def test_credentials_come_before_the_topic(self) -> None:
        for topic in ("", "a%20b", "x" * 200, "+a"):
            self.assertEqual(self.broker("GET", topic, who=None).status, 401)

    def test_a_token_that_may_only_read(self) -> None:
        reader = basic("demo", "reader")
        self.publish("a", b"1")
        self.assertEqual(self.value("a", who=reader), b"1")
        self.assertEqual(self.value("@", who=reader), b"1")
        for topic in ("a", "a?retained=true", "+"):
            answer = self.broker("POST", topic, b"2", who=reader)
            self.assert_error(answer, 403, "no-write-access")
        self.assertEqual(self.value("a"), b"1")


class RootTests(ShiftrCase):
    """The older service's form: no prefix, and a token's key as the user."""

    shiftr = Settings(root=True)
    KEY = basic("k3y", "p:\u00e4")

    def test_topics_stand_at_the_root(self) -> None:
        answer = self.ask("POST", "/foo/bar", b"1", who=self.KEY)
        self.assertEqual((answer.status, answer.body), (200, b"OK"))
        for path in ("/foo/bar", "/foo/+", "/broker/foo/bar", "/@?retained=0"):
            self.assertEqual(self.ask("GET", path, who=self.KEY).body, b"1", path)
        self.assertEqual(self.value("foo/bar"), b"1")

    def test_its_errors_are_the_same(self) -> None:
        self.assert_error(self.ask("GET", "/", who=self.KEY), 400, "invalid-topic")
        self.assert_error(self.ask("GET", "/a%20b", who=self.KEY), 400, "invalid-topic")
        self.assertEqual(self.ask("GET", "/foo", who=basic("k3y", "s3cret")).status, 401)
        self.assertEqual(self.ask("GET", "/foo", who=None).status, 401)

    def test_the_paths_of_others_stay_theirs(self) -> None:
        self.assertEqual(self.raw("GET", "/healthz").status, 200)
        answer = self.ask("GET", "/rest/demo/ex/q/k", who=self.KEY)
        self.assertIn("Unauthorized", answer.text)


class KeyTests(ShiftrCase):
    def test_a_key_names_the_first_instance_below_the_prefix_too(self) -> None:
        self.publish("a", b"1", who=RootTests.KEY)
        self.assertEqual(self.value("a"), b"1")


class DesktopTests(ShiftrCase):
    """The listener without credentials."""

    shiftr = Settings(desktop=Desktop(instance="demo-2"))

    def setUp(self) -> None:
        super().setUp()
        annex = DECLARATION.annex(self.shiftr, [each.section for each in self.opening.grants])
        assert annex is not None
        self.assertEqual(annex.endpoint, "tcp:1884:interface=127.0.0.1")
        door = annex.open(self.opening, self.shiftr_door)
        self.site = GateSite(Front([door], Healthy()), self.clock)
        self.addCleanup(self.site.drain)

    def test_everybody_may_publish_and_read_on_one_instance(self) -> None:
        for who in (None, basic("any", "body")):
            self.assertEqual(self.broker("POST", "a", b"1", who=who).body, b"OK")
            self.assertEqual(self.broker("GET", "@", who=who).body, b"1")
        done = self.engine.topics.read(self.instances["demo-2"], "a")
        self.settle()
        self.assertEqual(self.successResultOf(done), b"1")

    def test_it_is_no_door_to_other_dialects(self) -> None:
        self.assertEqual(self.raw("GET", "/rest/demo/ex/q/k").status, 404)


class DesktopSettingTests(ShiftrCase):
    def annex(self, **settings: Any) -> Any:
        desktop = Settings(desktop=Desktop(**settings))
        return DECLARATION.annex(desktop, [each.section for each in self.opening.grants])

    def test_it_is_off_unless_asked_for(self) -> None:
        self.assertIsNone(DECLARATION.annex(Settings(), []))

    def test_port_and_interface_can_be_chosen(self) -> None:
        annex = self.annex(port=2000, interface="::1")
        self.assertEqual(annex.endpoint, r"tcp:2000:interface=\:\:1")

    def test_the_first_instance_is_meant_unless_another_is_named(self) -> None:
        self.open(Settings(desktop=Desktop()))
        door = self.annex().open(self.opening, self.shiftr_door)
        self.site = GateSite(Front([door], Healthy()), self.clock)
        self.addCleanup(self.site.drain)
        self.broker("POST", "a", b"1", who=None)
        done = self.engine.topics.read(self.instances["demo"], "a")
        self.settle()
        self.assertEqual(self.successResultOf(done), b"1")

    def test_an_instance_that_is_not_there_is_refused(self) -> None:
        with self.assertRaises(ValueError) as caught:
            self.annex(instance="nowhere")
        self.assertIn("'demo' or 'demo-2' or 'far'", str(caught.exception))
        with self.assertRaises(ValueError):
            DECLARATION.annex(Settings(desktop=Desktop()), [])


class BarredTests(ShiftrCase):
    def test_a_listener_without_tls_answers_403(self) -> None:
        self.assertTrue(DECLARATION.https_only)
        self.site = GateSite(Front([Barred(self.shiftr_door)], Healthy()), self.clock)
        self.addCleanup(self.site.drain)
        for method in ("GET", "POST", "OPTIONS"):
            answer = self.broker(method, "a", b"x")
            self.assertEqual(answer.status, 403)
            self.assertIn("Only over HTTPS", answer.text)


class ForgettingTests(ShiftrCase):
    def test_values_are_there_when_the_dialect_is_opened_again(self) -> None:
        self.publish("a?retained=true", b"1")
        self.open(Settings())
        self.assertEqual(self.value("@?retained=true"), b"1")

    def test_a_setting_has_them_forgotten(self) -> None:
        for number in range(600):  # more than one slice
            self.engine.topics.publish(self.worlds["demo"], f"t/{number}", b"x", retained=True)
        self.publish("a?retained=true", b"1")
        self.open(Settings(keep_values=False))
        self.settle()
        self.assertIsNone(self.value("a"))
        self.publish("b", b"2")
        self.assertEqual(self.value("@"), b"2")
        self.assertIsNone(self.value("@?retained=true"))

    def test_nobody_is_let_in_before_that_is_done(self) -> None:
        self.publish("a", b"1")
        self.open(Settings(keep_values=False))
        client = self.client()
        head = f"GET /broker/a HTTP/1.1\r\n{DEMO}\r\n\r\n".encode()
        client.channel.dataReceived(head)
        self.assertIn(b" 503 ", client.transport.value())
        self.settle()
        self.assertEqual(self.broker("GET", "a").status, 404)

    def test_a_world_that_could_not_be_forgotten_stays_shut(self) -> None:
        class Broken:
            """An engine whose database is gone."""

            topics: Any

            def bridge(self, worlds: object) -> None:
                """Nothing to bridge."""

            def forget(self, world: int) -> Deferred[int]:
                """It cannot."""
                return fail(StoreUnavailable("no"))

        broken: Any = Broken()
        broken.topics = broken
        self.opening = type(self.opening)(broken, Settings(keep_values=False), self.opening.grants)
        with capturedLogs() as logs:
            self.shiftr_door = DECLARATION.open(self.opening)
        self.assertEqual(len(logs), 3)
        self.flushLoggedErrors(StoreUnavailable)
        self.site = GateSite(Front([self.shiftr_door], Healthy()), self.clock)
        self.addCleanup(self.site.drain)
        self.assertEqual(self.broker("GET", "a").status, 503)


class FailureTests(ShiftrCase):
    """What the engine may answer."""

    def failing(self, error: Exception) -> None:
        class Failing:
            """Topics that cannot be read."""

            def read(self, *_: object, **__: object) -> Deferred[bytes | None]:
                return fail(error)

        engine: Any = type("Engine", (), {"topics": Failing()})()
        door: Any = self.shiftr_door
        broken = Door(engine, door._doorkeeper, Settings(), set())
        self.site = GateSite(Front([broken], Healthy()), self.clock)
        self.addCleanup(self.site.drain)

    def test_a_database_that_cannot_be_used_is_503(self) -> None:
        self.failing(StoreUnavailable("the disk is full"))
        answer = self.broker("GET", "a")
        self.assertEqual((answer.status, answer.text), (503, "the disk is full"))

    def test_what_a_queue_behind_it_cannot_take_is_507(self) -> None:
        self.failing(LimitReached("it is full"))
        answer = self.broker("GET", "a")
        self.assertEqual((answer.status, answer.text), (507, "queue-limit: it is full"))

    def test_what_could_not_be_done_is_500(self) -> None:
        self.failing(OperationFailed("why"))
        answer = self.broker("GET", "a")
        self.assertEqual((answer.status, answer.text), (500, "Internal server error"))

    def test_what_nobody_foresaw_is_500_and_logged_without_its_text(self) -> None:
        self.failing(ZeroDivisionError("a secret"))
        with capturedLogs() as logs:
            answer = self.broker("GET", "a")
        self.assertEqual(answer.status, 500)
        self.assertEqual([each["kind"] for each in logs], ["ZeroDivisionError"])
        self.assertNotIn("a secret", repr(logs))
