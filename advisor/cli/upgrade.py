"""``upgrade``: which search the arguments ask for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cli import output
from advisor.cli.exits import Exit
from advisor.cli.run import has_hardware, print_json, rig_of

if TYPE_CHECKING:
    from advisor.core.question import Question
    from advisor.upgrade.outcome import Goal
    from advisor.upgrade.parts import Parts
    from probes.types import Rig


def run_upgrade(arguments: argparse.Namespace, question: Question) -> int:
    """Search and print.  Exit code 1 where nothing reaches the goal, or no part helps.

    Raises:
        UpgradeError, WhatIfError, RigError, LookupFailedError: bad input; the text says what to write.
    """
    _check(arguments, question)
    from advisor.upgrade.outcome import read_goals
    from advisor.upgrade.prices import read_prices
    from advisor.upgrade.reach import check_budget

    goals = read_goals(arguments.goal)
    prices = read_prices(Path(arguments.prices)) if arguments.prices else None
    check_budget(arguments.budget, prices)
    rig = rig_of(arguments)
    if not has_hardware(rig):
        return Exit.NO_HARDWARE
    from advisor.upgrade.parts import listed_parts, priced_parts

    parts: Parts | None = None
    if arguments.parts is not None:
        parts = listed_parts(rig, arguments.parts, prices)
    elif prices is not None:
        parts = priced_parts(rig, prices)
    if goals:
        return _reach(arguments, question, rig, goals, parts)
    assert parts is not None
    return _spend(arguments, question, rig, parts)


def _check(arguments: argparse.Namespace, question: Question) -> None:
    """Raise ``UpgradeError`` for arguments that do not go together."""
    from advisor.core.goals import EXAMPLE, UpgradeError

    if question.runtime != "llama.cpp" or question.fit_context:
        raise UpgradeError(
            "upgrade searches for llama.cpp with the whole context; leave out --runtime and --fit-context"
        )
    named = arguments.prices is not None or arguments.parts is not None
    if not arguments.goal and not named:
        raise UpgradeError(
            f"upgrade needs a goal, for example --goal '{EXAMPLE}'; or parts to choose from: "
            "--budget 1500 --prices prices.toml, or --parts 'RTX 3090, 2x48GB:DDR5-6000'"
        )
    for name in ("slots", "limit"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise UpgradeError(f"--{name} must be at least 1, not {value}")
    if arguments.cards is None:
        return
    from difflib import get_close_matches

    from advisor.upgrade.parts import CARDS

    if arguments.cards not in CARDS:
        near = get_close_matches(arguments.cards, CARDS, n=1, cutoff=0.3) or list(CARDS)
        raise UpgradeError(f"--cards {arguments.cards!r} is unknown; nearest: {', '.join(near)}")
    if named:
        raise UpgradeError("--cards chooses from the catalog; leave it out with --prices or --parts")


def _reach(
    arguments: argparse.Namespace, question: Question, rig: Rig, goals: tuple[Goal, ...], parts: Parts | None
) -> int:
    from advisor.upgrade.reach import search, search_catalog

    if parts is None:
        result = search_catalog(rig, question, goals, cards=arguments.cards, most_cards=arguments.slots)
    else:
        result = search(rig, question, goals, parts, budget=arguments.budget, most_cards=arguments.slots)
    if arguments.json:
        from advisor.report.upgrade_document import upgrade_document

        print_json(upgrade_document(result, arguments.limit))
    else:
        from advisor.report.upgrade_text import upgrade_text

        output.write(upgrade_text(result, getattr(arguments, "rig", None), arguments.limit))
    return Exit.OK if result.now.reached or result.options or result.machines else Exit.NOTHING


def _spend(arguments: argparse.Namespace, question: Question, rig: Rig, parts: Parts) -> int:
    from advisor.upgrade.spend import best_spent

    result = best_spent(rig, question, parts, budget=arguments.budget, most_cards=arguments.slots)
    if arguments.json:
        from advisor.report.upgrade_document import spend_document

        print_json(spend_document(result))
    else:
        from advisor.report.upgrade_text import spend_text

        output.write(spend_text(result, getattr(arguments, "rig", None)))
    return Exit.OK if result.options else Exit.NOTHING
