"""The account that callers keep notices what must not happen."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.crash.ledger import Entry, Known, Ledger

LEASE = 30.0


class LedgerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = Ledger()
        self.entries = self.ledger.write("q", 2)
        self.ledger.posted(self.entries, ["1", "2"])

    def handed_out(self, message_id: str = "1", asked_at: float = 0.0) -> Entry | None:
        """The first message comes to somebody, at once."""
        body = self.entries[0].body
        return self.ledger.handed_out(body, message_id, asked_at, asked_at, LEASE)

    def fault(self) -> str:
        """The one that was found."""
        (fault,) = self.ledger.faults
        return fault

    def test_one_consumer_after_the_other_is_as_it_should_be(self) -> None:
        """When the lease is over, or the first has given it back."""
        entry = self.handed_out()
        self.assertIs(entry, self.entries[0])
        self.handed_out(asked_at=LEASE)
        assert entry is not None
        entry.held_until = 0.0
        self.handed_out(asked_at=LEASE + 1)
        self.ledger.deleting([entry])
        self.ledger.deleted([entry], LEASE + 2)
        self.assertEqual(self.ledger.faults, [])
        self.assertIs(entry.deleted, Known.YES)

    def test_two_who_hold_one_message_are_noticed(self) -> None:
        self.handed_out()
        self.handed_out(asked_at=LEASE - 0.1)
        self.assertIn("was handed out to two", self.fault())

    def test_a_message_that_comes_back_is_noticed(self) -> None:
        """But not if the get was under way when the delete was answered."""
        self.ledger.deleted(self.entries[:1], 5.0)
        self.handed_out(asked_at=4.0)
        self.assertEqual(self.ledger.faults, [])
        self.entries[0].held_until = 0.0
        self.handed_out(asked_at=6.0)
        self.assertIn("came back", self.fault())

    def test_a_message_that_is_there_twice_is_noticed(self) -> None:
        self.handed_out("3")
        self.assertIn("is there twice", self.fault())

    def test_an_id_that_two_messages_have_is_noticed(self) -> None:
        self.ledger.posted(self.ledger.write("q", 1), ["2"])
        self.assertIn("has the id of", self.fault())

    def test_what_nobody_posted_is_noticed(self) -> None:
        self.ledger.handed_out("never", "9", 0.0, 0.0, LEASE)
        self.assertIn("never posted", self.fault())
