"""Undo in what-if: whatever was done is restored, and undoing can be undone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from advisor.tui.history import MOST_SCENARIOS, History, Texts, added, edited, removed

TEXTS = st.sampled_from(("ram A", "ram B", "mts C", "cpu D", "add-gpu E", "link F"))
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), TEXTS),
        st.tuples(st.just("edit"), st.integers(0, 4), TEXTS),
        st.tuples(st.just("remove"), st.integers(0, 4)),
        st.tuples(st.just("clear")),
        st.tuples(st.just("undo")),
        st.tuples(st.just("redo")),
    ),
    max_size=30,
)


def apply(action: tuple[Any, ...], history: History, texts: Texts) -> tuple[History, Texts]:
    """As the app does it: an action that changes nothing leaves no trace."""
    name, *values = action
    if name == "undo":
        return history.undo(texts)
    if name == "redo":
        return history.redo(texts)
    makers: dict[str, Any] = {"add": added, "edit": edited, "remove": removed, "clear": lambda _: ()}
    new = makers[name](texts, *values)
    return (history.after(texts), new) if new != texts else (history, texts)


@given(ACTIONS)
def test_undo_after_any_action_restores_and_redo_repeats(actions: list[tuple[Any, ...]]) -> None:
    history, texts = History(), ()
    for action in actions:
        before_history, before = history, texts
        history, texts = apply(action, history, texts)
        assert len(texts) <= MOST_SCENARIOS
        assert len(set(texts)) == len(texts)
        if action[0] in ("undo", "redo") or texts == before:
            continue
        undone, restored = history.undo(texts)
        assert restored == before
        assert undone.past == before_history.past
        assert undone.redo(restored) == (history, texts)


@given(ACTIONS)
def test_undoing_everything_leads_to_the_start_and_redoing_back(actions: list[tuple[Any, ...]]) -> None:
    history, texts = History(), ()
    for action in actions:
        history, texts = apply(action, history, texts)
    last_history, last = history, texts
    steps = len(history.past)
    for _ in range(steps):
        history, texts = history.undo(texts)
    assert texts == ()
    assert history.undo(texts) == (history, texts)
    for _ in range(steps):
        history, texts = history.redo(texts)
    assert (history, texts) == (last_history, last)


@given(ACTIONS, TEXTS)
def test_a_new_action_forgets_what_was_undone(actions: list[tuple[Any, ...]], text: str) -> None:
    history, texts = History(), ()
    for action in actions:
        history, texts = apply(action, history, texts)
    changed, new = apply(("add", text), *history.undo(texts))
    if new != history.undo(texts)[1]:
        assert changed.redo(new) == (changed, new)
