"""Efficiencies: how much of a specification real runtimes reach, as data with their source.

``data/efficiencies.json`` is written by the fit (``python -m advisor.fitting``) from the measurements in
``data/measurements``; ``data/constants.json`` holds what no measurement gives and is kept by hand.
This module looks both up, most specific class first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from catalog.types import CatalogError


@dataclass(frozen=True, slots=True)
class ClassEfficiency:
    """What a class of devices reaches with one engine (a runtime's backend).

    Classes nest: architecture, family of architectures, vendor, all; a class without measurements of
    its own takes the values of the next larger one (``level``).  CPUs are the vendor ``cpu`` with the
    platform for an architecture; for them "unit and clock" means core and nanosecond.
    """

    soft_minimum_p: float
    """Exponent of the soft minimum of memory and arithmetic."""
    eta: float
    """Share of the specified bandwidth for weights in the reference format."""
    unit_bytes_per_clock: float
    """Bytes of the reference format that a compute unit works through per clock."""
    eta_kv: float
    """Share of the specified bandwidth for the KV cache."""
    attention_macs_per_clock: float
    """Multiply-adds of attention per compute unit and clock."""
    launch_s_per_tensor: float
    """Fixed time per tensor of the model and step."""
    launch_growth_per_year: float
    """Factor on that time for every year that the runtime is older."""
    expert_cost: float
    """Time per byte of gathered experts relative to dense weights."""
    unfused_attention_cost: float
    """Time of attention without a fused ("flash") kernel relative to that with one."""
    barrier_s_per_thread: float
    """CPU: time that every thread adds to a tensor, for they wait for each other."""
    column_params_per_clock: float
    """Parameters per unit and clock that kernels for few tokens multiply with a further token."""
    batch_matrix_share: float
    """Share of the FP16 rate that kernels for many tokens reach in a decode step (CPU: FLOP per core
    and nanosecond)."""
    matrix_columns: float
    """Tokens that such a kernel costs beside those it works on."""
    expert_tile: float
    """The same for each expert."""
    host_s_per_user: float
    """Work of the host for each further user."""
    decode_power_share: float
    """Share of the maker's power limit that decoding at full speed draws."""
    prompt_matrix_share: float
    """Share of the rate of products (FP16, or integers where those are faster) that a prompt's products
    reach (CPU: FLOP per core and nanosecond)."""
    prompt_expert_share: float
    """Share of the FP32 rate that products with gathered experts reach (CPU as above)."""
    prompt_attention_share: float
    """What attention reaches of the FP32 rate, relative to ``prompt_matrix_share``."""
    prompt_unfused_cost: float
    """Time of a prompt's attention without a fused kernel relative to that with one."""
    prompt_expert_tile: float
    """Tokens that an expert costs beside those it sees."""
    prompt_expert_start_s: float
    """Time of a touched expert matrix beside its products, on a device of 30 TFLOP/s FP32."""
    prompt_activation_passes: float
    """How often activations pass through memory per layer."""
    prompt_state_passes: float
    """How often recurrent state does per token."""
    prompt_launch_s: float
    """Fixed time per tensor and micro-batch."""
    prompt_growth_per_year: float
    """Factor on products and attention for every year that the runtime is older."""
    level: str
    """``architecture``, ``family``, ``vendor`` or ``all``."""
    rows: int
    devices: int
    source: str


@dataclass(frozen=True, slots=True)
class FormatCosts:
    """Costs of weight formats relative to the reference format, one value per requested type."""

    memory: tuple[float, ...]
    """Time per byte where memory is the limit."""
    unit: tuple[float, ...]
    """Time per byte where arithmetic is the limit."""
    expert: tuple[float, ...]
    """Time per byte of gathered experts relative to dense weights of the format."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What the spread of ln(measured / predicted) is made of: a base per kind of run, and factors."""

    kinds: Mapping[str, float]
    situations: Mapping[str, float]
    engines: Mapping[str, float]
    """By ``vendor|engine``."""


@dataclass(frozen=True, slots=True, eq=False)
class Efficiencies:
    """All efficiencies, read once; equal only to itself.  Times in seconds, rates in bytes or FLOP per
    second."""

    raw: Mapping[str, Any]

    def source_text(self, key: str) -> str:
        """The sentence behind a source key; the key itself if it is already a sentence."""
        sources: Mapping[str, str] = self.raw["sources"]
        return sources.get(key, key)

    def number(self, *path: str) -> float:
        """The value at ``path``, e.g. ``number("link", "hop_s")``."""
        node: Any = self.raw
        for key in path:
            node = node[key]
        return float(node["value"] if isinstance(node, dict) else node)

    def memory_share(self, *, shared: bool, inline_ecc: bool) -> float:
        """What memory reaches relative to a discrete card's without error correction."""
        share = self.number("unified_share") if shared else 1.0
        return share * (self.number("inline_ecc_share") if inline_ecc else 1.0)

    def family(self, architecture: str) -> str:
        """The family that an architecture belongs to; itself if it is not listed."""
        entry = self.raw["architectures"].get(architecture)
        return str(entry["family"]) if entry else architecture

    def unit_clock(self, architecture: str, fp16_flops: float) -> float:
        """Compute units times clock (1/s), from the dense FP16 rate and what a unit does per clock."""
        entry = self.raw["architectures"].get(architecture) or self.raw["architectures"]["*"]
        return fp16_flops / float(entry["fp16_flops_per_unit_clock"])

    def emulates_dot(self, architecture: str, engine: str) -> bool:
        """Whether an engine's kernels multiply in integers that the architecture has no instruction for."""
        entry = self.raw["architectures"].get(architecture) or self.raw["architectures"]["*"]
        return engine in self.raw["integer_dot_engines"]["value"] and not entry.get("integer_dot", True)

    def product_rate(self, architecture: str, unit_clock: float) -> float:
        """FLOP/s at which products of quantized weights peak: in FP16, or integers where those are faster."""
        entry = self.raw["architectures"].get(architecture) or self.raw["architectures"]["*"]
        return unit_clock * float(
            entry.get("product_flops_per_unit_clock", entry["fp16_flops_per_unit_clock"])
        )

    def shader_rate(self, architecture: str, unit_clock: float) -> float:
        """FP32 FLOP/s of the lanes."""
        entry = self.raw["architectures"].get(architecture) or self.raw["architectures"]["*"]
        return unit_clock * float(entry["fp32_flops_per_unit_clock"])

    def prompt_costs(self, engine: str, types: Sequence[str], years: float = 0.0) -> tuple[float, ...]:
        """Time per FLOP of a prompt's products in the given formats relative to the reference format, with
        a runtime that is some years behind the newest."""
        return _prompt_costs(self, engine, tuple(types), years)

    def prompt_format_group(self, ggml_type: str) -> str:
        """The group of formats that share their cost on prompts."""
        own: Mapping[str, str] = self.raw["prompt_format_groups"]
        return own.get(ggml_type) or format_group(self.raw["format_groups"], ggml_type)

    @property
    def prompt_spreads(self) -> tuple[Spread, ...]:
        """Of prefill, by distance from the data: device measured, only its class, neither."""
        return tuple(Spread(**table) for table in self.raw["prefill_spread_log"].values())

    @property
    def spreads(self) -> tuple[Spread, ...]:
        """The same of decoding."""
        return tuple(Spread(**table) for table in self.raw["spread_log"].values())

    def is_measured(self, device: str, backend: str) -> bool:
        """Whether measurements of a device with an engine were in the fit."""
        return device in self.raw["measured_devices"].get(backend, ())

    def years_behind(self, year: float | None) -> float:
        """How many years before the newest measured runtimes a runtime was built, 3 at most."""
        return 0.0 if year is None else min(max(self.number("newest_year") - year, 0.0), 3.0)

    def of_class(self, architecture: str, vendor: str, backend: str) -> ClassEfficiency:
        """The entry for a class: architecture and engine, else family, vendor, all."""
        row, level = _most_specific(
            self.raw["classes"], architecture, self.family(architecture), vendor, backend
        )
        return ClassEfficiency(
            **{name: float(row[name]) for name in CLASS_VALUES},
            level=level,
            rows=int(row["rows"]),
            devices=int(row["devices"]),
            source=row["source"],
        )

    def best_isa(self, isa: Sequence[str]) -> str:
        """The first instruction set of the table that a CPU has; ``*`` if it has none of them."""
        return next((name for name in self.raw["isa_factors"]["decode"] if name in isa), "*")

    def isa_factor(self, isa: str, *, prompt: bool = False) -> float:
        """Per-core speed with an instruction set relative to AVX-512 with VNNI."""
        return float(self.raw["isa_factors"]["prefill" if prompt else "decode"][isa])

    def format_costs(self, engine: str, types: Sequence[str]) -> FormatCosts:
        """What the given formats cost with an engine; an engine without rows takes the average."""
        return _format_costs(self, engine, tuple(types))

    def is_quantized(self, types: Sequence[str]) -> tuple[bool, ...]:
        """Whether each format is multiplied in integers."""
        return _is_quantized(self, tuple(types))

    def _format_row(self, engine: str, group: str) -> Mapping[str, float]:
        table: Mapping[str, Mapping[str, Mapping[str, float]]] = self.raw["format_costs"]
        return table.get(engine, table["*"]).get(group) or table["*"][group]


SIXTEEN_BIT = "16-bit"
"""The group of formats that are floating-point numbers."""

CLASS_VALUES = tuple(
    name
    for name in ClassEfficiency.__dataclass_fields__
    if name not in ("level", "rows", "devices", "source")
)


_ENGINES = 64
"""Engines and sets of formats whose costs are kept: a search among machines asks for the same thousands of
times."""


def format_group(groups: Mapping[str, str], weight_type: str) -> str:
    """The group of formats that share their costs: of a ggml type, or of a format family (``EXL2_4`` is
    found under ``EXL``)."""
    found = groups.get(weight_type)
    if found is not None:
        return found
    return next((group for name, group in groups.items() if weight_type.startswith(name)), groups["*"])


@lru_cache(maxsize=_ENGINES)
def _prompt_costs(
    efficiencies: Efficiencies, engine: str, types: tuple[str, ...], years: float
) -> tuple[float, ...]:
    table: Mapping[str, Mapping[str, float]] = efficiencies.raw["prompt_format_costs"]
    average = table["*"]
    row = table.get(engine, average)
    growth: Mapping[str, float] = efficiencies.raw["prompt_format_growth_per_year"]
    groups = [efficiencies.prompt_format_group(t) for t in types]
    return tuple(float(row.get(group, average[group])) * growth[group] ** years for group in groups)


@lru_cache(maxsize=_ENGINES)
def _is_quantized(efficiencies: Efficiencies, types: tuple[str, ...]) -> tuple[bool, ...]:
    groups: Mapping[str, str] = efficiencies.raw["format_groups"]
    return tuple(format_group(groups, t) != SIXTEEN_BIT for t in types)


@lru_cache(maxsize=_ENGINES)
def _format_costs(efficiencies: Efficiencies, engine: str, types: tuple[str, ...]) -> FormatCosts:
    groups: Mapping[str, str] = efficiencies.raw["format_groups"]
    rows = [efficiencies._format_row(engine, format_group(groups, t)) for t in types]
    return FormatCosts(
        tuple(float(row["memory"]) for row in rows),
        tuple(float(row["unit"]) for row in rows),
        tuple(float(row["expert"]) for row in rows),
    )


def _most_specific(
    table: Sequence[Mapping[str, Any]], architecture: str, family: str, vendor: str, backend: str
) -> tuple[Mapping[str, Any], str]:
    wanted = (
        ("architecture", (architecture, vendor, backend)),
        ("family", (f"{family}*", vendor, backend)),
        ("vendor", ("*", vendor, backend)),
        ("vendor", ("*", vendor, "*")),
        ("all", ("*", "*", backend)),
        ("all", ("*", "*", "*")),
    )
    index = _indexed(table)
    for level, key in wanted:
        if key in index:
            return index[key], level
    raise CatalogError("efficiencies.json: the table of classes has no entry for '*'")


def _indexed(table: Sequence[Mapping[str, Any]]) -> Mapping[tuple[str, str, str], Mapping[str, Any]]:
    return {(row["architecture"], row["vendor"], row["backend"]): row for row in table}


def read_efficiencies(*texts: str) -> Efficiencies:
    """Efficiencies from the JSON texts of the fitted and the stated part.

    Raises:
        CatalogError: a text is not valid JSON.
    """
    merged: dict[str, Any] = {}
    try:
        for text in texts:
            part = json.loads(text)
            sources = {**merged.get("sources", {}), **part.get("sources", {})}
            merged = {**merged, **part, "sources": sources}
    except ValueError as error:
        raise CatalogError(f"efficiencies cannot be read: {error}; reinstall rig-advisor") from error
    return Efficiencies(MappingProxyType(merged))


FILES = ("efficiencies.json", "constants.json")


@cache
def load_efficiencies() -> Efficiencies:
    """The shipped efficiencies.

    Raises:
        CatalogError: a data file is missing or not valid JSON.
    """
    try:
        texts = [resources.files("catalog").joinpath(f"data/{name}").read_text("utf-8") for name in FILES]
    except OSError as error:
        raise CatalogError(f"efficiencies cannot be read: {error}; reinstall rig-advisor") from error
    return read_efficiencies(*texts)
