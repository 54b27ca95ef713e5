"""How we know, as sentences and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.report import format as f

if TYPE_CHECKING:
    from advisor.core.evidence import Evidence, Narrower
    from advisor.core.spread import Basis

DISTANCES = ("device", "class", "none")
"""What was measured, by distance: as JSON names it."""
_DISTANCE_TEXT = (
    "its devices were measured: as wide as the errors for models that the fit had not seen",
    "not all its devices were measured, but their class: as wide as the errors for devices left out",
    "a device of it and its class were not measured: as wide as the errors for whole classes left out",
)
_KIND_TEXT = {
    "gpu_dense": "dense model on GPUs",
    "gpu_moe": "mixture of experts on GPUs",
    "cpu": "weights in RAM",
    "split": "weights on GPU and in RAM",
    "cpu_assumed_ram": "weights in RAM of assumed bandwidth",
    "split_assumed_ram": "weights on GPU and in RAM of assumed bandwidth",
}
_SITUATION_TEXT = {
    "deep": "deep context",
    "several_devices": "several GPUs",
    "batch": "several users",
    "server_batch": "several users of a server",
    "undated": "runtime of unknown age",
    "virtual_machine": "virtual machine",
    "measured_ram": "measured RAM bandwidth",
}


def basis_text(basis: Basis) -> str:
    """``0.174 (dense model on GPUs) × 0.51 (NVIDIA, cuda) × 1.06 (runtime of unknown age) = 0.093``."""
    engine = basis.engine.replace("|", ", ") if not basis.engine.startswith("cpu|cpu") else "CPU"
    parts = [f"{basis.kind_spread:.3g} ({_KIND_TEXT[basis.kind]})", f"{basis.engine_factor:.2f} ({engine})"]
    parts += [f"{factor:.2f} ({_SITUATION_TEXT[name]})" for name, factor in basis.situations]
    return f"{' × '.join(parts)} = {basis.spread_log:.2f}"


def narrower_text(n: Narrower) -> str:
    """What would narrow the interval, how it is done, and to what."""
    to = f"{f.speed_range(n.low_tokens_per_s, n.high_tokens_per_s)} tok/s"
    if n.what == "ram_bandwidth":
        effect = (
            f"narrows it to {to} around the same speed"
            if n.narrows
            else "corrects the speed, if not the width"
        )
        return f"'rig-advisor probe --measure' reads the RAM bandwidth: {effect}"
    if n.what == "runtime_version":
        return f"--runtime-version says how old the runtime is: {to} for the newest"
    effect = f": {to} if this device were among the measured" if n.narrows else ""
    return f"'rig-advisor validate RUNS.csv --rig RIG.json' compares your own llama-bench runs{effect}"


def evidence_lines(ev: Evidence) -> list[str]:
    """How we know, in sentences: the interval first."""
    interval = f.speed_range(ev.low_tokens_per_s, ev.high_tokens_per_s)
    lines = [
        f"{interval} tok/s holds {f.percent(ev.coverage)} of such runs: within a factor of {ev.factor:.2f}",
        _DISTANCE_TEXT[ev.decode.distance],
    ]
    if ev.decode.table < ev.decode.distance:
        lines.append("a nearer table of residuals is wider here, and is taken")
    lines.append(f"spread of ln(measured/predicted), decode: {basis_text(ev.decode)}")
    lines.append(f"prompt: {basis_text(ev.prefill)}")
    lines += [
        f"{device.name}, {f.gbs(device.bandwidth)} {device.basis}: {f.evidence(device)}"
        for device in ev.devices
    ]
    return [*lines, ev.fitted_to]


def narrower_lines(ev: Evidence) -> list[str]:
    """What would narrow the interval; empty where nothing would."""
    return [narrower_text(n) for n in ev.narrower if n.narrows or n.what != "runtime_version"]


def evidence_fields(ev: Evidence | None) -> dict[str, Any] | None:
    """The evidence as JSON."""
    if ev is None:
        return None
    from advisor.report.documents import number

    def basis(b: Basis) -> dict[str, Any]:
        return {
            "measured": DISTANCES[b.distance],
            "residuals_of": DISTANCES[b.table],
            "kind": b.kind,
            "kind_spread_log": number(b.kind_spread),
            "engine": b.engine,
            "engine_factor": number(b.engine_factor),
            "situations": [{"name": name, "factor": number(factor)} for name, factor in b.situations],
            "spread_log": number(b.spread_log),
        }

    return {
        "coverage": ev.coverage,
        "factor": number(ev.factor),
        "decode": basis(ev.decode),
        "prefill": basis(ev.prefill),
        "fitted_to": ev.fitted_to,
        "narrower": [
            {
                "what": n.what,
                "narrows": n.narrows,
                "spread_log": number(n.spread_log),
                "decode_low_tokens_per_s": number(n.low_tokens_per_s),
                "decode_high_tokens_per_s": number(n.high_tokens_per_s),
            }
            for n in ev.narrower
        ],
    }
