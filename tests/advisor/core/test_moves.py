"""Rank moves: who moves, who is only passed, who is new, and that everybody is counted once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from advisor.core.moves import Move, Moves, limits, moves_between
from advisor.core.question import Question
from advisor.core.ranking import Ranking
from advisor.pipeline import rank_rig
from probes.hypothetical import hypothetical_rig


@pytest.fixture(scope="module")
def rank() -> Callable[[int, str], Ranking]:
    def made(gpus: int, ram: str) -> Ranking:
        rig = hypothetical_rig(["RTX 4090"] * gpus, ram, "Ryzen 9 7950X")
        return rank_rig(rig, Question()).ranking

    return made


@pytest.fixture(scope="module")
def second_card(rank: Callable[[int, str], Ranking]) -> Moves:
    return moves_between(rank(1, "2x32GB:DDR5-5200"), rank(2, "2x32GB:DDR5-5200"))


def test_the_same_rig_moves_nothing(rank: Callable[[int, str], Ranking]) -> None:
    now = rank(1, "2x32GB:DDR5-5200")
    moves = moves_between(now, now)
    assert len(moves.unchanged()) == len(moves.all) == now.fitting > 0
    assert moves.moved() == moves.passed() == moves.unlocked() == moves.lost() == ()


def test_every_model_that_fits_is_counted_once(second_card: Moves) -> None:
    kinds = (
        second_card.unlocked(), second_card.lost(), second_card.moved(), second_card.passed(),
        second_card.unchanged(),
    )  # fmt: skip
    ids = [m.model.id for kind in kinds for m in kind]
    assert len(ids) == len(set(ids)) == len(second_card.all)


def test_moves_come_with_the_largest_step_first(second_card: Moves) -> None:
    steps = [abs(m.places or 0) for m in second_card.moved()]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > 0


def test_who_is_only_passed_runs_as_before(second_card: Moves) -> None:
    assert second_card.passed()
    for move in second_card.passed():
        assert (move.before.row, move.before.fit) == (move.after.row, move.after.fit)
        assert move.places != 0


def test_turning_the_change_round_turns_the_moves_round(rank: Callable[[int, str], Ranking]) -> None:
    one, two = rank(1, "2x16GB:DDR5-5200"), rank(2, "2x16GB:DDR5-5200")
    there, back = moves_between(one, two), moves_between(two, one)

    def names(moves: tuple[Move, ...]) -> list[str]:
        return sorted(m.model.variant_of or m.model.id for m in moves)

    assert names(there.unlocked()) == names(back.lost()) != []
    assert names(there.moved()) == names(back.moved())
    steps = {m.model.variant_of or m.model.id: m.places for m in there.moved()}
    assert all(steps[m.model.variant_of or m.model.id] == -(m.places or 0) for m in back.moved())


def test_too_slow_before_and_fast_enough_now_is_unlocked() -> None:
    wanted = Question(min_tokens_per_s=10)
    rigs = [hypothetical_rig(["RTX 4090"] * n, "2x32GB:DDR5-5200", "Ryzen 9 7950X") for n in (1, 2)]
    moves = moves_between(*(rank_rig(rig, wanted).ranking for rig in rigs))
    slow = [m for m in moves.unlocked() if m.before.fits]
    assert slow
    for move in slow:
        assert (move.before.tokens_per_s or 0) < 10 <= (move.after.tokens_per_s or 0)
        assert move.before.rank is None


def test_limits_count_every_model_that_fits(rank: Callable[[int, str], Ranking]) -> None:
    now = rank(1, "2x32GB:DDR5-5200")
    found = limits(now)
    assert sum(count for _, count in found) == now.fitting
    assert [count for _, count in found] == sorted((c for _, c in found), reverse=True)
