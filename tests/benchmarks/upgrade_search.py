"""Wall time of ``upgrade`` on the six example rigs, and whether brute force finds anything better.

    python tests/benchmarks/upgrade_search.py            # one child process per rig and goal
    python tests/benchmarks/upgrade_search.py --brute    # every change of the whole catalog, in full: minutes

The rigs are those of the screenshots.  Times are of the whole command, start of Python included.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from advisor.core.question import Question
from advisor.core.search import STEP
from advisor.upgrade.options import all_options, space_of
from advisor.upgrade.outcome import Evaluator, read_goals
from advisor.upgrade.parts import catalog_parts
from advisor.upgrade.reach import search
from catalog.efficiency import load_efficiencies
from probes.rigfile import load_rig

RIGS = Path(__file__).parents[2] / "screenshots" / "rigs"
GOALS = (
    "llama 3.3 70b@Q4_K_M>=10tok/s",
    "glm 4.5 air@Q4_K_M>=25",
    "qwen3 235b a22b>=8",
    "deepseek r1@Q4_K_M>=500",
)
RUNS = 3


def once(rig: Path, goal: str) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "advisor", "upgrade", "--rig", str(rig), "--goal", goal],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - started


def brute(rig_file: Path, goal: str) -> str:
    """Compare the search among all cards of the catalog with evaluating every change."""
    rig, question, goals = load_rig(str(rig_file)), Question(), read_goals([goal])
    parts = catalog_parts(rig)
    result = search(rig, question, goals, parts)
    evaluator = Evaluator(rig, question, goals, load_efficiencies())
    space = space_of(all_options(rig, parts), by_price=False)
    margins = [evaluator.margin(option) for option in space.options]
    if result.now.reached:
        return "reached already"
    if not result.options:
        best = max(margins, default=0.0)
        found = max(result.best.margin, result.now.margin) if result.best else result.now.margin
        return f"nearest {found:.4g}, by brute force {best:.4g}"
    listed = [(outcome.option.size(), outcome.margin) for outcome in result.options if outcome.option]
    missed = 0
    for option, margin in zip(space.options, margins, strict=True):
        covered = any(s <= option.size() and m * STEP >= margin for s, m in listed)
        missed += margin >= 1 and not covered
    return (
        f"{len(margins)} changes, {sum(m >= 1 for m in margins)} reach it, {missed} not covered by the front"
    )


def main() -> None:
    """Print the table."""
    if "--brute" in sys.argv[1:]:
        for rig in sorted(RIGS.glob("*.json")):
            for goal in GOALS:
                print(f"{rig.stem:<12}{goal:<34}{brute(rig, goal)}", flush=True)
        return
    print(f"{'rig':<12}{'goal':<34}{'best s':>8}{'worst s':>9}")
    for rig in sorted(RIGS.glob("*.json")):
        for goal in GOALS:
            seconds = [once(rig, goal) for _ in range(RUNS)]
            print(f"{rig.stem:<12}{goal:<34}{min(seconds):>8.2f}{max(seconds):>9.2f}", flush=True)


if __name__ == "__main__":
    main()
