"""Build the measurement files that ship, from the collections of published results.

    python -m catalog.build.measurements --source FOLDER [--check]

Reads ``ground_truth_gpu.csv``, ``ground_truth_cpu_hybrid.csv`` and ``real_runs.csv`` from ``FOLDER``;
writes ``gpu.csv``, ``cpu_hybrid.csv`` and ``real_runs.csv`` into ``catalog/data/measurements``.  Every row is
kept; ``excluded_because`` says which rules of ``catalog.measurements`` leave it out of fits and of the
published accuracy.  Of the notes, only conditions of the run are kept: figures and options are facts,
what else a source says is its author's text.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.measurements import FOLDER, gpu_exclusion, hybrid_exclusion, run_exclusion

Row = Mapping[str, str]

_CONDITIONS = re.compile(
    "|".join(
        (
            r"power limit \d+ W",
            r"\d+ W cap|(?<![\d.])\d+ W\b",
            r"\bTP ?=? ?\d+|\bPP\d+",
            r"tensor parallel|layer split",
            r"ITL p50 [\d.]+ ms|itl_p50 [\d.]+ ms",
            r"wall (?:output|rate)|aggregate output tok/s",
            r"\bub \d+",
            r"ctx allocated \d+k?",
            r"\bKV (?:type )?(?:fp8|bfloat16|f16|bf16|q8_0|q8|q4_0)\b",
            r"-fa o(?:n|ff)|-rtr|-fmoe|\bmla=\d|\bmla\d|\brtr=\d",
            r"cpunodebind=\d|numa distribute|\bthreads \d+",
            r"tg measured at the low thread count shown|pp at full threads",
            r"\d+ experts of \d+|\bser \d,\d",
            r"UD-Q2_K_XL|Q2_K_R4|IQ2_XS_R4",
            r"(?:\d+x)?\d+ ?GB(?!/s)\b",
            r"^no spec|no draft|^MTP (?:k=\d|off|on)|vanilla decoding",
            r"^ngram k=\d|^draft\w* (?:Qwen3-0.6B )?k=\d",
            r"^local CUDA|^no RPC|\bRPC\b",
            r"depth taken as prompt length",
            r"total over the batch",
            r"mean depth ~\d+",
        )
    )
)


def conditions(notes: str) -> str:
    """The conditions of the run that notes state, in their order."""
    return "; ".join(dict.fromkeys(found.group() for found in _CONDITIONS.finditer(notes)))


@dataclass(frozen=True, slots=True)
class _Table:
    """One shipped file: where it comes from, its columns, and what its header says."""

    target: str
    source: str
    columns: tuple[str, ...]
    exclusion: Callable[[Row], str | None]
    header: str


_GPU = (
    *("id", "source", "date_or_build", "hardware", "n_devices", "mem_bandwidth_gbs", "vram_gb", "backend"),
    *("runtime", "model", "params_b", "quant", "model_size_gib", "flash_attn", "context_depth", "batch"),
    *("pp_tokens", "pp_tps", "tg_tokens", "tg_tps", "quality", "excluded_because", "notes"),
)
_HYBRID = (
    *("id", "source", "date_or_build", "category", "cpu", "ram_type", "ram_mts", "ram_channels"),
    *("ram_bandwidth_gbs_spec", "ram_bandwidth_gbs_measured", "gpu", "n_gpus", "gpu_bandwidth_gbs"),
    *("interconnect", "runtime", "model", "params_b", "quant", "model_size_gib", "placement", "threads"),
    *("context_depth", "batch", "pp_tps", "tg_tps", "excluded_because", "notes"),
)
_RUNS = (
    *("id", "tool", "build", "model", "quant", "threads", "n_prompt", "n_gen", "depth", "batch", "pp_tps"),
    *("tg_tps", "kv_type", "repack", "tensor_bytes", "samples", "rel_spread", "other_cpu", "source"),
    *("bw1_gbs", "bw2_gbs", "excluded_because"),
)
_RULES = """excluded_because: why a row takes no part in fits and in published accuracy; empty if it does.
Rules look at how a figure came about, never at a prediction; catalog/measurements.py has them all:
averages over submissions (aggregate); rows that the collection marked (suspect); fewer experts than the
model chooses; not enough memory; regressed commits and broken setups; hosts that limit the GPU; rates over
wall time that include prompts, unless the time between tokens is stated; requests that waited; trials
with sockets and page placement; approximate figures.  Reasons that end in "(judged by the outcome)" compare
a figure with other reports of the same machine."""

_GPU_HEADER = """Published speeds of models all in GPU or unified memory; each was read in its source.
tg_tps is the total over the batch; quality: measured, secondary (rounded, client timing or conditions
partly missing), aggregate, suspect.  mem_bandwidth_gbs and vram_gb are specifications, not from the
sources.  notes: conditions of the run only.
"""
_HYBRID_HEADER = """Published speeds of runs on CPUs, between GPU and RAM, and on several GPUs; each was read
in its source.  category: a CPU only, b layers split, c experts in RAM, d several GPUs or machines,
e speculation, f depth, g concurrent requests (tg_tps is their total), h a change of the memory.
notes: conditions of the run only.
"""
_RUNS_HEADER = """Runs of llama.cpp on a virtual machine with two Zen 4 cores, mostly with random weights.
bw1_gbs and bw2_gbs: bandwidth of one and two threads, measured beside the run; other_cpu: share of the
processor that others took.
excluded_because: no speed, disturbed by others, no bandwidth beside it, or short of memory.
"""

TABLES = (
    _Table("gpu.csv", "ground_truth_gpu.csv", _GPU, gpu_exclusion, _GPU_HEADER + _RULES),
    _Table(
        "cpu_hybrid.csv", "ground_truth_cpu_hybrid.csv", _HYBRID, hybrid_exclusion, _HYBRID_HEADER + _RULES
    ),
    _Table("real_runs.csv", "real_runs.csv", _RUNS, run_exclusion, _RUNS_HEADER),
)
"""The files that ship."""


def table_text(table: _Table, source: Path) -> str:
    """The text of a shipped file."""
    out = io.StringIO()
    out.writelines(f"# {line}\n" for line in table.header.splitlines())
    writer = csv.DictWriter(out, table.columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    with (source / table.source).open(encoding="utf-8", newline="") as file:
        for number, raw in enumerate(csv.DictReader(file), 1):
            row = {key: value or "" for key, value in raw.items()}
            row["excluded_because"] = table.exclusion(row) or ""
            row["notes"] = conditions(row.get("notes", ""))
            row.setdefault("id", f"R{number:04d}")
            writer.writerow(row)
    return out.getvalue()


def main() -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder with the collections")
    parser.add_argument("--check", action="store_true", help="fail if a shipped file differs")
    arguments = parser.parse_args()
    different = []
    FOLDER.mkdir(exist_ok=True)
    for table in TABLES:
        text, target = table_text(table, arguments.source), FOLDER / table.target
        if not arguments.check:
            target.write_text(text, encoding="utf-8", newline="\n")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            different.append(table.target)
    for name in different:
        print(f"{name} is not what the collections give; build it again", file=sys.stderr)
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
