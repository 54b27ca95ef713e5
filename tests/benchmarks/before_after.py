"""Published changes of a machine's memory (category h of the measurements) beside what what-if says.

Prints the table of ``advisor/docs/what_if.md``: run ``python tests/benchmarks/before_after.py`` after a new
fit and copy it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from advisor.comparison import Scenario, estimate_scenario
from advisor.core.question import Question
from advisor.knowledge import knowledge_of
from advisor.report.format import speed, speed_range
from advisor.report.table import Column, markdown_table
from advisor.scenario import parse_scenario
from catalog.models import find_model
from probes.hypothetical import hypothetical_rig
from probes.types import Rig

ROWS = Path(__file__).parents[2] / "catalog" / "data" / "measurements" / "cpu_hybrid.csv"
SAPPHIRE = hypothetical_rig(["RTX 3090"], "8x64GB:DDR5-4800", "Xeon Platinum 8480+")
"""The rate is not stated: the official one."""
TURIN = hypothetical_rig([], "16x64GB:DDR5-6400", "2x EPYC 9175F")
SECOND_SOCKET = "cpu 2x Xeon Platinum 8480+, ram 16x64GB:DDR5-4800"
CASES: Mapping[str, tuple[Rig, str | None, str, str]] = {
    "ch0164": (SAPPHIRE, None, "llama 4 maverick", "IQ4_XS"),
    "ch0165": (SAPPHIRE, SECOND_SOCKET, "llama 4 maverick", "IQ4_XS"),
    "ch0166": (SAPPHIRE, SECOND_SOCKET, "llama 4 maverick", "IQ4_XS"),
    "ch0696": (TURIN, None, "llama 3.1 70b", "F16"),
    "ch0697": (TURIN, None, "llama 3.1 70b", "F16"),
}
"""Row to rig, what-if, model and file type; rows of machines that nobody names are not among them."""
COLUMNS = (
    Column("row"),
    Column("machine"),
    Column("model"),
    Column("measured", right=True),
    Column("predicted", right=True),
    Column("80 % interval", right=True),
)


def memory_changes() -> list[dict[str, str]]:
    """The rows of category h."""
    lines = [line for line in ROWS.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [row for row in csv.DictReader(lines) if row["category"] == "h"]


def predicted(rig: Rig, change: str | None, model: str, quant: str) -> tuple[float, float, float]:
    """Tokens/s with the ends of the interval, the cache empty."""
    scenario = parse_scenario(change, rig) if change else Scenario("now", rig, ())
    knowledge = knowledge_of(find_model(model), [quant])
    return estimate_scenario(scenario, Question(depth_tokens=0), knowledge).speeds_at(0)


def table() -> str:
    """The table of the documentation."""
    lines = []
    for row in memory_changes():
        case = CASES.get(row["id"])
        numbers = ("–", "–")
        if case is not None:
            value, low, high = predicted(*case)
            numbers = (speed(value), speed_range(low, high))
        lines.append([row["id"], row["cpu"], f"{row['model']} {row['quant']}", row["tg_tps"], *numbers])
    return markdown_table(COLUMNS, lines)


if __name__ == "__main__":
    print(table())
