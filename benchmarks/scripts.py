"""What callers do, again and again: generators of requests that are sent the answers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import count
from typing import Any

import attrs

from benchmarks.figures import BenchmarkFailed
from benchmarks.wire import Answer, Target

#: Yields requests, and is sent their answers; raises `BenchmarkFailed` for an unexpected one.
Script = Generator[bytes, Answer, None]

BATCH = 100


@attrs.define
class Tally:
    """What the callers of one process have done."""

    #: How many messages may still be posted.
    room: float = float("inf")
    posted: int = 0
    deleted: int = 0
    #: Messages with which everything was done that the case does: in all, and in the window.
    finished: int = 0
    measured: int = 0
    #: Whether the answer at hand came within the window.
    counting: bool = False

    def finish(self, messages: int) -> None:
        """So many more messages are done with."""
        self.finished += messages
        if self.counting:
            self.measured += messages


@attrs.frozen
class Work:
    """What scripts are made from."""

    target: Target
    tally: Tally
    size: int
    varied: bool = False

    def posts(self, messages: int) -> Iterator[bytes]:
        """Posts of so many messages each."""
        content = {"messages": [{"body": "x" * self.size}] * messages}
        return self._again("POST", "/messages", content)

    def gets(self, messages: int) -> Iterator[bytes]:
        """Gets of so many messages each."""
        return self._again("GET", f"/messages?n={messages}")

    def takes(self) -> Iterator[bytes]:
        """Gets of one message each, which delete it."""
        return self._again("GET", "/messages?n=1&delete=true")

    def publishes(self) -> Iterator[bytes]:
        """Publishes of one message each."""
        return self._again("POST", "", b"x" * self.size)

    def pulls(self) -> Iterator[bytes]:
        """Gets of one published message each, which remove it."""
        return self._again("GET", "")

    def _again(self, method: str, rest: str, content: object = None) -> Iterator[bytes]:
        """The same request for ever, to the byte unless heads are to vary."""
        if self.varied:
            for number in count():
                yield self.target.request(method, rest, content, f"X-Request-Id: {number:032x}\r\n")
        same = self.target.request(method, rest, content)
        while True:
            yield same


def post(work: Work) -> Script:
    """Post one message."""
    return _posting(work, 1)


def fill(work: Work) -> Script:
    """Post a batch of messages, until the tally has no more room."""
    return _posting(work, BATCH)


def life(work: Work) -> Script:
    """Post a message, get one, delete it."""
    posts, gets = work.posts(1), work.gets(1)
    while True:
        _posted(work, (yield next(posts)), 1)
        (message_id,) = _received((yield next(gets)), 1)
        # The path, and so the head, is another one each time anyway.
        answer = yield work.target.request("DELETE", f"/messages/{message_id}")
        _deleted(work, answer, 1)


def take(work: Work) -> Script:
    """Post a message, get one, which deletes it."""
    posts, takes = work.posts(1), work.takes()
    while True:
        _posted(work, (yield next(posts)), 1)
        _received((yield next(takes)), 1)
        work.tally.deleted += 1
        work.tally.finish(1)


def publish(work: Work) -> Script:
    """Publish a message to an exchange, get one from the queue behind it."""
    publishes, pulls = work.publishes(), work.pulls()
    while True:
        _expect((yield next(publishes)), b"OK")
        work.tally.posted += 1
        _expect((yield next(pulls)), b"x" * work.size)
        work.tally.deleted += 1
        work.tally.finish(1)


def batch(work: Work) -> Script:
    """The same with a hundred messages in each request."""
    posts, gets = work.posts(BATCH), work.gets(BATCH)
    while True:
        _posted(work, (yield next(posts)), BATCH)
        ids = _received((yield next(gets)), BATCH)
        answer = yield work.target.request("DELETE", "/messages", {"ids": ids})
        _deleted(work, answer, BATCH)


def constant(work: Work) -> Script:
    """Post one message to a server that says 200 to everything."""
    for request in work.posts(1):
        answer = yield request
        if answer.status != 200:
            raise BenchmarkFailed(f"the constant answer has status {answer.status}")
        work.tally.finish(1)


SCRIPTS: dict[str, Callable[[Work], Script]] = {
    script.__name__: script for script in (post, fill, life, batch, take, publish, constant)
}


def _posting(work: Work, messages: int) -> Script:
    for request in work.posts(messages):
        if work.tally.room < messages:
            return
        work.tally.room -= messages
        _posted(work, (yield request), messages)
        work.tally.finish(messages)


def _expect(answer: Answer, body: bytes) -> None:
    if (answer.status, answer.body) != (200, body):
        raise BenchmarkFailed(f"status {answer.status}: {answer.body[:200]!r}")


def _posted(work: Work, answer: Answer, messages: int) -> None:
    ids: Any = answer.content(200, 201)["ids"]
    if len(ids) != messages:
        raise BenchmarkFailed(f"{len(ids)} ids for {messages} messages")
    work.tally.posted += messages


def _received(answer: Answer, messages: int) -> list[str]:
    """Ids of the messages of an answer. There are always enough: each caller posts first."""
    received: Any = answer.content(200)["messages"]
    if len(received) != messages:
        raise BenchmarkFailed(f"{len(received)} messages were handed out in place of {messages}")
    return [message["id"] for message in received]


def _deleted(work: Work, answer: Answer, messages: int) -> None:
    answer.content(200)
    work.tally.deleted += messages
    work.tally.finish(messages)
