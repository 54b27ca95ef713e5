"""The quality of every model for every use, worked out once: 900 models take 70 ms at run time.

    python -m catalog.build.quality_index [--check]

Writes ``catalog/data/quality_index.json`` from ``catalog.quality.model_quality``.  Run it after any
change of the models, the scores or the prior; a test compares it with the live values.
"""

from __future__ import annotations

import argparse
import json
import sys

from catalog.models import load_models
from catalog.quality import QUALITY_INDEX, USES, model_quality
from catalog.types import Model


def _row(model: Model) -> list[float | str]:
    scores = [round(model_quality(model, use=use).score, 3) for use in USES]
    return [*scores, model_quality(model).basis]


def index_text() -> str:
    """The file's text: one line per model, scores in the order of ``uses``, then their basis."""
    lines = [f"{json.dumps(m.id)}: {json.dumps(_row(m))}" for m in load_models()]
    body = ",\n  ".join(lines)
    note = "Written by catalog/build/quality_index.py from catalog/quality.py; do not edit."
    return (
        f'{{\n "_comment": {json.dumps(note)},\n "uses": {json.dumps(list(USES))},\n'
        f' "scores": {{\n  {body}\n }}\n}}\n'
    )


def main() -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the shipped file differs")
    text = index_text()
    if parser.parse_args().check:
        return int(QUALITY_INDEX.read_text("utf-8") != text)
    QUALITY_INDEX.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
