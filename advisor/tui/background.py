"""Work done in threads: probing, ranking, explaining, comparing, measuring.

Functions here are called in worker threads and import what they need; the app's own start needs
neither NumPy nor the catalog.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from textual.message import Message

from advisor.tui.pauses import give_back

if TYPE_CHECKING:
    from advisor.comparison import Scenario
    from advisor.core.question import Question
    from advisor.curves import Curves
    from advisor.explanation import Explanation
    from advisor.model_list import Entry
    from advisor.offers import Kind
    from advisor.side_by_side import SideBySide
    from advisor.tui.differences import Differences
    from advisor.tui.view import View
    from advisor.upgrade.ask import Asked, Tell
    from advisor.upgrade.reach import UpgradeResult
    from advisor.upgrade.spend import SpendResult
    from catalog.quality import Quality, Use
    from catalog.types import Model
    from probes.types import Rig

    ModelFacts = tuple[dict[str, Any], Quality]
    WantedSides = tuple[tuple[str, str | None], ...]

T = TypeVar("T")

Prober = Callable[[Callable[[str, str], None]], "Rig"]
"""Makes a Rig and tells each step with its status while it does."""

Measurer = Callable[["Rig"], "Rig | None"]
"""The rig with a measured RAM bandwidth; ``None`` when there is nothing to add."""


class AbandonedError(Exception):
    """The app no longer wants the result."""


def abandonable(function: Callable[[], T], unwanted: Callable[[], bool]) -> T:
    """Run a function in a daemon thread and give up waiting when it is no longer wanted.

    A driver that hangs must not keep the program from quitting.

    Raises:
        AbandonedError: ``unwanted`` became true first.
    """
    box: list[T] = []
    errors: list[Exception] = []
    done = threading.Event()

    def call() -> None:
        try:
            box.append(function())
        except Exception as error:
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=call, daemon=True, name="advisor-background").start()
    while not done.wait(0.05):
        if unwanted():
            raise AbandonedError
    if errors:
        raise errors[0]
    return box[0]


@dataclass(frozen=True, slots=True)
class Wanted(Generic[T]):
    """What a ranking, explanation or comparison was asked for; results for another are dropped."""

    rig: Rig
    question: Question
    of: T


class ProbeStep(Message):
    """One step of the probe began or ended."""

    def __init__(self, step: str, status: str) -> None:
        super().__init__()
        self.step, self.status = step, status


class Probed(Message):
    """The probe is over: a rig, or why there is none."""

    def __init__(self, rig: Rig | None, error: str | None = None) -> None:
        super().__init__()
        self.rig, self.error = rig, error


class Measured(Message):
    """RAM bandwidth was measured; ``rig`` is ``None`` when there was nothing to add."""

    def __init__(self, rig: Rig | None, base: Rig, error: str | None = None) -> None:
        super().__init__()
        self.rig, self.base, self.error = rig, base, error


class Ranked(Message):
    """A ranking is ready, or why there is none."""

    def __init__(self, wanted: Wanted[None], view: View | None, error: str | None = None) -> None:
        super().__init__()
        self.wanted, self.view, self.error = wanted, view, error


class Explained(Message):
    """An explanation is ready, or why there is none.  ``wanted.of`` is (model id, quantization)."""

    def __init__(
        self, wanted: Wanted[tuple[str, str]], explanation: Explanation | None, error: str | None = None
    ) -> None:
        super().__init__()
        self.wanted, self.explanation, self.error = wanted, explanation, error


class Parsed(Message):
    """A what-if text makes a scenario of the rig, or why it does not."""

    def __init__(self, text: str, error: str | None = None) -> None:
        super().__init__()
        self.text, self.error = text, error


class Compared(Message):
    """A comparison is ready, or why there is none."""

    def __init__(
        self, wanted: Wanted[tuple[str, ...]], differences: Differences | None, error: str | None = None
    ) -> None:
        super().__init__()
        self.wanted, self.differences, self.error = wanted, differences, error


class Browsed(Message):
    """The catalog has been read, or why not."""

    def __init__(self, entries: tuple[Entry, ...] | None, error: str | None = None) -> None:
        super().__init__()
        self.entries, self.error = entries, error


def browse() -> tuple[Entry, ...]:
    """Every model of the catalog, for the list."""
    from advisor.model_list import entries_of
    from catalog.models import load_models

    return entries_of(load_models())


def model_facts(model_id: str, use: str) -> ModelFacts:
    """What the catalog knows of a model, with the source of every figure."""
    from advisor.report.model_facts import model_brief
    from catalog.models import load_models
    from catalog.quality import model_quality

    model = next(m for m in load_models() if m.id == model_id)
    return model_brief(model), model_quality(model, cast("Use", use))


class Sided(Message):
    """Models have been lined up, or why not.  ``wanted.of`` is (model id, quantization) for each."""

    def __init__(self, wanted: WantedSides, found: SideBySide | None, error: str | None = None) -> None:
        super().__init__()
        self.wanted, self.found, self.error = wanted, found, error


def side_by_side(view: View, wanted: WantedSides) -> SideBySide:
    """Models of a ranking side by side; a quantization that is not ranked is that of the ranking."""
    from advisor.side_by_side import rows_of_model, side_by_side

    table = view.table
    models = {m.id: m for m in table.candidates.models}
    asked: list[tuple[Model, str | None]] = []
    for model_id, quant in wanted:
        offered = [table.candidates.quant(i) for i in rows_of_model(table, model_id)]
        asked.append((models[model_id], quant if quant in offered else None))
    return side_by_side(view.result, asked)


def expected_errors() -> tuple[type[Exception], ...]:
    """Failures whose text is meant for the user; anything else is a defect."""
    from advisor.core.goals import UpgradeError
    from advisor.core.question import QuestionError
    from advisor.core.whatif import WhatIfError
    from catalog.types import CatalogError, LookupFailedError
    from probes.types import RigError

    return (RigError, LookupFailedError, CatalogError, WhatIfError, QuestionError, UpgradeError)


def probe_here(on_step: Callable[[str, str], None]) -> Rig:
    """Probe this machine."""
    from probes.probe import probe_rig

    return probe_rig(on_step=on_step)


def measure_here(rig: Rig) -> Rig | None:
    """Measure the RAM bandwidth of this machine unless it is known, and remember it.

    Raises:
        RigError: it cannot be measured now; the text says why.
    """
    if rig.memory.measured_bandwidth_bytes_per_s.known:
        return None
    from dataclasses import replace

    from probes.bandwidth import measure_ram
    from probes.cache import load_measurement, measurement_key, store_measurement

    key = measurement_key(rig.cpu, rig.memory)
    found = load_measurement(key)
    if found is None:
        found = measure_ram(rig.cpu, rig.memory)
        store_measurement(key, found)
    return replace(rig, memory=found.added_to(rig.memory))


def measure_again(rig: Rig) -> Rig:
    """Measure the bandwidth of RAM, and of the GPUs' memory where a GPU library is installed, once more.

    Raises:
        RigError: it cannot be measured now; the text says why.
    """
    from dataclasses import replace

    from probes.bandwidth import measure_ram
    from probes.cache import measurement_key, store_measurement

    found = measure_ram(rig.cpu, rig.memory)
    store_measurement(measurement_key(rig.cpu, rig.memory), found)
    measured = replace(rig, memory=found.added_to(rig.memory))
    if not rig.accelerators:
        return measured
    from probes.vram_bandwidth import measure_vram

    gpus, notes = measure_vram(rig.accelerators)
    return replace(measured, accelerators=gpus, notes=(*rig.notes, *(n for n in notes if n not in rig.notes)))


def rank(wanted: Wanted[None]) -> View:
    """Rank all models without a filter; the view filters."""
    from advisor.pipeline import rank_rig
    from advisor.tui.view import View

    return View(rank_rig(wanted.rig, wanted.question))


def explain(wanted: Wanted[tuple[str, str]]) -> Explanation:
    """Explain one model with the quantization that the ranking shows."""
    from advisor import explanation, knowledge

    model_id, quant = wanted.of
    candidates = knowledge.load_knowledge().candidates
    model = next(m for m in candidates.models if m.id == model_id)
    found = explanation.explain(wanted.rig, wanted.question, model, quant)
    give_back()
    return found


def parse(text: str, rig: Rig) -> Scenario:
    """A scenario from the edit language."""
    from advisor.scenario import parse_scenario

    return parse_scenario(text, rig)


def offers(rig: Rig) -> tuple[Kind, ...]:
    """The kinds of change that the rig can be asked for, with what there is to choose."""
    from advisor.offers import kinds_of

    return kinds_of(rig)


def compare(wanted: Wanted[tuple[str, ...]], view: View | None = None) -> Differences:
    """The rig as it is beside the scenarios that the texts make of it; ``view`` may have its estimates."""
    from advisor import comparison
    from advisor.tui.differences import compare_changes

    now = None
    if view is not None and (view.result.rig, view.table.question) == (wanted.rig, wanted.question):
        now = (view.table, view.result.ranking.scores)
    scenarios = [
        comparison.Scenario("now", wanted.rig, ()),
        *(parse(text, wanted.rig) for text in wanted.of),
    ]
    found = compare_changes(scenarios, wanted.question, now)
    give_back()
    return found


def curves(wanted: Wanted[tuple[str, str | None, str, tuple[str, ...]]]) -> Curves:
    """A model's speed over something, on the rig as it is and on what the texts make of it."""
    from advisor import comparison, knowledge
    from advisor.curves import curves_of

    model_id, quant, over, texts = wanted.of
    model = next(m for m in knowledge.load_knowledge().candidates.models if m.id == model_id)
    now = comparison.Scenario("now", wanted.rig, ())
    scenarios = [now, *(parse(text, wanted.rig) for text in texts)]
    return curves_of(scenarios, wanted.question, model, over, quant)


def upgrade(wanted: Wanted[Asked], tell: Tell) -> UpgradeResult | SpendResult:
    """The changes that reach the goals, or what the parts are best spent on."""
    from advisor.upgrade.ask import answer, understand

    found = answer(understand(wanted.of, wanted.question), wanted.rig, wanted.question, tell)
    give_back()
    return found
