"""``upgrade``: which search the arguments ask for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from advisor.cli import output
from advisor.cli.exits import Exit
from advisor.cli.run import has_hardware, print_json, rig_of

if TYPE_CHECKING:
    from advisor.core.question import Question
    from advisor.upgrade.reach import UpgradeResult
    from advisor.upgrade.spend import SpendResult


def run_upgrade(arguments: argparse.Namespace, question: Question) -> int:
    """Search and print.  Exit code 1 where nothing reaches the goal, or no part helps.

    Raises:
        UpgradeError: bad input; the text says what to write.
    """
    from advisor.upgrade.ask import Asked, AskedError, answer, understand

    asked = Asked(
        goals=tuple(arguments.goal),
        parts=arguments.parts,
        cards=arguments.cards,
        slots=arguments.slots,
        budget=arguments.budget,
        prices=arguments.prices,
    )
    if arguments.limit is not None and arguments.limit < 1:
        raise AskedError("", f"--limit must be at least 1, not {arguments.limit}")
    understood = understand(asked, question)
    rig = rig_of(arguments)
    if not has_hardware(rig):
        return Exit.NO_HARDWARE
    from advisor.upgrade.spend import SpendResult

    result = answer(understood, rig, question)
    _print(arguments, result)
    found = bool(result.options)
    if not isinstance(result, SpendResult):
        found = found or result.now.reached or bool(result.machines)
    return Exit.OK if found else Exit.NOTHING


def _print(arguments: argparse.Namespace, result: UpgradeResult | SpendResult) -> None:
    from advisor.report.upgrade_document import document_of
    from advisor.report.upgrade_table import upgrade_csv, upgrade_markdown

    if arguments.json:
        print_json(document_of(result, arguments.limit))
    elif arguments.csv:
        output.write_utf8(upgrade_csv(result, arguments.limit))
    elif arguments.markdown:
        output.write(upgrade_markdown(result, arguments.limit))
    else:
        from advisor.report.upgrade_text import text_of

        output.write(text_of(result, getattr(arguments, "rig", None), arguments.limit))
