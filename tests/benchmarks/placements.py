"""The published placements, and ours: does the model predict theirs, and is ours predicted at least as fast?

    python tests/benchmarks/placements.py [--rows]

Reads the rows of categories b (layers split), c (experts in RAM) and d (several GPUs) of
catalog/data/measurements/cpu_hybrid.csv whose placement is stated in full, and those of several GPUs in
gpu.csv (most rows of category d state a rate that includes prompts, or several machines); prints a Markdown
table.  The first figures compare the measured speed with what is predicted of the published placement; the
last ones ask for the fastest placement on the same machine.  A published placement may fill memory that we
leave free, or share every layer out with llama.cpp, which is experimental and never chosen: then ours is
another, and may be slower.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from advisor.core.estimate import estimate
from advisor.core.placement import Strategy
from advisor.core.runtimes import RUNTIME
from advisor.validation.cases import Case, SkipRowError
from advisor.validation.files import read_file
from advisor.validation.quants import UnknownQuantError
from advisor.validation.speed import answerable, estimated
from catalog.efficiency import load_efficiencies
from catalog.types import LookupFailedError
from probes.types import RigError

FOLDER = Path(__file__).parents[2] / "catalog" / "data" / "measurements"
TITLES = {
    "b": "b: layers split",
    "c": "c: experts in RAM",
    "d": "d: several GPUs or machines",
    "gpu.csv": "several GPUs, of gpu.csv",
}
_SLACK = 1.005
"""A placement that is as fast to half a percent is the same one, rounded."""


@dataclass(frozen=True)
class Row:
    """A published run: speeds in tokens/s, ``ours`` the fastest placement we would choose."""

    category: str
    model: str
    quant: str
    engine: str
    placement: str
    measured: float
    predicted: float
    theirs_fits: bool
    ours: float | None
    our_strategy: str

    @property
    def error(self) -> float:
        return math.log(self.predicted / self.measured)


def stated(case: Case) -> bool:
    """Whether the row says where everything lay."""
    q = case.question
    if case.strategy is Strategy.LAYERS_SPLIT:
        return q.gpu_layers is not None
    if case.strategy is Strategy.EXPERTS_IN_RAM:
        return q.cpu_expert_layers is not None
    return case.strategy is Strategy.ACCELERATOR


def rows() -> Iterator[Row]:
    efficiencies = load_efficiencies()
    cases = [case for name in ("cpu_hybrid.csv", "gpu.csv") for _, case in read_file(FOLDER / name, None)[1]]
    for case in cases:
        if isinstance(case, str) or not case.measured_tokens_per_s:
            continue
        labels = dict(case.labels)
        category = labels.get("category", "gpu.csv" if case.parallel != "none" else "")
        if category not in TITLES or labels.get("quality") != "measured" or not stated(case):
            continue
        try:
            row = answerable(case, efficiencies)
        except (SkipRowError, UnknownQuantError, LookupFailedError, RigError):
            continue
        users = case.question.users
        published = estimated(row, efficiencies)
        runtime = case.engine if case.engine in RUNTIME else "llama.cpp"
        if case.question.kv_type not in RUNTIME[runtime].kv_types or (
            users > 1 and not RUNTIME[runtime].many_users
        ):
            continue
        free = replace(row.question, gpu_layers=None, cpu_expert_layers=None, all_gpus=False, runtime=runtime)
        own = estimate(row.candidates, row.machine, free, efficiencies)
        fits = bool(own.fits[0])
        yield Row(
            category,
            row.model.name,
            case.quant,
            case.engine,
            Strategy.CPU.name.lower() if row.strategy is None else row.strategy.name.lower(),
            case.measured_tokens_per_s,
            float(published.tokens_per_s[0]) * users,
            bool(published.fits[0]),
            float(own.tokens_per_s[0]) * users if fits else None,
            Strategy(int(own.strategy[0])).name.lower() if fits else "does not fit",
        )


def table(found: list[Row]) -> str:
    """One line for each category."""
    lines = [
        "| category | rows | median error | within 25 % | off by more than 2× | theirs fits our reserve | "
        "ours as fast, of those | ours as fast, of all |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    by_category: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        by_category[row.category].append(row)
    for category, title in TITLES.items():
        some = by_category[category]
        if not some:
            continue
        errors = [abs(row.error) for row in some]
        fitting = [row for row in some if row.theirs_fits]

        def as_fast(rows: list[Row]) -> str:
            good = sum(1 for r in rows if r.ours is not None and r.ours * _SLACK >= r.predicted)
            return f"{good} of {len(rows)}"

        lines.append(
            f"| {title} | {len(some)} | {math.expm1(median(errors)):.0%} "
            f"| {sum(e <= math.log(1.25) for e in errors) / len(some):.0%} "
            f"| {sum(e > math.log(2) for e in errors) / len(some):.1%} "
            f"| {len(fitting)} | {as_fast(fitting)} | {as_fast(some)} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", action="store_true", help="list every row")
    arguments = parser.parse_args()
    found = list(rows())
    print(table(found))
    if arguments.rows:
        print()
        for r in found:
            ours = "–" if r.ours is None else f"{r.ours:.1f}"
            print(
                f"{r.category} {r.model[:34]:<34} {r.quant[:14]:<14} {r.engine:<10} {r.placement:<15} "
                f"measured {r.measured:7.1f} predicted {r.predicted:7.1f}{' ' if r.theirs_fits else '*'} "
                f"ours {ours:>7} {r.our_strategy}"
            )
        print("\n* does not fit what we leave free")
    return 0


if __name__ == "__main__":
    sys.exit(main())
