"""Lists of what-if scenarios, and the way back through them: pure functions."""

from __future__ import annotations

from dataclasses import dataclass

Texts = tuple[str, ...]
"""Edit texts, one per scenario, in the order of their columns."""

MOST_SCENARIOS = 4
_MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class History:
    """Lists before and after the present one, the nearest last."""

    past: tuple[Texts, ...] = ()
    future: tuple[Texts, ...] = ()

    def after(self, present: Texts) -> History:
        """The history once ``present`` has been replaced by another list; what was undone is forgotten."""
        return History((*self.past, present)[-_MOST_STEPS:])

    def undo(self, present: Texts) -> tuple[History, Texts]:
        """One step back: the history there and the list; the same where there is nothing to undo."""
        if not self.past:
            return self, present
        return History(self.past[:-1], (*self.future, present)), self.past[-1]

    def redo(self, present: Texts) -> tuple[History, Texts]:
        """One step forward: the history there and the list; the same where nothing was undone."""
        if not self.future:
            return self, present
        return History((*self.past, present), self.future[:-1]), self.future[-1]


def added(texts: Texts, text: str) -> Texts:
    """With another scenario; the same where it is there already or there is no room."""
    return texts if text in texts or len(texts) >= MOST_SCENARIOS else (*texts, text)


def edited(texts: Texts, at: int, text: str) -> Texts:
    """With another scenario in the place of one; the same where it is there already."""
    if text in texts or not 0 <= at < len(texts):
        return texts
    return (*texts[:at], text, *texts[at + 1 :])


def removed(texts: Texts, at: int) -> Texts:
    """Without one of them."""
    return (*texts[:at], *texts[at + 1 :]) if 0 <= at < len(texts) else texts
