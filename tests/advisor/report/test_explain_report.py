"""Roofline, evidence and placements as text, picture, Markdown and SVG."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from xml.etree import ElementTree

import pytest

from advisor.core.question import Question
from advisor.core.roofline import Roofline
from advisor.explanation import Explanation, explain
from advisor.report.evidence_text import evidence_lines, narrower_lines
from advisor.report.explain_text import explain_markdown, explain_text
from advisor.report.matrix_text import cell_text, matrix_lines, shown_ways
from advisor.report.roofline import dot_text, roofline_chart, roofline_lines, roofline_svg
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig

RIG = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")


@cache
def explained(model: str, quant: str | None = None, users: int = 1) -> Explanation:
    return explain(RIG, Question(users=users), find_model(model), quant)


def roofline_of(e: Explanation) -> Roofline:
    assert e.roofline is not None
    return e.roofline


@pytest.mark.parametrize("columns", [50, 64, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_picture_holds_every_dot_and_keeps_to_its_width(columns: int, ascii_only: bool) -> None:
    r = roofline_of(explained("llama 3.1 8b", users=8))
    lines = roofline_chart(r, columns=columns, rows=12, ascii_only=ascii_only)
    assert len(lines) == 12 + 4
    assert max(map(len, lines)) <= columns
    drawn = "\n".join(lines[1:13])
    assert {letter for letter in "DUP" if letter in drawn} == set("DUP")
    assert not ascii_only or "\n".join(lines).isascii()


def test_a_prompt_lies_right_of_and_above_decoding() -> None:
    lines = roofline_chart(roofline_of(explained("llama 3.1 8b")), columns=80, rows=12)
    row = {letter: next(n for n, line in enumerate(lines[1:13]) if letter in line) for letter in "DP"}
    column = {letter: lines[1 + row[letter]].index(letter) for letter in "DP"}
    assert column["P"] > column["D"]
    assert row["P"] < row["D"]


def test_sentences_say_which_roof_binds_and_how_far_it_is() -> None:
    r = roofline_of(explained("llama 3.1 8b"))
    decode, prompt = r.dots
    assert f"×{decode.below_roof:.2f} the time of its roof (memory bandwidth" in dot_text(r, decode)
    assert "(arithmetic" in dot_text(r, prompt)
    slow = replace(decode, fixed_s=2 * decode.roof_s)
    assert "launches and hand-overs take longer" in dot_text(r, slow)
    assert "launches and hand-overs" not in dot_text(r, decode)


def test_a_split_model_says_that_the_prompt_is_elsewhere() -> None:
    r = roofline_of(explained("llama 3.3 70b", "Q4_K_M"))
    assert "(RAM)" in roofline_lines(r)[0]
    assert "the prompt has no dot" in roofline_lines(r)[-1]


def test_the_svg_is_a_picture_with_the_runs_in_its_legend() -> None:
    svg = roofline_svg(explained("llama 3.1 8b"))
    texts = {node.text for node in ElementTree.fromstring(svg).iter() if node.text}
    assert {"decode, 1 user", "prompt of 1,000 tokens", "FLOP per byte read", "specified"} <= texts


def test_text_tells_roofline_evidence_and_placements_and_draws_on_demand() -> None:
    e = explained("llama 3.1 8b")
    text = explain_text(e)
    for start in ("Roofline ", "Known by ", "All quantizations and placements"):
        assert any(line.startswith(start) for line in text.split("\n")), start
    assert "TFLOP/s\n" not in text
    assert "roofs: s specified" in explain_text(e, picture=True)


def test_what_does_not_fit_has_the_table_of_placements_and_no_roofline() -> None:
    e = explained("deepseek r1")
    text = explain_text(e)
    assert "Roofline" not in text
    assert "Known by" not in text
    assert "All quantizations and placements" in text
    assert "short" in explain_markdown(e)


def test_markdown_has_a_section_for_each_part() -> None:
    text = explain_markdown(explained("llama 3.1 8b"))
    for title in (
        "Memory and time per token",
        "Roofline",
        "How we know",
        "Quantizations and placements",
        "Run it",
    ):
        assert f"\n## {title}\n" in text
    assert "**" in text.split("## Quantizations and placements")[1]


def test_evidence_names_the_factors_and_what_narrows() -> None:
    e = explained("llama 3.3 70b", "Q4_K_M", 8)
    assert e.evidence is not None
    text = "\n".join(evidence_lines(e.evidence))
    assert "(several users)" in text
    assert "(runtime of unknown age)" in text
    assert f"= {e.evidence.decode.spread_log:.2f}" in text
    narrower = "\n".join(narrower_lines(e.evidence))
    assert "probe --measure" in narrower
    assert "--runtime-version" in narrower


def test_cells_say_a_speed_a_range_or_what_is_short() -> None:
    e = explained("llama 3.3 70b", "Q4_K_M")
    assert e.matrix is not None
    rows = {row.quant: row for row in e.matrix.rows}
    ways = [way.strategy.name for way in e.matrix.ways]
    gpu, split = ways.index("ACCELERATOR"), ways.index("LAYERS_SPLIT")
    experts = ways.index("EXPERTS_IN_RAM")
    assert cell_text(rows["Q4_K_M"].cells[gpu]).startswith("+")
    assert cell_text(rows["Q4_K_M"].cells[gpu]).endswith(" GiB")
    assert "~" in cell_text(rows["Q4_K_M"].cells[split], "!")
    assert cell_text(rows["Q4_K_M"].cells[split], "!").startswith("!")
    assert "~" not in cell_text(rows["Q4_K_M"].cells[split], ranges=False)
    assert cell_text(rows["Q4_K_M"].cells[experts]) == "n/a"
    assert experts not in shown_ways(e.matrix)
    assert any(line.startswith("▸ Q4_K_M") for line in matrix_lines(e))
