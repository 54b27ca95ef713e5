"""Whatever is typed: an edit makes a rig that can be estimated, or says in one line why not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.core.changes import WhatIfError
from advisor.pipeline import machine_of
from advisor.scenario import EXAMPLES, VERBS, parse_scenario
from catalog.types import LookupFailedError
from probes.hypothetical import hypothetical_rig
from probes.rigfile import rig_from_document, rig_to_document
from probes.types import Rig, RigError, unknown

DESKTOP = hypothetical_rig(["RTX 4090"], "2x16GB:DDR5-5200", "Ryzen 9 7950X")
BLIND = replace(
    DESKTOP,
    cpu=replace(DESKTOP.cpu, name=unknown("test"), sockets=unknown("test")),
    memory=replace(
        DESKTOP.memory,
        type=unknown("test"),
        channels=unknown("test"),
        mts=unknown("test"),
        bandwidth_bytes_per_s=unknown("test"),
        modules=(),
    ),
    accelerators=tuple(
        replace(
            a, name=unknown("test"), pcie=unknown("test"), ecc=unknown("test"), power_limit_w=unknown("test")
        )
        for a in DESKTOP.accelerators
    ),
)
RIGS = {
    "desktop": DESKTOP,
    "blind": BLIND,
    "server": hypothetical_rig(["2x RTX 3090"], "8x32GB:DDR4-3200", "2x EPYC 7313"),
    "mac": hypothetical_rig(["M3 Max 40-core"], "64GB", None),
    "laptop": hypothetical_rig(["Radeon 780M"], "2x16GB:DDR5-5600", "Ryzen 7 7840U"),
    "spark": hypothetical_rig(["DGX Spark"], None, None),
}
VALUES = st.one_of(
    st.sampled_from([text.split(" ", 1)[1] for text in EXAMPLES.values()]),
    st.text(max_size=12),
    st.builds(
        "{}x{}GB:{}-{}".format,
        st.integers(-2, 40),
        st.integers(-2, 300),
        st.sampled_from(["DDR3", "DDR4", "DDR5", "LPDDR5X", "DDR9"]),
        st.integers(0, 20_000),
    ),
    st.integers(-5, 100_000).map(str),
    st.sampled_from(
        ["on", "off", "same over tb5", "RTX 3090 over oculink", "nvlink", "pcie5x16 for gpu 1", "1 1"]
    ),
)


def check(text: str, rig: Rig) -> None:
    try:
        scenario = parse_scenario(text, rig)
    except (WhatIfError, RigError, LookupFailedError) as error:
        said = str(error)
    else:
        assert rig_from_document(rig_to_document(scenario.rig)).memory == scenario.rig.memory
        if scenario.rig.memory.total_bytes.known:
            machine_of(scenario.rig)
        return
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("name", RIGS)
@settings(deadline=None, max_examples=30)
@given(edits=st.lists(st.tuples(st.sampled_from(VERBS), VALUES), min_size=1, max_size=3))
def test_any_edit_is_applied_or_refused(name: str, edits: list[tuple[str, str]]) -> None:
    check(", ".join(f"{verb} {value}" for verb, value in edits), RIGS[name])


@pytest.mark.parametrize("name", RIGS)
def test_every_example_is_applied_or_refused_on_every_rig(name: str) -> None:
    for text in EXAMPLES.values():
        check(text, RIGS[name])


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=40))
def test_any_text_is_understood_or_refused(text: str) -> None:
    check(text, DESKTOP)
