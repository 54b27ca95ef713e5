"""``validate``: predictions against measured rows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cli import output
from advisor.cli.exits import Exit, complain
from advisor.cli.run import print_json, rig_of

if TYPE_CHECKING:
    from advisor.validation import FileResult


def run_validate(arguments: argparse.Namespace) -> int:
    """Compare, and draw where a picture is asked for.  Exit code 1 where no row could be compared."""
    from advisor.report import validation as report
    from advisor.report.picture import PictureError, check_picture
    from advisor.validation import validate_files

    pictures = [
        (Path(name), quantity)
        for name, quantity in (
            (arguments.plot, "tokens_per_s"),
            (arguments.plot_prefill, "prefill_tokens_per_s"),
        )
        if name
    ]
    by = report.parse_by(arguments.by) if arguments.by is not None else report.MAIN
    try:
        for path, _ in pictures:
            check_picture(path)
        rig = rig_of(arguments) if arguments.rig else None
        results = validate_files([Path(p) for p in arguments.files], rig)
        for path, quantity in pictures:
            _plot(path, results, quantity, by[0][0])
    except PictureError as error:
        complain(str(error))
        return Exit.BAD_INPUT
    if arguments.json:
        print_json(report.validation_document(results, by))
    else:
        shown = None if arguments.slices else by
        output.write(
            report.validation_markdown(results, shown)
            if arguments.markdown
            else report.validation_text(results, shown, rows=arguments.rows)
        )
    return Exit.OK if any(r.status == "ok" for r in results) else Exit.NOTHING


def _plot(path: Path, results: Sequence[FileResult], quantity: str, by: str) -> None:
    from advisor.report.picture import write_picture
    from advisor.report.validation_plot import speed_plot

    picture = speed_plot(results, quantity, by)
    if picture is None:
        complain(f"{path} is not drawn: no row has both a measured and a predicted speed of that kind")
    else:
        write_picture(path, picture)
