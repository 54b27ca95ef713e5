"""``what-if``: scenarios from the command line and from files, compared."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cli import output
from advisor.cli.exits import Exit, complain
from advisor.cli.run import has_hardware, print_json, question_of, rig_of

if TYPE_CHECKING:
    from advisor.scenario_file import SavedScenario
    from catalog.types import Model

Edits = Sequence[tuple[str, str]]
_MOST_NAMES = 200


def run_what_if(arguments: argparse.Namespace) -> int:
    """Compare the rig as it is with what the changes make of it."""
    question = question_of(arguments)
    if arguments.top < 1:
        complain(f"--top must be at least 1, not {arguments.top}")
        return Exit.BAD_INPUT
    edits = edits_of(arguments)
    if not edits:
        complain("what-if needs a change, for example: what-if --ram 4x32GB:DDR5-5600")
        return Exit.BAD_INPUT
    models = _models(arguments)
    rig = rig_of(arguments)
    if not has_hardware(rig):
        return Exit.NO_HARDWARE
    from advisor.comparison import Scenario, compare
    from advisor.scenario import make_scenario

    scenarios = [Scenario("now", rig, ()), *(make_scenario(edit, rig) for edit in edits)]
    if arguments.save:
        from advisor.scenario_file import SavedScenario, save_scenarios

        save_scenarios(Path(arguments.save), [SavedScenario(s.name, s.edits) for s in scenarios[1:]])
        output.say(f"{len(scenarios) - 1} scenario(s) written to {arguments.save}")
    comparison = compare(scenarios, question, models, top=arguments.top)
    if arguments.json:
        from advisor.report.whatif_document import what_if_document

        print_json(what_if_document(comparison))
    elif arguments.csv or arguments.markdown:
        from advisor.report.whatif_moves import what_if_csv, what_if_markdown

        output.write(what_if_csv(comparison) if arguments.csv else what_if_markdown(comparison))
    else:
        from advisor.report.whatif_text import what_if_text

        output.write(what_if_text(comparison, _width()))
    return Exit.OK if any(r.fitting for r in comparison.rankings) else Exit.NOTHING


def _width() -> int | None:
    """Columns of the terminal, or those that were asked for; ``None`` for a file or a pipe."""
    if "COLUMNS" in os.environ or (sys.stdout is not None and sys.stdout.isatty()):
        return shutil.get_terminal_size().columns
    return None


def edits_of(arguments: argparse.Namespace) -> list[Edits]:
    """The scenarios of ``--load`` and of the options, as (verb, value) edits.

    Raises:
        WhatIfError: the file cannot be read.
    """
    loaded: list[Edits] = []
    if arguments.load:
        from advisor.scenario_file import load_scenarios

        loaded = [_named(saved) for saved in load_scenarios(Path(arguments.load))]
    return [*loaded, *(scenario for scenario in (arguments.scenarios or []) if scenario)]


def _named(saved: SavedScenario) -> Edits:
    return [*saved.edits, ("name", saved.name)]


def _models(arguments: argparse.Namespace) -> list[Model] | None:
    """The models that were named, each once; ``None`` for the best ones."""
    from catalog.models import find_model

    names = [*arguments.model, *(_listed(arguments.models) if arguments.models is not None else ())]
    named = {model.id: model for model in map(find_model, names)}
    return list(named.values()) or None


def _listed(text: str) -> list[str]:
    """Names separated by commas, or the lines of a file.

    Raises:
        WhatIfError: there is no name in it, or the file cannot be read.
    """
    from advisor.core.changes import WhatIfError

    names = text.split(",")
    if len(names) == 1 and Path(text).is_file():
        try:
            lines = Path(text).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise WhatIfError(f"{text}: cannot be read as a list of models ({error})") from error
        names = [line.partition("#")[0] for line in lines]
    found = [name.strip() for name in names if name.strip()]
    if not 0 < len(found) <= _MOST_NAMES:
        raise WhatIfError(f"--models names {len(found)} models; write 1 to {_MOST_NAMES}, for example a,b,c")
    return found
