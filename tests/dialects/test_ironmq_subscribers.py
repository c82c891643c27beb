"""Push settings of a queue, and the URLs of subscribers: sections 5.1 and 5.2, row by row."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.ironmq import addresses
from mqgate.dialects.ironmq.addresses import BadAddress, Elsewhere, Here, Web, Worker
from tests.dialects.ironmq_case import OTHER_PROJECT, OTHER_TOKEN, PROJECT, TOKEN
from tests.dialects.ironmq_push_case import OTHER_URL, URL, PushCase

#: What a push queue's object has, and a pull queue's has not.
PUSH_KEYS = {"push_type", "retries", "retries_delay", "subscribers", "error_queue"}


def asking(*urls: str) -> dict[str, Any]:
    return {"subscribers": [{"url": url} for url in urls]}


class SettingsTests(PushCase):
    """``POST`` to a queue."""

    def set(self, **settings: Any) -> dict[str, Any]:
        answer = self.call("POST", "queues/q", settings)
        self.assertEqual(answer.status, 201, answer.json)
        self.assertEqual(answer.json, self.shown())
        shown: dict[str, Any] = answer.json
        return shown

    def test_giving_subscribers_makes_a_multicast_queue(self) -> None:
        subscribers = [{"url": URL, "headers": {"X-A": "b"}}, {"url": OTHER_URL}]
        shown = self.set(subscribers=subscribers)
        self.assertEqual(shown["subscribers"], subscribers)
        self.assertEqual(shown["push_type"], "multicast")
        self.assertEqual((shown["retries"], shown["retries_delay"]), (3, 60))
        self.assertNotIn("error_queue", shown)

    def test_subscribers_replace_those_there_are(self) -> None:
        self.set(**asking(URL))
        self.assertEqual(self.set(**asking(OTHER_URL))["subscribers"], [{"url": OTHER_URL}])
        self.assertEqual(self.set(subscribers=[])["subscribers"], [])
        self.assertEqual(self.shown()["push_type"], "multicast")

    def test_one_url_twice_is_one_subscriber(self) -> None:
        self.assertEqual(self.set(**asking(URL, URL))["subscribers"], [{"url": URL}])

    def test_a_type_alone_is_kept_by_later_updates(self) -> None:
        """Ruby's tests say so first, and add subscribers later."""
        self.assertEqual(self.set(push_type="unicast")["subscribers"], [])
        self.assertEqual(self.set(**asking(URL))["push_type"], "unicast")
        self.assertEqual(self.set(retries=1)["push_type"], "unicast")
        self.assertEqual(self.set(push_type="multicast")["subscribers"], [{"url": URL}])

    def test_what_is_not_given_keeps_its_value(self) -> None:
        self.set(**asking(URL), retries=5, retries_delay=30, error_queue="errors")
        shown = self.set(retries=0)
        self.assertEqual((shown["retries"], shown["retries_delay"]), (0, 30))
        self.assertEqual(shown["error_queue"], "errors")
        self.assertEqual(self.set(**dict.fromkeys(PUSH_KEYS)), shown)

    def test_numbers_are_moved_to_their_bounds(self) -> None:
        for asked, retries, delay in ((0, 0, 3), (1000000, 100, 86_400)):
            shown = self.set(push_type="multicast", retries=asked, retries_delay=asked)
            self.assertEqual((shown["retries"], shown["retries_delay"]), (retries, delay))

    def test_an_empty_error_queue_is_none(self) -> None:
        """Java's tests want the key to be absent then."""
        self.assertEqual(self.set(**asking(URL), error_queue="errors")["error_queue"], "errors")
        self.assertNotIn("error_queue", self.set(error_queue=""))

    def test_back_to_pull_all_push_keys_are_gone(self) -> None:
        before = self.set()
        self.set(**asking(URL), retries=5, error_queue="errors")
        self.assertEqual(self.set(push_type="pull"), before)
        shown = self.set(push_type="multicast")
        self.assertEqual((shown["subscribers"], shown["retries"]), ([], 3))

    def test_a_pull_queue_may_be_asked_for_in_many_ways(self) -> None:
        ways: list[dict[str, Any]] = [
            {},
            {"push_type": "pull"},
            {"push_type": "pull", "subscribers": [], "error_queue": ""},
            {"push_type": None, "subscribers": None, "retries": None},
            {"subscribers": []},
        ]
        for asked in ways:
            self.assertFalse(PUSH_KEYS & self.set(**asked).keys(), asked)

    def test_what_cannot_be_is_refused_and_changes_nothing(self) -> None:
        before = self.set(**asking(URL))
        wrong: list[dict[str, object]] = [
            {"push_type": "pushy"},
            {"push_type": 1},
            {"push_type": "Pull"},
            {"push_type": "pull", "subscribers": [{"url": URL}]},
            {"subscribers": {}},
            {"subscribers": [URL]},
            {"subscribers": [{"url": 1}]},
            {"subscribers": [{"url": None}]},
            {"subscribers": [{"url": URL, "headers": []}]},
            {"subscribers": [{"url": URL, "headers": {"A": 1}}]},
            {"subscribers": [{"url": OTHER_URL}, {"url": "ftp://example.org/"}]},
            {"retries": -1},
            {"retries": "3"},
            {"retries_delay": 1.5},
            {"error_queue": 1},
            {"error_queue": "\x1fq"},
            {"error_queue": "a\0b"},
        ]
        for asked in wrong:
            self.assert_refused(self.call("POST", "queues/q", asked), 400)
            self.assertEqual(self.shown(), before, asked)

    def test_a_url_is_required(self) -> None:
        for verb, path in (
            ("POST", "queues/q"),
            ("POST", "queues/q/subscribers"),
            ("DELETE", "queues/q/subscribers"),
        ):
            body: dict[str, Any] = {"subscribers": [{"headers": {}}]}
            self.assert_refused(self.call(verb, path, body), 406)
        self.assert_refused(self.call("GET", "queues/q"), 404)

    def test_headers_that_would_be_more_than_a_header_are_refused(self) -> None:
        """They would let a subscriber's owner write into the connection."""
        for name, value in (
            ("A", "b\r\nC: d"),
            ("A", "b\nc"),
            ("A", "\0"),
            ("A\r\nB", "c"),
            ("A:", "b"),
            ("", "b"),
            ("A B", "c"),
            ("É", "c"),
            ("Content-Length", "0"),
            ("transfer-encoding", "chunked"),
            ("Connection", "close"),
        ):
            body = {"subscribers": [{"url": URL, "headers": {name: value}}]}
            self.assert_refused(self.call("POST", "queues/q", body), 400)

    def test_subscribers_have_64_kilobytes_at_most(self) -> None:
        """All of them together, however they came."""
        urls = [f"https://example.org/{n}/{'x' * 1000}" for n in range(61)]
        self.set(**asking(*urls))
        more = asking(*[f"{URL}/{n}/{'x' * 1000}" for n in range(4)])
        self.assert_refused(self.call("POST", "queues/q/subscribers", more), 400)
        too_many = asking(*urls, *[each["url"] for each in more["subscribers"]])
        self.assert_refused(self.call("POST", "queues/q", too_many), 400)
        self.assertEqual(self.shown()["subscribers"], asking(*urls)["subscribers"])


class SubscriberTests(PushCase):
    """``POST`` and ``DELETE`` of subscribers."""

    def test_adding_makes_a_multicast_queue(self) -> None:
        answer = self.call("POST", "queues/q/subscribers", asking(URL))
        self.assertEqual(answer.status, 201)
        self.assertEqual(answer.json, self.shown())
        self.assertEqual(answer.json["push_type"], "multicast")
        self.assertEqual(answer.json["subscribers"], [{"url": URL}])

    def test_adding_leaves_a_unicast_queue_one(self) -> None:
        self.call("POST", "queues/q", {"push_type": "unicast"})
        shown = self.call("POST", "queues/q/subscribers", asking(URL, OTHER_URL)).json
        self.assertEqual(shown["push_type"], "unicast")
        self.assertEqual(shown["subscribers"], [{"url": URL}, {"url": OTHER_URL}])

    def test_the_same_url_again_has_other_headers(self) -> None:
        self.push_queue(URL, OTHER_URL)
        again = {"url": URL, "headers": {"X-A": "b"}}
        shown = self.call("POST", "queues/q/subscribers", {"subscribers": [again]}).json
        self.assertEqual(shown["subscribers"], [again, {"url": OTHER_URL}])

    def test_removing_skips_what_is_not_there(self) -> None:
        self.push_queue(URL, OTHER_URL)
        answer = self.call("DELETE", "queues/q/subscribers", asking(URL, "http://no.example.org"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json, self.shown())
        self.assertEqual(answer.json["subscribers"], [{"url": OTHER_URL}])

    def test_removing_the_last_leaves_a_push_queue_whose_messages_can_be_had(self) -> None:
        self.push_queue(URL)
        shown = self.call("DELETE", "queues/q/subscribers", asking(URL)).json
        self.assertEqual((shown["push_type"], shown["subscribers"]), ("multicast", []))
        self.post("a")
        self.assertEqual(self.bodies(), ["a"])
        self.call("POST", "queues/q/subscribers", asking(URL))
        self.post("b")
        self.assertEqual(self.bodies(), [])

    def test_both_make_a_queue_that_is_missing(self) -> None:
        for verb, status in (("POST", 201), ("DELETE", 200)):
            answer = self.call(verb, f"queues/{verb}/subscribers", asking(URL))
            self.assertEqual((answer.status, answer.json["name"]), (status, verb))
        self.assertNotIn("push_type", self.shown("DELETE"))

    def test_without_subscribers_nothing_changes(self) -> None:
        before = self.push_queue(URL)
        for verb in ("POST", "DELETE"):
            for body in ({}, {"subscribers": None}):
                self.assertEqual(self.call(verb, "queues/q/subscribers", body).json, before)

    def test_a_bare_array_is_refused(self) -> None:
        """Node 0.2.0 sends one, which is its bug."""
        for verb in ("POST", "DELETE"):
            self.assert_refused(self.call(verb, "queues/q/subscribers", [{"url": URL}]), 400)


class AddressTests(SynchronousTestCase):
    """What a subscriber's URL means."""

    def test_the_forms_there_are(self) -> None:
        for url, found in (
            ("http://example.org", Web("http://example.org/", "http://example.org:80")),
            ("HTTPS://Example.ORG/A?b=c#d", Web("https://example.org/A?b=c", "https://example.org:443")),
            ("https://example.org:8443/", Web("https://example.org:8443/", "https://example.org:8443")),
            ("http://[::1]:80/", Web("http://[::1]:80/", "http://[::1]:80")),
            (
                "https://bücher.example/ü",
                Web("https://xn--bcher-kva.example/%C3%BC", "https://xn--bcher-kva.example:443"),
            ),
            (
                "http://u:p%40w@example.org/",
                Web("http://example.org/", "http://example.org:80", "u:p@w"),
            ),
            ("ironmq:///q", Here("q")),
            ("ironmq:///a%2Fb%20c", Here("a/b c")),
            ("ironmq://p:t@/q", Here("q", "p", "t")),
            (
                "ironmq://p:t@mq.example.org/a%20b",
                Elsewhere(
                    "https://mq.example.org:443/1/projects/p/queues/a%20b/messages",
                    "https://mq.example.org:443",
                    "t",
                ),
            ),
            (
                "ironmq://p:t@mq.example.org:8443/q",
                Elsewhere(
                    "https://mq.example.org:8443/1/projects/p/queues/q/messages",
                    "https://mq.example.org:8443",
                    "t",
                ),
            ),
            ("ironworker:///code", Worker()),
        ):  # fmt: skip
            self.assertEqual(addresses.parse(url), found, url)

    def test_all_others_are_refused(self) -> None:
        for url in (
            "", "q", "/q", "//example.org/", "ftp://example.org/", "javascript:alert(1)",
            "file:///etc/passwd", "gopher://example.org/", "http:///x", "http://",
            "https:example.org", "http://example.org:port/", "http://example.org:99999/",
            "http://a b/", "http://a\r\nb/", "http://exa\\mple.org/", "http://example.org/\0",
            "http://[::1/", "http://[fe80::1%25eth0]/",
            "ironmq://", "ironmq:///", "ironmq:///a/b", "ironmq://p@/q", "ironmq://p:@/q",
            "ironmq://:t@/q", "ironmq://example.org/q", "ironmq://p@example.org/q", "ironmq:///%00",
            "ironmq:///%FF", "ironmq:///%1Fq", "http://" + "x" * 5000 + ".example.org/",
            "http://" + "x." * 122 + "example.org/", "ironmq://p:t@" + "x" * 254 + "/q",
        ):  # fmt: skip
            self.assertRaises(BadAddress, addresses.parse, url)

    def test_no_refusal_shows_a_token(self) -> None:
        for url in ("ironmq://p:s3cret@host:port/q", "ironmq://p:s3cret@/a/b", "http://u:s3cret@/"):
            error = self.assertRaises(BadAddress, addresses.parse, url)
            self.assertNotIn("s3cret", str(error))

    def test_what_may_be_told_to_others_has_no_secret(self) -> None:
        for url, shown in (
            (URL, URL),
            ("ironmq:///q", "ironmq:///q"),
            ("ironmq://p:s3cret@/q", "ironmq://p:***@/q"),
            ("ironmq://p:s3cret@h:1/q", "ironmq://p:***@h:1/q"),
            ("https://u:s3cret@h/a@b?c=d@e", "https://u:***@h/a@b?c=d@e"),
            ("https://h/?c=d@e", "https://h/?c=d@e"),
        ):
            self.assertEqual(addresses.shown(url), shown)

    def test_no_text_form_shows_a_token(self) -> None:
        for url in ("ironmq://p:s3cret@/q", "ironmq://p:s3cret@h/q", "http://u:s3cret@h/"):
            self.assertNotIn("s3cret", repr(addresses.parse(url)))


class OwnQueueTests(PushCase):
    """A queue that pushes to itself would never end (Ruby's tests want it refused)."""

    def test_it_is_refused_however_it_is_spelled(self) -> None:
        for url in ("ironmq:///a%20q", f"ironmq://{PROJECT}:{TOKEN}@/a%20q"):
            for path in ("queues/a%20q", "queues/a%20q/subscribers"):
                self.assert_refused(self.call("POST", path, asking(url)), 400)

    def test_a_queue_of_its_name_in_another_project_is_another_one(self) -> None:
        url = f"ironmq://{OTHER_PROJECT}:{OTHER_TOKEN}@/q"
        self.assertEqual(self.push_queue(url)["subscribers"], [{"url": url}])
