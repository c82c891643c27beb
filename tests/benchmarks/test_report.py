"""What a run leaves behind."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.figures import Cell, Row
from benchmarks.report import (
    Results,
    comparison,
    markdown,
    number,
    read_lines,
    table,
    write_lines,
)

FIGURES = {
    "cpu_ms": 0.1,
    "cpu_ms_per_request": 0.1,
    "messages_per_s": 5000,
    "requests_per_s": 5000,
    "p50_ms": 1,
    "p99_ms": 12.34,
    "max_ms": 20,
}


class TextTests(SynchronousTestCase):
    def test_numbers_have_three_digits_that_count(self) -> None:
        """More would promise what a measurement does not keep."""
        found = [number(each) for each in (None, 0, 12345.6, 12.34, 1.234, 0.01234)]
        self.assertEqual(found, ["", "0", "12,346", "12.3", "1.23", "0.012"])

    def test_a_table_is_one_before_it_is_rendered(self) -> None:
        """It is read on a terminal, too."""
        self.assertEqual(
            table(["what", "n"], [["a", "1"], ["longer", "1,000"]]),
            "| what   |     n |\n| ------ | ----: |\n| a      |     1 |\n| longer | 1,000 |\n",
        )

    def test_requests_are_set_against_the_stock_server_of_the_same_kind(self) -> None:
        """TLS against TLS, 64 callers against 64."""
        rows = [
            Row(Cell("constant"), {**FIGURES, "cpu_ms_per_request": 0.2}),
            Row(Cell("constant", "TLS"), {**FIGURES, "cpu_ms_per_request": 0.4}),
            Row(Cell("post"), FIGURES),
            Row(Cell("post", "TLS"), FIGURES),
            Row(Cell("post", callers=1), FIGURES),
        ]
        lines = markdown(Results({"When": "now"}, rows)).splitlines()
        last = [line.split("|")[-2].strip() for line in lines if line.startswith("| post  ")]
        self.assertEqual(last[:3], ["0.500", "0.250", ""])

    def test_databases_and_workers_are_set_beside_each_other(self) -> None:
        """In a table of their own, with what the database's server takes told apart."""
        other = {**FIGURES, "database_cpu_ms": 0.3, "messages_per_s": 2000}
        rows = [
            Row(Cell("post"), FIGURES),
            Row(Cell("life"), FIGURES),
            Row(Cell("post", database="postgresql", workers=4), other),
        ]
        text = markdown(Results({"When": "now"}, rows))
        before, _, table = text.partition("### Databases and workers")
        self.assertNotIn("postgresql", before)
        self.assertNotIn("life", table)
        lines = [line.split("|") for line in table.splitlines() if line.startswith("| post")]
        found = [[cell.strip() for cell in line[2:8]] for line in lines]
        self.assertEqual(found[0], ["64", "sqlite", "1", "5,000", "0.100", ""])
        self.assertEqual(found[1], ["64", "postgresql", "4", "2,000", "0.100", "0.300"])

    def test_reads_of_topics_have_a_table_and_budgets_of_their_own(self) -> None:
        cells = [
            Cell("topics", callers=8, variant=read, depth=depth)
            for read in ("exact", "a/@")
            for depth in (10, 100_000)
        ]
        self.assertEqual(str(cells[0]), "topics, exact, plain, 8 callers, 10 topics")
        rows = [Row(cell, {**FIGURES, "first_ms": 7, "names_mb": 46}) for cell in cells]
        text = markdown(Results({"When": "now"}, rows))
        self.assertIn("| `exact` | 100,000 |  0.100 |   5,000 |", text)
        self.assertIn("| `a/@` among 100,000 topics      |  2 CPU-ms | 0.100 | met |", text)
        self.assertIn("| exact read, 100,000 / 10 topics | 1.2 times |  1.00 | met |", text)

    def test_a_comparison_names_each_cell(self) -> None:
        """Figures that a cell does not have are left empty."""
        text = comparison([Row(Cell("post", depth=1000), {"cpu_ms": 0.5})])
        self.assertIn("| post, plain, 64 callers, 1,000 messages | ", text)
        self.assertIn("| 0.500 | ", text.replace("  ", " "))


class KeepingTests(SynchronousTestCase):
    def test_results_that_were_kept_can_be_read(self) -> None:
        """A later run is compared with them."""
        path = Path(self.mktemp())
        results = Results({"When": "now"}, [Row(Cell("life", "TLS", 16, "swept"), FIGURES)])
        write_lines(path, results)
        self.assertEqual(read_lines(path), results)
