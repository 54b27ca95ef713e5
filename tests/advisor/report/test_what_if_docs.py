"""The page on what-if names every published change of memory, and its commands are understood."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from advisor.cli.arguments import build_parser
from advisor.scenario import VERBS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "advisor" / "docs" / "what_if.md").read_text("utf-8")
COMMANDS = re.findall(r"^    rig-advisor (.+)$", PAGE, re.MULTILINE)


def script() -> ModuleType:
    path = ROOT / "tests" / "benchmarks" / "before_after.py"
    spec = importlib.util.spec_from_file_location("before_after", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_published_change_of_memory_stands_in_the_page() -> None:
    rows = script().memory_changes()
    assert len(rows) == 9
    for row in rows:
        line = next(line for line in PAGE.splitlines() if line.startswith(f"| {row['id']} "))
        assert [cell.strip() for cell in line.split("|")][4] == row["tg_tps"]


def test_a_second_socket_is_not_predicted_to_be_the_gain_that_its_modules_suggest() -> None:
    module = script()
    before, after = (module.predicted(*module.CASES[i])[0] for i in ("ch0164", "ch0165"))
    assert after < before * 1.5  # twice the modules; the published runs lost


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_page_are_understood(command: str) -> None:
    assert build_parser().parse_args(shlex.split(command)).command in ("what-if", "plot")


def test_every_change_is_described() -> None:
    for verb in VERBS:
        assert f"`{verb} " in PAGE or f"`{verb}`" in PAGE
