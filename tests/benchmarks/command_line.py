"""Wall time and peak memory of the commands, and the catalog's load time.

    python tests/benchmarks/command_line.py

The first run warms caches and is not counted; then the median of several runs.  Compare with
``python -c pass`` in the same table: these are ratios on a noisy machine, not absolutes.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time

RUNS = 7
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "--version": ["-m", "advisor", "--version"],
    "probe --json": ["-m", "advisor", "probe", "--json"],
    "models --json": ["-m", "advisor", "models", "--json"],
    "rank --json": ["-m", "advisor", "rank", "--json"],
    "rank (text)": ["-m", "advisor", "rank"],
    "explain --json": ["-m", "advisor", "explain", "llama 3.1 8b", "--json"],
    "what-if --json": ["-m", "advisor", "what-if", "--ram", "2x32GB:DDR5-6000", "--json"],
}


def once(arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak MiB of one run in a child of its own."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    print(f"{'command':<20}{'median s':>10}{'best s':>10}{'peak MiB':>10}")
    for name, arguments in COMMANDS.items():
        once(arguments)
        runs = [once(arguments) for _ in range(RUNS)]
        seconds = [s for s, _ in runs]
        memory = max(m for _, m in runs)
        print(f"{name:<20}{statistics.median(seconds):>10.3f}{min(seconds):>10.3f}{memory:>10.0f}")
    print(f"(this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)")


if __name__ == "__main__":
    main()
