"""The app's state: one immutable object, and what follows from it for the list of models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from advisor.core.filter import NUMBER_FIELDS, TEXT_FIELDS
from advisor.core.question import USE_CASES, Question
from advisor.core.runtimes import RUNTIME
from advisor.tui.history import History
from advisor.tui.view import Row, View

if TYPE_CHECKING:
    from advisor.tui.differences import Differences
    from probes.types import Rig


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of the list. ``descending`` is its natural direction; unknown values go last."""

    label: str
    key: Callable[[Row], float | str | None]
    descending: bool


SORTS: dict[str, Sort] = {
    "score": Sort("Score", lambda r: r.score, True),
    "speed": Sort("tok/s", lambda r: r.tokens_per_s, True),
    "memory": Sort("GiB", lambda r: r.used_bytes, False),
    "params": Sort("Params", lambda r: float(r.total_params), True),
    "ttft": Sort("TTFT", lambda r: r.ttft_s, False),
    "name": Sort("Model", lambda r: r.name.lower(), False),
}
"""In the order in which ``s`` goes through them."""

KV_CYCLE = ("f16", "q8_0", "q4_0")
"""Cache types that ``t`` offers; any other of llama.cpp's can be given on the command line."""

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
    min_speed: float = 0.0
    """Least decode tokens/s of what is listed; 0 for any."""
    sort: str = "score"
    reverse: bool = False
    show_unfit: bool = False
    view: View | None = None
    selected: str | None = None
    """Model id under the cursor."""
    pins: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    """Edit texts, one per scenario, in the order they were added."""
    history: History = field(default_factory=History)
    """Lists of scenarios before and after the present one."""
    differences: Differences | None = None
    probe: Progress = field(default_factory=Progress)
    activity: str = ""
    """What runs in the background, in words; empty when nothing does."""
    failure: str | None = None
    """Why there is no ranking."""


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


def listing(state: AppState) -> Listing:
    """Filter, sort, pins and divider applied to the ranking."""
    if state.view is None:
        return Listing()
    rows = state.view.filtered(state.filter_text)
    fitting = ordered([r for r in rows if r.fits], state.sort, state.reverse)
    others = [r for r in rows if not r.fits]
    if state.sort != "score":
        others = ordered(others, state.sort, state.reverse)
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


def ordered(rows: list[Row], sort: str, reverse: bool) -> list[Row]:
    """Rows in an order; ties and unknown values keep the order of merit."""
    order = SORTS[sort]
    known = [(order.key(r), r) for r in rows]
    descending = order.descending != reverse
    with_value = [(key, r) for key, r in known if key is not None]
    without = [r for key, r in known if key is None]
    with_value.sort(key=lambda pair: pair[0], reverse=descending)
    return [r for _, r in with_value] + without


def unfinished_field(text: str) -> str | None:
    """What a filter that ends in the name of a field could become: ``params< total parameters …``."""
    words = text.lower().split()
    last = words[-1].lstrip("-!") if words else ""
    if len(last) < 2:
        return None
    for fields, sign in ((NUMBER_FIELDS, "<"), (TEXT_FIELDS, ":")):
        for name, meaning in fields.items():
            if name.startswith(last):
                return f"{name}{sign}  {meaning}"
    return None


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


def next_sort(sort: str) -> str:
    """The sort order after ``sort``."""
    names = list(SORTS)
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
