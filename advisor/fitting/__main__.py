"""``python -m advisor.fitting``: fit the efficiencies to the shipped measurements and say how good they are.

Writes ``catalog/data/efficiencies.json`` and ``catalog/data/accuracy.md``; with ``--check`` nothing is
written, and the exit code is 1 when what ships is not what the fit gives.  ``--quick`` leaves out the
cross-validation and with it the intervals and the report: for working on the fit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from advisor.fitting.accuracy import report
from advisor.fitting.compare import difference
from advisor.fitting.run import MEASUREMENTS, cross_validated, efficiencies, fitted

EFFICIENCIES = Path(__file__).parents[2] / "catalog" / "data" / "efficiencies.json"
REPORT = EFFICIENCIES.with_name("accuracy.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m advisor.fitting", description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is stale")
    parser.add_argument(
        "--quick", action="store_true", help="no cross-validation: keep the intervals that ship"
    )
    options = parser.parse_args(arguments)
    result = fitted(MEASUREMENTS, progress=_say)
    shipped = json.loads(EFFICIENCIES.read_text("utf-8")) if EFFICIENCIES.exists() else None
    if options.quick:
        document = efficiencies(result, shipped=shipped)
        text = None
    else:
        folds = cross_validated(result, progress=_say)
        document = efficiencies(result, folds=folds)
        text = report(result, folds, document)
    if options.check:
        found = difference(shipped, document) or (
            "accuracy.md" if text is not None and text != REPORT.read_text("utf-8") else None
        )
        if found:
            print(f"stale: {found}; run python -m advisor.fitting", file=sys.stderr)
        return 1 if found else 0
    EFFICIENCIES.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if text is not None:
        REPORT.write_text(text, "utf-8")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
