"""The search of the upgrade screen: it runs in a thread, is replaced by the next, and tells how far it is."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.timer import Timer
from textual.worker import get_current_worker

from advisor.tui import background
from advisor.tui.background import AbandonedError, Wanted, abandonable
from advisor.tui.glyphs import Glyphs
from advisor.tui.screens.base import StateScreen
from advisor.upgrade.ask import Asked, AskedError

if TYPE_CHECKING:
    from advisor.report.upgrade_rows import Answer
    from advisor.upgrade.reach import UpgradeResult
    from advisor.upgrade.spend import SpendResult

SEARCH_DELAY_S = 0.12
"""Rest after a change of the form before the search begins: steps follow each other."""
_PROGRESS_EVERY_S = 0.05


class Progressed(Message):
    """How far a search is."""

    def __init__(self, wanted: Wanted[Asked], text: str) -> None:
        super().__init__()
        self.wanted, self.text = wanted, text


class Answered(Message):
    """A search is over: its result, or what is wrong with which field."""

    def __init__(
        self,
        wanted: Wanted[Asked],
        result: UpgradeResult | SpendResult | None,
        answer: Answer | None,
        field: str = "",
        error: str = "",
    ) -> None:
        super().__init__()
        self.wanted, self.result, self.answer = wanted, result, answer
        self.field, self.error = field, error


class UpgradeSearch(StateScreen):
    """Keeps the last answer until the next is there."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self.answer: Answer | None = None
        self.result: UpgradeResult | SpendResult | None = None
        self.begun = False
        self.failed = ("", "")
        """The field that is wrong, and what is wrong with it."""
        self.progress = ""
        """What the search is doing; empty when none runs."""
        self._asked: Wanted[Asked] | None = None
        self._later: Timer | None = None

    def tell(self, progress: str) -> None:
        """Draw how far the search is."""
        raise NotImplementedError

    def answered(self) -> None:
        """Draw what was found."""
        raise NotImplementedError

    def look(self, wanted: Wanted[Asked]) -> bool:
        """Search, unless just this was looked for last; whether it is something new."""
        if wanted == self._asked:
            return False
        first = self._asked is None
        self._asked = wanted
        self.progress, self.failed = "the parts", ("", "")
        if self._later is not None:
            self._later.stop()
            self._later = None
        if first:
            self._search(wanted)
        else:
            self._later = self.set_timer(SEARCH_DELAY_S, partial(self._search, wanted))
        return True

    @work(thread=True, exclusive=True, group="upgrade")
    def _search(self, wanted: Wanted[Asked]) -> None:
        worker = get_current_worker()
        told = 0.0

        def tell(text: str) -> None:
            nonlocal told
            if worker.is_cancelled:
                raise AbandonedError
            if time.monotonic() - told >= _PROGRESS_EVERY_S:
                told = time.monotonic()
                self.post_message(Progressed(wanted, text))

        def find() -> tuple[UpgradeResult | SpendResult, Answer]:
            from advisor.report.upgrade_answer import answer_of

            result = background.upgrade(wanted, tell)
            return result, answer_of(result)

        try:
            result, answer = abandonable(find, lambda: worker.is_cancelled)
        except AbandonedError:
            return
        except background.expected_errors() as error:
            field = error.field if isinstance(error, AskedError) else ""
            self.post_message(Answered(wanted, None, None, field, str(error)))
        else:
            self.post_message(Answered(wanted, result, answer))

    @on(Progressed)
    def _progressed(self, message: Progressed) -> None:
        if message.wanted == self._asked and self.progress:
            self.progress = message.text
            self.tell(message.text)

    @on(Answered)
    def _answered(self, message: Answered) -> None:
        if message.wanted != self._asked:
            return
        self.progress, self.failed = "", (message.field, message.error)
        self.result, self.answer = message.result, message.answer
        self.answered()
