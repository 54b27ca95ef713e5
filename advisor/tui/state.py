"""The app's state: one immutable object, and what follows from it for the list of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from advisor.core.order import ORDERS
from advisor.core.question import USE_CASES, Question
from advisor.core.runtimes import RUNTIME
from advisor.tui.browse import Browse
from advisor.tui.history import History
from advisor.tui.view import Row, View
from advisor.upgrade.ask import Asked

if TYPE_CHECKING:
    from advisor.tui.differences import Differences
    from probes.types import Rig


KV_CYCLE = ("f16", "q8_0", "q4_0")
"""Cache types that ``t`` offers; any other of llama.cpp's can be given on the command line."""

MIN_SPEEDS = (0.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Least decode tokens/s that ``+`` and ``-`` go through; 0 for any."""

MIN_CONTEXT, MAX_CONTEXT = 512, 1_048_576
MAX_USERS = 256


@dataclass(frozen=True, slots=True)
class Progress:
    """How a probe is going: steps finished so far with what they found."""

    running: bool = False
    steps: tuple[tuple[str, str], ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class AppState:
    """Everything the screens draw."""

    question: Question
    rig: Rig | None = None
    origin: str = "this machine"
    """Where the rig comes from, as the header says it."""
    probed_here: bool = True
    filter_text: str = ""
    sort: str = "score"
    reverse: bool = False
    show_unfit: bool = False
    view: View | None = None
    selected: str | None = None
    """Model id under the cursor."""
    pins: tuple[str, ...] = ()
    compared_quants: tuple[tuple[str, str], ...] = ()
    """Model ids with the quantization that the comparison shows instead of the ranking's."""
    scenarios: tuple[str, ...] = ()
    """Edit texts, one per scenario, in the order they were added."""
    history: History = field(default_factory=History)
    """Lists of scenarios before and after the present one."""
    differences: Differences | None = None
    upgrade: Asked = field(default_factory=Asked)
    """What the upgrade screen asks for."""
    probe: Progress = field(default_factory=Progress)
    activity: str = ""
    """What runs in the background, in words; empty when nothing does."""
    failure: str | None = None
    """Why there is no ranking."""
    browse: Browse = field(default_factory=Browse)
    """The models screen."""


@dataclass(frozen=True, slots=True)
class Divider:
    """The line between models that fit and models that do not."""

    count: int
    shown: bool


Item = Row | Divider


@dataclass(frozen=True, slots=True)
class Listing:
    """The list as it is drawn."""

    items: tuple[Item, ...] = ()
    matching: int = 0
    """Models that pass the filter, fitting or not."""
    shown: int = 0
    total: int = 0
    fitting: int = 0
    """Models that pass the filter and fit."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many models there are, pass the filter, and fit of those."""

    total: int
    matching: int
    fitting: int


def counted(state: AppState) -> Counts | None:
    """The counts of a ranking; ``None`` without one."""
    if state.view is None:
        return None
    rows = state.view.filtered(state.filter_text, state.sort, state.reverse)
    return Counts(len(state.view.rows), len(rows), sum(r.fits for r in rows))


def listing(state: AppState) -> Listing:
    """Filter, sort, pins and divider applied to the ranking."""
    if state.view is None:
        return Listing()
    rows = state.view.filtered(state.filter_text, state.sort, state.reverse)
    fitting = [r for r in rows if r.fits]
    others = [r for r in rows if not r.fits]
    pinned = [r for r in fitting if r.model_id in state.pins]
    if state.show_unfit:
        pinned += [r for r in others if r.model_id in state.pins]
    first = {r.model_id for r in pinned}
    # With nothing that fits, the list of what is short is the answer: it needs no key.
    show_unfit = state.show_unfit or not fitting
    items: list[Item] = [*pinned, *(r for r in fitting if r.model_id not in first)]
    if others:
        items.append(Divider(len(others), show_unfit))
        if show_unfit:
            items += [r for r in others if r.model_id not in first]
    return Listing(
        items=tuple(items),
        matching=len(rows),
        shown=sum(1 for item in items if isinstance(item, Row)),
        total=len(state.view.rows),
        fitting=len(fitting),
    )


def next_context(context: int, step: int) -> int:
    """The next power of two above (``step`` 1) or below (-1) a context length."""
    if step > 0:
        return min(1 << context.bit_length(), MAX_CONTEXT) if context < MAX_CONTEXT else context
    if context <= MIN_CONTEXT:
        return context
    return max(1 << ((context - 1).bit_length() - 1), MIN_CONTEXT)


def next_users(users: int, step: int) -> int:
    """Twice or half as many users."""
    return min(users * 2, max(MAX_USERS, users)) if step > 0 else max(users // 2, 1)


def next_use(use: str) -> str:
    """The use case after ``use``."""
    names = list(USE_CASES)
    return names[(names.index(use) + 1) % len(names)]


def next_kv_type(question: Question) -> str:
    """The cache type after that of the question, of those that its runtime has."""
    cycle = [name for name in KV_CYCLE if name in RUNTIME[question.runtime].kv_types]
    if question.kv_type not in cycle:
        return cycle[0]
    return cycle[(cycle.index(question.kv_type) + 1) % len(cycle)]


def next_runtime(question: Question) -> Question:
    """The question for the next runtime that can answer it; a cache type that it lacks goes to its first."""
    names = list(RUNTIME)
    at = names.index(question.runtime)
    for name in (*names[at + 1 :], *names[:at]):
        runtime = RUNTIME[name]
        types = runtime.kv_types
        kv_type = question.kv_type if question.kv_type in types else types[0]
        value_type = question.kv_value_type if question.kv_value_type in types else None
        try:
            return replace(question, runtime=name, kv_type=kv_type, kv_value_type=value_type)
        except ValueError:  # a QuestionError: not for so many users
            continue
    return question


def next_speed(least: float, step: int) -> float:
    """The next higher or lower of the least speeds that are offered; 0 for none."""
    steps = MIN_SPEEDS if step > 0 else MIN_SPEEDS[::-1]
    beyond = [speed for speed in steps if (speed > least if step > 0 else speed < least)]
    return beyond[0] if beyond else least


def next_sort(sort: str) -> str:
    """The sort order after ``sort``."""
    names = list(ORDERS)
    return names[(names.index(sort) + 1) % len(names)]


def rig_options(rig_path: str | None) -> list[str]:
    """The options that name the rig; none for this machine."""
    return ["--rig", rig_path] if rig_path else []


def question_options(question: Question, rig_path: str | None) -> list[str]:
    """The options that ask a question of a rig on the command line."""
    q = question
    parts = rig_options(rig_path)
    parts += ["--context", str(q.context), "--users", str(q.users), "--use", q.use]
    if q.kv_type != "f16":
        parts += ["--kv-type", q.kv_type]
    if q.runtime != "llama.cpp":
        parts += ["--runtime", q.runtime]
    if q.min_tokens_per_s:
        parts += ["--min-speed", f"{q.min_tokens_per_s:g}"]
    if q.fit_context:
        parts.append("--fit-context")
    if q.depth_tokens is not None:
        parts += ["--depth", str(q.depth_tokens)]
    if q.prompt_tokens is not None:
        parts += ["--prompt", str(q.prompt_tokens)]
    if q.runtime_year is not None:
        year, month = int(q.runtime_year), int(q.runtime_year % 1 * 12) + 1
        parts += ["--runtime-version", f"{year}-{month:02d}"]
    return parts


def app_options(state: AppState) -> list[str]:
    """The options that narrow and order the list."""
    parts = []
    if state.filter_text:
        parts += ["--filter", state.filter_text]
    if state.sort != "score":
        parts += ["--sort", state.sort]
    if state.reverse:
        parts.append("--reverse")
    return parts


def scenario_options(texts: Sequence[str]) -> list[str]:
    """Scenarios as options of the command line."""
    parts: list[str] = []
    for number, text in enumerate(texts):
        if number:
            parts.append("--or")
        for edit in text.split(","):
            verb, _, value = edit.strip().partition(" ")
            option = verb.lstrip("-").replace("rig", "other-rig")
            parts += [f"--{option}", value.strip()]
    return parts
