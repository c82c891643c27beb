"""Credentials, vhosts and rights."""

from __future__ import annotations

from base64 import b64encode

from tests.dialects.robomq.case import AUTHORIZED, TOKEN, RoboMQCase, basic

WRONG = "Unauthorized: wrong credentials"
NEEDED = "Unauthorized: a secret token header or basic authentication is needed"
MALFORMED = "Unauthorized: the Authorization header is malformed"
GOOD_BASIC, BAD_BASIC = basic("demo", "secret"), basic("demo", "wrong")
BAD_TOKEN = "X-Secret-Token: wrong"


class CredentialTests(RoboMQCase):
    def statuses(self, *headers: str | bytes) -> tuple[int, int]:
        """What a GET and a POST with these headers are answered."""
        got = self.ask("GET", self.where(), None, *headers, who=None)
        posted = self.ask("POST", self.where(), b"", *headers, who=None)
        for answer in (got, posted):
            challenge = answer.headers.get("WWW-Authenticate")
            wanted = 'Basic realm="RoboMQ"' if answer.status == 401 else None
            self.assertEqual(challenge, wanted)
        return got.status, posted.status

    def test_a_token_header_is_accepted(self) -> None:
        self.assertEqual(self.statuses(AUTHORIZED), (204, 200))

    def test_the_name_of_a_token_header_has_no_case(self) -> None:
        self.assertEqual(self.statuses(f"x-sEcret-tokeN: {TOKEN}"), (204, 200))

    def test_basic_authentication_is_accepted(self) -> None:
        self.assertEqual(self.statuses(GOOD_BASIC), (204, 200))
        self.assertEqual(self.statuses(GOOD_BASIC.replace("Basic", "bAsIC ")), (200, 200))

    def test_names_and_passwords_are_utf_8_and_a_password_may_have_a_colon(self) -> None:
        self.get()
        self.assertEqual(self.get(who=basic("K\u00e4se", "p:\u00e4")).status, 204)

    def test_a_good_token_beside_bad_basic_is_accepted(self) -> None:
        """The seed: if you apply both, the basic auth will be ignored."""
        self.assertEqual(self.statuses(AUTHORIZED, BAD_BASIC), (204, 200))
        self.assertEqual(self.statuses("Authorization: nonsense", AUTHORIZED), (200, 200))

    def test_a_bad_token_beside_good_basic_is_unauthorized(self) -> None:
        self.assertEqual(self.statuses(BAD_TOKEN, GOOD_BASIC), (401, 401))
        self.assertEqual(self.statuses(GOOD_BASIC, "X-Secret-Token:"), (401, 401))

    def test_neither_is_unauthorized(self) -> None:
        self.assert_refused(self.ask("GET", self.where(), who=None), 401, NEEDED)
        self.assertEqual(self.statuses(), (401, 401))

    def test_wrong_ones_are_unauthorized(self) -> None:
        for header in (
            BAD_TOKEN, f"X-Secret-Token: {TOKEN}x", f"X-Secret-Token: {TOKEN[:-1]}", BAD_BASIC,
            basic("demo", ""), basic("", "secret"), basic("nobody", "secret"),
            basic("Demo", "secret"),
            basic("demo", "secret "), f"X-Other-Token: {TOKEN}", "X-Secret-Token: other",
        ):  # fmt: skip
            self.assert_refused(self.ask("GET", self.where(), None, header, who=None), 401, WRONG)
            self.assertEqual(self.statuses(header), (401, 401))

    def test_a_malformed_authorization_is_unauthorized(self) -> None:
        for value, text in (
            ("", NEEDED), ("Basic", WRONG), ("Basic !!!", MALFORMED),
            ("Basic ZGVtbzpzZWNyZXQ", MALFORMED),
            ("Bearer x", NEEDED), ("Digest username=demo", NEEDED), ("demo:secret", NEEDED),
            (f"Basic {b64encode(b'demo').decode()}", WRONG),
            (f"Basic {b64encode(bytes([0xff, 0x3a, 0xff])).decode()}", WRONG),
        ):  # fmt: skip
            answer = self.ask("GET", self.where(), None, f"Authorization: {value}", who=None)
            self.assert_refused(answer, 401, text)

    def test_a_header_given_twice_is_unauthorized(self) -> None:
        """Two readers could take different ones."""
        self.assertEqual(self.statuses(GOOD_BASIC, GOOD_BASIC), (401, 401))
        self.assertEqual(self.statuses(AUTHORIZED, AUTHORIZED), (401, 401))

    def test_the_first_token_header_of_the_configuration_decides(self) -> None:
        """Whatever their order in the request."""
        self.get()
        for first, second, status in (
            (AUTHORIZED, "X-Other-Token: wrong", 204),
            ("X-Other-Token: wrong", AUTHORIZED, 204),
            ("X-Other-Token: other", BAD_TOKEN, 401),
        ):
            answer = self.ask("GET", self.where(), None, first, second, who=None)
            self.assertEqual(answer.status, status)

    def test_a_token_stands_for_its_user(self) -> None:
        """Two of them may come in the same header."""
        self.get()
        self.assertEqual(self.statuses("X-Other-Token: other"), (204, 403))
        self.assertEqual(self.statuses("X-Secret-Token: t0ken-rw"), (204, 200))

    def test_a_refused_request_creates_nothing(self) -> None:
        self.statuses()
        self.statuses(BAD_TOKEN)
        self.assertEqual(self.queue_names(), [])

    def test_credentials_come_before_everything_else(self) -> None:
        for method, path in (
            ("GET", "/rest"), ("GET", "/rest/nowhere/e/q/k"), ("PUT", self.where()),
            ("GET", "/rest/demo/e//k"), ("POST", "/rest/demo/amq.x/q/k"),
        ):  # fmt: skip
            self.assert_refused(self.ask(method, path, who=BAD_BASIC), 401, WRONG)

    def test_an_error_never_shows_a_secret(self) -> None:
        for header in (BAD_BASIC, "X-Secret-Token: s3cret", "Authorization: s3cret"):
            answer = self.ask("GET", self.where(), None, header, who=None)
            self.assertNotIn("s3cret", answer.text)


class VhostTests(RoboMQCase):
    def test_a_vhost_that_is_not_there_is_not_found(self) -> None:
        text = "530 NOT_ALLOWED - vhost 'nowhere' not found"
        for method in ("GET", "POST"):
            self.assert_refused(self.ask(method, "/rest/nowhere/e/q/k", b""), 404, text)

    def test_a_user_without_rights_in_a_vhost_may_not_enter_it(self) -> None:
        text = "403 ACCESS_REFUSED - access to vhost 'far' refused for user 'demo'"
        for method in ("GET", "POST"):
            self.assert_refused(self.ask(method, "/rest/far/e/q/k", b""), 403, text)

    def test_vhosts_know_nothing_of_each_other(self) -> None:
        self.published("a", "k", "q", "e")
        self.assertEqual(self.bodies("k", "q", "e", "%2F"), [])
        self.assertEqual(self.bodies("k", "q", "e"), ["a"])

    def test_two_namespaces_may_have_users_of_the_same_name(self) -> None:
        self.ask("GET", "/rest/far/e/q/k", who=basic("far", "pw-f"))
        answer = self.ask("GET", "/rest/far/e/q/k", who=basic("demo", "another"))
        self.assertEqual(answer.status, 204)
        self.assert_refused(self.ask("GET", self.where(), who=basic("demo", "another")), 403)

    def test_one_name_and_password_in_two_namespaces_opens_both(self) -> None:
        self.get()
        who = basic("demoRW", "pw-rw")
        self.assertEqual(self.get(who=who).status, 204)
        self.assertEqual(self.ask("GET", "/rest/far/e/q/k", who=who).status, 204)


class RightsTests(RoboMQCase):
    """Configure makes exchanges and queues, write publishes, read gets."""

    READ, WRITE = basic("demoRead", "pw-r"), basic("demoWrite", "pw-w")
    BOTH, MAKER = basic("demoRW", "pw-rw"), basic("maker", "pw-m")

    def refused(self, kind: str, name: str, user: str, vhost: str = "demo") -> str:
        """The line for somebody who may not."""
        where = f"access to {kind} '{name}' in vhost '{vhost}'"
        return f"403 ACCESS_REFUSED - {where} refused for user '{user}'"

    def test_the_four_users_that_each_vhost_had(self) -> None:
        """The administrator, and those who may get, publish, or both, of what there is."""
        self.published("a")
        for who, posted, got in (
            (AUTHORIZED, 200, 200), (self.BOTH, 200, 200), (self.READ, 403, 200),
            (self.WRITE, 200, 403)
        ):  # fmt: skip
            self.published("there is one")
            self.assertEqual(self.post("b", who=who).status, posted)
            self.assertEqual(self.get(who=who).status, got)

    def test_get_without_read_is_refused(self) -> None:
        for who, user in ((self.WRITE, "demoWrite"), (self.MAKER, "maker")):
            self.assert_refused(self.get(who=who), 403, self.refused("queue", "testQ", user))
        self.assertEqual(self.queue_names(), [])

    def test_post_without_write_is_refused(self) -> None:
        for who, user in ((self.READ, "demoRead"), (self.MAKER, "maker")):
            text = self.refused("exchange", "testEx", user)
            self.assert_refused(self.post("a", who=who), 403, text)
        self.assertEqual(self.queue_names(), [])

    def test_making_an_exchange_needs_configure(self) -> None:
        text = self.refused("exchange", "testEx", "demoRW")
        self.assert_refused(self.get(who=self.BOTH), 403, text)
        self.assert_refused(self.post("a", who=self.BOTH), 403, text)
        self.assertEqual(self.queue_names(), [])

    def test_making_a_queue_needs_configure(self) -> None:
        self.get()
        text = self.refused("queue", "new", "demoRW")
        for exchange in ("testEx", "amq.topic", ""):
            self.assert_refused(self.get("k", "new", exchange, who=self.BOTH), 403, text)
            self.assert_refused(self.post("a", "k", "new", exchange, who=self.BOTH), 403, text)
        self.assertEqual(self.queue_names(), ["testQ"])

    def test_what_is_there_needs_no_configure(self) -> None:
        self.get()
        self.assertEqual(self.post("a", who=self.BOTH).status, 200)
        self.assertEqual(self.get(who=self.READ).text, "a")

    def test_a_missing_binding_is_made_by_who_has_configure_or_both_others(self) -> None:
        self.get()
        self.assertEqual(self.get("one", who=self.BOTH).status, 204)
        self.assertEqual(self.get("two", who=basic("reader", "pw-cr")).status, 204)
        self.assertEqual(self.get("one", who=self.READ).status, 204)
        self.published("a", "two")
        self.assertEqual(self.get("one", who=self.READ).text, "a")

    def test_a_missing_binding_is_refused_to_others(self) -> None:
        self.get()
        answer = self.get("new", who=self.READ)
        self.assert_refused(answer, 403, self.refused("queue", "testQ", "demoRead"))
        answer = self.post("a", "new", who=self.WRITE)
        self.assert_refused(answer, 403, self.refused("queue", "testQ", "demoWrite"))

    def test_the_default_exchange_needs_no_binding(self) -> None:
        self.get()
        self.assertEqual(self.post("a", "testQ", "testQ", "", who=self.WRITE).status, 200)
        self.assertEqual(self.get("", "testQ", "", who=self.READ).text, "a")

    def test_rights_may_differ_from_vhost_to_vhost(self) -> None:
        who = basic("split", "pw-s")
        self.assertEqual(self.get("k", "q", "e", "%2F", who=who).status, 204)
        text = self.refused("exchange", "e", "split")
        self.assert_refused(self.get("k", "q", "e", who=who), 403, text)

    def test_names_are_shown_so_that_they_stay_on_one_line(self) -> None:
        answer = self.ask("GET", "/rest/demo/e/%0D%0AX:%20y%E2%80%A8%C3%A4/k", who=self.WRITE)
        text = self.refused("queue", "\\r\\nX: y\\u2028\u00e4", "demoWrite")
        self.assert_refused(answer, 403, text)
        self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
