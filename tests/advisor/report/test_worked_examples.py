"""The worked examples in the docs are the app's: their commands, not the figures, which a fit moves."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


def script() -> ModuleType:
    path = ROOT / "tests" / "benchmarks" / "placements_page.py"
    spec = importlib.util.spec_from_file_location("placements_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


MAKE = script()
PAGE = (ROOT / "advisor" / "docs" / "placements.md").read_text("utf-8")


@pytest.mark.parametrize("example", MAKE.EXAMPLES, ids=lambda e: e.title)
def test_the_commands_of_an_example_are_todays(example: object) -> None:
    e = MAKE.explained(example)
    section = PAGE.split(f"## {example.title}\n")[1].split("\n## ")[0]  # type: ignore[attr-defined]
    assert e.commands is not None
    for step in (*e.commands.launch.split("\n"), e.commands.benchmark):
        assert step in section


def test_the_asked_for_models_are_there() -> None:
    for name in ("gpt-oss-120b", "GLM-4.5-Air", "Qwen3-235B", "DeepSeek-R1", "Llama-3.3-70B"):
        assert f"## {name}" in PAGE
    assert "| c: experts in RAM |" in PAGE
