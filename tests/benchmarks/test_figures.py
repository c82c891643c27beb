"""The arithmetic on measurements."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.budgets import verdicts
from benchmarks.figures import (
    BenchmarkFailed,
    Cell,
    Row,
    latencies,
    percentile,
    quieter,
    ratios,
)
from benchmarks.load import shares
from benchmarks.plan import Options, cells


class PercentileTests(SynchronousTestCase):
    def test_it_is_a_value_that_was_measured(self) -> None:
        """Nearest rank: no value between two others is made up."""
        ordered = [float(each) for each in range(1, 101)]
        found = [percentile(ordered, share) for share in (0.0, 0.5, 0.99, 1.0)]
        self.assertEqual(found, [1, 50, 99, 100])
        self.assertEqual(percentile([7.0, 9.0], 0.99), 9)

    def test_without_any_value_there_is_no_figure(self) -> None:
        """A server that answers nothing is not a quick one."""
        self.assertRaises(BenchmarkFailed, percentile, [], 0.5)

    def test_latencies_are_told_in_milliseconds(self) -> None:
        """They are measured in seconds, in whatever order."""
        found = latencies([0.003, 0.001, 0.002])
        self.assertEqual(found, {"p50_ms": 2, "p99_ms": 3, "max_ms": 3})


class ComparingTests(SynchronousTestCase):
    def test_ratios_are_for_what_both_runs_have(self) -> None:
        """A cell or a figure that is new, or was zero, has nothing to be compared with."""
        before = [Row(Cell("post"), {"cpu_ms": 0.1, "gone": 1, "zero": 0})]
        now = [
            Row(Cell("post"), {"cpu_ms": 0.2, "zero": 3, "new": 1}),
            Row(Cell("life"), {"cpu_ms": 1}),
        ]
        self.assertEqual(ratios(now, before), [Row(Cell("post"), {"cpu_ms": 2})])

    def test_the_quieter_measurement_is_kept_not_the_better_one(self) -> None:
        """To keep the lowest figure would flatter."""
        cheap = Row(Cell("post"), {"cpu_ms": 0.1, "others_cores": 1.5})
        quiet = Row(Cell("post"), {"cpu_ms": 0.2, "others_cores": 0.1})
        self.assertIs(quieter(None, cheap), cheap)
        self.assertIs(quieter(cheap, quiet), quiet)
        self.assertIs(quieter(quiet, cheap), quiet)

    def test_a_budget_is_judged_only_by_its_own_cell(self) -> None:
        """The one with 16 callers, or without the sweep, is none."""
        rows = [
            Row(Cell("post"), {"cpu_ms": 0.2, "p99_ms": 3}),
            Row(Cell("post", "TLS"), {"cpu_ms": 0.25, "p99_ms": 3}),
            Row(Cell("life"), {"cpu_ms": 1}),
        ]
        found = {verdict.what: (verdict.found, verdict.excess) for verdict in verdicts(rows)}
        self.assertEqual(
            found,
            {
                "post": (0.2, 2),
                "p99 of a post": (3, 0.2),
                "post, TLS / plain": (1.25, 1.25 / 1.5),
            },
        )


class PlanTests(SynchronousTestCase):
    def test_no_cell_is_measured_twice_in_a_round(self) -> None:
        """Rows are told apart by their cells."""
        for vary_heads in (False, True):
            found = cells(Options(vary_heads=vary_heads))
            self.assertEqual(len(found), len(set(found)))

    def test_what_differs_by_request_is_always_measured_too(self) -> None:
        """Byte-identical requests alone would show the server's memory of heads, not its work."""
        varied = [each.case for each in cells(Options()) if each.variant == "varied"]
        self.assertEqual(varied, ["post", "life", "batch"])

    def test_databases_and_workers_are_compared_next_to_each_other(self) -> None:
        """What goes on on the machine changes by the minute."""
        options = Options(
            cases=("post", "topic"),
            transports=("plain",),
            callers=(64,),
            databases=("sqlite", "postgresql"),
            workers=(1, 4),
        )
        found = [each for each in cells(options) if not each.variant]
        self.assertEqual(
            [(each.case, each.database, each.workers) for each in found],
            [
                *(("post", "sqlite", 1), ("post", "sqlite", 4)),
                *(("post", "postgresql", 1), ("post", "postgresql", 4)),
                ("topic", "sqlite", 1),
            ],
        )

    def test_callers_are_dealt_out_evenly(self) -> None:
        """A process without callers would only wait."""
        self.assertEqual(shares(64, 2), [32, 32])
        self.assertEqual(shares(5, 3), [1, 2, 2])
        self.assertEqual(shares(1, 4), [1])
