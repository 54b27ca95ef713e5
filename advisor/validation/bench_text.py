"""The output of llama-bench as plain records: CSV, JSON, JSON lines and Markdown, old and new.

Fields have llama-bench's own long names whatever the format (Markdown prints short ones and puts the
test into one label).  Formats are told apart by content; log lines around the output are passed over,
except that those before a Markdown table name the GPUs, which the table itself does not.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Fields = Mapping[str, str]

_NEEDED = frozenset({"model_type", "n_prompt", "n_gen", "avg_ts"})
"""Columns that every version of the CSV and JSON output has, and nothing else has together."""

_LONG_NAMES = {
    "model": "model_type",
    "size": "model_size",
    "params": "model_n_params",
    "backend": "backends",
    "ngl": "n_gpu_layers",
    "threads": "n_threads",
    "sm": "split_mode",
    "nkvo": "no_kv_offload",
    "fa": "flash_attn",
    "dev": "devices",
    "ts": "tensor_split",
    "ot": "tensor_buft_overrides",
    "mg": "main_gpu",
    "ncmoe": "n_cpu_moe",
    "t/s": "avg_ts",
}
"""Short names of the Markdown output (llama.cpp, tools/llama-bench) and the long ones."""

_TEST = re.compile(
    r"(?:(?P<kind>pp|tg)\s?(?P<count>\d{1,9}))(?:\s?\+\s?tg\s?(?P<then>\d{1,9}))?"
    r"(?:\s?@\s?(?:d|pp)\s?(?P<depth>\d{1,9}))?",
)
"""``pp512``, ``tg 128`` (2023), ``pp512+tg128``, ``tg128 @ d4096``, ``tg64@pp4096`` (ik_llama.cpp)."""

_UNITS = {
    "KIB": 1024,
    "MIB": 1024**2,
    "GIB": 1024**3,
    "TIB": 1024**4,
    "K": 1e3,
    "M": 1e6,
    "B": 1e9,
    "T": 1e12,
}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]iB|[KMBT])", re.IGNORECASE)
_BUILD = re.compile(r"\bbuild: ?\w+ \((\d{1,9})\)")
_BROKEN_STARTS = 50
"""JSON texts that may be broken before the rest of a file is given up: each costs a read to its end."""


@dataclass(frozen=True, slots=True)
class BenchText:
    """The records of a file; a text in place of a record says why it could not be read."""

    format: str
    records: tuple[Fields | str, ...]


def read_bench(text: str) -> BenchText | None:
    """The llama-bench records in a text, ``None`` if it holds none."""
    for name, reader in (("CSV", _csv), ("JSON", _json), ("Markdown", _markdown)):
        records = tuple(reader(text))
        if records:
            return BenchText(name, records)
    return None


# ------------------------------------------------------------------------------------------------ CSV


def _csv(text: str) -> Iterator[Fields | str]:
    """Rows below a header line; a later header (files joined end to end) replaces it."""
    header: list[str] | None = None
    for line in text.splitlines():
        if header is None and "avg_ts" not in line:
            continue
        try:
            cells = next(csv.reader([line]), [])
        except csv.Error:
            continue
        names = [cell.strip() for cell in cells]
        if set(names) >= _NEEDED:
            header = names
        elif header is not None and len(cells) == len(header):
            yield dict(zip(header, (cell.strip() for cell in cells), strict=True))
        elif header is not None and len(cells) > len(header) // 2:
            yield f"the row has {len(cells)} cells where its header has {len(header)}"


# ----------------------------------------------------------------------------------------------- JSON


def _json(text: str) -> Iterator[Fields]:
    """Objects of a result in arrays, one per line, or left whole in a file that was cut off."""
    if "avg_ts" not in text:
        return
    decoder = json.JSONDecoder()
    at, broken, arrays = 0, 0, True
    for start in re.finditer(r"^[ \t]*([\[{])", text, re.MULTILINE):
        where = start.start(1)
        if where < at or (start[1] == "[" and not arrays):
            continue
        try:
            value, at = decoder.raw_decode(text, where)
        except (ValueError, RecursionError):
            arrays = False  # cut off: what is whole inside counts
            broken += 1
            if broken > _BROKEN_STARTS:
                return
            continue
        for record in value if isinstance(value, list) else [value]:
            if isinstance(record, dict) and record.keys() >= _NEEDED:
                yield {str(name): _as_text(given) for name, given in record.items()}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value).strip()
    return ""


# ------------------------------------------------------------------------------------------- Markdown


def _markdown(text: str) -> Iterator[Fields | str]:
    """Rows of all tables in a text, with the GPUs of the log before and the build line behind them."""
    pending: list[dict[str, str] | str] = []
    header: list[str] = []
    gpus: dict[str, list[str]] = {}
    for raw in text.splitlines():
        line = raw.strip().lstrip(">").strip()
        if "|" not in line or line.startswith("ggml_"):
            header = []
            _note_gpus(line, gpus)
            build = _BUILD.search(line)
            if build:
                yield from _with_build(pending, build[1])
                pending = []
            continue
        cells = [cell.strip().strip("*`") for cell in line.strip("|").split("|")]
        names = [_LONG_NAMES.get(cell.lower(), cell.lower()) for cell in cells]
        if {"model_type", "test", "avg_ts"} <= set(names):
            header = names
        elif header and not _is_rule(cells):
            pending.append(_table_row(header, cells, gpus))
    yield from pending


def _is_rule(cells: Sequence[str]) -> bool:
    return all(not cell.strip(":- ") for cell in cells)


def _with_build(rows: Sequence[dict[str, str] | str], build: str) -> Iterator[Fields | str]:
    for row in rows:
        yield row if isinstance(row, str) else {"build_number": build, **row}


def _table_row(
    header: Sequence[str], cells: Sequence[str], gpus: Mapping[str, Sequence[str]]
) -> dict[str, str] | str:
    if len(cells) != len(header):
        return f"the row has {len(cells)} cells where its header has {len(header)}"
    row = dict(zip(header, cells, strict=True))
    for name in ("model_size", "model_n_params"):
        row[name] = _amount(row.get(name, ""))
    row["avg_ts"] = row["avg_ts"].partition("±")[0].strip()
    test = _TEST.fullmatch(row.pop("test"))
    if test:
        first, then = test["count"], test["then"] or "0"
        row["n_prompt"], row["n_gen"] = (first, then) if test["kind"] == "pp" else ("0", first)
        row["n_depth"] = test["depth"] or "0"
    backends = row.get("backends", "").lower()
    found = next((names for name, names in gpus.items() if name in backends), ())
    row.setdefault("gpu_info", ", ".join(found))
    return row


def _amount(text: str) -> str:
    """``3.56 GiB`` and ``6.74 B`` as plain numbers, ``""`` for anything else."""
    match = _AMOUNT.fullmatch(text)
    return repr(float(match[1]) * _UNITS[match[2].upper()]) if match else ""


_FOUND = re.compile(r"found \d+ (CUDA|ROCm|HIP|Vulkan|SYCL|OpenCL) devices", re.IGNORECASE)
_CUDA_DEVICE = re.compile(r"^Device \d+: (.+?), (?:compute capability|gfx\w+)(?:.*VRAM: (\d{1,9}) MiB)?")
_VULKAN_DEVICE = re.compile(r"^ggml_vulkan: \d+ = (.+?) \|")
_METAL_DEVICE = re.compile(r"GPU name: +(?:MTL\d+ \()?(Apple [^)]+)")


def _note_gpus(line: str, gpus: dict[str, list[str]]) -> None:
    """Remember the GPUs that a log line names, by backend; each start of a backend begins anew.

    The memory that newer logs state goes into the name, where it tells variants apart.
    """
    found = _FOUND.search(line)
    if found:
        gpus[found[1].lower()] = []
    elif device := _CUDA_DEVICE.match(line):
        backend = next((name for name in ("rocm", "cuda") if name in gpus), "cuda")
        size = f" {round(int(device[2]) / 1024)}GB" if device[2] else ""
        gpus.setdefault(backend, []).append(device[1] + size)
    elif device := _VULKAN_DEVICE.match(line):
        gpus.setdefault("vulkan", []).append(device[1])
    elif device := _METAL_DEVICE.search(line):
        gpus["metal"] = gpus["mtl"] = [device[1]]
