"""Where a model lies, what lost to it, what would make it fit, and what to type, as text."""

from __future__ import annotations

import textwrap

from advisor.core.placement import Strategy
from advisor.core.remedies import Remedy
from advisor.explanation import Explanation
from advisor.report import format as f

STRATEGY_TEXT = {
    "accelerator": "everything on the GPU",
    "experts_in_ram": "attention and cache on the GPU, experts overflow to RAM",
    "layers_split": "layers split between GPU and RAM",
    "cpu": "everything in RAM, on the CPU",
    "tensor_parallel": "every layer shared out over the GPUs",
    "kv_in_ram": "weights on the GPU, cache and attention in RAM",
    None: "does not fit",
}
STRATEGY_NAMES = {
    int(Strategy.ACCELERATOR): "accelerator",
    int(Strategy.EXPERTS_IN_RAM): "experts_in_ram",
    int(Strategy.LAYERS_SPLIT): "layers_split",
    int(Strategy.CPU): "cpu",
    int(Strategy.TENSOR_PARALLEL): "tensor_parallel",
    int(Strategy.KV_IN_RAM): "kv_in_ram",
}
_POOLS = {"gpu": "of GPU memory", "ram": "of RAM"}


def alternative_lines(e: Explanation) -> list[str]:
    """The other placements, the runner-up first, each with why it lost."""
    others = [
        a for a in e.alternatives if not a.chosen and (a.tokens_per_s is not None or a.missing_bytes > 0)
    ]
    others = [a for a in others if a.missing_bytes != float("inf")]
    if not others or not e.table.fits[e.row]:
        return []
    lines = ["Other placements"]
    for a in others:
        name = STRATEGY_TEXT[STRATEGY_NAMES[int(a.strategy)]]
        if a.tokens_per_s is None or a.low_tokens_per_s is None or a.high_tokens_per_s is None:
            why = f"{f.gib_unit(a.missing_bytes)} short" if a.missing_bytes > 0 else a.why
            lines.append(f"  {name}: {why}")
            continue
        interval = f.speed_range(a.low_tokens_per_s, a.high_tokens_per_s)
        lines.append(f"  {name}: {f.speed(a.tokens_per_s)} tok/s (80 %: {interval}); {a.why}")
    return lines


def remedy_lines(e: Explanation) -> list[str]:
    """What would make it fit, or keep it on the GPUs: each change alone."""
    found = e.remedies
    if found is None:
        return []
    goal = "It would fit" if found.goal == "fit" else "It would lie on the GPU as a whole"
    if not found.changes:
        return [f"{goal} with no smaller quantization, cache type or context, nor with a little more memory"]
    changes = ", or ".join(remedy_text(change) for change in found.changes)
    return textwrap.wrap(f"{goal} with {changes}", 100, subsequent_indent="  ")


def remedy_text(change: Remedy) -> str:
    """One change in words, with the speed after it."""
    speed = f" ({f.speed(change.tokens_per_s)} tok/s)" if change.tokens_per_s else ""
    if change.kind == "memory":
        size = f"{-(-int(change.value) // 2**20):,} MiB"
        return f"{size} more {_POOLS[change.pool or 'ram']} free{speed}"
    if change.kind == "limit":
        return limit_text(int(change.value), change.pool) + speed
    what = {
        "quant": f"{change.value}",
        "kv_type": f"--kv-type {change.value}",
        "context": f"--context {change.value}",
    }
    return what[change.kind] + speed


_PAGE = 4_096


def limit_text(limit_bytes: int, vendor: str | None) -> str:
    """How a system is told what its GPU may use of the RAM: macOS by a sysctl, Linux by a kernel option."""
    if vendor == "Apple":
        return f"'sudo sysctl iogpu.wired_limit_mb={-(-limit_bytes // 2**20)}'"
    if vendor == "AMD":
        return f"the kernel option ttm.pages_limit={-(-limit_bytes // _PAGE)}"
    return f"{f.gib_unit(limit_bytes)} of the RAM allowed to the GPU"


def command_lines(e: Explanation) -> list[str]:
    """What to type to run and to measure it, and what to expect."""
    commands, table, row = e.commands, e.table, e.row
    if commands is None:
        return []
    users = table.question.users
    low, high = table.low_tokens_per_s[row] * users, table.high_tokens_per_s[row] * users
    steps = commands.launch.split("\n")
    lines = [f"run      {steps[0]}", *(f"         {step}" for step in steps[1:])]
    lines.append(f"measure  {commands.benchmark}")
    together = " in all" if users > 1 else ""
    lines.append(
        f"         expect {f.speed(low)} to {f.speed(high)} tok/s{together} (80 % interval): {commands.reads}"
    )
    for note in commands.notes:
        lines += textwrap.wrap(note, 100, initial_indent="note     ", subsequent_indent="         ")
    return lines
