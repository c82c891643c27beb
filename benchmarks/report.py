"""Results as JSON lines and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs

from benchmarks.budgets import verdicts
from benchmarks.figures import Cell, Row, percentile, usual

_CASES = {
    "constant": "stock `twisted.web`, constant answer",
    "post": "post",
    "life": "life cycle",
    "batch": "life cycle, batches of 100",
    "take": "post, get with delete",
    "publish": "RoboMQ: publish, get",
    "topic": "RocketMQ: publish, consume, acknowledge",
}
_VARIANTS = {"": "", "varied": ", no two heads alike", "swept": ", sweep included"}


@attrs.frozen
class Results:
    """The rows of a run, and what is to be known about it."""

    about: Mapping[str, str]
    rows: Sequence[Row]


def write_lines(path: Path, results: Results) -> None:
    """Keep results: a line about the run, then one for each row."""
    lines = [json.dumps({"about": dict(results.about)})]
    for row in results.rows:
        figures = {name: float(f"{value:.5g}") for name, value in row.figures.items()}
        lines.append(json.dumps({**attrs.asdict(row.cell), "figures": figures}))
    path.write_text("\n".join(lines) + "\n")


def read_lines(path: Path) -> Results:
    """Results that were kept."""
    first, *rest = map(json.loads, path.read_text().splitlines())
    rows = [
        Row(Cell(**{k: v for k, v in line.items() if k != "figures"}), line["figures"])
        for line in rest
    ]
    return Results(first["about"], rows)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its columns as wide as their widest cell; all but the first are numbers."""
    cells = [list(head), *map(list, lines)]
    widths = [max(3, *(len(line[column]) for line in cells)) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def text(line: Sequence[str]) -> str:
        padded = [line[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([text(cells[0]), text(rule), *map(text, cells[1:])]) + "\n"


def number(value: float | None) -> str:
    """Three digits that count; nothing for what was not measured."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def markdown(results: Results) -> str:
    """All tables."""
    parts = ["".join(f"{name}: {value}  \n" for name, value in results.about.items())]
    rows = results.rows
    sections = (
        ("Requests", _load_table(rows)),
        ("Databases and workers", _servers_table(rows)),
        ("Pushes", _push_table(rows)),
        ("Waiting polls", _wake_table(rows)),
        ("Messages that wait", _backlog_table(rows)),
        ("Topics", _topics_table(rows)),
        ("Budgets", _budget_table(rows)),
    )
    parts += [f"### {title}\n\n{text}" for title, text in sections if text]
    if rows:
        parts.append(_disturbance(rows))
    return "\n".join(parts)


def _disturbance(rows: Sequence[Row]) -> str:
    others = sorted(row.figures.get("others_cores", 0.0) for row in rows)
    return (
        f"While this was measured, other programs used {number(percentile(others, 0.5))} cores"
        f" (median), and {number(others[-1])} at most.\n"
    )


def comparison(changes: Sequence[Row]) -> str:
    """A table of ratios to an earlier run."""
    names = ("cpu_ms", "requests_per_s", "p50_ms", "p99_ms", "memory_mb", "restart_s")
    lines = [[str(row.cell), *(number(row.figures.get(name)) for name in names)] for row in changes]
    head = ["now / before", "CPU-ms", "requests/s", "p50", "p99", "memory", "restart"]
    return table(head, lines)


def _load_table(rows: Sequence[Row]) -> str:
    stock = {
        (row.cell.transport, row.cell.callers): row.figures["cpu_ms_per_request"]
        for row in rows
        if row.cell.case == "constant"
    }
    lines = []
    for row in rows:
        cell, figures = row.cell, row.figures
        if cell.case not in _CASES or cell != usual(cell):
            continue
        base = stock.get((cell.transport, cell.callers))
        lines.append(
            [
                f"{_CASES[cell.case]}{_VARIANTS[cell.variant]}",
                cell.transport,
                str(cell.callers),
                number(figures["cpu_ms"]),
                number(figures["messages_per_s"]),
                number(figures["requests_per_s"]),
                *(number(figures[name]) for name in ("p50_ms", "p99_ms", "max_ms")),
                number(figures["cpu_ms_per_request"] / base if base else None),
            ]
        )
    head = ["case", "over", "callers", "CPU-ms a message", "messages/s", "requests/s"]
    head += ["p50 ms", "p99 ms", "max ms", "CPU a request / stock"]
    return table(head, lines) if lines else ""


def _servers_table(rows: Sequence[Row]) -> str:
    names = ("messages_per_s", "cpu_ms", "database_cpu_ms", "p50_ms", "p99_ms")
    compared = {usual(row.cell) for row in rows if row.cell != usual(row.cell)}
    lines = [
        [
            f"{_CASES[row.cell.case]}, {row.cell.transport}",
            str(row.cell.callers),
            row.cell.database,
            str(row.cell.workers),
            *(number(row.figures.get(name)) for name in names),
        ]
        for row in rows
        if usual(row.cell) in compared
    ]
    head = ["case", "callers", "kept in", "workers", "messages/s", "CPU-ms a message"]
    return table([*head, "the database's", "p50 ms", "p99 ms"], lines) if lines else ""


def _push_table(rows: Sequence[Row]) -> str:
    names = ("cpu_ms", "pushes_per_cpu_s", "messages_per_s")
    lines = [
        ["post in batches of 100, push each", row.cell.transport]
        + [number(row.figures[name]) for name in names]
        for row in rows
        if row.cell.case == "push"
    ]
    head = ["pushes", "over", "CPU-ms a message", "pushes a CPU-second", "messages/s"]
    return table(head, lines) if lines else ""


def _wake_table(rows: Sequence[Row]) -> str:
    names = ("p50_ms", "p99_ms", "max_ms", "idle_cpu_percent")
    lines = [
        [
            f"{row.cell.callers} waiting polls",
            row.cell.transport,
            *(number(row.figures[name]) for name in names),
        ]
        for row in rows
        if row.cell.case == "wake"
    ]
    head = ["a post wakes one of", "over", "p50 ms", "p99 ms", "max ms", "idle CPU, %"]
    return table(head, lines) if lines else ""


def _backlog_table(rows: Sequence[Row]) -> str:
    names = ["memory_mb", "growth_mb", "bytes_per_message", "disk_bytes_per_message"]
    names += ["restart_s", "restarted_mb", "cpu_ms", "p99_ms"]
    lines = [
        [f"{row.cell.depth:,}", *(number(row.figures[name]) for name in names)]
        for row in rows
        if row.cell.case == "backlog"
    ]
    head = ["waiting", "memory, MB", "growth, MB", "bytes of memory each", "bytes of disk each"]
    head += ["restart, s", "memory then, MB", "life cycle, CPU-ms", "its p99, ms"]
    return table(head, lines) if lines else ""


def _topics_table(rows: Sequence[Row]) -> str:
    names = ("cpu_ms", "requests_per_s", "p50_ms", "p99_ms", "first_ms", "names_mb")
    lines = [
        [f"`{row.cell.variant}`", f"{row.cell.depth:,}", *(number(row.figures[n]) for n in names)]
        for row in rows
        if row.cell.case == "topics"
    ]
    head = ["read", "topics", "CPU-ms", "reads/s", "p50 ms", "p99 ms", "the first, ms", "names, MB"]
    return table(head, lines) if lines else ""


def _budget_table(rows: Sequence[Row]) -> str:
    lines = [
        [
            verdict.what,
            f"{verdict.limit:g} {verdict.unit}".strip(),
            number(verdict.found),
            "met" if verdict.found <= verdict.limit else f"missed, {verdict.excess:.2f} times it",
        ]
        for verdict in verdicts(rows)
    ]
    return table(["budget", "at most", "found", ""], lines) if lines else ""
