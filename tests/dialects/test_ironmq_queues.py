"""Queues: list, info, update, clear, delete (section 3 of the specification)."""

from __future__ import annotations

from mqgate.engine.values import NewMessage
from tests.dialects.case import START
from tests.dialects.ironmq_case import (
    OTHER_PROJECT,
    OTHER_TOKEN,
    PROJECT,
    IronMQCase,
    asking,
    authorized,
)


class ListTests(IronMQCase):
    def names(self, query: str = "") -> list[str]:
        answer = self.call("GET", f"queues{query}")
        self.assertEqual(answer.status, 200)
        return [line["name"] for line in answer.json]

    def test_no_queues_are_an_empty_array(self) -> None:
        self.assertEqual(self.call("GET", "queues").reply.body, b"[]")

    def test_a_line_has_id_project_and_name(self) -> None:
        """And is the same id as in the queue object (seed; Python reads ``[i]["name"]``)."""
        self.post("b", queue="queue%20name")
        info = self.call("GET", "queues/queue%20name").json
        self.assertEqual(
            self.call("GET", "queues").json,
            [{"id": info["id"], "project_id": PROJECT, "name": "queue name"}],
        )

    def test_queues_are_listed_by_name(self) -> None:
        for name in ("b", "a", "B", "é", "😀", "10", "9"):
            self.post("x", queue=name)
        self.assertEqual(self.names(), ["10", "9", "B", "a", "b", "é", "😀"])

    def test_there_are_30_on_a_page_and_more_pages(self) -> None:
        """Pages count from 0 (seed); one past the end is empty (client ruby)."""
        names = [f"q{number:03}" for number in range(105)]
        for name in names:
            self.call("POST", f"queues/{name}", {})
        self.assertEqual(self.names(), names[:30])
        self.assertEqual(self.names("?page=1"), names[30:60])
        self.assertEqual(self.names("?page=3"), names[90:])
        self.assertEqual(self.names("?page=4"), [])
        self.assertEqual(self.names("?per_page=2&page=1"), names[2:4])
        self.assertEqual(self.names("?per_page=1000"), names[:100])
        self.assertEqual(self.names("?per_page=0"), names[:1])
        self.assertEqual(self.names("?page=1&per_page=100"), names[100:])
        self.assertEqual(self.names("?page=100000"), [])

    def test_wrong_pages_are_refused(self) -> None:
        for query in ("?page=-1", "?per_page=x", "?page=1.0"):
            self.assert_refused(self.call("GET", f"queues{query}"), 400)

    def test_a_deleted_queue_is_not_listed(self) -> None:
        self.post("x", queue="a")
        self.post("x", queue="b")
        self.call("DELETE", "queues/a")
        self.assertEqual(self.names(), ["b"])

    def test_projects_list_their_own_queues(self) -> None:
        self.post("x")
        target = f"/1/projects/{OTHER_PROJECT}/queues"
        answer = self.send(asking("GET", target, headers=authorized(OTHER_TOKEN))).answer()
        self.assertEqual(answer.json, [])


class InfoTests(IronMQCase):
    def test_the_queue_object_is_whole(self) -> None:
        """Go and Java decode ``size`` to int; Python, Ruby and Node read the rest."""
        self.post("a", "b", "c")
        answer = self.call("GET", "queues/q")
        self.assertEqual(answer.status, 200)
        self.assertEqual(list(answer.json), ["id", "name", "size", "total_messages", "project_id"])
        self.assertEqual(
            {**answer.json, "id": None},
            {"id": None, "name": "q", "size": 3, "total_messages": 3, "project_id": PROJECT},
        )

    def test_the_id_is_24_hex_digits_and_begins_with_the_time(self) -> None:
        self.post("a")
        queue = self.call("GET", "queues/q").json["id"]
        self.assertRegex(queue, "^[0-9a-f]{24}$")
        self.assertEqual(int(queue[:8], 16), START)
        self.post("a", queue="r")
        self.assertNotEqual(self.call("GET", "queues/r").json["id"], queue)

    def test_a_missing_queue_is_not_found(self) -> None:
        """Text as in ruby issue 45."""
        self.assert_refused(self.call("GET", "queues/q"), 404, "Queue not found")

    def test_size_counts_what_is_there_and_total_what_ever_was(self) -> None:
        """Reserved and delayed ones are there; deleted and expired ones are not."""
        ids = self.post("a", "b", "c", "d")
        self.post("late", delay=100)
        self.post("short", expires_in=10)
        self.get("?n=2")
        self.assertEqual(self.size(), 6)
        self.call("DELETE", f"queues/q/messages/{ids[0]}")
        self.assertEqual(self.size(), 5)
        self.get("?n=2&delete=true")
        self.assertEqual(self.size(), 3)
        self.pass_time(10)
        self.assertEqual(self.size(), 2)
        self.assertEqual(self.call("GET", "queues/q").json["total_messages"], 6)


class UpdateTests(IronMQCase):
    def test_it_makes_a_queue(self) -> None:
        """An empty object is fine (seed)."""
        answer = self.call("POST", "queues/q", {})
        self.assertEqual(answer.status, 201)
        self.assertEqual(answer.json["size"], 0)
        self.assertEqual(answer.json, self.call("GET", "queues/q").json)

    def test_it_leaves_a_queue_as_it_is(self) -> None:
        self.post("a")
        before = self.call("GET", "queues/q").json
        self.assertEqual(self.call("POST", "queues/q", {"push_type": "pull"}).json, before)
        self.assertEqual(self.bodies(), ["a"])

    def test_it_needs_a_json_object(self) -> None:
        for body in (b"", b"[]", b"x", b"null"):
            self.assert_refused(self.call("POST", "queues/q", body), 400)

    def test_messages_do_not_get_lost_here(self) -> None:
        """A client that leaves ``?`` in a queue's name posts to another queue's settings."""
        body = {"messages": [{"body": "a"}]}
        self.assert_refused(self.call("POST", "queues/q", body), 400)
        self.assert_refused(self.call("GET", "queues/q"), 404)


class ClearTests(IronMQCase):
    def test_it_takes_all_messages_off_reserved_ones_too(self) -> None:
        """Without a full stop (seed; .NET expects one, against it)."""
        self.post("a", "b")
        self.post("late", delay=100)
        (held,) = self.get()
        answer = self.call("POST", "queues/q/clear")
        self.assertEqual((answer.status, answer.reply.body), (201, b'{"msg":"Cleared"}'))
        self.assertEqual((self.size(), self.bodies("?n=10")), (0, []))
        self.assert_refused(self.call("DELETE", f"queues/q/messages/{held['id']}"), 404)
        self.pass_time(100)
        self.assertEqual(self.bodies("?n=10"), [])
        self.assertEqual(self.call("GET", "queues/q").json["total_messages"], 3)

    def test_what_was_deleted_before_stays_readable(self) -> None:
        """Section 3.2: until it would have expired; what is cleared away is gone."""
        deleted, cleared = self.post("a", "b")
        self.call("DELETE", f"queues/q/messages/{deleted}")
        self.call("POST", "queues/q/clear")
        found = self.call("GET", f"queues/q/messages/{deleted}")
        self.assertEqual((found.status, found.json["status"]), (200, "deleted"))
        self.assert_refused(self.call("GET", f"queues/q/messages/{cleared}"), 404)

    def test_a_body_means_nothing(self) -> None:
        """Python sends none, Node ``{}``, PHP its token."""
        self.post("a")
        for body in (b"", b"{}", b'{"oauth":"x"}', b"no JSON"):
            self.assertEqual(self.call("POST", "queues/q/clear", body).status, 201)

    def test_a_missing_queue_is_not_found(self) -> None:
        self.assert_refused(self.call("POST", "queues/q/clear"), 404, "Queue not found")


class DeleteTests(IronMQCase):
    def test_it_is_gone_with_all_that_was_in_it(self) -> None:
        """With a full stop (seed; .NET compares)."""
        (message,) = self.post("a")
        answer = self.call("DELETE", "queues/q")
        self.assertEqual((answer.status, answer.reply.body), (200, b'{"msg":"Deleted."}'))
        self.assert_refused(self.call("GET", "queues/q"), 404, "Queue not found")
        self.assert_refused(self.call("GET", f"queues/q/messages/{message}"), 404)
        self.assertEqual(self.bodies(), [])

    def test_a_body_means_nothing(self) -> None:
        """Node sends ``{}``, with a Content-Type."""
        for body in (b"{}", b"no JSON"):
            self.post("a")
            self.assertEqual(self.call("DELETE", "queues/q", body).status, 200)

    def test_a_missing_queue_is_not_found(self) -> None:
        self.assert_refused(self.call("DELETE", "queues/q"), 404, "Queue not found")

    def test_made_again_it_is_another_queue(self) -> None:
        """A new id (client ruby), and its counters start again."""
        self.post("a")
        before = self.call("GET", "queues/q").json
        self.call("DELETE", "queues/q")
        self.post("b")
        after = self.call("GET", "queues/q").json
        self.assertNotEqual(after["id"], before["id"])
        self.assertEqual((after["size"], after["total_messages"]), (1, 1))
        self.assertEqual(self.bodies("?n=10"), ["b"])


class SharedQueueTests(IronMQCase):
    def test_what_another_dialect_posted_can_be_got(self) -> None:
        """Bytes that are no UTF-8 come out with a replacement character each."""
        world = 1
        posted = self.engine.post(
            world, "q", [NewMessage(b"plain"), NewMessage(b"\xff\x00")], policy="other"
        )
        self.settle()
        self.successResultOf(posted)
        self.assertEqual(self.bodies("?n=2"), ["plain", "\ufffd\0"])
