"""Searches for goals: against brute force over the same space, and against numbers worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from advisor.core.question import Question
from advisor.core.search import STEP
from advisor.pipeline import machine_of
from advisor.upgrade.options import Option, all_options, space_of
from advisor.upgrade.outcome import Evaluator, read_goals
from advisor.upgrade.parts import Parts, catalog_parts, listed_parts, priced_parts
from advisor.upgrade.prices import Price, PriceList
from advisor.upgrade.reach import UpgradeResult, search, search_catalog
from catalog.efficiency import load_efficiencies
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

GIB = 1024**3
PARTS = "3x RTX 3090, RTX 5090, 2x Tesla P40, 2x48GB:DDR5-6000, 4x32GB:DDR5-5600, nvlink"
PRICES = PriceList(
    "prices.toml",
    "2026-11-01",
    "EUR",
    (
        Price("gpu", "RTX 3090", 700.0, 350.0),
        Price("gpu", "RTX 5060 Ti 16GB", 430.0, 180.0),
        Price("gpu", "RTX 5090", 2400.0, 575.0),
        Price("gpu", "Tesla P40", 280.0, 250.0),
        Price("ram", "2x48GB:DDR5-6000", 320.0, None),
        Price("ram", "2x64GB:DDR5-5600", 600.0, None),
        Price("machine", "Ryzen AI Max+ 395 128GB", 1900.0, 140.0),
    ),
)
GOALS = (
    ["llama 3.3 70b@Q4_K_M>=10"],
    ["llama 3.3 70b>=3"],
    ["gpt-oss 120b>=45"],
    ["glm 4.5 air@Q4_K_M>=15", "llama 3.1 8b@Q8_0>=100"],
    ["deepseek r1@Q4_K_M>=5"],
    ["qwen3 235b a22b>=6"],
)


def space_and_values(
    rig: Rig, goals: Sequence[str], parts: Parts, budget: float | None
) -> tuple[list[Option], list[float]]:
    """Every change, evaluated in full without any bound."""
    options = all_options(rig, parts, budget=budget)
    if parts.prices is not None:
        options += [Option((m,)) for m in parts.machines if budget is None or (m.price or 0) <= budget]
    evaluator = Evaluator(rig, Question(), read_goals(goals), load_efficiencies())
    return options, [evaluator.outcome(option).margin for option in options]


def check(result: UpgradeResult, options: list[Option], values: list[float]) -> None:
    """The front covers every change that reaches the goal; else the nearest is the best there is."""
    by_price = result.parts.prices is not None

    def size(option: Option) -> tuple[float, ...]:
        return (option.price or 0.0,) if by_price else option.size()

    if result.now.reached:
        assert not result.options
        return
    listed = [(size(o.option), o.margin) for o in result.options if o.option]
    reaching = [n for n, value in enumerate(values) if value >= 1]
    assert bool(listed) == bool(reaching)
    for n in reaching:
        assert any(s <= size(options[n]) and m * STEP >= values[n] * (1 - 1e-9) for s, m in listed)
    if reaching:
        assert listed[0][0] == min(size(options[n]) for n in reaching)
    else:
        assert result.best is not None
        assert result.best.margin == pytest.approx(max(values))
        if not result.best.margin:
            # Nothing holds the model: what is shown is short of less than the rig is now.
            short = [
                float(o.reaches[0].table.missing_bytes[o.reaches[0].row]) for o in (result.best, result.now)
            ]
            assert 0 < short[0] < short[1]


@pytest.mark.parametrize("goals", GOALS, ids=" and ".join)
@pytest.mark.parametrize("card", ["RTX 4090", None])
def test_brute_force_over_a_list_of_parts_finds_nothing_better(goals: list[str], card: str | None) -> None:
    rig = hypothetical_rig([card] if card else [], "2x32GB:DDR5-6000", "Ryzen 9 7950X")
    parts = listed_parts(rig, PARTS, None)
    options, values = space_and_values(rig, goals, parts, None)
    assert len(options) >= 32
    check(search(rig, Question(), read_goals(goals), parts), options, values)


@pytest.mark.parametrize("goals", GOALS, ids=" and ".join)
@pytest.mark.parametrize("budget", [None, 1500.0])
def test_brute_force_over_prices_finds_nothing_cheaper(
    desktop: Rig, goals: list[str], budget: float | None
) -> None:
    parts = priced_parts(desktop, PRICES)
    options, values = space_and_values(desktop, goals, parts, budget)
    check(search(desktop, Question(), read_goals(goals), parts, budget=budget), options, values)


@pytest.mark.parametrize("goals", GOALS[:3], ids=" and ".join)
def test_brute_force_over_part_of_the_catalog_finds_nothing_better(plain: Rig, goals: list[str]) -> None:
    """Every 29th card of the catalog: one to three of a kind, with every kit of the platform."""
    parts = catalog_parts(plain)
    some = replace(parts, cards=parts.cards[::29], machines=())
    options, values = space_and_values(plain, goals, some, None)
    check(search(plain, Question(), read_goals(goals), some), options, values)


def test_a_dense_70b_needs_the_memory_that_the_rig_lacks(desktop: Rig) -> None:
    """By hand: what the model takes, less the room on the present card, has to fit on the new one."""
    goals = read_goals(["llama 3.3 70b@Q4_K_M>=15"])
    result = search(desktop, Question(), goals, listed_parts(desktop, "RTX 3060 12GB, RTX 3090", None))
    first = result.options[0]
    assert first.option is not None
    assert [p.value for p in first.option.parts] == ["RTX 3090"]
    reach = first.reaches[0]
    on_cards = float(reach.table.used_bytes[reach.row, :-1].sum())
    present = machine_of(desktop).gpus[0].usable_bytes
    assert 12 * GIB < on_cards - present < 24 * GIB
    # Both cards are read in turn, so the step takes at least bytes / bandwidth of each.
    least_s = sum(
        float(reach.table.weight_bytes[reach.row, g]) / device.bandwidth
        for g, device in enumerate(reach.table.machine.gpus)
    )
    assert reach.tokens_per_s < 1 / least_s
    assert reach.bottleneck is not None
    assert reach.bottleneck[0] == "VRAM bandwidth (weights)"


def test_on_the_cpu_a_kit_of_twice_the_bandwidth_gives_at_most_twice_the_speed() -> None:
    slow = hypothetical_rig([], "1x32GB:DDR5-5200", "Ryzen 9 7950X")
    goals = read_goals(["llama 3.1 8b@Q8_0>=6"])
    result = search(slow, Question(), goals, listed_parts(slow, "2x32GB:DDR5-5200", None))
    assert [o.option.edits for o in result.options if o.option] == [(("ram", "2x32GB:DDR5-5200"),)]
    before, after = result.now.reaches[0].tokens_per_s, result.options[0].reaches[0].tokens_per_s
    assert 1.7 * before < after <= 2.0001 * before


def test_a_model_in_vram_gains_nothing_from_ram(desktop: Rig) -> None:
    now = search(desktop, Question(), read_goals(["llama 3.1 8b@Q4_K_M>=1"])).now.reaches[0].tokens_per_s
    goals = read_goals([f"llama 3.1 8b@Q4_K_M>={now * 1.01:.3f}"])
    result = search(desktop, Question(), goals, listed_parts(desktop, "2x48GB:DDR5-6400", None))
    assert not result.options
    assert result.best is not None
    assert result.best.reaches[0].tokens_per_s == pytest.approx(now)


def test_a_goal_that_is_reached_already_buys_nothing(desktop: Rig) -> None:
    result = search_catalog(desktop, Question(), read_goals(["llama 3.1 8b>=5"]))
    assert result.now.reached
    assert result.now.verdict == "sure"
    assert not result.options
    assert not result.machines


def test_an_impossible_goal_says_what_comes_nearest_and_what_binds_it(desktop: Rig) -> None:
    goals = read_goals(["llama 3.3 70b@Q8_0>=500000"])
    result = search(desktop, Question(), goals, listed_parts(desktop, "2x RTX 3090, RTX 5090", None))
    assert not result.options
    assert result.best is not None
    assert result.best.margin > result.now.margin
    assert result.best.reaches[0].bottleneck is not None


def test_the_nearest_change_names_no_part_that_brings_nothing(desktop: Rig) -> None:
    """A model that fits on one card gains nothing from RAM or a second card of the same speed."""
    goals = read_goals(["llama 3.1 8b@Q4_K_M>=100000"])
    result = search(desktop, Question(), goals, listed_parts(desktop, "RTX 5090, 2x48GB:DDR5-6000", None))
    assert result.best is not None
    assert result.best.option is not None
    assert [p.value for p in result.best.option.parts] == ["RTX 5090"]


def test_all_goals_have_to_hold(desktop: Rig) -> None:
    one, both = ["llama 3.3 70b@Q4_K_M>=10"], ["llama 3.3 70b@Q4_K_M>=10", "llama 3.1 8b@Q4_K_M>=200"]
    parts = listed_parts(desktop, "RTX 3090, RTX 5090", None)
    alone = search(desktop, Question(), read_goals(one), parts).options[0]
    together = search(desktop, Question(), read_goals(both), parts).options[0]
    assert alone.option is not None
    assert together.option is not None
    assert alone.option.parts[0].value == "RTX 3090"
    assert "RTX 5090" in [p.value for p in together.option.parts]
    assert all(reach.margin >= 1 for reach in together.reaches)


def test_more_users_and_context_need_more(desktop: Rig) -> None:
    goals = read_goals(["llama 3.3 70b@Q4_K_M>=10"])
    parts = listed_parts(desktop, "RTX 3090, RTX 5090, RTX A6000", None)
    few = search(desktop, Question(), goals, parts).options
    many = search(desktop, Question(context=65_536, users=2), goals, parts).options
    assert few
    assert all(o.option and few[0].option and o.option.size() > few[0].option.size() for o in many)


def test_verdicts_follow_the_interval(desktop: Rig) -> None:
    (goal,) = read_goals(["llama 3.3 70b@Q4_K_M>=1"])
    evaluator = Evaluator(desktop, Question(), [goal], load_efficiencies())
    reach = evaluator.outcome(None).reaches[0]
    speed, low, high = reach.table.speeds_at(reach.row)
    for wanted, verdict, chance in (
        (low * 0.99, "sure", 0.9),
        (low * 1.01, "likely", 0.9),
        (speed * 1.01, "possible", 0.5),
        (high * 1.01, "no", 0.1),
    ):
        asked = replace(reach, goal=replace(goal, tokens_per_s=wanted))
        assert asked.verdict == verdict
        assert asked.probability == pytest.approx(chance, abs=0.03)


def test_without_a_quantization_the_fastest_is_taken_and_the_finest_that_holds_is_said(
    desktop: Rig,
) -> None:
    result = search(desktop, Question(), read_goals(["llama 3.1 8b>=20"]))
    reach = result.now.reaches[0]
    speeds = {reach.table.candidates.quant(i): v for i, v in enumerate(reach.table.tokens_per_s)}
    assert reach.tokens_per_s == max(speeds.values())
    assert reach.finer == "BF16" if speeds["BF16"] >= 20 else "Q8_0"


def test_slots_limit_the_cards_counted_with_those_that_stay(desktop: Rig) -> None:
    parts = listed_parts(desktop, "2x RTX 3090, RTX 5090", None)
    for slots in (1, 2):
        for option in all_options(desktop, parts, most_cards=slots):
            cards = option.scenario(desktop).rig.accelerators
            assert len([a for a in cards if not a.unified.value]) <= slots
    assert all(o.replaces for o in all_options(desktop, parts, most_cards=1))


def test_a_budget_is_kept_and_prices_add_up(desktop: Rig) -> None:
    options = all_options(desktop, priced_parts(desktop, PRICES), budget=1100.0)
    assert options
    for option in options:
        assert option.price == sum(part.price or 0 for part in option.parts)
        assert option.price <= 1100.0
    both = next(o for o in options if [p.value for p in o.parts] == ["2x48GB:DDR5-6000", "RTX 3090"])
    assert (both.price, both.watts) == (1020.0, 350.0)


def test_the_search_in_the_catalog_widens_only_where_it_has_to(desktop: Rig) -> None:
    near = search_catalog(desktop, Question(), read_goals(["llama 3.3 70b@Q4_K_M>=10"]))
    assert any("consumer" in note for note in near.notes)
    far = search_catalog(desktop, Question(), read_goals(["llama 3.3 70b@BF16>=10"]))
    assert far.options
    assert not any("the consumer ones" in note for note in far.notes)


def test_a_mac_is_only_ever_replaced_as_a_whole() -> None:
    mac = hypothetical_rig(["Apple M3 Max 40-core GPU"], "64GB", None)
    result = search_catalog(mac, Question(), read_goals(["glm 4.5 air@Q4_K_M>=10"]))
    assert not result.options
    assert result.machines
    assert all(o.option and o.option.whole_machine for o in result.machines)


def test_groups_hold_options_of_one_size(desktop: Rig) -> None:
    space = space_of(all_options(desktop, listed_parts(desktop, PARTS, None)), by_price=False)
    assert sum(len(group) for group in space.groups) == len(space.options)
    sizes = [[space.options[i].size() for i in group] for group in space.groups]
    assert all(len(set(group)) == 1 for group in sizes)
    assert [group[0] for group in sizes] == sorted(group[0] for group in sizes)
