"""``models``: the catalog as a list, filtered and sorted; on a rig also how each of them runs."""

from __future__ import annotations

import argparse
import shutil
import sys

from advisor.cli import output
from advisor.cli.exits import Exit, complain
from advisor.cli.run import has_hardware, print_json, question_of, rig_of


def run_models(arguments: argparse.Namespace) -> int:
    """Print the list; without a rig neither NumPy nor the machine is touched."""
    from advisor.model_list import check_filter, check_order, entries_of, here_of, list_models
    from advisor.report import model_list as report
    from catalog.models import load_models

    limit = arguments.limit
    if limit is not None and limit < 1:
        from advisor.core.question import QuestionError

        raise QuestionError(f"--limit must be at least 1, not {limit}")
    question = question_of(arguments)
    with_rig = bool(arguments.here or getattr(arguments, "rig", None))
    text = getattr(arguments, "filter", "").strip()
    check_filter(text, with_rig=with_rig)
    check_order(arguments.sort, with_rig=with_rig)
    result = None
    if with_rig:
        rig = rig_of(arguments)
        if not has_hardware(rig):
            return Exit.NO_HARDWARE
        from advisor.pipeline import rank_rig

        result = rank_rig(rig, question)
    here = here_of(result.ranking) if result else None
    found = list_models(
        entries_of(load_models()), here, question.use, text, arguments.sort, arguments.reverse
    )
    if arguments.json:
        print_json(report.models_document(found, limit, result))
    elif arguments.csv:
        output.write_utf8(report.models_csv(found, limit))
    elif arguments.markdown:
        output.write(report.models_markdown(found, limit))
    else:
        size = shutil.get_terminal_size((120, 40))
        if limit is None and sys.stdout is not None and sys.stdout.isatty():
            limit = max(size.lines - 10, 20)
        output.write(report.models_text(found, limit, size.columns))
    if not found.rows:
        if arguments.json or arguments.csv or arguments.markdown:  # the text says it itself
            complain(f"no model matches the filter {text!r}")
        return Exit.NOTHING
    return Exit.OK
