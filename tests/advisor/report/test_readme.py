"""The README's figures are those of the report that the fit writes."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_accuracy_tables_are_rows_of_the_report() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    block = readme.split("<!-- accuracy -->")[1].split("<!-- /accuracy -->")[0]
    rows = [line for line in block.splitlines() if line.startswith("|")]
    report = (ROOT / "catalog" / "data" / "accuracy.md").read_text("utf-8").splitlines()
    assert len(rows) > 10
    assert [row for row in rows if row not in report] == []
