"""The front of size against value: brute force finds nothing better, whatever the bound says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from advisor.core.search import STEP, best_option, front

VALUES = st.lists(
    st.tuples(st.floats(0.01, 4.0), st.floats(1.0, 3.0), st.integers(0, 6)), min_size=1, max_size=40
)
"""True value, looseness of its bound, size."""


def arranged(
    items: list[tuple[float, float, int]],
) -> tuple[list[float], np.ndarray[tuple[int], np.dtype[np.float64]], list[range], list[int]]:
    items = sorted(items, key=lambda item: item[2])
    sizes = [size for _, _, size in items]
    groups = [range(sizes.index(s), len(sizes) - sizes[::-1].index(s)) for s in dict.fromkeys(sizes)]
    return [v for v, _, _ in items], np.array([v * loose for v, loose, _ in items]), groups, sizes


@given(VALUES, st.floats(0.1, 3.0))
def test_every_option_that_reaches_the_goal_is_covered(
    items: list[tuple[float, float, int]], least: float
) -> None:
    values, bounds, groups, sizes = arranged(items)
    listed = front(bounds, groups, lambda i: values[i], least)
    for value, size in zip(values, sizes, strict=True):
        if value >= least:
            assert any(sizes[i] <= size and values[i] * STEP >= value for i in listed)


@given(VALUES, st.floats(0.1, 3.0))
def test_the_first_is_the_best_of_the_smallest_that_reaches_it(
    items: list[tuple[float, float, int]], least: float
) -> None:
    values, bounds, groups, sizes = arranged(items)
    listed = front(bounds, groups, lambda i: values[i], least)
    reaching = [i for i, value in enumerate(values) if value >= least]
    assert bool(listed) == bool(reaching)
    if reaching:
        smallest = min(sizes[i] for i in reaching)
        assert sizes[listed[0]] == smallest
        assert values[listed[0]] == max(values[i] for i in reaching if sizes[i] == smallest)


@given(VALUES, st.floats(0.1, 3.0))
def test_no_listed_option_is_dominated_and_each_is_a_step(
    items: list[tuple[float, float, int]], least: float
) -> None:
    values, bounds, groups, sizes = arranged(items)
    listed = front(bounds, groups, lambda i: values[i], least)
    for smaller, larger in pairwise(listed):
        assert sizes[smaller] < sizes[larger]
        assert values[larger] >= values[smaller] * STEP


@given(VALUES)
def test_the_best_option_is_the_maximum(items: list[tuple[float, float, int]]) -> None:
    values, bounds, _, _ = arranged(items)
    found = best_option(bounds, lambda i: values[i])
    assert found is not None
    assert values[found] == max(values)


@given(VALUES)
def test_a_tight_bound_saves_all_evaluations_but_the_winners(
    items: list[tuple[float, float, int]],
) -> None:
    values, _, _, _ = arranged(items)
    asked: list[int] = []

    def evaluate(i: int) -> float:
        asked.append(i)
        return values[i]

    best_option(np.array(values), evaluate)
    assert all(values[i] == max(values) for i in asked)


def test_nothing_reached_lists_nothing() -> None:
    assert front(np.array([0.5, 2.0]), [range(2)], lambda _: 0.5, 1.0) == []
    assert best_option(np.zeros(3), lambda _: 0.0) is None
