"""Efficiencies: how much of a specification real runtimes reach, as data with their source.

The values live in ``data/efficiencies.json``; this module looks them up, most specific class first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from catalog.types import CatalogError


@dataclass(frozen=True, slots=True)
class GpuEfficiency:
    """Efficiencies of one GPU architecture with one backend.

    ``eta`` and ``eta_kv`` are shares of the specified bandwidth for weights and for the KV cache,
    ``launch_s_per_layer`` the fixed time per layer and step, ``prefill_share`` the share of the
    specified FP16 rate.  ``level`` says how specific the entry is.
    """

    eta: float
    eta_kv: float
    launch_s_per_layer: float
    prefill_share: float
    prefill_expert_share: float
    """Of the prefill rate, what matrix products over gathered experts reach."""
    prefill_attention_share: float
    """Of the prefill rate, what attention reaches."""
    level: str
    """``architecture``, ``vendor`` or ``all``."""
    rows: int | None
    source: str


@dataclass(frozen=True, slots=True)
class CpuEfficiency:
    """Efficiencies of a CPU platform class: shares of the specified bandwidth."""

    eta_dense: float
    eta_moe: float
    level: str
    rows: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Efficiencies:
    """All efficiencies, read once.  Times in seconds, rates in bytes or FLOP per second."""

    raw: Mapping[str, Any]

    def source_text(self, key: str) -> str:
        """The sentence behind a source key; the key itself if it is already a sentence."""
        sources: Mapping[str, str] = self.raw["sources"]
        return sources.get(key, key)

    def number(self, *path: str) -> float:
        """The value at ``path``, e.g. ``number("hybrid", "eta_cpu")``."""
        node: Any = self.raw
        for key in path:
            node = node[key]
        return float(node["value"] if isinstance(node, dict) else node)

    def gpu(self, architecture: str, vendor: str, backend: str) -> GpuEfficiency:
        """The entry for a GPU class: architecture and backend, else vendor, else all GPUs."""
        table: Sequence[Mapping[str, Any]] = self.raw["gpu"]
        row, level = _most_specific(table, architecture, vendor, backend)
        launch = _by_vendor(self.raw["launch_s_per_layer"], vendor, backend)
        prefill, _ = _most_specific(
            self.raw["prefill"]["gpu_share_of_fp16_flops"], architecture, vendor, backend
        )
        return GpuEfficiency(
            eta=row["eta"],
            eta_kv=row["eta_kv"],
            launch_s_per_layer=launch["value"],
            prefill_share=prefill["value"],
            prefill_expert_share=self.prefill_part("expert_share", vendor),
            prefill_attention_share=self.prefill_part("attention_share", vendor),
            level=level,
            rows=row["rows"],
            source=row["source"],
        )

    def prefill_part(self, part: str, vendor: str) -> float:
        """``expert_share`` or ``attention_share`` of a vendor's GPUs, or of ``cpu``."""
        return float(_by_vendor(self.raw["prefill"][part], vendor, "*")["value"])

    def cpu(self, platform: str | None) -> CpuEfficiency:
        """The entry for a CPU platform class; the entry ``*`` for an unknown one."""
        for row in self.raw["cpu"]["eta"]:
            if row["platform"] in (platform, "*"):
                level = "all" if row["platform"] == "*" else "platform"
                return CpuEfficiency(row["dense"], row["moe"], level, row["rows"], row["source"])
        raise CatalogError("efficiencies.json: cpu.eta has no entry '*'")

    def core_speed(self, platform: str | None) -> float:
        """Speed of one core relative to the core that the per-core rates were measured on."""
        for row in self.raw["cpu"]["core_speed"]:
            if row["platform"] in (platform, "*"):
                return float(row["value"])
        raise CatalogError("efficiencies.json: cpu.core_speed has no entry '*'")

    def isa_factor(self, isa: Sequence[str]) -> float:
        """Per-core speed relative to AVX-512 with VNNI; the first instruction set listed that is there."""
        for row in self.raw["cpu"]["isa_factor"]:
            if row["isa"] == "*" or row["isa"] in isa:
                return float(row["value"])
        raise CatalogError("efficiencies.json: cpu.isa_factor has no entry '*'")

    def format_cost(self, ggml_type: str) -> float:
        """GPU time per byte of a weight format relative to the reference K-quant."""
        return _with_default(self.raw["format_cost"], ggml_type)

    def core_rate_bytes_per_s(self, ggml_type: str) -> float:
        """Bytes of weights one AVX-512 core can dequantize and multiply per second."""
        return _with_default(self.raw["cpu"]["core_rate_bytes_per_s"], ggml_type)


def _with_default(table: Mapping[str, Any], key: str) -> float:
    return float(table.get(key, table["*"]))


def _most_specific(
    table: Sequence[Mapping[str, Any]], architecture: str, vendor: str, backend: str
) -> tuple[Mapping[str, Any], str]:
    wanted = (
        ("architecture", (architecture, vendor, backend)),
        ("architecture", (architecture, vendor, "*")),
        ("vendor", ("*", vendor, backend)),
        ("vendor", ("*", vendor, "*")),
        ("all", ("*", "*", "*")),
    )
    for level, key in wanted:
        for row in table:
            if (row["architecture"], row["vendor"], row.get("backend", "*")) == key:
                return row, level
    raise CatalogError("efficiencies.json: a GPU table has no entry for '*'")


def _by_vendor(table: Sequence[Mapping[str, Any]], vendor: str, backend: str) -> Mapping[str, Any]:
    for row in table:
        if row["vendor"] in (vendor, "*") and row["backend"] in (backend, "*"):
            return row
    raise CatalogError("efficiencies.json: a table by vendor has no entry '*'")


@cache
def load_efficiencies() -> Efficiencies:
    """The shipped efficiencies.

    Raises:
        CatalogError: the data file is missing or not valid JSON.
    """
    try:
        text = resources.files("catalog").joinpath("data/efficiencies.json").read_text("utf-8")
        return Efficiencies(json.loads(text))
    except (OSError, ValueError) as error:
        raise CatalogError(f"efficiencies.json cannot be read: {error}; reinstall rig-advisor") from error
