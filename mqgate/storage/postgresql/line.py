"""One connection's statements, sent together as far as nobody waits for what comes of them.

A round trip costs more than most statements. So statements are sent without waiting (libpq's
pipeline mode), and waited for when somebody wants to know what came of one of them. If one fails,
those behind it are not carried out. psycopg's own pipeline costs several times as much for each
statement; of psycopg this uses the connection and libpq's calls.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from typing import Any, cast

from psycopg import Connection, Error, OperationalError, errors, pq
from psycopg.adapt import Transformer

from mqgate.storage.postgresql.values import BINARY, encoded

Row = tuple[Any, ...]

_OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_ABORTED = pq.ExecStatus.PIPELINE_ABORTED
_SYNC = pq.ExecStatus.PIPELINE_SYNC


class Overdue(OperationalError):
    """The database has not answered in time."""


class Answer:
    """What comes of a statement, once it is asked for: then all that was sent is waited for."""

    __slots__ = ("_line", "result")

    def __init__(self, line: Line) -> None:
        self._line = line
        self.result: pq.abc.PGresult | None = None

    def all(self) -> list[Any]:
        """Its rows."""
        result = self._landed()
        return self._line.rows(result) if result.ntuples else []

    def one(self) -> Any:
        """Its first row; None if there is none."""
        result = self._landed()
        return self._line.rows(result)[0] if result.ntuples else None

    def count(self) -> int:
        """How many rows it returned or changed."""
        return self._landed().command_tuples or 0

    def _landed(self) -> pq.abc.PGresult:
        if self.result is None:
            self._line.wait()
        assert self.result is not None
        return self.result


class Line:
    """One connection, which nobody else uses any more.

    ``deadline`` is an instant of ``monotonic``: what is waited for then raises `Overdue`.
    """

    def __init__(self, connection: Connection[Any], monotonic: Callable[[], float]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._monotonic = monotonic
        self.deadline = float("inf")
        self._is_over = False
        #: Statements by their text, under the names that the database has for them.
        self._names: dict[str, bytes] = {}
        self._prepared = 0
        #: What was sent and not waited for: an answer, or the text of what is to be prepared.
        self._sent: list[Answer | str] = []
        self._transformer = Transformer(connection)
        self._poll = select.poll()
        self._poll.register(self._libpq.socket, select.POLLIN)
        self._libpq.nonblocking = 1
        self._libpq.enter_pipeline_mode()

    def ask(self, statement: str, values: Sequence[object] = ()) -> Answer:
        """Send a statement; ``%s``, or ``$1`` and so on, stand for values."""
        name = self._names.get(statement)
        if name is None:
            name = self._prepare(statement)
        self._libpq.send_query_prepared(name, *encoded(values), BINARY)
        answer = Answer(self)
        self._sent.append(answer)
        return answer

    def wait(self) -> None:
        """Wait for all that was sent; raise the error of what failed first."""
        if not self._sent:
            return
        sent, self._sent = self._sent, []
        self._libpq.pipeline_sync()
        failed: pq.abc.PGresult | None = None
        for each in sent:
            result = self._next()
            if result.status in _OK:
                if isinstance(each, Answer):
                    each.result = result
            else:
                if isinstance(each, str):
                    self._names.pop(each, None)
                if failed is None and result.status != _ABORTED:
                    failed = result
        self._end()
        if failed is not None:
            raise errors.error_from_result(failed)

    def rows(self, result: pq.abc.PGresult) -> list[Row]:
        """A result's rows."""
        self._transformer.set_pgresult(result)
        return cast(list[Row], self._transformer.load_rows(0, result.ntuples, tuple))

    def in_transaction(self) -> bool:
        """Whether a transaction was begun and has not ended.

        Waits for all that was sent, as libpq's word for while something is under way is neither.
        Raises the error of what failed.
        """
        self.wait()
        return self._libpq.transaction_status != pq.TransactionStatus.IDLE

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._libpq.status == pq.ConnStatus.BAD or self._is_over

    def abandon(self) -> None:
        """Wait for what was sent, whatever comes of it. Raises only if the connection is lost."""
        try:
            self.wait()
        except Error:
            if self.is_lost:
                raise

    def fileno(self) -> int:
        """What to wait on for something from the database."""
        return self._libpq.socket

    def notices(self) -> list[tuple[int, str]]:
        """What has been heard on channels until now: by which of the server's processes, and what.

        Does not wait. Raises if the connection is lost.
        """
        self._libpq.consume_input()
        heard = []
        while (notice := self._libpq.notifies()) is not None:
            heard.append((notice.be_pid, notice.extra.decode("utf-8", "replace")))
        return heard

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _prepare(self, statement: str) -> bytes:
        self._prepared += 1
        name = self._names[statement] = b"s%d" % self._prepared
        text, *rest = statement.split("%s")
        numbered = text + "".join(f"${n}{piece}" for n, piece in enumerate(rest, 1))
        self._libpq.send_prepare(name, numbered.encode())
        self._sent.append(statement)
        return name

    def _next(self) -> pq.abc.PGresult:
        """The next statement's result."""
        result = self._result()
        if result is None or result.status not in (*_OK, _ABORTED, pq.ExecStatus.FATAL_ERROR):
            raise self._out_of_step(result)
        if result.status == pq.ExecStatus.FATAL_ERROR and self.is_lost:
            raise self._lost()
        self._result()  # nothing: the statement's end
        return result

    def _end(self) -> None:
        """The end of what was sent together."""
        result = self._result()
        if result is None or result.status != _SYNC:
            raise self._out_of_step(result)

    def _out_of_step(self, result: pq.abc.PGresult | None) -> Error:
        """What comes when the server ends the session: of no statement, and nothing after it.

        It may come after a COMMIT that was carried out, so that only looking it up will tell.
        """
        self._is_over = True
        if result is not None and result.status == pq.ExecStatus.FATAL_ERROR:
            return errors.error_from_result(result)
        return self._lost()

    def _result(self) -> pq.abc.PGresult | None:
        while self._libpq.is_busy():
            self._exchange()
        return self._libpq.get_result()

    def _exchange(self) -> None:
        """Send what is still to be sent, and receive what has come, once something has."""
        writing = self._libpq.flush()
        self._poll.modify(self._libpq.socket, select.POLLIN | (select.POLLOUT if writing else 0))
        left = self._deadline_in_milliseconds()
        if (left is not None and left <= 0) or not self._poll.poll(left):
            self._is_over = True
            raise Overdue("the database has not answered in time")
        self._libpq.consume_input()

    def _deadline_in_milliseconds(self) -> float | None:
        left = self.deadline - self._monotonic()
        return None if left == float("inf") else left * 1000

    def _lost(self) -> OperationalError:
        return OperationalError(self._libpq.get_error_message())
