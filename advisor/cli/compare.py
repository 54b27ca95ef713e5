"""``compare``: two to four models side by side on one rig."""

from __future__ import annotations

import argparse
import shutil

from advisor.cli import output
from advisor.cli.exits import Exit, complain
from advisor.cli.run import has_hardware, print_json, question_of, rig_of


def run_compare(arguments: argparse.Namespace) -> int:
    """Look the models up before the machine, then print them side by side."""
    from advisor.model_list import FEWEST_COMPARED, MOST_COMPARED
    from catalog.models import find_model

    question = question_of(arguments)
    if not FEWEST_COMPARED <= len(arguments.models) <= MOST_COMPARED:
        complain(
            f"compare takes {FEWEST_COMPARED} to {MOST_COMPARED} models, not {len(arguments.models)}: "
            "MODEL[@QUANT] MODEL[@QUANT] …"
        )
        return Exit.BAD_INPUT
    wanted = []
    for text in arguments.models:
        name, at, quant = text.rpartition("@")
        model = find_model(name if at else text)
        if at:
            from advisor.knowledge import resolve_quant

            resolve_quant(quant, model, question)
        wanted.append((model, quant if at else None))
    rig = rig_of(arguments)
    if not has_hardware(rig):
        return Exit.NO_HARDWARE
    from advisor.pipeline import rank_rig
    from advisor.report import side_by_side as report
    from advisor.side_by_side import side_by_side

    found = side_by_side(rank_rig(rig, question), wanted)
    if arguments.json:
        print_json(report.compare_document(found))
    elif arguments.csv:
        output.write_utf8(report.compare_csv(found))
    elif arguments.markdown:
        output.write(report.compare_markdown(found))
    else:
        output.write(report.compare_text(found, shutil.get_terminal_size((120, 40)).columns))
    return Exit.OK if any(side.detail.fits for side in found.sides) else Exit.NOTHING
