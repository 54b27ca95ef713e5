"""Prefill efficiencies from published rows: medians of achieved FLOP/s over the catalog's FP16 rate.

    python -m catalog.build.prefill --source FOLDER [--check]

Reads ``ground_truth_gpu.csv``; writes the ``prefill.gpu_share_of_fp16_flops`` table of
``catalog/data/efficiencies.json``.  Rows used: quality ``measured``, one device, dense, batch 1,
llama.cpp family, prompts of 256 to 2,048 tokens on an almost empty cache.
Achieved FLOP/s = 2 x parameters x prompt tokens/s.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from catalog.hardware import find_accelerator
from catalog.types import LookupFailedError

TARGET = Path(__file__).parent.parent / "data" / "efficiencies.json"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def shares(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Entries for the efficiency file, most specific first, ending with ``*``."""
    by_class: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    devices: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in rows:
        params, speed = _number(row["params_b"]), _number(row["pp_tps"])
        prompt = _number(row["pp_tokens"]) or 512
        usable = (
            row["quality"] == "measured"
            and row["n_devices"] == "1"
            and row["model_type"] == "dense"
            and row["batch"] in ("", "1")
            and "llama" in row["runtime"]
            and params
            and speed
            and 256 <= prompt <= 2048
            and (_number(row["context_depth"]) or 0) <= 1024
        )
        if not usable:
            continue
        try:
            accelerator = find_accelerator(row["hardware"])
        except LookupFailedError:
            continue
        if not accelerator.fp16_tflops or not params or not speed:
            continue
        share = 2 * params * 1e9 * speed / (accelerator.fp16_tflops * 1e12)
        vendor, backend = accelerator.vendor, row["backend"]
        for key in (
            (accelerator.architecture, vendor, backend),
            ("*", vendor, backend),
            ("*", vendor, "*"),
            ("*", "*", "*"),
        ):
            by_class[key].append(share)
            devices[key].add(accelerator.name)
    order = sorted(by_class, key=lambda k: (k[0] == "*", k[1] == "*", k[2] == "*", k))
    return [
        {
            "architecture": key[0],
            "vendor": key[1],
            "backend": key[2],
            "value": round(median(by_class[key]), 3),
            "rows": len(by_class[key]),
            "devices": len(devices[key]),
            "source": "gpu_pp",
        }
        for key in order
    ]


def main() -> int:
    """Write or check the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder with ground_truth_gpu.csv")
    parser.add_argument("--check", action="store_true", help="fail if the shipped table differs")
    arguments = parser.parse_args()
    with (arguments.source / "ground_truth_gpu.csv").open(encoding="utf-8", newline="") as file:
        table = shares(list(csv.DictReader(file)))
    document = json.loads(TARGET.read_text("utf-8"))
    if arguments.check:
        return int(document["prefill"]["gpu_share_of_fp16_flops"] != table)
    document["prefill"]["gpu_share_of_fp16_flops"] = table
    TARGET.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
