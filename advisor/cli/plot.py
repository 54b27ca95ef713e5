"""``plot``: one model's speed over a part of the rig or of the question, as a picture."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from advisor.cli import output
from advisor.cli.exits import Exit, complain
from advisor.cli.run import has_hardware, print_json, question_of, rig_of
from advisor.cli.what_if import edits_of


def run_plot(arguments: argparse.Namespace) -> int:
    """Draw in the terminal, and into a file where one is named."""
    from advisor.report.picture import PictureError, check_picture, write_picture
    from catalog.models import find_model

    question = question_of(arguments)
    model = find_model(arguments.model)
    if arguments.quant is not None:
        from advisor.knowledge import resolve_quant

        resolve_quant(arguments.quant)
    edits = edits_of(arguments)
    try:
        if arguments.plot:
            check_picture(Path(arguments.plot))
        rig = rig_of(arguments)
        if not has_hardware(rig):
            return Exit.NO_HARDWARE
        from advisor.comparison import Scenario
        from advisor.curves import curves_of
        from advisor.report import curves as report
        from advisor.scenario import make_scenario

        scenarios = [Scenario("now", rig, ()), *(make_scenario(edit, rig) for edit in edits)]
        found = curves_of(scenarios, question, model, arguments.over, arguments.quant)
        fits = any(p.tokens_per_s is not None for curve in found.curves for p in curve.points)
        if arguments.plot and fits:
            write_picture(Path(arguments.plot), report.curves_svg(found))
            output.say(f"drawn to {arguments.plot}")
        elif arguments.plot:
            complain(f"{arguments.plot} is not drawn: {model.name} fits on none of the rigs")
    except PictureError as error:
        complain(str(error))
        return Exit.BAD_INPUT
    if arguments.json:
        print_json(report.curves_document(found))
    elif arguments.csv:
        output.write_utf8(report.curves_csv(found))
    else:
        columns = shutil.get_terminal_size((80, 24)).columns
        output.write(report.curves_text(found, columns=columns, ascii_only=_ascii_only()))
    return Exit.OK if fits else Exit.NOTHING


def _ascii_only() -> bool:
    """Whether stdout cannot show braille, or was asked not to."""
    from advisor.tui.glyphs import wants_ascii

    try:
        "⠿░│".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return wants_ascii()
