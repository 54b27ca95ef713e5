"""Curves over RAM bandwidth, context, users and quantization: what they agree with, and which way they go."""

from __future__ import annotations

from itertools import pairwise

import pytest

from advisor.comparison import Scenario
from advisor.core.changes import WhatIfError
from advisor.core.question import Question
from advisor.curves import OVER, Curve, curves_of
from advisor.explanation import explain
from advisor.scenario import parse_scenario
from catalog.models import find_model
from catalog.types import LookupFailedError
from probes.hypothetical import hypothetical_rig

RIG = hypothetical_rig(["RTX 3090"], "2x32GB:DDR5-6000", "Ryzen 7 7700X")
NOW = Scenario("now", RIG, ())
MODEL = find_model("llama 3.3 70b")


def speeds(curve: Curve) -> list[float]:
    return [p.tokens_per_s for p in curve.points if p.tokens_per_s is not None]


@pytest.mark.parametrize("over", ["ram-bandwidth", "users", "quant"])
def test_a_curve_passes_through_what_explain_says(over: str) -> None:
    quant = None if over == "quant" else "Q4_K_M"
    found = curves_of([NOW], Question(), MODEL, over, quant)
    (curve,) = found.curves
    expected = explain(RIG, Question(), MODEL, "Q4_K_M")
    own = [p for p in curve.points if p.quant == "Q4_K_M" and (curve.now_x is None or p.x == curve.now_x)]
    (speed, low, high) = expected.table.speeds_at(expected.row)
    assert own[0].tokens_per_s == pytest.approx(speed)
    assert (own[0].low_tokens_per_s, own[0].high_tokens_per_s) == (pytest.approx(low), pytest.approx(high))
    assert own[0].bottleneck == expected.bottleneck


def test_over_context_the_cache_is_full() -> None:
    (curve,) = curves_of([NOW], Question(), MODEL, "context", "Q4_K_M").curves
    at_4k = next(p for p in curve.points if p.x == 4096)
    expected = explain(RIG, Question(context=4096, depth_tokens=4096), MODEL, "Q4_K_M")
    assert at_4k.tokens_per_s == pytest.approx(float(expected.table.tokens_per_s[expected.row]))
    assert curve.points[-1].x == MODEL.context_length


@pytest.mark.parametrize("over", ["context", "users"])
def test_more_context_or_users_are_never_faster_for_one_user(over: str) -> None:
    (curve,) = curves_of([NOW], Question(), MODEL, over, "Q4_K_M").curves
    assert all(b <= a * (1 + 1e-9) for a, b in pairwise(speeds(curve)))


def test_more_ram_bandwidth_is_never_slower_and_saturates() -> None:
    (curve,) = curves_of([NOW], Question(), MODEL, "ram-bandwidth", "Q4_K_M").curves
    found = speeds(curve)
    assert all(b >= a * (1 - 1e-9) for a, b in pairwise(found))
    assert found[-1] / found[0] < (curve.points[-1].x / curve.points[0].x)
    assert curve.now_x == pytest.approx(96.0)


def test_a_model_inside_vram_is_a_flat_line_over_ram_bandwidth() -> None:
    (curve,) = curves_of([NOW], Question(), find_model("llama 3.1 8b"), "ram-bandwidth", "Q4_K_M").curves
    assert len(set(speeds(curve))) == 1


def test_scenarios_share_the_axis_and_keep_their_own_place_on_it() -> None:
    slower = parse_scenario("mts 4800", RIG)
    now, other = curves_of([NOW, slower], Question(), MODEL, "ram-bandwidth", "Q4_K_M").curves
    assert [p.x for p in now.points] == [p.x for p in other.points]
    assert (now.now_x, other.now_x) == (pytest.approx(96.0), pytest.approx(76.8))
    # The same CPU with the same RAM is the same machine, whichever scenario it began as.
    assert speeds(now) == pytest.approx(speeds(other))


def test_all_file_types_are_drawn_in_order_of_size() -> None:
    (curve,) = curves_of([NOW], Question(), MODEL, "quant").curves
    sizes = [p.x for p in curve.points]
    assert sizes == sorted(sizes)
    assert {"Q4_K_M", "Q8_0", "F16", "IQ2_M"} <= {p.quant for p in curve.points}
    assert curve.points[-1].tokens_per_s is None  # F32 does not fit 64 GB


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(WhatIfError, match="use one of: ram-bandwidth"):
        curves_of([NOW], Question(), MODEL, "price")
    with pytest.raises(WhatIfError, match="leave one out"):
        curves_of([NOW], Question(), MODEL, "quant", "Q4_K_M")
    with pytest.raises(LookupFailedError, match="Q4"):
        curves_of([NOW], Question(), MODEL, "users", "Q4_X")
    assert OVER == ("ram-bandwidth", "context", "users", "quant")
