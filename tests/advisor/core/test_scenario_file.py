"""Scenarios are written to a TOML file and read back as they were; anything else is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.core.changes import WhatIfError
from advisor.scenario import VERBS
from advisor.scenario_file import SavedScenario, load_scenarios, save_scenarios

TWO = SavedScenario("two 3090s", (("add-gpu", "2x RTX 3090"), ("link", "nvlink")))
RAM = SavedScenario('128 "GB" \\ 4 sticks', (("ram", "4x32GB:DDR5-5600"),))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "upgrades.toml"
    save_scenarios(path, [TWO, RAM])
    assert load_scenarios(path) == (TWO, RAM)


def test_saving_replaces_its_own_name_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "upgrades.toml"
    save_scenarios(path, [TWO, RAM])
    changed = SavedScenario(TWO.name, (("add-gpu", "RTX 5090"),))
    new = SavedScenario("mac", (("machine", "M3 Ultra 512GB"),))
    save_scenarios(path, [changed, new])
    assert load_scenarios(path) == (changed, RAM, new)


TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(
    lambda text: text == text.strip() and text.split() != []
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXT, st.lists(st.tuples(st.sampled_from(VERBS), TEXT), min_size=1)), min_size=1))
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, scenarios: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    path = tmp_path_factory.mktemp("scenarios") / "any.toml"
    unique = {name: SavedScenario(name, tuple(edits)) for name, edits in scenarios}
    save_scenarios(path, list(unique.values()))
    assert load_scenarios(path) == tuple(unique.values())
    assert tomllib.loads(path.read_text("utf-8"))["schema"] == "rig-advice/scenarios/1"


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", r"no \[\[scenario\]\]"),
        ("not toml", "not TOML"),
        ("schema = 'other'\n[[scenario]]\nname='a'\nedits=['mts 6000']", "schema 'other'"),
        ("scenarios = []", "unknown key 'scenarios'"),
        ("[[scenario]]\nedits=['mts 6000']", "scenario 1: needs name"),
        ("[[scenario]]\nname='a'", "scenario 1: needs edits"),
        ("[[scenario]]\nname='a'\nedits=[]", "needs edits"),
        ("[[scenario]]\nname='a'\nedits=[7]", "needs edits"),
        ("[[scenario]]\nname='a'\nedits=['fly moon']", "unknown change 'fly'"),
        ("[[scenario]]\nname='a'\nedits=['mts']", "mts needs a value"),
        ("[[scenario]]\nname='a'\nedits=['mts 6000']\nprice=3", "unknown key 'price'"),
        ("[[scenario]]\nname='a'\nedits=['mts 1']\n[[scenario]]\nname='a'\nedits=['mts 1']", "called 'a'"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, because: str) -> None:
    path = tmp_path / "upgrades.toml"
    path.write_text(text)
    with pytest.raises(WhatIfError, match=because) as caught:
        load_scenarios(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(WhatIfError):
        save_scenarios(path, [TWO])  # nothing of the user's is overwritten
    assert path.read_text() == text


def test_a_file_that_cannot_be_read_or_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WhatIfError, match="cannot be read"):
        load_scenarios(tmp_path / "nothing.toml")
    with pytest.raises(WhatIfError, match="cannot be written"):
        save_scenarios(tmp_path / "no" / "folder.toml", [TWO])
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(WhatIfError, match="not TOML"):
        load_scenarios(binary)
