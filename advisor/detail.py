"""Memory and time of one row of an estimate, as plain values that reports and screens draw."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.core.estimate import EstimateTable


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """What one device, or one pool of unified memory, holds of a model."""

    name: str
    kind: str
    usable_bytes: float
    weight_bytes: float
    kv_bytes: float
    compute_bytes: float
    layers: int
    all_layers: int

    @property
    def used_bytes(self) -> float:
        return self.weight_bytes + self.kv_bytes + self.compute_bytes


_MINOR_SHARE = 0.03
"""A device that holds less than this share of a model is mentioned, not drawn: mostly the input
embedding, which stays in RAM beside a model that is on the GPU."""


@dataclass(frozen=True, slots=True)
class TermUse:
    """One segment of the step time."""

    kind: str
    label: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Detail:
    """Memory and time of one row of an estimate."""

    model_id: str
    name: str
    quant: str
    fit: str
    devices: tuple[DeviceUse, ...]
    terms: tuple[TermUse, ...]
    step_s: float
    tokens_per_s: float
    low_tokens_per_s: float
    high_tokens_per_s: float
    ttft_s: float
    low_ttft_s: float
    high_ttft_s: float
    prompt_tokens: int
    depth_tokens: int
    users: int
    bottleneck: str
    bottleneck_share: float
    missing_bytes: float
    variants: tuple[str, ...]
    """Names of the models that share its row."""
    roof: str
    """The device that the step mostly waits for: bandwidth, share reached, and how well that is known."""

    @property
    def fits(self) -> bool:
        return self.fit != "none"

    @property
    def main_devices(self) -> tuple[DeviceUse, ...]:
        """Devices that hold a part of the model worth a bar; of a model in full on GPUs, only these."""
        total = math.fsum(d.used_bytes for d in self.devices)
        found = tuple(
            d
            for d in self.devices
            if d.used_bytes >= _MINOR_SHARE * total and not (self.fit == "full" and d.kind == "cpu")
        )
        return found or self.devices

    @property
    def minor_devices(self) -> tuple[DeviceUse, ...]:
        """The other devices that hold something."""
        return tuple(d for d in self.devices if d not in self.main_devices)


def detail_of(table: EstimateTable, row: int, variants: tuple[str, ...] = ()) -> Detail:
    """Memory per device and time per term of one row."""
    from advisor.core.estimate import bottleneck
    from advisor.core.ranking import fit_name

    question = table.question
    model = table.candidates.model(row)
    label, share = bottleneck(table, row)
    speed, slowest, fastest = table.speeds_at(row)
    ttft, soonest, latest = table.ttft_at(row)
    return Detail(
        model_id=model.id,
        name=model.name,
        quant=table.candidates.quant(row),
        fit=fit_name(table, row),
        devices=_devices(table, row),
        terms=_terms(table, row),
        step_s=float(table.decode_s[row]),
        tokens_per_s=speed,
        low_tokens_per_s=slowest,
        high_tokens_per_s=fastest,
        ttft_s=ttft,
        low_ttft_s=soonest,
        high_ttft_s=latest,
        prompt_tokens=question.prompt,
        depth_tokens=question.depth,
        users=question.users,
        bottleneck=label,
        bottleneck_share=share,
        missing_bytes=float(table.missing_bytes[row]),
        variants=variants,
        roof=_roof(table, row),
    )


def _devices(table: EstimateTable, row: int) -> tuple[DeviceUse, ...]:
    machine = table.machine
    layers = round(float(table.candidates.layers[row]))
    found = [
        DeviceUse(
            name=device.name,
            kind=device.kind,
            usable_bytes=device.usable_bytes,
            weight_bytes=float(table.weight_bytes[row, g]),
            kv_bytes=float(table.kv_bytes[row, g]),
            compute_bytes=float(table.compute_bytes[row, g]),
            layers=round(float(table.dense_layers[row, g])),
            all_layers=layers,
        )
        for g, device in enumerate(machine.devices)
    ]
    if machine.shares_ram:
        # One pool: what the CPU side holds lies in the same memory as what the GPU holds.
        pool = max(machine.ram_usable_bytes, *(d.usable_bytes for d in found))
        return (
            DeviceUse(
                name=f"{found[0].name} (unified memory)",
                kind="unified",
                usable_bytes=pool,
                weight_bytes=math.fsum(d.weight_bytes for d in found),
                kv_bytes=math.fsum(d.kv_bytes for d in found),
                compute_bytes=math.fsum(d.compute_bytes for d in found),
                layers=layers,
                all_layers=layers,
            ),
        )
    return tuple(d for d in found if d.used_bytes > 0)


def _terms(table: EstimateTable, row: int) -> tuple[TermUse, ...]:
    from advisor.core.timing import Term

    values = table.terms[row]
    last = values.shape[0] - 1
    gpu_name = "unified memory" if table.machine.shares_ram else "VRAM"
    gpus = range(last)

    def on_gpus(term: Term) -> float:
        return math.fsum(float(values[g, term]) for g in gpus)

    def everywhere(term: Term) -> float:
        return math.fsum(float(v) for v in values[:, term])

    found = (
        TermUse("weights", f"weights from {gpu_name}", on_gpus(Term.WEIGHTS)),
        TermUse("kv", "KV cache", everywhere(Term.KV)),
        TermUse("ram", "weights from RAM", float(values[last, Term.WEIGHTS])),
        TermUse("compute", "compute", everywhere(Term.COMPUTE)),
        TermUse("link", "link between devices", everywhere(Term.LINK)),
        TermUse("launch", "launches, overhead", everywhere(Term.LAUNCH)),
    )
    return tuple(t for t in found if t.seconds > 0)


def _roof(table: EstimateTable, row: int) -> str:
    from advisor.report.format import gbs, percent

    device_time = table.terms[row].sum(axis=1)
    device = table.machine.devices[int(device_time.argmax())]
    if device.kind == "cpu":
        return f"RAM at {gbs(device.bandwidth)}, {table.machine.ram_bandwidth_basis}"
    rows = f", {device.rows} runs" if device.rows else ""
    # Measured on its own class of device, or borrowed from its vendor or from all of them.
    known = device.architecture if device.level in ("architecture", "platform") else f"{device.level} average"
    return f"{percent(device.eta)} of {gbs(device.bandwidth)} ({known}{rows})"
