"""A measurement that the estimator can answer, and reading numbers from the columns of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.validation.layouts import Layout
from catalog.types import Role
from probes.types import Rig

Row = Mapping[str, str]
Labels = tuple[tuple[str, str], ...]
GIB = 1024**3
MIB = 1024**2


LONGEST_CELL = 2_000
"""Characters of a cell beyond which a file holds something else than measurements."""


class SkipRowError(ValueError):
    """A row that cannot be answered; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement: what was run, on what, and what came out.

    ``prefill_on_all_cores`` is true where fewer threads decoded than worked on the prompt.
    ``tensor_bytes`` is the size of the file that was run, where stated.
    ``file`` is the repository or name of the published file that ``measured_bytes`` is of; ``whole_file``
    says that the bytes include the file's metadata.
    """

    id: str
    model: str
    quant: str
    rig: Rig | None
    question: Question
    strategy: Strategy | None
    measured_tokens_per_s: float | None = None
    measured_prefill_tokens_per_s: float | None = None
    measured_weights_bytes: float | None = None
    measured_kv_bytes: float | None = None
    measured_compute_bytes: float | None = None
    measured_total_bytes: float | None = None
    measured_bytes: float | None = None
    tensor_bytes: float | None = None
    prefill_on_all_cores: bool = False
    imatrix: bool = True
    file: str | None = None
    whole_file: bool = False
    labels: Labels = ()
    engine: str = "cuda"
    """What ran the model: the backend of llama.cpp, or the name of another runtime."""
    parallel: str = "layer"
    """How several GPUs shared the work: ``layer``, ``tensor``, or ``none`` on one device."""
    era: float | None = None
    """When the runtime was built, else when it ran, as a decimal year."""
    weights: Mapping[tuple[Role, str], int] | None = None
    """Bytes by role and type of a format other than GGUF."""
    power_limit_w: float | None = None
    """Power cap of every GPU, where stated."""
    layout: Layout | None = None
    """What a log states of how memory was laid out, where that is not the app's own model."""
    title: str = ""
    """What the file calls the model, where it names no model of the catalog."""


def number(row: Row, key: str) -> float | None:
    """The first number in a cell; no column has negative ones."""
    match = re.search(r"-?\d+(?:\.\d+)?", row.get(key, ""))
    value = float(match.group()) if match else None
    return value if value is not None and 0 <= value < _NO_SUCH_NUMBER else None


_NO_SUCH_NUMBER = 1e15


def whole(row: Row, key: str, default: int) -> int:
    """The first number in a column, rounded."""
    value = number(row, key)
    return default if value is None else round(value)


def scaled(value: float | None, unit: int) -> float | None:
    """A value in a larger unit as bytes."""
    return None if value is None else value * unit
