"""The picture of a run. matplotlib is needed for it, and for nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Row, usual

_TITLES = {"constant": "stock, constant", "post": "post", "life": "life cycle", "batch": "batch"}
_PANELS = (("cpu_ms", "CPU-ms a message"), ("p99_ms", "p99 of a request, ms"))
_COLOURS = {"constant": "#999999", "post": "#1b6ca8", "life": "#c8553d", "batch": "#588157"}


def draw(path: Path, rows: Sequence[Row]) -> bool:
    """Draw CPU and latency by callers; False if there is no matplotlib or nothing to draw."""
    try:
        import matplotlib  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return False
    matplotlib.use("agg")
    # The same run gives the same file, with its text as text.
    matplotlib.rcParams.update({"svg.hashsalt": "mqgate", "svg.fonttype": "none"})
    from matplotlib import pyplot

    lines = _lines(rows)
    if not lines:
        return False
    figure, panels = pyplot.subplots(1, len(_PANELS), figsize=(9, 3.6), layout="constrained")
    for axes, (name, label) in zip(panels, _PANELS, strict=True):
        _panel(axes, lines, name, label)
    names = panels[0].get_legend_handles_labels()
    figure.legend(*names, loc="outside right center", fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def _lines(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.cell.case in _TITLES and not row.cell.variant and usual(row.cell) == row.cell:
            lines.setdefault((row.cell.case, row.cell.transport), []).append(row)
    return lines


def _panel(axes: Any, lines: dict[tuple[str, str], list[Row]], name: str, label: str) -> None:
    for (case, transport), rows in lines.items():
        axes.plot(
            [row.cell.callers for row in rows],
            [row.figures[name] for row in rows],
            marker="o",
            color=_COLOURS[case],
            linestyle="-" if transport == "plain" else "--",
            label=f"{_TITLES[case]}, {transport}",
        )
    callers = sorted({row.cell.callers for rows in lines.values() for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_xticks(callers, [str(each) for each in callers])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("callers")
    axes.set_title(label, fontsize=10)
    axes.grid(alpha=0.3)
