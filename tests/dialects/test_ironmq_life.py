"""The life of a message (section 4 of the specification)."""

from __future__ import annotations

from tests.dialects.ironmq_case import IronMQCase, Request


class LifeCase(IronMQCase):
    def touch(self, message: str) -> int:
        return self.call("POST", f"queues/q/messages/{message}/touch").status

    def release(self, message: str, **options: int) -> int:
        return self.call("POST", f"queues/q/messages/{message}/release", options).status

    def delete(self, message: str) -> int:
        return self.call("DELETE", f"queues/q/messages/{message}").status


class OrderTests(LifeCase):
    def test_first_in_is_first_out(self) -> None:
        for body in "abc":
            self.post(body)
        self.assertEqual([self.bodies(), self.bodies(), self.bodies()], [["a"], ["b"], ["c"]])

    def test_a_lapsed_reservation_puts_the_message_at_the_end(self) -> None:
        """As in the Ruby client's test_touch; version 3 puts it at the front."""
        self.post("a", "b")
        self.get()
        self.pass_time(59)
        self.post("c")
        self.pass_time(1)
        self.assertEqual(self.bodies("?n=9"), ["b", "c", "a"])

    def test_a_released_message_goes_to_the_end(self) -> None:
        ids = self.post("a", "b")
        self.get()
        self.assertEqual(self.release(ids[0]), 201)
        self.assertEqual(self.bodies("?n=9"), ["b", "a"])

    def test_reservations_are_counted(self) -> None:
        self.post("a")
        for count in (1, 2, 3):
            self.assertEqual([message["reserved_count"] for message in self.get()], [count])
            self.pass_time(60)


class TouchTests(LifeCase):
    def test_it_starts_the_clock_again(self) -> None:
        """With the message's own timeout, not the get's (seed)."""
        (message,) = self.post("a", timeout=60)
        self.get("?timeout=300")
        answer = self.call("POST", f"queues/q/messages/{message}/touch", {})
        self.assertEqual((answer.status, answer.reply.body), (201, b'{"msg":"Touched"}'))
        self.pass_time(59)
        self.assertEqual(self.get(), [])
        self.assertEqual(self.touch(message), 201)
        self.pass_time(59)
        self.assertEqual(self.get(), [])
        self.pass_time(1)
        self.assertEqual(self.bodies(), ["a"])

    def test_a_body_means_nothing(self) -> None:
        """Go and Java send none, Python and Node ``{}``."""
        (message,) = self.post("a")
        for body in (b"", b"{}", b"nonsense"):
            answer = self.call("POST", f"queues/q/messages/{message}/touch", body)
            self.assertEqual(answer.status, 201)

    def test_a_message_nobody_holds_stays_as_it_is(self) -> None:
        ready, late = *self.post("a"), *self.post("b", delay=100)
        self.assertEqual((self.touch(ready), self.touch(late)), (201, 201))
        self.assertEqual(self.bodies("?n=9"), ["a"])
        self.pass_time(100)
        self.assertIn("b", self.bodies("?n=9"))


class ReleaseTests(LifeCase):
    def test_it_can_be_had_at_once(self) -> None:
        (message,) = self.post("a")
        self.get()
        answer = self.call("POST", f"queues/q/messages/{message}/release", {})
        self.assertEqual((answer.status, answer.reply.body), (201, b'{"msg":"Released"}'))
        self.assertEqual(self.bodies(), ["a"])

    def test_with_a_delay_it_is_hidden_for_that_long(self) -> None:
        (message,) = self.post("a")
        self.get()
        self.assertEqual(self.release(message, delay=100), 201)
        self.pass_time(99)
        self.assertEqual(self.get(), [])
        self.pass_time(1)
        self.assertEqual(self.bodies(), ["a"])

    def test_a_message_nobody_holds_can_be_released(self) -> None:
        """Java releases straight after posting; and a delayed one becomes available."""
        ready, late = *self.post("a"), *self.post("b", delay=100)
        self.assertEqual(self.release(late), 201)
        self.assertEqual(self.release(ready, delay=10), 201)
        self.assertEqual(self.bodies("?n=9"), ["b"])
        self.pass_time(10)
        self.assertEqual(self.bodies("?n=9"), ["a"])

    def test_it_needs_a_json_object(self) -> None:
        """ "A JSON document body is required even if all parameters are omitted" (seed)."""
        (message,) = self.post("a")
        self.get()
        for body in (b"", b"[]", b"60", b'{"delay":-1}', b'{"delay":"60"}'):
            answer = self.call("POST", f"queues/q/messages/{message}/release", body)
            self.assert_refused(answer, 400)
        self.assertEqual(self.get(), [])

    def test_an_unknown_message_comes_before_a_bad_body(self) -> None:
        self.post("a")
        answer = self.call("POST", "queues/q/messages/x/release", b"")
        self.assert_refused(answer, 404, "Message not found")


class EndTests(LifeCase):
    def test_a_deleted_message_cannot_be_deleted_touched_or_released(self) -> None:
        """404 (client ruby 5 raises on it), though it can still be read."""
        (message,) = self.post("a")
        self.assertEqual(self.delete(message), 200)
        self.assertEqual(
            (self.delete(message), self.touch(message), self.release(message)), (404, 404, 404)
        )
        self.assertEqual(self.get(), [])

    def test_the_id_alone_is_enough_whoever_holds_the_message(self) -> None:
        """There are no reservation ids in version 1."""
        (message,) = self.post("a")
        self.get()
        self.pass_time(60)
        self.get()
        self.assertEqual(self.delete(message), 200)

    def test_an_expired_message_is_gone_reserved_or_delayed_or_not(self) -> None:
        ids = [
            *self.post("held", expires_in=10),
            *self.post("ready", expires_in=10),
            *self.post("late", expires_in=10, delay=5),
        ]
        self.assertEqual(self.bodies(), ["held"])
        self.post("stays", expires_in=11)
        self.assertEqual(self.size(), 4)
        self.pass_time(10)
        self.assertEqual(self.size(), 1)
        for message in ids:
            self.assertEqual(
                (self.delete(message), self.touch(message), self.release(message)),
                (404, 404, 404),
            )
            answer = self.call("GET", f"queues/q/messages/{message}")
            self.assert_refused(answer, 404, "Message not found")
        self.assertEqual(self.bodies("?n=9"), ["stays"])

    def test_a_message_lives_for_7_days(self) -> None:
        """The seed's default, for posts and for webhooks."""
        self.post("a")
        self.call("POST", "queues/q/messages/webhook", b"b")
        self.pass_time(604_799)
        self.assertEqual(self.size(), 2)
        self.pass_time(1)
        self.assertEqual(self.size(), 0)


class WaitTests(LifeCase):
    def waiting(self, query: str = "?wait=30") -> Request:
        """A get that finds nothing and waits."""
        request = self.begin("GET", f"queues/q/messages{query}")
        self.assertFalse(request.answered)
        return request

    def assert_got(self, request: Request, *bodies: str) -> None:
        answer = request.answer()
        self.assertEqual(answer.status, 200)
        self.assertEqual([message["body"] for message in answer.json["messages"]], list(bodies))

    def test_it_ends_with_nothing(self) -> None:
        """After 30 seconds at most (seed)."""
        for query, seconds in (("?wait=30", 30), ("?wait=1", 1), ("?wait=100", 30)):
            request = self.waiting(query)
            self.pass_time(seconds - 0.125)
            self.assertFalse(request.answered)
            self.pass_time(0.125)
            self.assertEqual(request.answer().reply.body, b'{"messages":[]}')

    def test_without_it_nothing_waits(self) -> None:
        for query in ("", "?wait=0", "?wait="):
            self.assertEqual(self.get(query), [])

    def test_what_is_there_is_handed_out_without_waiting_for_more(self) -> None:
        self.post("a")
        self.assertEqual(self.bodies("?n=10&wait=30"), ["a"])

    def test_a_post_ends_it_even_one_that_makes_the_queue(self) -> None:
        request = self.waiting()
        self.post("a")
        self.assert_got(request, "a")

    def test_a_release_ends_it(self) -> None:
        (message,) = self.post("a")
        self.get()
        request = self.waiting()
        self.release(message)
        self.assert_got(request, "a")

    def test_an_ended_delay_ends_it(self) -> None:
        self.post("a", delay=10)
        request = self.waiting()
        self.pass_time(10)
        self.assert_got(request, "a")

    def test_a_lapsed_reservation_ends_it(self) -> None:
        self.post("a", timeout=30)
        self.get()
        self.pass_time(5)
        request = self.waiting()
        self.pass_time(25)
        self.assert_got(request, "a")

    def test_one_message_wakes_the_first_who_waits(self) -> None:
        first, second = self.waiting("?wait=30&n=5"), self.waiting()
        self.post("a")
        self.assert_got(first, "a")
        self.assertFalse(second.answered)
        self.post("b")
        self.assert_got(second, "b")

    def test_with_delete_it_takes_the_message_for_good(self) -> None:
        request = self.waiting("?wait=30&delete=true")
        self.post("a")
        self.assert_got(request, "a")
        self.assertEqual(self.size(), 0)

    def test_who_has_gone_takes_nothing(self) -> None:
        """Not even counted as a reservation."""
        gone, stays = self.waiting(), self.waiting()
        gone.asked.client_lost()
        self.settle()
        self.post("a")
        self.assert_got(stays, "a")
        self.assertEqual(stays.answer().json["messages"][0]["reserved_count"], 1)

    def test_the_server_stops_without_making_anybody_wait(self) -> None:
        request = self.waiting()
        self.engine.drain()
        self.settle()
        self.assertEqual(request.answer().reply.body, b'{"messages":[]}')
        self.assertEqual(self.get("?wait=30"), [])


class UnsentTests(LifeCase):
    def unsent(self, query: str = "") -> Request:
        """A get whose answer could not be written: the client went in between."""
        request = self.begin("GET", f"queues/q/messages{query}")
        unsent = request.answer().reply.unsent
        assert unsent is not None
        unsent()
        self.settle()
        return request

    def test_what_nobody_received_is_back_at_once_and_at_its_place(self) -> None:
        """The count stays: the client may have read the bytes."""
        self.post("a", "b", "c")
        for query in ("?n=2", "?n=2&wait=30"):
            self.unsent(query)
        self.assertEqual(
            [(message["body"], message["reserved_count"]) for message in self.get("?n=3")],
            [("a", 3), ("b", 3), ("c", 1)],
        )

    def test_what_was_removed_for_nobody_is_put_back(self) -> None:
        self.post("a", "b")
        self.unsent("?delete=true")
        self.assertEqual(self.size(), 2)
        self.assertEqual(self.bodies("?n=2"), ["a", "b"])

    def test_an_answer_without_messages_has_nothing_to_give_back(self) -> None:
        self.assertIsNone(self.call("GET", "queues/q/messages").reply.unsent)
