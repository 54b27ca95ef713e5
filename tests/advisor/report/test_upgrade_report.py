"""The search as text on 80 columns and as a document, and what its words promise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from advisor.core.question import Question
from advisor.report.schemas import schema_document
from advisor.report.upgrade_document import spend_document, upgrade_document
from advisor.report.upgrade_names import option_name, what_if_command
from advisor.report.upgrade_text import spend_text, upgrade_text
from advisor.upgrade.options import Option, all_options
from advisor.upgrade.outcome import read_goals
from advisor.upgrade.parts import Part, listed_parts, priced_parts
from advisor.upgrade.prices import Price, PriceList
from advisor.upgrade.reach import UpgradeResult, search
from advisor.upgrade.spend import best_spent
from probes.hypothetical import hypothetical_rig

RIG = hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
PRICES = PriceList(
    "prices.toml",
    "2026-11-01",
    "EUR",
    (Price("gpu", "RTX 3090", 700.0, 350.0), Price("gpu", "RTX 5090", 2400.0, 575.0)),
)
SEVENTY = "llama 3.3 70b@Q4_K_M>=10tok/s"


def answer(*goals: str, parts: str = "2x RTX 3090, 2x48GB:DDR5-6000") -> UpgradeResult:
    return search(RIG, Question(), read_goals(goals), listed_parts(RIG, parts, None))


def narrow(text: str) -> bool:
    """Whether all lines but commands, which are copied whole, fit 80 columns."""
    return all(len(line) <= 80 for line in text.split("\n") if "rig-advisor what-if" not in line)


@pytest.mark.parametrize(
    "goals",
    [
        (SEVENTY,),
        (SEVENTY, "gpt-oss 120b>=30"),
        ("llama 3.3 70b>=10",),
        ("llama 3.1 8b>=1",),
        ("deepseek r1@Q8_0>=1",),
        ("llama 3.3 70b@Q8_0>=400",),
    ],
)
def test_text_fits_80_columns_and_documents_their_schema(goals: tuple[str, ...]) -> None:
    result = answer(*goals)
    assert narrow(upgrade_text(result))
    document = json.loads(json.dumps(upgrade_document(result), allow_nan=False))
    jsonschema.validate(document, schema_document("upgrade"))
    assert len(document["goals"]) == len(goals)


def test_an_answer_says_the_change_the_reason_the_interval_and_the_verdict() -> None:
    text = upgrade_text(answer(SEVENTY), "my rig.json")
    assert re.search(r"1  add RTX 3090 +\d+ +\d+~\d+ +[\d.]+ s +(sure|likely \d+ %)", text)
    assert "RAM bandwidth (weights) → VRAM bandwidth (weights), " in text
    assert re.search(r"[\d.]+ of [\d.]+ GiB VRAM", text)
    assert "No prices were given, so the smallest change comes first" in text
    assert "rig-advisor what-if --rig 'my rig.json' --add-gpu 'RTX 3090'" in text


def test_what_would_help_is_worded_as_everywhere() -> None:
    text = upgrade_text(answer(SEVENTY))
    assert re.search(r"what would help: \+10 % RAM bandwidth → \+\d\.\d %", text)


def test_prices_are_shown_with_what_they_buy() -> None:
    result = search(RIG, Question(), read_goals([SEVENTY]), priced_parts(RIG, PRICES))
    text = upgrade_text(result)
    assert "Cheapest first, by prices.toml of 2026-11-01" in text
    assert re.search(r"700 EUR, 350 W: \+[\d.]+ tok/s per 100 EUR, \+[\d.]+ per 100 W", text)
    document = upgrade_document(result)
    jsonschema.validate(json.loads(json.dumps(document)), schema_document("upgrade"))
    option = document["options"][0]
    goal = option["goals"][0]
    gained = goal["decode_tokens_per_s"] - document["now"]["goals"][0]["decode_tokens_per_s"]
    assert (option["price"], option["watts"]) == (700.0, 350.0)
    assert goal["gained_tokens_per_s"] == pytest.approx(gained, rel=1e-3)
    assert goal["gained_tokens_per_s_per_price"] == pytest.approx(gained / 700, rel=1e-3)
    assert goal["gained_tokens_per_s_per_watt"] == pytest.approx(gained / 350, rel=1e-3)


def test_a_reached_goal_and_an_impossible_one_say_so() -> None:
    assert "The goal is reached already" in upgrade_text(answer("llama 3.1 8b>=1"))
    text = upgrade_text(answer("llama 3.3 70b@Q8_0>=400"))
    assert "No change reaches the goal. The nearest: " in text
    assert "what would help then:" in text
    text = upgrade_text(answer("deepseek r1@Q8_0>=1"))
    assert "None holds the model; most memory has: " in text
    assert re.search(r"does not fit, \d+ GiB short", text)


def test_the_inverse_shows_the_ranking_before_and_after() -> None:
    laptop = hypothetical_rig([], "2x8GB:DDR4-3200", "Ryzen 5 5600X")
    result = best_spent(laptop, Question(), priced_parts(laptop, PRICES), budget=800.0)
    text = spend_text(result)
    assert narrow(text)
    assert "1  add RTX 3090  (700 EUR, 350 W)" in text
    assert re.search(r"unlocks \d+: ", text)
    document = json.loads(json.dumps(spend_document(result), allow_nan=False))
    jsonschema.validate(document, schema_document("upgrade"))
    now, then = document["now"]["ranking"], document["options"][-1]["ranking"]
    assert then["top"][0]["score"] > now["top"][0]["score"]
    assert then["fitting"] > now["fitting"]


def test_names_and_commands_of_changes() -> None:
    parts = listed_parts(RIG, "2x NVIDIA GeForce RTX 3090, RTX 5090, 2x48GB:DDR5-6000", None)
    names = {option_name(o): what_if_command(o, None) for o in all_options(RIG, parts)}
    command = "rig-advisor what-if --ram 2x48GB:DDR5-6000 --add-gpu '2x NVIDIA GeForce RTX 3090'"
    assert names["RAM 2x48GB:DDR5-6000, add 2x RTX 3090"] == command
    command = "rig-advisor what-if --replace-gpu 'NVIDIA GeForce RTX 3090' --add-gpu 'RTX 5090'"
    assert names["replace by RTX 3090, add RTX 5090"] == command
    machine = Option((Part("machine", "Apple M4 Max 40-core GPU 128GB"),))
    assert option_name(machine) == "machine: Apple M4 Max 40-core GPU 128GB"
    command = "rig-advisor what-if --machine 'Apple M4 Max 40-core GPU 128GB'"
    assert what_if_command(machine, None) == command


def test_every_named_command_is_one_that_the_parser_takes(tmp_path: Path) -> None:
    """The command printed for a change makes the same rig as the change."""
    import shlex

    from advisor.cli.arguments import build_parser
    from advisor.scenario import make_scenario

    parts = listed_parts(RIG, "2x RTX 3090, RTX 5090, 2x48GB:DDR5-6000, nvlink", None)
    for option in all_options(RIG, parts, linked=lambda _: True):
        words = shlex.split(what_if_command(option, str(tmp_path / "r.json")) or "")[1:]
        (edits,) = build_parser().parse_args(words).scenarios
        assert make_scenario(edits, RIG).rig == option.scenario(RIG).rig
