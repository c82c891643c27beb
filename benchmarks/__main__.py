"""``python -m benchmarks``: its options, its progress, and what it leaves behind."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import twisted
from benchmarks.figures import BenchmarkFailed, Cell, Row, quieter, ratios
from benchmarks.measuring import Bench
from benchmarks.plan import CASES, DATABASES, FEW, TRANSPORTS, Options, cells
from benchmarks.plot import draw
from benchmarks.proc import split_cores
from benchmarks.report import Results, comparison, markdown, read_lines, write_lines

LONG = (FEW, 1_000_000, 10_000_000)


def parse(arguments: Sequence[str]) -> Options:
    """The options of a command line."""
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(CASES))
    add("--transports", nargs="+", choices=TRANSPORTS, default=list(TRANSPORTS))
    add("--callers", nargs="+", type=int, default=list(default.callers))
    add("--databases", nargs="+", choices=DATABASES, default=list(default.databases))
    add("--workers", nargs="+", type=int, default=list(default.workers))
    add("--seconds", type=float, default=default.seconds, help="of the measured window")
    add("--warm-up", type=float, default=default.warm_up, help="seconds before the window")
    add("--rounds", type=int, default=1, help="measure all so often; the quieter one is kept")
    add("--size", type=int, default=default.size, help="bytes of a message's body")
    add("--depths", nargs="+", type=int, help="messages that wait, for the case backlog")
    add("--long", action="store_true", help="the same as --depths 1000 1000000 10000000")
    add("--vary-heads", action="store_true", help="each cell also with heads that all differ")
    add("--folder", type=Path, default=default.folder, help="where the results go")
    add("--against", type=Path, help="results.jsonl of an earlier run to compare with")
    given = vars(parser.parse_args(arguments))
    long, depths = given.pop("long"), given.pop("depths")
    return Options(depths=depths or (LONG if long else default.depths), **given)


def about() -> dict[str, str]:
    """What figures depend on."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    with open("/proc/cpuinfo") as file:
        models = [line.partition(": ")[2].strip() for line in file if line.startswith("model name")]
    return {
        "When": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": commit or "unknown",
        "Python": platform.python_version(),
        "Twisted": twisted.__version__,
        "Machine": f"{os.cpu_count()} cores, {models[0] if models else platform.machine()}",
    }


def measure_all(bench: Bench) -> list[Row]:
    """Measure every cell, and say on standard error how it goes."""
    todo = cells(bench.options) * bench.options.rounds
    kept: dict[Cell, Row] = {}
    began = time.monotonic()
    for index, cell in enumerate(todo, 1):
        print(f"[{index:3}/{len(todo)}] {cell} … ", end="", file=sys.stderr, flush=True)
        row = bench.measure(cell)
        kept[cell] = quieter(kept.get(cell), row)
        print(_short(row, time.monotonic() - began), file=sys.stderr, flush=True)
    return list(kept.values())


def _short(row: Row, elapsed: float) -> str:
    figures = row.figures
    tail = f" p99 {figures['p99_ms']:.2f} ms," if "p99_ms" in figures else ""
    return (
        f"{figures['cpu_ms']:.4f} CPU-ms,{tail}"
        f" others {figures['others_cores']:.2f} cores ({elapsed:.0f} s)"
    )


def leave(options: Options, results: Results) -> None:
    """Write the results, and show them."""
    options.folder.mkdir(parents=True, exist_ok=True)
    write_lines(options.folder / "results.jsonl", results)
    text = markdown(results)
    (options.folder / "results.md").write_text(text)
    print(text)
    if not draw(options.folder / "results.svg", results.rows):
        print("There is no plot: it takes matplotlib and rows to draw.", file=sys.stderr)
    if options.against is not None:
        print(comparison(ratios(results.rows, read_lines(options.against).rows)))


def main(arguments: Sequence[str]) -> None:
    """Measure, and exit with one line if the server does not do what is measured."""
    options = parse(arguments)
    cores = sorted(os.sched_getaffinity(0))
    server, generator = split_cores(cores)
    if max(options.workers) > 1:  # as many as there are cores: nobody can have some for himself
        server = generator = set(cores)
    facts = about()
    facts["Command"] = " ".join(["python -m benchmarks", *arguments])
    try:
        with tempfile.TemporaryDirectory(prefix="mqgate-benchmarks-") as folder:
            bench = Bench(options, Path(folder), server, generator)
            try:
                rows = measure_all(bench)
            finally:
                bench.close()
    except BenchmarkFailed as failure:
        raise SystemExit(f"\nThe benchmark failed: {failure}") from None
    leave(options, Results(facts, rows))


if __name__ == "__main__":
    main(sys.argv[1:])
