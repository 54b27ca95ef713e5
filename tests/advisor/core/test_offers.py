"""What the form and the completion offer: texts of the edit language, from the catalog and the rig."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.completion import complete
from advisor.offers import Kind, cards, cpus, kinds_of, machines, matching
from advisor.other_machine import machine_rig
from advisor.scenario import VERBS, _change, parse_scenario
from advisor.tui.suggestions import no_more_sticks, says, suggest
from catalog.types import LookupFailedError
from probes.rigfile import load_rig
from probes.types import Rig

RIGS = Path(__file__).parents[3] / "screenshots" / "rigs"
NAMES = ("2x3090", "laptop", "m3max", "rtx4090", "strix-halo", "vm")


def rig_of(name: str) -> Rig:
    return load_rig(str(RIGS / f"{name}.json"))


def first_values(kind: Kind) -> dict[str, str]:
    return {f.key: f.options[f.first].value if f.options else "mine" for f in kind.fields}


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_reads_back_what_it_makes_and_knows_its_verb(name: str) -> None:
    for kind in kinds_of(rig_of(name)):
        values = first_values(kind)
        text = kind.text(values)
        assert kind.read(text) == values
        assert kind.verb in VERBS
        for field in kind.fields:
            for option in field.options[-3:]:
                changed = {**values, field.key: option.value}
                assert kind.read(kind.text(changed)) == changed
    assert kinds_of(rig_of(name))[0].read("nonsense") is None


def test_what_is_chosen_at_first_is_taken_by_a_desktop() -> None:
    rig = rig_of("rtx4090")
    kinds = {k.key: k for k in kinds_of(rig)}
    for key in ("ram", "mts", "channels", "board", "add-gpu", "replace-gpu", "remove-gpu", "link", "power",
                "machine", "second"):  # fmt: skip
        assert parse_scenario(kinds[key].text(first_values(kinds[key])), rig).edits
    assert kinds["ram"].text(first_values(kinds["ram"])) == "ram +2x32GB:DDR5-6000"
    assert "remove-gpu" not in {k.key for k in kinds_of(rig_of("laptop"))}
    assert kinds_of(rig_of("m3max"))[0].key != "ram", "soldered memory is not what is offered first"


def test_every_card_and_machine_that_is_offered_is_understood() -> None:
    unknown = []
    for option in cards():
        try:
            _change("add-gpu", option.value)
        except LookupFailedError as error:
            unknown.append((option.value, str(error)))
    assert unknown == []
    assert len(cards()) > 300
    assert all(machine_rig(option.value).memory.total_bytes.known for option in machines()[::8])
    assert all(_change("cpu", option.value) for option in cpus()[::40])


def test_a_search_finds_by_words_and_figures_the_plain_name_first() -> None:
    found = [cards()[n].value for n in matching(cards(), "4090")]
    assert found[0] == "RTX 4090"
    assert "RTX 3090" not in found
    assert {"RTX 3090", "RTX 4090"} <= {cards()[n].value for n in matching(cards(), "24 gib rtx")}
    assert matching(cards(), "no such card") == ()


@pytest.fixture(scope="module")
def kinds() -> tuple[Kind, ...]:
    return kinds_of(rig_of("2x3090"))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("ad", "add-gpu "),
        ("xm", "xmp on"),
        ("ram +2x3", "ram +2x32GB:"),
        ("ram 2x32GB:DDR4-32", "ram 2x32GB:DDR4-3200"),
        ("add-gpu 5090", "add-gpu RTX 5090"),
        ("add-gpu 2x 5090", "add-gpu 2x RTX 5090"),
        ("add-gpu RTX 3090 over th", "add-gpu RTX 3090 over thunderbolt5"),
        ("mts 3200, cpu 5950x", "mts 3200, cpu AMD Ryzen 9 5950X"),
        ("machine m3 ultra 512", "machine Apple M3 Ultra 80-core GPU 512GB"),
        ("link nv", "link nvlink"),
        ("remove-gpu 2", None),
        ("nonsense ", None),
        ("name any thing", None),
        ("", None),
    ],
)
def test_completion_goes_on_with_what_there_is(kinds: tuple[Kind, ...], text: str, first: str | None) -> None:
    found = complete(text, kinds)
    assert (found[0].value if found else None) == first
    assert len(found) <= 6


def test_completing_step_by_step_ends_in_a_change_that_the_rig_takes() -> None:
    rig = rig_of("rtx4090")
    offered = kinds_of(rig)
    text = "ram +"
    for _ in range(6):
        found = complete(text, offered)
        if not found:
            break
        text = found[0].value
    assert text == "ram +2x32GB:DDR5-6000"
    assert parse_scenario(text, rig).rig != rig


@pytest.mark.parametrize("name", NAMES)
def test_suggestions_are_taken_and_more_sticks_come_first_where_ram_is_in_modules(name: str) -> None:
    rig = rig_of(name)
    texts = suggest(rig)
    for text in texts:
        assert parse_scenario(text, rig).rig != rig
    if name in ("rtx4090", "laptop"):
        assert texts[0].startswith("ram +2x")
        assert says(texts[0]) == "two more sticks"
        grown = parse_scenario(texts[0], rig).rig.memory.modules
        assert len(grown) == len(rig.memory.modules) + 2
    elif name == "2x3090":
        # Four of four slots are taken and hold all that the CPU takes: no more sticks can be had.
        assert len(rig.memory.modules) == 4
        assert not any(says(text) for text in texts)
        assert "6 modules do not fit" in no_more_sticks(rig)
        assert "xmp on" in texts[:2], "what the sticks that are there can do comes instead"
    else:
        assert not rig.memory.modules
        assert no_more_sticks(rig) == ""
