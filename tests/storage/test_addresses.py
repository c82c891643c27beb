"""Where a PostgreSQL database is: what is understood, what is shown, and what is said if not."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.databases import choose
from mqgate.storage.interface import StoreError
from mqgate.storage.postgresql.address import Address
from mqgate.storage.runners import Inline
from tests.postgresql.databases import database as new_database
from tests.postgresql.databases import server


class AddressTests(SynchronousTestCase):
    def test_it_is_shown_without_what_is_secret(self) -> None:
        for written, name in (
            ("postgresql://me:s3cret@db/mq", "postgresql://db/mq"),
            ("postgres://db:5433/mq?password=s3cret", "postgresql://db:5433/mq"),
            ("host=one,two port=5432 dbname=mq password=s3cret", None),
            ("postgresql://me:s3cret@one:1,two:2/mq", "postgresql://one:1,two:2/mq"),
            ("host=/run/postgresql dbname=mq sslpassword=s3cret", "postgresql:///mq"),
        ):
            address = Address.parse(written)
            self.assertEqual(address.name, name or "postgresql://one:5432,two:5432/mq")
            self.assertNotIn("s3cret", repr(address))
            self.assertIn("s3cret", address.dsn)

    def test_what_it_leaves_open_is_chosen_for_it(self) -> None:
        told = conninfo_to_dict(Address.parse("host=db connect_timeout=9").dsn)
        self.assertEqual(
            (told["connect_timeout"], told["target_session_attrs"]), ("9", "read-write")
        )

    def test_what_cannot_be_understood_is_told_without_what_is_secret(self) -> None:
        for written, reason in (
            ("postgresql://me:s3cret@s3cret@db/mq", "write an @ in it as %40"),
            ("postgresql://db/mq?target_session_attr=any", "use target_session_attrs"),
            ("postgresql://me:s3cret/@db/mq", "a / as %2F"),
            ("postgresql://me:12/s3cret@db/mq", "a / as %2F"),
            ("host=db password=not s3cret", "cannot be understood"),
            ("host=db s3cret=x", "cannot be understood"),
        ):
            error = self.assertRaises(StoreError, Address.parse, written)
            self.assertIn(reason, str(error))
            self.assertNotIn("s3cret", str(error))


class ReachedTests(SynchronousTestCase):
    """What keeps a gateway from starting is one line."""

    def refused(self, address: str) -> str:
        store = choose(address, "").store(Inline(), Inline())
        line = str(self.assertRaises(StoreError, store.open))
        self.assertNotIn("\n", line)
        return line

    def test_nobody_there(self) -> None:
        line = self.refused("postgresql://me:s3cret@127.0.0.1:1,127.0.0.1:2/mq")
        self.assertIn("postgresql://127.0.0.1:1,127.0.0.1:2/mq cannot be reached: ", line)
        self.assertEqual(line.count("Connection refused"), 2)
        self.assertNotIn("s3cret", line)

    def test_no_such_database(self) -> None:
        self.assertIn('"nowhere" does not exist', self.refused(server().dsn("nowhere")))

    def test_nobody_who_may_make_tables(self) -> None:
        address = new_database()
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM public")
            self.addCleanup(server().execute, "DROP ROLE guest")
        line = self.refused(psycopg.conninfo.make_conninfo(address, user="guest"))
        self.assertIn("does not let this user do what is needed: make it its owner", line)

    def test_text_of_another_kind(self) -> None:
        server().execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        self.addCleanup(server().execute, "DROP DATABASE latin WITH (FORCE)")
        self.assertIn("keeps text as LATIN1", self.refused(server().dsn("latin")))

    def test_no_tables_for_a_command(self) -> None:
        address = new_database()
        error = self.assertRaises(StoreError, choose(address, "").view)
        self.assertIn("start the server once to make them", str(error))
        error = self.assertRaises(StoreError, choose(address, "").beside().open)
        self.assertIn("start the server once to make them", str(error))
