"""Processes of the load generator, and the talk with them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection as Pipe
from typing import Any

from benchmarks.figures import BenchmarkFailed
from benchmarks.proc import pin

_CONTEXT = multiprocessing.get_context("fork")


def new_loop() -> asyncio.AbstractEventLoop:
    """The quickest event loop there is; the server's figures are the same with either."""
    try:
        import uvloop  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class Worker:
    """A process that runs a coroutine function with its end of a pipe and a job.

    What it sends through the pipe is the answer to each `receive`; a `BenchmarkFailed`, or the
    end of the process, is raised there.
    """

    def __init__(
        self, work: Callable[[Pipe, Any], Coroutine[Any, Any, None]], job: object, cores: set[int]
    ) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_run, args=(work, theirs, job, cores), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, value: object) -> None:
        """Tell it something."""
        self._pipe.send(value)

    def receive(self, patience: float) -> Any:
        """What it says next, within so many seconds."""
        if not self._pipe.poll(patience):
            raise BenchmarkFailed(f"the generator said nothing for {patience:.0f} s")
        try:
            value = self._pipe.recv()
        except EOFError:
            raise BenchmarkFailed("a process of the generator has ended") from None
        if isinstance(value, BenchmarkFailed):
            raise value
        return value

    def end(self) -> None:
        """See that it is gone."""
        self._pipe.close()
        self._process.terminate()
        self._process.join()


def sleep_until(moment: float) -> None:
    """Sleep until a moment of the monotonic clock, which all processes share."""
    time.sleep(max(0.0, moment - time.monotonic()))


def _run(
    work: Callable[[Pipe, Any], Coroutine[Any, Any, None]], pipe: Pipe, job: object, cores: set[int]
) -> None:
    pin(os.getpid(), cores)
    try:
        new_loop().run_until_complete(work(pipe, job))
    except BenchmarkFailed as failure:
        pipe.send(failure)
