"""The why-pane says which placements lost and what would make a model fit."""

from __future__ import annotations

from advisor.core.question import Question
from advisor.explanation import explain
from advisor.tui.widgets.explained import command_lines, placement_lines
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig

ONE = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")


def text(lines: list[list[tuple[str, str]]]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


def test_losers_and_remedies_fit_the_pane() -> None:
    e = explain(ONE, Question(), find_model("qwen3-32b"), "Q5_K_M")
    lines = text(placement_lines(e, 46))
    assert lines[0] == "Other placements"
    assert any("the time:" in line for line in lines)
    assert "What would make it fit" in lines
    assert any("--kv-type q8_0" in line for line in lines)
    assert max(len(line) for line in lines) <= 46


def test_what_lies_on_the_gpu_has_nothing_to_mend() -> None:
    e = explain(ONE, Question(), find_model("llama 3.1 8b"), "Q4_K_M")
    assert "What would make it fit" not in text(placement_lines(e, 46))


def test_every_step_of_a_launch_starts_a_line() -> None:
    e = explain(ONE, Question(runtime="ollama"), find_model("llama 3.1 8b"), "Q4_K_M")
    lines = text(command_lines(e, 60))
    starts = [
        line.strip().split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")
    ]
    assert "OLLAMA_FLASH_ATTENTION=1" in starts
    assert "printf" in starts
    assert starts.count("ollama") == 3
