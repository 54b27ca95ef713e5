"""Writes advisor/docs/placements.md: worked examples and the published placements beside ours.

    python tests/benchmarks/placements_page.py [--check]

``--check`` writes nothing and fails where the page is not what the script makes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "advisor" / "docs" / "placements.md"
sys.path.insert(0, str(ROOT))

from advisor.core.question import Question  # noqa: E402
from advisor.explanation import Explanation, explain  # noqa: E402
from advisor.report import format as f  # noqa: E402
from advisor.report.placement_text import (  # noqa: E402
    STRATEGY_NAMES,
    STRATEGY_TEXT,
    alternative_lines,
    command_lines,
    remedy_lines,
)
from advisor.report.text import memory_lines, rig_lines  # noqa: E402
from catalog.models import find_model  # noqa: E402
from probes.hypothetical import hypothetical_rig  # noqa: E402


@dataclass(frozen=True)
class Example:
    """One model on one machine, and what it shows."""

    title: str
    model: str
    quant: str
    gpus: tuple[str, ...]
    ram: str
    cpu: str
    shows: str
    question: Question = Question()  # noqa: RUF009  (immutable)


EXAMPLES = (
    Example(
        "gpt-oss-120b on a 24 GB card and 64 GB of RAM",
        "gpt-oss-120b", "MXFP4_MOE", ("RTX 4090",), "2x32GB:DDR5-6000", "Ryzen 9 7950X",
        "59 GiB of weights, of which a token reads a twentieth. Attention, cache and the experts of the last "
        "layers lie on the card; the experts of the first layers in RAM, and they decide.",
    ),
    Example(
        "GLM-4.5-Air on a 24 GB card and 96 GB of RAM",
        "glm 4.5 air", "Q4_K_M", ("RTX 3090",), "2x48GB:DDR5-6000", "Ryzen 9 7950X",
        "The first layer has no experts, but `--n-cpu-moe` counts it.",
    ),
    Example(
        "Qwen3-235B-A22B on a 24 GB card and 192 GB of RAM",
        "qwen3 235b a22b", "Q4_K_M", ("RTX 4090",), "4x48GB:DDR5-5200", "Ryzen 9 7950X",
        "22 billion active parameters: the RAM is read for most of the step.",
    ),
    Example(
        "DeepSeek-R1 on a server with 512 GB",
        "deepseek r1", "Q4_K_M", ("RTX 4090",), "8x64GB:DDR5-4800", "EPYC 9554P",
        "A small cache of latents leaves the card room for a few layers' experts.",
    ),
    Example(
        "DeepSeek-R1 on two sockets with 512 GB, no GPU",
        "deepseek r1", "Q4_K_M", (), "16x32GB:DDR5-4800", "2x EPYC 9354",
        "All of it needs the RAM of both sockets; what fits one is bound to it, whose memory is nearer.",
    ),
    Example(
        "Llama-3.3-70B on a 24 GB card and 64 GB of RAM",
        "llama 3.3 70b", "Q4_K_M", ("RTX 4090",), "2x32GB:DDR5-6000", "Ryzen 9 7950X",
        "A dense model reads everything for every token: the half in RAM takes nine tenths of the time.",
    ),
    Example(
        "Llama-3.3-70B on two cards of 24 GB",
        "llama 3.3 70b", "Q4_K_M", ("2x RTX 3090",), "2x32GB:DDR5-6000", "Ryzen 9 7950X",
        "Whole layers on each card, one after the other: twice the memory, not twice the speed.",
    ),
    Example(
        "The same with vLLM",
        "llama 3.3 70b", "AWQ-int4", ("2x RTX 3090",), "2x32GB:DDR5-6000", "Ryzen 9 7950X",
        "Every layer shared out over both cards, which read side by side.",
        Question(runtime="vllm"),
    ),
    Example(
        "Llama-3.3-70B on unequal cards",
        "llama 3.3 70b", "IQ3_M", ("RTX 4090", "RTX 3060 12GB"), "2x32GB:DDR5-6000", "Ryzen 9 7950X",
        "The faster card is filled first; `-ts` says how many layers each holds.",
    ),
)  # fmt: skip


def explained(example: Example) -> Explanation:
    """What the app says of an example."""
    rig = hypothetical_rig(list(example.gpus), example.ram, example.cpu)
    return explain(rig, example.question, find_model(example.model), example.quant)


def section(example: Example) -> str:
    """One example as Markdown."""
    e = explained(example)
    table, row = e.table, e.row
    lines = [f"## {example.title}", "", example.shows, "", "```"]
    lines += rig_lines(e.rig, table.machine)
    lines += ["", *memory_lines(table, row)]
    lines += alternative_lines(e) + remedy_lines(e)
    if table.fits[row]:
        speed, low, high = table.speeds_at(row)
        lines += [
            "",
            f"Decode   {f.speed(speed)} tok/s (80 %: {f.speed_range(low, high)}), bound by {e.bottleneck} "
            f"({f.percent(e.bottleneck_share)} of the time)",
            "",
            *command_lines(e),
        ]
    return "\n".join([*lines, "```", ""])


def summary() -> str:
    """All examples in a table."""
    lines = ["| example | quantization | placement | tok/s | 80 % |", "| --- | --- | --- | ---: | ---: |"]
    for example in EXAMPLES:
        e = explained(example)
        speed, low, high = e.table.speeds_at(e.row)
        where = STRATEGY_TEXT[STRATEGY_NAMES.get(int(e.table.strategy[e.row]))]
        told = (f.speed(speed), f.speed_range(low, high)) if e.table.fits[e.row] else ("–", "–")
        lines.append(f"| {example.title} | {e.quant} | {where} | {told[0]} | {told[1]} |")
    return "\n".join(lines)


def published() -> str:
    """The table of published placements."""
    script = ROOT / "tests" / "benchmarks" / "placements.py"
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, cwd=ROOT)
    return ran.stdout.strip()


HEAD = """# Where the layers go: worked examples

Written by `python tests/benchmarks/placements_page.py`; do not edit. Every example is
`rig-advisor explain MODEL --quant Q --rig FILE` for a machine made with `rig-advisor rig`, with a context of
8k for one user.
"""

AGAINST = """
## Published placements

Runs whose placement is published in full: how well its speed is predicted, and whether the placement that we
would choose on the same machine is predicted at least as fast. Some published runs fill memory that we leave
free (1 GiB of a card, some of the RAM); and llama.cpp's `-sm row` and `-sm tensor` are shown but never
chosen, because they are experimental. These rows took part in the fit; what it makes of devices and models
that it has not seen is in [accuracy.md](../catalog/data/accuracy.md).
"""


def page() -> str:
    """The whole page."""
    sections = "\n".join(section(example) for example in EXAMPLES)
    return f"{HEAD}\n{summary()}\n\n{sections}{AGAINST}\n{published()}\n"


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail where the page is stale")
    text = page()
    if parser.parse_args().check:
        if not PAGE.exists() or PAGE.read_text("utf-8") != text:
            print(f"{PAGE.name} is stale: run python tests/benchmarks/placements_page.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
