"""What follows from the state: the list, the steps of the question, the commands."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from advisor.core.order import ORDERS
from advisor.core.question import Question
from advisor.tui.background import Wanted, rank
from advisor.tui.state import (
    AppState,
    Divider,
    app_options,
    listing,
    next_context,
    next_kv_type,
    next_users,
    question_options,
    scenario_options,
)
from advisor.tui.view import Row


@pytest.fixture
def state(world: SimpleNamespace) -> AppState:
    question = Question()
    return AppState(question, rig=world.rig, view=rank(Wanted(world.rig, question, None)))


def names(state: AppState) -> list[str]:
    return [item.name for item in listing(state).items if isinstance(item, Row)]


def with_(state: AppState, **changes: object) -> AppState:
    from dataclasses import replace

    return replace(state, **changes)  # type: ignore[arg-type]


def test_models_that_do_not_fit_are_counted_behind_a_divider(state: AppState) -> None:
    found = listing(state)
    assert isinstance(found.items[-1], Divider)
    assert found.items[-1].count == found.matching - found.fitting > 0
    assert found.total == 8


def test_shown_on_request_they_come_after_the_divider_by_what_is_missing(state: AppState) -> None:
    items = listing(with_(state, show_unfit=True)).items
    at = next(i for i, item in enumerate(items) if isinstance(item, Divider))
    assert all(isinstance(r, Row) and r.fits for r in items[:at])
    missing = [r.missing_bytes for r in items[at + 1 :] if isinstance(r, Row)]
    assert missing == sorted(missing)
    assert missing[0] > 0


@pytest.mark.parametrize("sort", ORDERS)
def test_every_sort_order_keeps_all_rows_and_reverses(state: AppState, sort: str) -> None:
    ahead = names(with_(state, sort=sort))
    back = names(with_(state, sort=sort, reverse=True))
    assert sorted(ahead) == sorted(back) == sorted(names(state))
    # All models of the made-up world have the same context: there the order of merit stays.
    assert (ahead[0] != back[0]) == (sort != "context")


def test_sorting_by_speed_puts_the_fastest_first(state: AppState) -> None:
    rows = [r for r in listing(with_(state, sort="speed")).items if isinstance(r, Row)]
    speeds = [r.tokens_per_s for r in rows if r.tokens_per_s is not None]
    assert speeds == sorted(speeds, reverse=True)


def test_places_are_those_of_the_whole_ranking_under_a_filter(state: AppState) -> None:
    place = {r.name: r.place for r in state.view.rows} if state.view else {}
    filtered = [r for r in listing(with_(state, filter_text="is:moe")).items if isinstance(r, Row)]
    assert filtered
    assert all(r.moe and r.place == place[r.name] for r in filtered)


def test_variants_share_a_row_and_are_found_by_name(state: AppState) -> None:
    rows = {r.name: r for r in listing(state).items if isinstance(r, Row)}
    assert "Medium-14B-Finetune" not in rows
    head = rows["Medium-14B"]
    assert head.variants == ("Medium-14B-Finetune",)
    found = [r for r in listing(with_(state, filter_text="finetune")).items if isinstance(r, Row)]
    assert [(r.name, r.place) for r in found] == [("Medium-14B-Finetune", head.place)]


def test_pinned_models_come_first_in_any_order(state: AppState) -> None:
    last = names(state)[-1]
    row = next(r for r in state.view.rows if r.name == last) if state.view else None
    assert row is not None
    pinned = with_(state, pins=(row.model_id,))
    assert names(pinned)[0] == last
    assert len(names(pinned)) == len(names(state))


def test_with_nothing_that_fits_the_others_are_shown_without_asking(state: AppState) -> None:
    found = listing(with_(state, filter_text="fit:none"))
    assert found.fitting == 0
    assert found.shown == found.matching > 0


def test_context_steps_are_powers_of_two_from_any_value() -> None:
    assert next_context(8192, 1) == 16384
    assert next_context(8192, -1) == 4096
    assert next_context(10_000, 1) == 16384
    assert next_context(10_000, -1) == 8192
    assert next_context(512, -1) == 512
    assert next_context(1_048_576, 1) == 1_048_576


def test_users_double_and_halve_and_never_vanish() -> None:
    assert next_users(1, 1) == 2
    assert next_users(1, -1) == 1
    assert next_users(256, 1) == 256


def test_cache_types_cycle_back_to_full_precision() -> None:
    seen = ["f16"]
    for _ in range(3):
        seen.append(next_kv_type(Question(kv_type=seen[-1])))
    assert seen[0] == seen[3] == "f16"
    assert next_kv_type(Question(kv_type="iq4_nl")) == "f16"


def test_only_cache_types_of_the_runtime_are_in_the_cycle() -> None:
    assert next_kv_type(Question(runtime="vllm", kv_type="q8_0")) == "f16"


def test_the_command_of_a_view_can_be_parsed_by_the_command_line(state: AppState) -> None:
    from advisor.cli.arguments import build_parser

    question = Question(context=32768, kv_type="q8_0", runtime="ollama", fit_context=True)
    shown = with_(state, filter_text="qwen params<40", question=question)
    words = ["rank", *question_options(shown.question, "my rig.json"), *app_options(shown)]
    arguments = build_parser().parse_args(words)
    assert (arguments.rig, arguments.context, arguments.kv_type) == ("my rig.json", 32768, "q8_0")
    assert arguments.filter == "qwen params<40"
    assert (arguments.runtime, arguments.fit_context) == ("ollama", True)


def test_the_command_of_a_comparison_can_be_parsed_by_the_command_line(state: AppState) -> None:
    from advisor.cli.arguments import build_parser

    texts = ["add-gpu RTX 3090, mts 6000", "ram 2x64GB:DDR5-5600"]
    words = ["what-if", *question_options(state.question, None), *scenario_options(texts)]
    arguments = build_parser().parse_args(words)
    assert arguments.scenarios == [
        [("add-gpu", "RTX 3090"), ("mts", "6000")],
        [("ram", "2x64GB:DDR5-5600")],
    ]
