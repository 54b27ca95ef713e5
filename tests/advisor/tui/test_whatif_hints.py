"""The what-if screen promises as many digits as it has suggestions."""

from __future__ import annotations

import pytest

from advisor.core.question import Question
from advisor.tui.glyphs import UNICODE
from advisor.tui.screens.whatif_keys import hints
from advisor.tui.state import AppState
from advisor.tui.widgets.whatif_body import intro_lines


@pytest.mark.parametrize(
    ("suggested", "key", "words"),
    [(0, None, None), (1, "1", "1 adds a change"), (3, "1-3", "1 to 3 add a change")],
)
def test_the_keys_of_suggestions_are_those_that_there_are(
    suggested: int, key: str | None, words: str | None
) -> None:
    bar = hints(AppState(Question()), "scenarios", UNICODE, suggested)
    found = [h.key for h in bar if h.label == "Suggested"]
    assert found == ([key] if key else [])
    text = "\n".join("".join(part for part, _ in line) for line in intro_lines("", suggested, 80))
    assert words in text if words else "from above" not in text
