"""Delivery, push status and error queues: sections 5.3 and 5.4, row by row."""

from __future__ import annotations

import json
from typing import Any

from mqgate.dialects.ironmq.push import MOST_HOPS
from tests.dialects.ironmq_case import OTHER_PROJECT, OTHER_TOKEN, PROJECT, asking, authorized
from tests.dialects.ironmq_push_case import DELAY_SECONDS, OTHER_URL, URL, PushCase


class RequestTests(PushCase):
    """What a receiver is sent."""

    def test_it_is_the_body_as_it_is_with_the_documented_headers(self) -> None:
        """A recorded push has these five, and no token of anybody's."""
        self.push_queue(URL)
        (message,) = self.post("grüß dich \x00 {}")
        (sent,) = self.receivers.sent
        ((status),) = self.statuses(message)
        self.assertEqual((sent.url, sent.body), (URL, "grüß dich \x00 {}".encode()))
        self.assertEqual(
            sent.headers,
            {
                "Content-Type": "text/plain; encoding=utf-8",
                "User-Agent": "IronMQ Pusherd",
                "Iron-Message-Id": message,
                "Iron-Subscriber-Message-Id": status["id"],
                "Iron-Subscriber-Message-Url": f"/1/projects/{PROJECT}/queues/q/messages/"
                f"{message}/subscribers/{status['id']}",
            },
        )

    def test_the_subscribers_headers_are_laid_over_the_defaults_and_ours_over_those(self) -> None:
        headers = {"content-type": "application/json", "X-A": "b", "iron-message-id": "mine"}
        self.call("POST", "queues/q", {"subscribers": [{"url": URL, "headers": headers}]})
        (message,) = self.post("{}")
        sent = self.receivers.sent[0].headers
        self.assertEqual((sent["content-type"], sent["X-A"]), ("application/json", "b"))
        self.assertEqual(sent["User-Agent"], "IronMQ Pusherd")
        self.assertEqual(sent["Iron-Message-Id"], message)
        self.assertNotIn("Content-Type", sent)
        self.assertNotIn("iron-message-id", sent)

    def test_credentials_of_the_url_are_the_receivers(self) -> None:
        self.push_queue("https://user:secret@receiver.example.org/")
        self.post("a")
        (sent,) = self.receivers.sent
        self.assertEqual(sent.url, "https://receiver.example.org/")
        self.assertEqual(sent.headers["Authorization"], "Basic dXNlcjpzZWNyZXQ=")

    def test_a_raw_body_is_pushed_too(self) -> None:
        self.push_queue(URL)
        self.call("POST", "queues/q/messages/webhook", b"a=b&c=d")
        self.assertEqual(self.receivers.sent[0].body, b"a=b&c=d")

    def test_headers_are_those_of_the_time_of_the_post(self) -> None:
        self.push_queue(URL)
        self.post("a", delay=10)
        again = {"subscribers": [{"url": URL, "headers": {"X-A": "b"}}]}
        self.call("POST", "queues/q/subscribers", again)
        self.pass_time(10)
        self.assertNotIn("X-A", self.receivers.sent[0].headers)


class MessageURLTests(PushCase):
    """Where a receiver acknowledges: Laravel takes the sixth part of its path for the queue."""

    def url_after(self, host: str | None, secure: bool = True, queue: str = "q") -> str:
        self.push_queue(URL, queue=queue)
        headers = authorized() | ({"Host": host} if host is not None else {})
        body = {"messages": [{"body": "a"}]}
        path = f"/1/projects/{PROJECT}/queues/{queue}/messages"
        asked = asking("POST", path, body, headers=headers)
        asked.secure = secure
        self.assertEqual(self.send(asked).answer().status, 201)
        url = self.answer(200).headers["Iron-Subscriber-Message-Url"]
        return url.partition(f"/1/projects/{PROJECT}/queues/")[0]

    def test_it_is_on_the_host_that_was_posted_to(self) -> None:
        self.assertEqual(self.url_after("mq.example.org"), "https://mq.example.org")
        self.assertEqual(self.url_after("[::1]:8443"), "https://[::1]:8443")
        self.assertEqual(self.url_after("localhost:8080", secure=False), "http://localhost:8080")

    def test_a_host_that_is_none_is_not_passed_on(self) -> None:
        for host in (None, "", "a b", "a/b", 'a"b', "ü", "x" * 300):
            self.assertEqual(self.url_after(host), "")

    def test_the_queues_name_is_encoded(self) -> None:
        self.push_queue(URL, queue="a%2Fb%20c")
        (message,) = self.post("a", queue="a%2Fb%20c")
        url = self.answer(200).headers["Iron-Subscriber-Message-Url"]
        self.assertEqual(url.split("/")[5], "a%2Fb%20c")
        self.assertEqual(url.split("/")[7], message)

    def test_it_is_kept_with_the_message(self) -> None:
        """A restart does not know who posted it."""
        self.push_queue(URL)
        headers = authorized() | {"Host": "mq.example.org"}
        path = f"/1/projects/{PROJECT}/queues/q/messages"
        self.send(asking("POST", path, {"messages": [{"body": "a", "delay": 10}]}, headers=headers))
        self.stop_pushing()
        self.service.start()
        self.pass_time(10)
        url = self.answer(200).headers["Iron-Subscriber-Message-Url"]
        self.assertTrue(url.startswith("https://mq.example.org/1/"), url)

    def test_deleting_it_acknowledges(self) -> None:
        self.push_queue(URL)
        (message,) = self.post("a")
        url = self.answer(202).headers["Iron-Subscriber-Message-Url"]
        answer = self.send(asking("DELETE", url, headers=authorized())).answer()
        self.assertEqual((answer.status, answer.json), (200, {"msg": "Deleted"}))
        self.assertEqual(self.status(message), "deleted")

    def test_that_needs_a_token(self) -> None:
        self.push_queue(URL)
        (message,) = self.post("a")
        url = self.answer(202).headers["Iron-Subscriber-Message-Url"]
        self.assert_refused(self.send(asking("DELETE", url)).answer(), 401)
        self.assertEqual(self.status(message), "reserved")


class AnswerTests(PushCase):
    """What each answer of a receiver means."""

    def setUp(self) -> None:
        super().setUp()
        self.push_queue(URL)

    def test_any_2xx_but_202_is_a_success(self) -> None:
        for code in (200, 201, 204, 299):
            (message,) = self.post("a")
            self.answer(code)
            (status,) = self.statuses(message)
            self.assertEqual((status["status"], status["status_code"]), ("deleted", code))

    def test_everything_else_is_a_failure(self) -> None:
        for code in (301, 302, 307, 400, 401, 404, 410, 500, 503, 100, 199, 304):
            (message,) = self.post("a")
            self.answer(code)
            (status,) = self.statuses(message)
            self.assertEqual((status["status"], status["status_code"]), ("retrying", code))

    def test_so_is_no_answer(self) -> None:
        (message,) = self.post("a")
        self.fail_to_answer()
        (status,) = self.statuses(message)
        self.assertEqual((status["status"], status["status_code"]), ("retrying", 0))

    def test_202_waits_for_an_acknowledgement_and_then_is_a_failure(self) -> None:
        (message,) = self.post("a", timeout=120)
        self.answer(202)
        self.pass_time(119)
        self.assertEqual(self.status(message), "reserved")
        self.assertEqual(self.under_way(), [])
        self.pass_time(1)
        self.assertEqual(self.status(message), "retrying")
        self.pass_time(DELAY_SECONDS)
        self.assertEqual(self.under_way(), [URL])

    def test_tries_are_a_fixed_time_apart(self) -> None:
        self.push_queue(URL, retries=5, retries_delay=7)
        self.post("a")
        for _ in range(5):
            self.answer(500)
            self.pass_time(6.5)
            self.assertEqual(self.under_way(), [])
            self.pass_time(0.5)
            self.assertEqual(self.under_way(), [URL])

    def test_a_delay_is_waited_for(self) -> None:
        self.post("a", delay=30)
        self.pass_time(29)
        self.assertEqual(self.under_way(), [])
        self.pass_time(1)
        self.assertEqual(self.under_way(), [URL])

    def test_expiry_ends_retries(self) -> None:
        (message,) = self.post("a", expires_in=50)
        self.answer(500)
        self.pass_time(DELAY_SECONDS)
        self.assertEqual(self.under_way(), [])
        path = f"queues/q/messages/{message}/subscribers"
        self.assert_refused(self.call("GET", path), 404, "Message not found")


class StatusTests(PushCase):
    """``GET …/subscribers`` of a message."""

    def test_its_history_with_the_seeds_numbers(self) -> None:
        """The sample shows 2 retries left, of 3, after one success."""
        self.push_queue(URL)
        (message,) = self.post("a", delay=5)
        (status,) = self.statuses(message)
        self.assertRegex(status.pop("id"), r"^[0-9]{19}$")
        self.assertEqual(
            status,
            {
                "retries_delay": 60,
                "retries_remaining": 3,
                "status_code": 0,
                "status": "queued",
                "url": URL,
            },
        )
        self.pass_time(5)
        seen = []
        for code in (503, 404, 202, 200):
            seen.append(self._seen(message))
            self.answer(code)
            seen.append(self._seen(message))
            self.pass_time(DELAY_SECONDS)
            self.pass_time(DELAY_SECONDS)
        self.assertEqual(
            seen,
            [
                ("reserved", 2, 0), ("retrying", 2, 503),
                ("reserved", 1, 503), ("retrying", 1, 404),
                ("reserved", 0, 404), ("reserved", 0, 202),
                ("reserved", 0, 202), ("deleted", 0, 200),
            ],
        )  # fmt: skip

    def _seen(self, message: str) -> tuple[str, int, int]:
        (status,) = self.statuses(message)
        return status["status"], status["retries_remaining"], status["status_code"]

    def test_error_after_the_last_try(self) -> None:
        self.push_queue(URL, retries=1)
        (message,) = self.post("a")
        self.answer(500)
        self.pass_time(DELAY_SECONDS)
        self.answer(500)
        self.assertEqual(self._seen(message), ("error", 0, 500))

    def test_entries_are_there_at_once_and_stay_when_the_subscriber_is_removed(self) -> None:
        self.push_queue(URL, OTHER_URL)
        (message,) = self.post("a", delay=60)
        self.call("DELETE", "queues/q/subscribers", {"subscribers": [{"url": URL}]})
        self.assertEqual([each["url"] for each in self.statuses(message)], [URL, OTHER_URL])

    def test_a_unicast_message_has_one(self) -> None:
        self.push_queue(URL, OTHER_URL, push_type="unicast")
        (message,) = self.post("a")
        (status,) = self.statuses(message)
        self.assertEqual([status["url"]], self.under_way())
        self.answer(500)
        (status,) = self.statuses(message)
        self.assertEqual([status["url"]], self.under_way())

    def test_a_pulled_message_has_none(self) -> None:
        (message,) = self.post("a")
        self.assertEqual(self.statuses(message), [])

    def test_of_what_is_not_there_there_is_none(self) -> None:
        path = "queues/q/messages/{}/subscribers"
        self.assert_refused(self.call("GET", path.format(1)), 404, "Queue not found")
        self.push_queue(URL)
        for message in ("1", "x", "99999999999999999999"):
            refused = self.call("GET", path.format(message))
            self.assert_refused(refused, 404, "Message not found")

    def test_a_pushed_message_is_shown_by_its_id(self) -> None:
        """As ``deleted`` when all is done: error queues rely on that it can be read."""
        self.push_queue(URL)
        (message,) = self.post("a")
        path = f"queues/q/messages/{message}"
        self.assertEqual(self.call("GET", path).json["status"], "reserved")
        self.answer(200)
        self.assertEqual(self.call("GET", path).json["status"], "deleted")
        self.assertEqual(self.call("GET", path).json["body"], "a")

    def test_messages_that_are_gotten_from_a_push_queue_tell_of_its_retries(self) -> None:
        self.post("a", "b")
        self.push_queue(URL, retries=5)
        (peeked,) = self.call("GET", "queues/q/messages/peek").json["messages"]
        self.assertEqual(peeked["push_status"], {"retries_remaining": 5})
        (gotten,) = self.get()
        self.assertEqual(gotten["push_status"], {"retries_remaining": 5})


class AcknowledgementTests(PushCase):
    """``DELETE …/subscribers/{id}`` of a message."""

    def setUp(self) -> None:
        super().setUp()
        self.push_queue(URL)
        (self.message,) = self.post("a")
        ((status),) = self.statuses(self.message)
        self.subscriber = status["id"]

    def acknowledge(self, message: str | None = None, subscriber: str | None = None) -> Any:
        message, subscriber = message or self.message, subscriber or self.subscriber
        path = f"queues/q/messages/{message}/subscribers/{subscriber}"
        return self.call("DELETE", path, {})

    def test_it_may_be_done_again_and_when_all_is_done(self) -> None:
        """Ruby's tests do."""
        self.answer(200)
        for _ in range(2):
            self.assertEqual(self.acknowledge().json, {"msg": "Deleted"})

    def test_what_is_unknown_is_not_found(self) -> None:
        """Text as in the vendor's issues (PHP client)."""
        unknown = str(int(self.message) + 17)
        for message, subscriber in (
            (unknown, None),
            (None, unknown),
            ("x", None),
            (None, "x"),
            (None, "0"),
            (None, "9" * 30),
        ):
            refused = self.acknowledge(message, subscriber)
            self.assert_refused(refused, 404, "Message not found")
        self.assertEqual(self.status(self.message), "reserved")


class ManyReceiversTests(PushCase):
    """Multicast, unicast, and the way back to pull."""

    def test_multicast_each_on_its_own(self) -> None:
        self.push_queue(URL, OTHER_URL)
        (message,) = self.post("a")
        self.assertCountEqual(self.under_way(), [URL, OTHER_URL])
        self.answer(200, URL)
        self.answer(500, OTHER_URL)
        self.assertEqual(self.shown()["size"], 1)
        self.pass_time(DELAY_SECONDS)
        self.assertEqual(self.under_way(), [OTHER_URL])
        self.answer(200)
        self.assertEqual(self.shown()["size"], 0)
        statuses = [each["status"] for each in self.statuses(message)]
        self.assertEqual(statuses, ["deleted", "deleted"])

    def test_unicast_one_after_the_other_and_again_later(self) -> None:
        self.push_queue(URL, OTHER_URL, push_type="unicast")
        self.post("a")
        first = self.answer(500).url
        second = self.answer(500).url
        self.assertCountEqual([first, second], [URL, OTHER_URL])
        self.assertEqual(self.under_way(), [])
        self.pass_time(DELAY_SECONDS)
        self.assertEqual(self.under_way(), [first])
        self.answer(200)
        self.assertEqual(self.under_way(), [])

    def test_what_was_posted_before_the_switch_is_pulled_and_what_comes_after_pushed(self) -> None:
        self.post("before")
        self.push_queue(URL)
        self.post("after")
        self.assertEqual(self.bodies("?n=10"), ["before"])
        self.assertEqual(self.answer(200).body, b"after")
        self.assertEqual(self.shown()["size"], 1)

    def test_back_to_pull_new_messages_are_pulled_and_old_ones_pushed_on(self) -> None:
        self.push_queue(URL)
        (message,) = self.post("old")
        self.answer(500)
        self.call("POST", "queues/q", {"push_type": "pull"})
        self.post("new")
        self.assertEqual(self.bodies("?n=10"), ["new"])
        self.pass_time(DELAY_SECONDS)
        self.assertEqual(self.answer(200).body, b"old")
        self.assertEqual(self.status(message), "deleted")

    def test_touch_and_release_do_not_find_what_is_pushed(self) -> None:
        self.push_queue(URL)
        (message,) = self.post("a")
        for verb in ("touch", "release"):
            refused = self.call("POST", f"queues/q/messages/{message}/{verb}", {})
            self.assert_refused(refused, 404, "Message not found")

    def test_deleting_and_clearing_end_the_pushes(self) -> None:
        self.push_queue(URL)
        one, _ = self.post("1", "2")
        self.assertEqual(self.call("DELETE", f"queues/q/messages/{one}").json["msg"], "Deleted")
        self.assertEqual(self.status(one), "deleted")
        self.assertEqual(self.call("POST", "queues/q/clear").status, 201)
        self.assertEqual(self.shown()["size"], 0)
        for _ in range(2):
            self.answer(500)
        self.pass_time(2 * DELAY_SECONDS)
        self.assertEqual(self.under_way(), [])


class ErrorQueueTests(PushCase):
    """What is put on a queue's error queue."""

    def errors(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies("?n=10", queue="errors")]

    def test_multicast_one_message_for_each_that_failed(self) -> None:
        self.push_queue(URL, OTHER_URL, retries=0, error_queue="errors")
        (message,) = self.post("a")
        self.answer(503, URL, "Service Unavailable")
        self.fail_to_answer("connection refused", OTHER_URL)
        self.assertEqual(
            self.errors(),
            [
                {"source_msg_id": message, "code": code, "msg": text,
                 "subscribers": [{"url": url, "code": code, "msg": text}]}
                for url, code, text in (
                    (URL, 503, "Service Unavailable"),
                    (OTHER_URL, 0, "connection refused"),
                )
            ],
        )  # fmt: skip

    def test_unicast_one_message_that_names_all(self) -> None:
        self.push_queue(URL, OTHER_URL, push_type="unicast", retries=0, error_queue="errors")
        (message,) = self.post("a")
        first, second = self.answer(503).url, self.answer(404, phrase="Not Found").url
        (error,) = self.errors()
        self.assertEqual(error["source_msg_id"], message)
        self.assertEqual((error["code"], error["msg"]), (404, "Not Found"))
        self.assertEqual(
            error["subscribers"],
            [
                {"url": first, "code": 503, "msg": "status 503"},
                {"url": second, "code": 404, "msg": "Not Found"},
            ],
        )

    def test_it_is_made_as_a_pull_queue_by_the_first_error(self) -> None:
        self.push_queue(URL, retries=0, error_queue="errors")
        self.post("a")
        self.assert_refused(self.call("GET", "queues/errors"), 404)
        self.answer(500)
        self.assertEqual(self.shown("errors")["size"], 1)
        self.assertNotIn("push_type", self.shown("errors"))

    def test_the_source_can_be_read_long_after(self) -> None:
        self.push_queue(URL, retries=0, error_queue="errors")
        self.post("what was it")
        self.answer(500)
        self.pass_time(6 * 86_400)
        (error,) = self.errors()
        found = self.call("GET", f"queues/q/messages/{error['source_msg_id']}").json
        self.assertEqual((found["body"], found["status"]), ("what was it", "deleted"))

    def test_no_token_gets_there(self) -> None:
        """The message may be pushed on to somebody whom it is not for."""
        self.push_queue(f"ironmq://{OTHER_PROJECT}:wrong-token@/r", retries=0, error_queue="errors")
        self.post("a")
        (error,) = self.errors()
        self.assertEqual(error["subscribers"][0]["url"], f"ironmq://{OTHER_PROJECT}:***@/r")

    def test_without_one_nobody_is_told(self) -> None:
        self.push_queue(URL, retries=0, error_queue="errors")
        self.push_queue(URL, error_queue="")
        self.post("a")
        self.answer(500)
        self.assert_refused(self.call("GET", "queues/errors"), 404)


class QueueTargetTests(PushCase):
    """Subscribers that are queues."""

    def test_a_queue_of_the_project(self) -> None:
        self.push_queue("ironmq:///r")
        (message,) = self.post("a")
        self.assertEqual(self.bodies(queue="r"), ["a"])
        (status,) = self.statuses(message)
        self.assertEqual((status["status"], status["status_code"]), ("deleted", 200))
        self.assertEqual(self.under_way(), [])

    def test_a_queue_of_another_project(self) -> None:
        self.push_queue(f"ironmq://{OTHER_PROJECT}:{OTHER_TOKEN}@/r")
        (message,) = self.post("a")
        path = f"/1/projects/{OTHER_PROJECT}/queues/r/messages"
        got = self.send(asking("GET", path, headers=authorized(OTHER_TOKEN))).answer()
        self.assertEqual([each["body"] for each in got.json["messages"]], ["a"])
        self.assertEqual(self.status(message), "deleted")

    def test_that_needs_its_token(self) -> None:
        for url, code in (
            (f"ironmq://{OTHER_PROJECT}:wrong@/r", 401),
            ("ironmq://000000000000000000000000:wrong@/r", 401),
            (f"ironmq://000000000000000000000000:{OTHER_TOKEN}@/r", 404),
            ("ironmq://50eb546d3264140e8638a7e5:abc4c7c627376858@/r", 403),
        ):
            self.push_queue(url)
            (message,) = self.post("a")
            (status,) = self.statuses(message)
            self.assertEqual((status["status"], status["status_code"]), ("retrying", code))

    def test_a_queue_of_another_server(self) -> None:
        """Posted over HTTPS, with the URL's token, which goes there and nowhere else."""
        url = "ironmq://p:t0ken@mq.example.org/r"
        self.push_queue(url, URL)
        (message,) = self.post("ä")
        there = "https://mq.example.org:443/1/projects/p/queues/r/messages"
        sent = self.answer(201, there)
        self.assertEqual(json.loads(sent.body), {"messages": [{"body": "ä"}]})
        self.assertEqual(sent.headers["Authorization"], "OAuth t0ken")
        self.assertNotIn("t0ken", repr(self.answer(200).headers))
        self.assertEqual([each["status"] for each in self.statuses(message)], ["deleted"] * 2)
        self.assertEqual(self.statuses(message)[0]["url"], url)

    def test_there_is_no_ironworker(self) -> None:
        self.push_queue("ironworker:///code")
        (message,) = self.post("a")
        (status,) = self.statuses(message)
        self.assertEqual((status["status"], status["status_code"]), ("retrying", 0))

    def test_it_may_be_a_push_queue_itself(self) -> None:
        self.push_queue(URL, queue="r")
        self.push_queue("ironmq:///r")
        self.post("a")
        self.assertEqual(self.answer(200).body, b"a")

    def test_a_ring_of_queues_comes_to_an_end(self) -> None:
        self.push_queue("ironmq:///b", queue="a")
        self.push_queue("ironmq:///a", queue="b")
        self.post("round", queue="a")
        total = self.shown("a")["total_messages"] + self.shown("b")["total_messages"]
        self.assertEqual(total, MOST_HOPS + 1)


class SizeTests(PushCase):
    """``size`` of a push queue: what is still to be pushed, and what can be pulled."""

    def test_it_counts_pending_pushes(self) -> None:
        self.post("pulled")
        self.push_queue(URL)
        self.post("a", "b", "c", delay=10)
        self.post("d")
        self.assertEqual(self.shown()["size"], 5)
        self.answer(200)
        self.assertEqual(self.shown()["size"], 4)
        self.assertEqual(self.shown()["total_messages"], 5)


class EndTests(PushCase):
    """The end of the server."""

    def test_connections_are_closed_when_nothing_is_under_way(self) -> None:
        self.push_queue(URL)
        (message,) = self.post("a")
        stopped = self.service.stop()
        self.settle()
        self.assertNoResult(stopped)
        self.assertFalse(self.receivers.closed)
        self.answer(200)
        self.successResultOf(stopped)
        self.assertTrue(self.receivers.closed)
        self.assertEqual(self.status(message), "deleted")
