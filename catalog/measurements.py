"""Which measurements are left out of fits and of the published accuracy: rules, each with its reason.

The rules look at how a number came about, never at how far a prediction is from it.  Those whose reason
ends in "(judged by the outcome)" compare a number with other reports of the same machine, as the collection
itself did.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("data") / "measurements"
"""``gpu.csv``, ``cpu_hybrid.csv`` and ``real_runs.csv``; their headers state their grammar."""

Row = Mapping[str, str]

_NOTES: tuple[tuple[str, str], ...] = (
    (r"paging|swap likely|memory near limit|machine near memory limit", "not enough memory: it was paging"),
    (r"\bser \d|\d experts of \d|6-of-8", "fewer experts ran than the model chooses"),
    (r"regressed", "a commit that was reported as slower by mistake"),
    (r"narrow PCIe", "the host's narrow link or CPU limits it"),
    (r"kernel-path defect|decode path defect", "a defect of that kernel path, reported by its source"),
    (r"implies >100% of", "faster than the stated chip can read: it was another one"),
    (r"WSL2", "virtualized under Windows"),
    (r"far below peers", "far below other reports of the same chip (judged by the outcome)"),
    (r"contradicts usual", "contradicts other reports of the same engine (judged by the outcome)"),
    (r"approximate|midpoint", "an approximate figure"),
    (r"poor output quality", "the run was broken by its user's account"),
    (r"as posted \(before fix\)", "a faulty setup that its user then repaired"),
    (r"NUMA mirror|per NUMA node|page placement|caches dropped", "an experiment with page placement"),
    (r"^before$", "an experiment with page placement"),
    (r"numa distribute both|both sockets|2 nodes", "an experiment with two sockets"),
)
_WALL = re.compile(r"wall (?:output|rate)|aggregate output tok/s", re.IGNORECASE)
_INTERVAL = re.compile(r"itl[_ ]p50 (\d{1,6}(?:\.\d+)?) ms", re.IGNORECASE)
WORKING_SHARE = 0.6
"""Below this share of users / interval, a rate is of fewer requests than stated or mostly of prompts."""


def interval_s(notes: str) -> float | None:
    """Median time between two tokens of one request, in seconds, where notes state it."""
    stated = _INTERVAL.search(notes)
    return (float(stated.group(1)) / 1000 or None) if stated else None


def gpu_exclusion(row: Row) -> str | None:
    """Why a row of ``gpu.csv`` is left out, or ``None``."""
    if row["quality"] == "aggregate":
        return "an average over many submissions and prompt lengths"
    if row["quality"] == "suspect":
        return _by_notes(row["notes"]) or "marked as suspect by the collection"
    return _by_notes(row["notes"]) or _by_rate(row)


def hybrid_exclusion(row: Row) -> str | None:
    """Why a row of ``cpu_hybrid.csv`` is left out, or ``None``."""
    source, notes, runtime = row["source"], row["notes"], row["runtime"]
    if source.endswith("/399"):
        return "not enough memory: it was paging"
    if source.endswith("/521") and runtime.startswith("ik_llama"):
        return "a setup that its source reports as slow by mistake"
    llama_in_vm = "in a VM" in row["cpu"] and runtime.startswith("llama.cpp")
    if llama_in_vm and row["placement"].startswith("cpu") and row["context_depth"] not in ("", "0"):
        return (
            "a tenth of the expected speed at depth: a fault of that virtual machine (judged by the outcome)"
        )
    if "LottoLottoLotto" in source and interval_s(notes) is None:
        return "a rate over wall time, prompts included"
    return _by_notes(notes) or _by_rate(row)


_BUSY_SHARE = 0.1


def run_exclusion(row: Row) -> str | None:
    """Why a row of ``real_runs.csv`` is left out, or ``None``."""
    if row["tool"] == "llama-completion":
        return "a load without a speed"
    if float(row["other_cpu"] or 0) > _BUSY_SHARE:
        return "other processes took more than a tenth of the processor"
    if not row["bw1_gbs"]:
        return "no bandwidth was measured beside it"
    if row["model"] == "qwen3-30b-a3b" and row["repack"] == "1":
        return "short of memory: file and repacked copy together nearly fill it"
    return None


def _by_notes(notes: str) -> str | None:
    return next((reason for pattern, reason in _NOTES if re.search(pattern, notes)), None)


def _by_rate(row: Row) -> str | None:
    """Rates over wall time count prompts too, unless the time between tokens is stated beside them."""
    notes = row["notes"]
    interval = interval_s(notes)
    if interval and row["tg_tps"]:
        if float(row["tg_tps"]) < WORKING_SHARE * float(row["batch"] or 1) / interval:
            return "far below what the time between tokens gives: requests waited, or prompts took the time"
        return None
    return "a rate over wall time, prompts included" if _WALL.search(notes) else None
