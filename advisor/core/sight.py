"""What the filter language sees of an estimate: each row works out only what the filter asks of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from advisor.core.candidates import Floats
from advisor.core.estimate import EstimateTable
from advisor.core.placement import Strategy
from advisor.core.score import Scores
from catalog.types import Model

FIT_NAMES = {
    -1: "none",
    int(Strategy.ACCELERATOR): "full",
    int(Strategy.EXPERTS_IN_RAM): "offload",
    int(Strategy.LAYERS_SPLIT): "offload",
    int(Strategy.CPU): "cpu",
    int(Strategy.TENSOR_PARALLEL): "full",
    int(Strategy.KV_IN_RAM): "offload",
}


def fit_name(table: EstimateTable, row: int) -> str:
    """``full``, ``offload``, ``cpu`` or ``none``."""
    return FIT_NAMES[int(table.strategy[row])]


class Sight:
    """An estimate whose columns are worked out once, when a filter first asks for them."""

    def __init__(self, table: EstimateTable, scores: Scores) -> None:
        self.table, self.scores = table, scores

    @cached_property
    def tokens_per_s(self) -> Floats:
        return self.table.tokens_per_s

    @cached_property
    def ttft_s(self) -> Floats:
        return self.table.ttft_s

    @cached_property
    def used_bytes(self) -> Floats:
        used: Floats = self.table.used_bytes.sum(axis=1)
        return used


class RankedRow:
    """One row as a filter sees it."""

    __slots__ = ("model", "row", "sight")

    def __init__(self, sight: Sight, row: int) -> None:
        self.sight, self.row = sight, row
        self.model = sight.table.candidates.model(row)

    @property
    def text(self) -> str:
        return model_text(self.model)

    @property
    def quant(self) -> str:
        return self.sight.table.candidates.quant(self.row)

    @property
    def fit(self) -> str:
        return fit_name(self.sight.table, self.row)

    @property
    def license(self) -> str:
        return self.model.license or "unknown"

    @property
    def architecture(self) -> str:
        return self.model.architecture

    @property
    def flags(self) -> frozenset[str]:
        return model_flags(self.model)

    @property
    def numbers(self) -> RankedRow:
        return self

    def get(self, name: str, /) -> float | None:
        """A number of the row; ``None`` where it is unknown, or a speed of what does not fit."""
        if name in _OF_WHAT_FITS and not self.sight.table.fits[self.row]:
            return None
        if name in MODEL_NUMBERS:
            return MODEL_NUMBERS[name](self.model)
        return _ROW_NUMBERS[name](self.sight, self.row)


def model_text(model: Model) -> str:
    """What the words of a filter are looked for in."""
    words = (model.name, model.id, model.organization, model.family, model.architecture, *model.aliases)
    return " ".join(words).lower()


def model_flags(model: Model) -> frozenset[str]:
    """What ``is:`` knows of a model."""
    return frozenset(
        {
            "moe" if model.is_moe else "dense",
            model.stage,
            *(("vision",) if "vision" in model.modality else ()),
            *(("tools",) if model.tool_use else ()),
        }
    )


def _year(model: Model) -> float | None:
    year = model.release_date[:4] if model.release_date else ""
    return float(year) if year.isdigit() else None


MODEL_NUMBERS: Mapping[str, Callable[[Model], float | None]] = {
    "params": lambda m: m.total_params / 1e9,
    "active": lambda m: m.active_params / 1e9,
    "ctx": lambda m: float(m.context_length) if m.context_length else None,
    "year": _year,
}
"""Fields of the filter language that are facts of the catalog."""

_ROW_NUMBERS: Mapping[str, Callable[[Sight, int], float]] = {
    "tok": lambda s, i: float(s.tokens_per_s[i]),
    "ttft": lambda s, i: float(s.ttft_s[i]),
    "mem": lambda s, i: float(s.used_bytes[i]) / 2**30,
    "bpw": lambda s, i: (
        float(s.table.candidates.file_bytes[i]) * 8 / float(s.table.candidates.total_params[i])
    ),
    "score": lambda s, i: float(s.scores.score[i]),
    "quality": lambda s, i: float(s.scores.quality[i]) * 100,
}
_OF_WHAT_FITS = frozenset({"tok", "ttft", "score"})
