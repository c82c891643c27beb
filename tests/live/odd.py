"""twistd in an odd world: the clock is set, or the disk is slow, or nobody may write to it.

To be run in twistd's place (``python -m tests.live.odd``). What is odd is said by files in the
folder where it is started, which may change while it runs: `Oddities` writes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Oddities:
    """What is odd in the world of a server that is started in this folder."""

    folder: Path

    def set_clock(self, seconds: float) -> None:
        """The wall clock is ahead by so much, or behind."""
        self._write("odd.clock", str(seconds))

    def slow_down(self, seconds: float) -> None:
        """Each commit takes so much longer."""
        self._write("odd.commit", str(seconds))

    def forbid_writing(self, forbidden: bool) -> None:
        """The database can be read, and no more."""
        self._write("odd.readonly", "1" if forbidden else "0")

    def clock(self) -> float:
        """See `set_clock`."""
        return self._read("odd.clock")

    def commit(self) -> float:
        """See `slow_down`."""
        return self._read("odd.commit")

    def readonly(self) -> bool:
        """See `forbid_writing`."""
        return bool(self._read("odd.readonly"))

    def _write(self, name: str, text: str) -> None:
        aside = self.folder / f"{name}.new"
        aside.write_text(text)
        aside.replace(self.folder / name)

    def _read(self, name: str) -> float:
        try:
            return float((self.folder / name).read_text())
        except FileNotFoundError:
            return 0.0


def main() -> None:
    """twistd."""
    oddities = Oddities(Path.cwd())
    true_time = time.time
    # Before anybody takes it from there.
    time.time = lambda: true_time() + oddities.clock()
    _replace_store(oddities)
    from twisted.scripts.twistd import run

    run()


def _replace_store(oddities: Oddities) -> None:
    from twisted.internet.defer import Deferred

    from mqgate import tap
    from mqgate.storage import databases
    from mqgate.storage.interface import Batch, Results
    from mqgate.storage.sqlite import CallThread, SQLiteStore

    class SlowThread(CallThread):
        """A writer that is told later that it is done."""

        def call(self, function: Callable[[], T]) -> Deferred[T]:
            def slowly() -> T:
                result = function()
                time.sleep(oddities.commit())
                return result

            return super().call(slowly)

    class OddStore(SQLiteStore):
        """A store that may not write, when it may not."""

        def _transact(self, batch: Batch) -> Results:
            self._opened().execute(f"PRAGMA query_only = {int(oddities.readonly())}")
            return super()._transact(batch)

    for module, odd in ((tap, SlowThread), (databases, OddStore)):
        name = odd.__bases__[0].__name__
        assert name in vars(module), f"{module.__name__} has its {name} from elsewhere"
        vars(module)[name] = odd


if __name__ == "__main__":
    main()
