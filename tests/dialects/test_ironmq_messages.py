"""Messages: post, webhook, get, peek, by id, delete (section 3 of the specification)."""

from __future__ import annotations

import json

from mqgate.dialects.ironmq.settings import Settings
from tests.dialects.ironmq_case import PROJECT, TOKEN, IronMQCase, asking


class PostTests(IronMQCase):
    def test_the_reply_has_ids_in_order_and_the_vendors_words(self) -> None:
        """The id is a string of 19 digits; .NET compares the words."""
        answer = self.call(
            "POST", "queues/q/messages", {"messages": [{"body": "a"}, {"body": "b"}]}
        )
        self.assertEqual(answer.status, 201)
        first, second = answer.json["ids"]
        self.assertEqual(
            answer.reply.body,
            b'{"ids":["%s","%s"],"msg":"Messages put on queue."}'
            % (first.encode(), second.encode()),
        )
        for message in (first, second):
            self.assertRegex(message, r"^[0-9]{19}$")
        self.assertLess(first, second)
        self.assertEqual([m["id"] for m in self.get("?n=2")], [first, second])

    def test_the_seeds_example_is_taken(self) -> None:
        body = b"""{
          "messages": [
            { "body": "This is my message 1." },
            { "body": "This is my message 2.", "timeout": 30, "delay": 2, "expires_in": 86400 }
          ]
        }"""
        self.assertEqual(self.call("POST", "queues/q/messages", body).status, 201)
        self.assertEqual(self.bodies("?n=2"), ["This is my message 1."])
        self.pass_time(2)
        (late,) = self.get("?n=2")
        self.assertEqual((late["body"], late["timeout"]), ("This is my message 2.", 30))

    def test_it_makes_the_queue(self) -> None:
        self.post("a")
        self.assertEqual(self.size(), 1)

    def test_a_hundred_at_once_are_taken(self) -> None:
        """As the Ruby and Go clients' tests do."""
        bodies = [str(number) for number in range(100)]
        self.post(*bodies)
        self.assertEqual(self.bodies("?n=100"), bodies)

    def test_a_refused_batch_leaves_nothing_behind(self) -> None:
        """Not even the queue."""
        for item, status in (({}, 406), ({"body": 1}, 400), ({"body": "x", "delay": -1}, 400)):
            batch = {"messages": [{"body": "good"}, item]}
            self.assert_refused(self.call("POST", "queues/q/messages", batch), status)
        self.assert_refused(self.call("GET", "queues/q"), 404)

    def test_bodies_come_back_as_they_were(self) -> None:
        bodies = [
            "",
            "\0",
            "a\0b",
            "😀",
            'a "quoted" \\ back',
            "\u2028\u2029",
            "é",
            "\r\n\t",
            "\ufffd",
        ]
        self.post(*bodies)
        self.assertEqual(self.bodies("?n=100"), bodies)

    def test_a_body_has_no_need_of_a_content_type(self) -> None:
        """Nor of the right one (curl sends a form's by default)."""
        for kind in ("application/x-www-form-urlencoded", "text/plain", "nonsense"):
            answer = self.call(
                "POST", "queues/q/messages", {"messages": [{"body": "a"}]}, {"Content-Type": kind}
            )
            self.assertEqual(answer.status, 201)


class WebhookTests(IronMQCase):
    def test_the_request_body_is_the_message(self) -> None:
        """ "The request body as is" (seed); the token in the query, as third parties need."""
        target = f"/1/projects/{PROJECT}/queues/q/messages/webhook?oauth={TOKEN}"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.send(asking("POST", target, b"payload=%7B%7D&a=b", headers=form)).answer()
        (message,) = answer.json["ids"]
        self.assertEqual(answer.status, 201)
        self.assertEqual(answer.json["msg"], "Messages put on queue.")
        (got,) = self.get()
        self.assertEqual((got["id"], got["body"]), (message, "payload=%7B%7D&a=b"))
        self.assertEqual(got["timeout"], 60)

    def test_any_utf_8_will_do_and_nothing_else(self) -> None:
        for body in (b"", b"{", "é😀\0".encode()):
            self.assertEqual(self.call("POST", "queues/q/messages/webhook", body).status, 201)
        self.assert_refused(self.call("POST", "queues/q/messages/webhook", b"\xff"), 400)
        self.assertEqual(self.bodies("?n=9"), ["", "{", "é😀\0"])


class GetTests(IronMQCase):
    def test_a_message_has_all_its_keys(self) -> None:
        """``push_status`` too, though nothing is pushed (PHP reads it as a property)."""
        (message,) = self.post("a", timeout=120)
        self.assertEqual(
            self.get(),
            [{"id": message, "body": "a", "timeout": 120, "reserved_count": 1, "push_status": {}}],
        )

    def test_an_empty_queue_and_a_missing_one_have_no_messages(self) -> None:
        """200 and an array (node issue 37): only version 3 began to answer 404."""
        self.call("POST", "queues/empty", {})
        for queue in ("empty", "missing"):
            answer = self.call("GET", f"queues/{queue}/messages")
            self.assertEqual((answer.status, answer.reply.body), (200, b'{"messages":[]}'))
        self.assert_refused(self.call("GET", "queues/missing"), 404)

    def test_one_is_handed_out_unless_more_are_asked_for(self) -> None:
        self.post(*"abcdef")
        self.assertEqual(self.bodies(), ["a"])
        self.assertEqual(self.bodies("?"), ["b"])
        self.assertEqual(self.bodies("?&n=2"), ["c", "d"])
        self.assertEqual(self.bodies("?n=100"), ["e", "f"])

    def test_more_than_100_are_never_handed_out(self) -> None:
        self.post(*map(str, range(101)))
        self.assertEqual(len(self.get("?n=1000")), 100)

    def test_the_timeout_of_a_get_is_for_that_reservation(self) -> None:
        """It shows in the reply (client ruby), and is gone with the next get."""
        (message,) = self.post("a", timeout=60)
        by_id = f"queues/q/messages/{message}"
        self.assertEqual(self.get("?timeout=120")[0]["timeout"], 120)
        self.assertEqual(self.call("GET", by_id).json["timeout"], 120)
        self.pass_time(119)
        self.assertEqual(self.get(), [])
        self.call("POST", f"{by_id}/touch")
        self.assertEqual(self.call("GET", by_id).json["timeout"], 60)
        self.pass_time(59)
        self.assertEqual(self.get(), [])
        self.pass_time(1)
        self.assertEqual(self.get()[0]["timeout"], 60)

    def test_a_timeout_out_of_bounds_is_moved_into_them(self) -> None:
        """Java posts 0 and 10, Go gets with 0 (section 2)."""
        self.post("a", timeout=10)
        self.assertEqual(self.get("?timeout=0")[0]["timeout"], 30)
        self.pass_time(30)
        self.assertEqual(self.get("?timeout=1")[0]["timeout"], 30)
        self.pass_time(30)
        self.assertEqual(self.get("?timeout=100000")[0]["timeout"], 86400)

    def test_wrong_options_are_refused(self) -> None:
        self.post("a")
        for query in ("?n=-1", "?n=x", "?timeout=1.5", "?wait=soon"):
            self.assert_refused(self.call("GET", f"queues/q/messages{query}"), 400)
        self.assertEqual(self.bodies(), ["a"])

    def test_with_delete_it_is_handed_out_and_removed_in_one_step(self) -> None:
        (message,) = self.post("a")
        (got,) = self.get("?delete=true")
        self.assertEqual((got["id"], got["reserved_count"]), (message, 1))
        self.assertEqual(self.size(), 0)
        self.pass_time(60)
        self.assertEqual(self.get(), [])
        self.assert_refused(self.call("DELETE", f"queues/q/messages/{message}"), 404)

    def test_any_other_value_of_delete_is_false(self) -> None:
        self.post("a")
        for value in ("false", "True", "1", ""):
            self.get(f"?delete={value}")
            self.assertEqual(self.size(), 1, value)


class PeekTests(IronMQCase):
    def test_nothing_is_reserved(self) -> None:
        messages = self.post("a", "b", "c")
        answer = self.call("GET", "queues/q/messages/peek")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.json["messages"],
            [{"id": messages[0], "body": "a", "reserved_count": 0, "push_status": {}}],
        )
        answer = self.call("GET", "queues/q/messages/peek?n=2")
        self.assertEqual([message["body"] for message in answer.json["messages"]], ["a", "b"])
        self.assertEqual(self.bodies("?n=3"), ["a", "b", "c"])

    def test_reserved_and_delayed_messages_are_not_seen(self) -> None:
        self.post("held")
        self.get()
        self.post("late", delay=10)
        self.assertEqual(self.call("GET", "queues/q/messages/peek?n=9").json["messages"], [])
        self.pass_time(60)
        seen = self.call("GET", "queues/q/messages/peek?n=9").json["messages"]
        self.assertEqual([message["reserved_count"] for message in seen], [0, 1])

    def test_a_missing_queue_is_an_empty_one(self) -> None:
        answer = self.call("GET", "queues/missing/messages/peek")
        self.assertEqual((answer.status, answer.reply.body), (200, b'{"messages":[]}'))

    def test_wrong_options_are_refused(self) -> None:
        self.assert_refused(self.call("GET", "queues/q/messages/peek?n=x"), 400)


class ByIdTests(IronMQCase):
    settings = Settings(deleted_seconds=100)

    def status(self, message: str) -> str:
        status: str = self.call("GET", f"queues/q/messages/{message}").json["status"]
        return status

    def test_it_shows_the_message(self) -> None:
        """The keys of the seed's sample, in its order."""
        (message,) = self.post("a", timeout=90)
        answer = self.call("GET", f"queues/q/messages/{message}")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.reply.body,
            json.dumps(
                {
                    "id": message,
                    "body": "a",
                    "timeout": 90,
                    "status": "available",
                    "reserved_count": 0,
                },
                separators=(",", ":"),
            ).encode(),
        )

    def test_its_status_follows_its_life(self) -> None:
        (message,) = self.post("a", delay=10)
        self.assertEqual(self.status(message), "delayed")
        self.pass_time(10)
        self.assertEqual(self.status(message), "available")
        self.get()
        self.assertEqual(self.status(message), "reserved")
        self.pass_time(60)
        self.assertEqual(self.status(message), "available")
        self.call("DELETE", f"queues/q/messages/{message}")
        self.assertEqual(self.status(message), "deleted")

    def test_a_deleted_message_stays_readable_for_a_while(self) -> None:
        """Error queues rely on it (docs); for ``deleted_seconds``, or as long as it would live."""
        (deleted,) = self.post("a")
        (taken,) = self.post("b")
        self.get()
        self.get("?delete=true")
        self.call("DELETE", f"queues/q/messages/{deleted}")
        for message, body in ((deleted, "a"), (taken, "b")):
            found = self.call("GET", f"queues/q/messages/{message}").json
            self.assertEqual((found["body"], found["status"]), (body, "deleted"))
            self.assertEqual(found["reserved_count"], 1)
        self.pass_time(99)
        self.assertEqual(self.status(deleted), "deleted")
        self.pass_time(1)
        for message in (deleted, taken):
            answer = self.call("GET", f"queues/q/messages/{message}")
            self.assert_refused(answer, 404, "Message not found")

    def test_a_deleted_message_is_forgotten_when_it_would_have_expired(self) -> None:
        (message,) = self.post("a", expires_in=10)
        self.call("DELETE", f"queues/q/messages/{message}")
        self.pass_time(10)
        self.assert_refused(self.call("GET", f"queues/q/messages/{message}"), 404)

    def test_an_unknown_id_is_not_found(self) -> None:
        """Text as in node issue 29; also what can be no id at all."""
        self.post("a")
        for message in ("1", "0", "x", "5924625841136130921", "9" * 19, "9" * 99, "-1", "1%2F2"):
            for verb, end, body in (
                ("GET", "", b""),
                ("DELETE", "", b""),
                ("POST", "/touch", b""),
                ("POST", "/release", b"{}"),
            ):
                answer = self.call(verb, f"queues/q/messages/{message}{end}", body)
                self.assert_refused(answer, 404, "Message not found")

    def test_a_missing_queue_is_not_found(self) -> None:
        for verb, end in (("GET", ""), ("DELETE", ""), ("POST", "/touch"), ("POST", "/release")):
            answer = self.call(verb, f"queues/missing/messages/1{end}", b"{}")
            self.assert_refused(answer, 404, "Queue not found")

    def test_a_message_belongs_to_one_queue(self) -> None:
        (message,) = self.post("a")
        self.post("b", queue="r")
        self.assert_refused(self.call("GET", f"queues/r/messages/{message}"), 404)
        self.assert_refused(self.call("DELETE", f"queues/r/messages/{message}"), 404)
        self.assertEqual(self.status(message), "available")


class DeleteTests(IronMQCase):
    def test_one_is_deleted_once(self) -> None:
        """Without a full stop (.NET compares); a second time 404 (client ruby raises on it)."""
        (message,) = self.post("a")
        self.get()
        answer = self.call("DELETE", f"queues/q/messages/{message}")
        self.assertEqual((answer.status, answer.reply.body), (200, b'{"msg":"Deleted"}'))
        answer = self.call("DELETE", f"queues/q/messages/{message}")
        self.assert_refused(answer, 404, "Message not found")

    def test_a_body_means_nothing(self) -> None:
        """Node and Ruby send ``{}``."""
        for body in (b"", b"{}", b"nonsense"):
            (message,) = self.post("a")
            answer = self.call("DELETE", f"queues/q/messages/{message}", body)
            self.assertEqual(answer.status, 200)

    def test_many_are_deleted_reserved_or_not(self) -> None:
        """Ruby deletes unreserved ids in bulk."""
        ids = self.post("a", "b", "c", "d")
        self.get("?n=2")
        answer = self.call("DELETE", "queues/q/messages", {"ids": [ids[0], ids[2], ids[3]]})
        self.assertEqual((answer.status, answer.reply.body), (200, b'{"msg":"Deleted"}'))
        self.assertEqual(self.size(), 1)
        self.pass_time(60)
        self.assertEqual(self.bodies("?n=9"), ["b"])

    def test_unknown_ids_are_skipped(self) -> None:
        ids = self.post("a", "b")
        for listed in ([ids[0], "1", "nonsense", ids[0]], [ids[0]], ["nonsense"], ["9" * 99]):
            answer = self.call("DELETE", "queues/q/messages", {"ids": listed})
            self.assertEqual(answer.status, 200)
        self.assertEqual(self.bodies("?n=9"), ["b"])

    def test_many_of_a_missing_queue_are_not_found(self) -> None:
        for ids in (["1"], ["nonsense"]):
            answer = self.call("DELETE", "queues/missing/messages", {"ids": ids})
            self.assert_refused(answer, 404, "Queue not found")

    def test_what_to_delete_must_be_said(self) -> None:
        """An empty body must not clear the queue, as it does in version 3."""
        self.post("a")
        for body, status in ((b"", 400), (b"{}", 406), (b'{"ids":[]}', 400), (b'{"ids":[1]}', 400)):
            self.assert_refused(self.call("DELETE", "queues/q/messages", body), status)
        self.assertEqual(self.size(), 1)
