"""The bound of the upgrade search: never slower than any placement, and near enough to be of use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.core.bound import NONE, Pieces, least_seconds, pieces_of
from advisor.core.estimate import estimate
from advisor.core.question import Question
from advisor.knowledge import knowledge_of
from advisor.pipeline import machine_of
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig

MODELS = ("llama 3.1 8b", "llama 3.3 70b", "gpt-oss 120b", "deepseek r1", "gemma 3 27b", "qwen3 30b a3b")
QUANTS = ("Q8_0", "Q4_K_M", "IQ2_XXS")
CARDS = ("RTX 3060 12GB", "RTX 3090", "RTX 5090", "Tesla P40", "RX 7900 XTX", "Arc B580", "H100 NVL")
HOSTS = (
    ("2x16GB:DDR4-3200", "Ryzen 9 5950X"),
    ("2x48GB:DDR5-6000", "Ryzen 9 7950X"),
    ("12x64GB:DDR5-4800", "EPYC 9654"),
)


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from(MODELS),
    cards=st.lists(st.sampled_from(CARDS), max_size=4),
    host=st.sampled_from(HOSTS),
    context=st.sampled_from([2_048, 8_192, 65_536]),
    users=st.sampled_from([1, 2, 16]),
    kv_type=st.sampled_from(["f16", "q8_0"]),
)
def test_no_estimate_is_faster_than_the_bound(
    model: str, cards: list[str], host: tuple[str, str], context: int, users: int, kv_type: str
) -> None:
    knowledge = knowledge_of(find_model(model), QUANTS)
    machine = machine_of(hypothetical_rig(cards, *host))
    question = Question(context=context, users=users, kv_type=kv_type)
    table = estimate(knowledge.candidates, machine, question, knowledge.efficiencies)
    pieces = pieces_of(knowledge.candidates, machine.devices, machine, question, knowledge.efficiencies)
    least = least_seconds(
        pieces,
        np.array([d.usable_bytes for d in machine.devices]),
        np.array([d.kind == "cpu" for d in machine.devices]),
        np.arange(len(machine.devices))[None],
        np.ones(1),
    )[0]
    assert (least[table.fits] <= table.decode_s[table.fits]).all()


@pytest.mark.parametrize("chip", ["Apple M3 Ultra 80-core GPU", "Ryzen AI Max+ 395"])
def test_the_bound_holds_with_unified_memory(chip: str) -> None:
    machine = machine_of(hypothetical_rig([chip], "96GB", None))
    for name in MODELS:
        knowledge = knowledge_of(find_model(name), QUANTS)
        table = estimate(knowledge.candidates, machine, Question(), knowledge.efficiencies)
        pieces = pieces_of(knowledge.candidates, machine.devices, machine, Question(), knowledge.efficiencies)
        least = least_seconds(
            pieces,
            np.array([d.usable_bytes for d in machine.devices]),
            np.array([d.kind == "cpu" for d in machine.devices]),
            np.arange(len(machine.devices))[None],
            np.ones(1),
        )[0]
        assert (least[table.fits] <= table.decode_s[table.fits]).all()


def test_the_bound_is_near_where_a_model_lies_on_one_card() -> None:
    """Nothing is lost there but hand-overs: within 2 %."""
    machine = machine_of(hypothetical_rig(["RTX 4090"], "2x32GB:DDR5-6000", "Ryzen 9 7950X"))
    knowledge = knowledge_of(find_model("llama 3.1 8b"), ("Q4_K_M",))
    table = estimate(knowledge.candidates, machine, Question(), knowledge.efficiencies)
    pieces = pieces_of(knowledge.candidates, machine.devices, machine, Question(), knowledge.efficiencies)
    capacity = np.array([d.usable_bytes for d in machine.devices])
    least = least_seconds(pieces, capacity, np.array([False, True]), np.array([[0, 1]]), np.ones(1))
    assert 0.98 * table.decode_s[0] <= least[0, 0] <= table.decode_s[0]


def made_up(*seconds: float) -> Pieces:
    """100 bytes of layers without buffer, that take this long on each device."""
    return Pieces(
        np.array([[100.0], [0.0], [0.0]]),
        np.zeros(1),
        np.array([[list(seconds)], [[0.0] * len(seconds)], [[0.0] * len(seconds)]]),
    )


@pytest.mark.parametrize(
    ("capacity", "members", "expected"),
    [
        ((100, 0, 1000), (0, 1, 2), 1.0),  # all on the fast card
        ((40, 0, 1000), (0, 1, 2), 0.4 * 1 + 0.6 * 10),  # the rest in RAM
        ((40, 50, 1000), (0, 1, 2), 0.4 * 1 + 0.5 * 2 + 0.1 * 10),  # fast card, slow card, RAM
        ((40, 50, 1000), (0, NONE, 2), 0.4 * 1 + 0.6 * 10),  # the slow card is not in this set
        ((40, 30, 20), (0, 1, 2), np.inf),  # 90 bytes of room for 100
    ],
)
def test_bounds_worked_by_hand(capacity: tuple[int, ...], members: tuple[int, ...], expected: float) -> None:
    found = least_seconds(
        made_up(1.0, 2.0, 10.0),
        np.array(capacity, dtype=np.float64),
        np.array([False, False, True]),
        np.array([members]),
        np.ones(1),
    )
    assert found[0, 0] == pytest.approx(expected, rel=1e-6)


def test_devices_that_may_work_side_by_side_divide_the_time() -> None:
    capacity, is_cpu = np.array([50.0, 50.0, 1000.0]), np.array([False, False, True])
    members = np.array([[0, 1, 2]])
    one = least_seconds(made_up(1.0, 1.0, 10.0), capacity, is_cpu, members, np.ones(1))
    two = least_seconds(made_up(1.0, 1.0, 10.0), capacity, is_cpu, members, np.full(1, 2.0))
    assert two[0, 0] == pytest.approx(one[0, 0] / 2)
