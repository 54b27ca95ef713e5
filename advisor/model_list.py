"""The catalog as a list: every model with what is known of it without a rig, and with one how it runs there.

Importing this needs neither NumPy nor a rig; ``here_of`` reads a ranking where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.core.filter import Filterable, parse_filter
from advisor.core.kv import cache_shape
from advisor.core.model_sight import MODEL_NUMBERS, model_flags, model_text
from catalog.file_sizes import file_sizes, native_file_type
from catalog.quality import USES, quality_basis, quality_score
from catalog.types import LookupFailedError, Model

if TYPE_CHECKING:
    from advisor.core.ranking import Ranking

SIZE_QUANT = "Q4_K_M"
"""The file type that sizes are listed in; of models published in a format of their own, that format."""
FEWEST_COMPARED, MOST_COMPARED = 2, 4
"""How many models of the list are put side by side."""
_F16_BYTES = 2
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalog; ``None`` for what is not counted."""

    model: Model
    kv_bytes_per_token: float | None
    """What a further token of the context takes in the cache at f16, beyond windows and states."""
    size_quant: str
    size_bytes: int | None
    """Tensor bytes in ``size_quant``."""
    quality: Mapping[str, float]
    """Quality at full precision, 0 to 100, by use case."""
    quality_basis: str

    @property
    def estimated(self) -> bool:
        return self.model.not_estimated_because is None


@dataclass(frozen=True, slots=True)
class Here:
    """How a model's best quantization runs on a rig; speeds and score are ``None`` where it does not fit."""

    quant: str
    fit: str
    score: float | None
    tokens_per_s: float | None
    low_tokens_per_s: float | None
    high_tokens_per_s: float | None
    ttft_s: float | None
    used_bytes: float
    missing_bytes: float
    bits_per_weight: float


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the list.  ``here`` is ``None`` without a rig, and for models that are not estimated."""

    entry: Entry
    here: Here | None
    quality: float
    """For the use case asked about."""

    @property
    def model(self) -> Model:
        return self.entry.model


@dataclass(frozen=True, slots=True)
class Order:
    """A sort order.  ``descending`` is its natural direction; unknown values go last."""

    label: str
    key: Callable[[Listed], float | str | None]
    descending: bool
    needs_rig: bool = False


def _here(read: Callable[[Here], float | None]) -> Callable[[Listed], float | None]:
    return lambda row: read(row.here) if row.here is not None else None


_FITS = {"full": 0.0, "offload": 1.0, "cpu": 2.0, "none": 3.0}

ORDERS: Mapping[str, Order] = {
    "quality": Order("Quality", lambda r: r.quality, True),
    "name": Order("Model", lambda r: r.model.name.lower(), False),
    "maker": Order("Maker", lambda r: r.model.organization.lower(), False),
    "params": Order("Params", lambda r: float(r.model.total_params), True),
    "active": Order("Active", lambda r: float(r.model.active_params), True),
    "kind": Order("Kind", lambda r: "moe" if r.model.is_moe else "dense", True),
    "context": Order("Context", lambda r: r.model.context_length, True),
    "license": Order("Licence", lambda r: r.model.license, False),
    "release": Order("Released", lambda r: r.model.release_date, True),
    "kv": Order("KV KiB", lambda r: r.entry.kv_bytes_per_token, False),
    "size": Order("GiB", lambda r: r.entry.size_bytes, False),
    "speed": Order("tok/s", _here(lambda h: h.tokens_per_s), True, True),
    "fit": Order("Fit", _here(lambda h: _FITS[h.fit] + h.missing_bytes / 2**60), False, True),
    "memory": Order("Memory", _here(lambda h: h.used_bytes), False, True),
    "score": Order("Score", _here(lambda h: h.score), True, True),
}
"""By name, in the order in which a key goes through them."""
DEFAULT_ORDER = "quality"

NEEDS_RIG = ("quant", "fit", "tok", "ttft", "mem", "bpw", "score")
"""Fields of the filter language that only a rig gives a value."""


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models that a filter accepts, in order."""

    rows: tuple[Listed, ...]
    total: int
    with_rig: bool
    use: str
    filter_text: str
    sort: str
    reverse: bool


def entries_of(models: Sequence[Model]) -> tuple[Entry, ...]:
    """What the catalog knows of models.

    Raises:
        CatalogError: the shipped tables are missing or broken.
    """
    found = []
    for model in models:
        quant = native_file_type(model) or SIZE_QUANT
        kv = None
        if model.is_counted:
            kv = _F16_BYTES * cache_shape(model).elements_per_token
        found.append(
            Entry(
                model=model,
                kv_bytes_per_token=kv,
                size_quant=quant,
                size_bytes=file_sizes(quant).get(model.id),
                quality={use: quality_score(model, use) for use in USES},
                quality_basis=quality_basis(model),
            )
        )
    return tuple(found)


def here_of(ranking: Ranking) -> dict[str, Here]:
    """How every model of a ranking runs, by id; also those folded into others and left out by a filter."""
    from advisor.core.ranking import best_rows, fit_name

    table, scores = ranking.table, ranking.scores
    c = table.candidates
    tokens, low, high = table.tokens_per_s, table.low_tokens_per_s, table.high_tokens_per_s
    ttft, used = table.ttft_s, table.used_bytes.sum(axis=1)
    found = {}
    for model_id, i in best_rows(table, scores).items():
        fits = bool(table.fits[i])
        found[model_id] = Here(
            quant=c.quant(i),
            fit=fit_name(table, i),
            score=float(scores.score[i]) if fits else None,
            tokens_per_s=float(tokens[i]) if fits else None,
            low_tokens_per_s=float(low[i]) if fits else None,
            high_tokens_per_s=float(high[i]) if fits else None,
            ttft_s=float(ttft[i]) if fits else None,
            used_bytes=float(used[i]),
            missing_bytes=float(table.missing_bytes[i]),
            bits_per_weight=float(c.file_bytes[i]) * 8 / float(c.total_params[i]),
        )
    return found


def check_order(name: str, *, with_rig: bool) -> None:
    """Refuse a sort order that is not there.

    Raises:
        LookupFailedError: no order is called that, or it takes a rig; it names the nearest.
    """
    known = tuple(n for n, order in ORDERS.items() if with_rig or not order.needs_rig)
    if name in known:
        return
    if name in ORDERS:
        raise LookupFailedError("sort order without a rig (--here or --rig FILE)", name, known, False)
    from difflib import get_close_matches

    near = tuple(get_close_matches(name, known, n=3)) or known
    raise LookupFailedError("sort order", name, near, False)


def check_filter(text: str, *, with_rig: bool, reason: str = "give a rig with --here or --rig FILE") -> None:
    """Refuse a filter that cannot be understood, or asks for what takes a rig.

    Raises:
        FilterError: with the position of the term.
    """
    parse_filter(text, {} if with_rig else dict.fromkeys(NEEDS_RIG, reason))


def list_models(
    entries: Sequence[Entry],
    here: Mapping[str, Here] | None,
    use: str = "chat",
    filter_text: str = "",
    sort: str = DEFAULT_ORDER,
    reverse: bool = False,
) -> ModelList:
    """The list: filtered and sorted; ties go by name, and unknown values last.

    Args:
        entries: the catalog.
        here: by model id, where a rig was ranked.
        use: the use case that quality is for.
        filter_text: in the filter language.
        sort: one of ``ORDERS``; what takes a rig and has none sorts by the default.
        reverse: against the order's natural direction.

    Raises:
        FilterError: the filter cannot be understood; without a rig, also what takes one.
    """
    unknown = {} if here is not None else dict.fromkeys(NEEDS_RIG, "no rig is ranked")
    accept = parse_filter(filter_text, unknown)
    rows = [Listed(e, (here or {}).get(e.model.id), e.quality[use]) for e in entries]
    rows = [row for row in rows if not filter_text or accept(_filterable(row))]
    rows.sort(key=lambda row: row.model.name.lower())
    order = ORDERS[sort if here is not None or not ORDERS[sort].needs_rig else DEFAULT_ORDER]
    keyed = [(order.key(row), row) for row in rows]
    known = [(key, row) for key, row in keyed if key is not None]
    known.sort(key=lambda pair: pair[0], reverse=order.descending != reverse)
    ordered = [row for _, row in known] + [row for key, row in keyed if key is None]
    return ModelList(tuple(ordered), len(entries), here is not None, use, filter_text, sort, reverse)


def _filterable(row: Listed) -> Filterable:
    h = row.here
    model = row.model
    numbers = {name: read(model) for name, read in MODEL_NUMBERS.items()} | {"quality": row.quality}
    if h is not None:
        numbers |= {
            "tok": h.tokens_per_s,
            "ttft": h.ttft_s,
            "mem": h.used_bytes / _GIB,
            "bpw": h.bits_per_weight,
            "score": h.score,
        }
    return Filterable(
        text=model_text(model),
        quant=h.quant if h else "",
        fit=h.fit if h else "",
        license=model.license or "unknown",
        architecture=model.architecture,
        flags=model_flags(model),
        numbers=numbers,
    )
