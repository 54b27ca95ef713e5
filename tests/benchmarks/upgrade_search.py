"""Wall time of ``upgrade`` on the six example rigs, and whether brute force finds anything better.

    python tests/benchmarks/upgrade_search.py            # one child process per rig and goal
    python tests/benchmarks/upgrade_search.py --prices   # the same, and a budget, with 40 cards and 10 kits
    python tests/benchmarks/upgrade_search.py --brute    # every change of the whole catalog, in full: minutes

The rigs are those of the screenshots.  Times are of the whole command, start of Python included.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from advisor.core.question import Question
from advisor.core.search import STEP
from advisor.upgrade.options import Option, all_options
from advisor.upgrade.outcome import Evaluator, read_goals
from advisor.upgrade.parts import catalog_parts, is_card
from advisor.upgrade.reach import search
from catalog.efficiency import load_efficiencies
from catalog.hardware import load_accelerators
from probes.rigfile import load_rig

RIGS = Path(__file__).parents[2] / "screenshots" / "rigs"
GOALS = (
    "llama 3.3 70b@Q4_K_M>=10tok/s",
    "glm 4.5 air@Q4_K_M>=25",
    "qwen3 235b a22b>=8",
    "deepseek r1@Q4_K_M>=500",
)
RUNS = 3


BUDGET = ("--budget", "3000")
CARDS = 40
KITS = ((16, 5600), (32, 5200), (32, 6000), (48, 5600), (64, 5200))


def price_file(folder: str) -> Path:
    """A long list of made-up prices: cards from all classes, and kits."""
    cards = sorted(card.name for card in load_accelerators() if is_card(card))
    lines = ["date = 2026-11-01", "[gpu]"]
    for n, name in enumerate(cards[:: len(cards) // CARDS][:CARDS]):
        lines.append(f'"{name}" = {{ price = {480 + 37 * n % 200}, watts = 250 }}')
    lines.append("[ram]")
    for count in (2, 4):
        for size, mts in KITS:
            lines.append(f'"{count}x{size}GB:DDR5-{mts}" = {{ price = {3 * count * size + mts / 100} }}')
    path = Path(folder) / "prices.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def once(rig: Path, *arguments: str) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "advisor", "upgrade", "--rig", str(rig), *arguments],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - started


def brute(rig_file: Path, goal: str) -> str:
    """Compare the search among all cards of the catalog with evaluating every change."""
    rig, question, goals = load_rig(str(rig_file)), Question(), read_goals([goal])
    parts = catalog_parts(rig)
    result = search(rig, question, goals, parts)
    if result.now.reached:
        return "reached already"
    evaluator = Evaluator(rig, question, goals, load_efficiencies())
    changes, machines = all_options(rig, parts), [Option((machine,)) for machine in parts.machines]
    margins = {option.edits + option.parts: evaluator.margin(option) for option in changes + machines}
    missed = reaching = 0
    for options, outcomes in ((changes, result.options), (machines, result.machines)):
        listed = [(o.option.size(), o.margin) for o in outcomes if o.option]
        for option in options:
            margin = margins[option.edits + option.parts]
            if margin >= 1:
                reaching += 1
                missed += not any(s <= option.size() and m * STEP >= margin for s, m in listed)
    text = f"{len(margins)} changes, {reaching} reach it, {missed} of them not covered by the front"
    if result.best is not None:
        text += f"; nearest {result.best.margin:.4g}, by brute force {max(margins.values()):.4g}"
    return text


def main() -> None:
    """Print the table."""
    if "--brute" in sys.argv[1:]:
        for rig in sorted(RIGS.glob("*.json")):
            for goal in GOALS:
                print(f"{rig.stem:<12}{goal:<34}{brute(rig, goal)}", flush=True)
        return
    print(f"{'rig':<12}{'goal':<34}{'best s':>8}{'worst s':>9}")
    questions = [("--goal", goal) for goal in GOALS]
    with TemporaryDirectory() as folder:
        priced = ["--prices", str(price_file(folder))] if "--prices" in sys.argv[1:] else []
        for rig in sorted(RIGS.glob("*.json")):
            for question in [*questions, BUDGET] if priced else questions:
                seconds = [once(rig, *question, *priced) for _ in range(RUNS)]
                text = question[1] if question != BUDGET else " ".join(question)
                print(f"{rig.stem:<12}{text:<34}{min(seconds):>8.2f}{max(seconds):>9.2f}", flush=True)


if __name__ == "__main__":
    main()
