"""From a Rig's facts to the numbers the formulas need, with every assumption written down."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from catalog.efficiency import Efficiencies
from catalog.hardware import pcie_bandwidth_gbs
from catalog.types import CpuFamily, LookupFailedError
from probes.types import AcceleratorInfo, Rig, RigError


@dataclass(frozen=True, slots=True)
class Device:
    """A device that holds weights and computes.  Bandwidths in bytes/s, rates in FLOP/s."""

    name: str
    kind: str
    """``gpu``, ``unified`` or ``cpu``."""
    memory_bytes: float
    usable_bytes: float
    bandwidth: float
    """Specified (or measured) memory bandwidth."""
    eta: float
    eta_moe: float
    eta_kv: float
    eta_hybrid: float
    """Share of the bandwidth in a run split between GPU and CPU."""
    launch_s_per_layer: float
    prefill_flops: float
    """FLOP/s that prefill reaches."""
    prefill_expert_share: float
    prefill_attention_share: float
    """Shares of ``prefill_flops`` that gathered experts and attention reach."""
    host_link: float
    """Bytes/s from host memory to the device; infinite for the CPU and unified memory."""
    cores: float = 0.0
    core_factor: float = 1.0
    """Speed of a core relative to the one that the per-core rates were measured on."""
    kv_core_rate: float = math.inf
    """CPU attention: cached bytes per second that all cores together can process."""
    architecture: str = ""
    vendor: str = ""
    backend: str = ""
    level: str = "architecture"
    rows: int | None = None
    efficiency_source: str = ""

    @property
    def effective_bandwidth(self) -> float:
        return self.bandwidth * self.eta


@dataclass(frozen=True, slots=True)
class Machine:
    """Devices of a rig, GPUs fastest first, the CPU last."""

    devices: tuple[Device, ...]
    ram_total_bytes: float
    ram_usable_bytes: float
    link_hop_s: float
    """Time for one hand-over of activations between devices."""
    soft_p: float
    ram_bandwidth_basis: str
    """``measured``, ``specified`` or ``assumed``."""
    assumptions: tuple[str, ...]
    extra_spread: float
    """Added in quadrature to the interval: virtual machine, unknown architecture."""
    ram_spread: float
    """Added where RAM is read and its bandwidth was assumed."""

    @property
    def gpus(self) -> tuple[Device, ...]:
        return self.devices[:-1]

    @property
    def cpu(self) -> Device:
        return self.devices[-1]

    @property
    def shares_ram(self) -> bool:
        """Whether a GPU's memory is part of the RAM."""
        return any(device.kind == "unified" for device in self.devices)


def build_machine(rig: Rig, efficiencies: Efficiencies, family: CpuFamily | None) -> Machine:
    """Resolve a Rig to numbers.

    Args:
        rig: the facts.
        efficiencies: fitted or published shares of specifications.
        family: the CPU's family from the catalog, if it was recognised.

    Raises:
        RigError: the rig has no RAM size, so nothing can be said about what fits.
    """
    assumptions: list[str] = []
    ram_total = rig.memory.total_bytes.value
    if ram_total is None:
        vram = [a.vram_bytes.value for a in rig.accelerators if a.vram_bytes.value]
        if not vram:
            raise RigError("memory.total_bytes is unknown and there is no GPU; give it with 'rig --ram'")
        ram_total = int(efficiencies.number("assumed", "ram_bytes_beside_gpu"))
        assumptions.append(
            f"RAM size unknown: {ram_total / 2**30:.0f} GiB assumed; "
            "give it with 'rig --ram 2x16GB:DDR5-5600'"
        )
    limit = rig.memory.limit_bytes.value
    ram_pool = float(min(ram_total, limit) if limit else ram_total)
    headroom = min(
        efficiencies.number("reserve", "ram_headroom_bytes")
        + efficiencies.number("reserve", "ram_headroom_share") * ram_pool,
        efficiencies.number("reserve", "ram_headroom_most_bytes"),
        ram_pool * 0.5,
    )
    ram_usable = max(0.0, ram_pool - headroom)
    cpu, basis = _cpu_device(rig, efficiencies, family, ram_usable, assumptions)
    spread = 0.0
    gpus: list[Device] = []
    for info in rig.accelerators:
        gpu = _gpu_device(info, efficiencies, ram_usable, assumptions)
        if gpu is None:
            continue
        gpus.append(gpu)
        if gpu.level != "architecture":
            spread = max(spread, efficiencies.number("spread_log", "unseen_architecture"))
            assumptions.append(
                f"no measurements of {gpu.name}'s class ({gpu.architecture or 'unknown'}, {gpu.backend}): "
                f"using the average of {'its vendor' if gpu.level == 'vendor' else 'all GPUs'}"
            )
    worth_using = efficiencies.number("assumed", "integrated_gpu_worth_using")
    gpus = _without_idle_integrated(gpus, cpu, worth_using, assumptions)
    gpus.sort(key=lambda d: (-d.effective_bandwidth, -d.usable_bytes))
    virtual = rig.system.virtualization.value not in (None, "none")
    if virtual:
        spread = math.hypot(spread, efficiencies.number("spread_log", "virtual_machine"))
    return Machine(
        devices=(*gpus, cpu),
        ram_total_bytes=float(ram_total),
        ram_usable_bytes=ram_usable,
        link_hop_s=efficiencies.number("link", "hop_s"),
        soft_p=efficiencies.number("soft_minimum_p"),
        ram_bandwidth_basis=basis,
        assumptions=tuple(assumptions),
        extra_spread=spread,
        ram_spread=efficiencies.number("spread_log", "assumed_memory") if basis == "assumed" else 0.0,
    )


def _without_idle_integrated(
    gpus: list[Device], cpu: Device, worth_using: float, assumptions: list[str]
) -> list[Device]:
    """Leave out integrated GPUs beside a discrete one, unless they draw more than the CPU can."""
    if not any(gpu.kind == "gpu" for gpu in gpus):
        return gpus
    kept = []
    for gpu in gpus:
        if gpu.kind == "unified" and gpu.bandwidth <= cpu.bandwidth * worth_using:
            assumptions.append(
                f"{gpu.name} is left out: it shares the RAM with the CPU and draws no more of it"
            )
        else:
            kept.append(gpu)
    return kept


def _cpu_device(
    rig: Rig, efficiencies: Efficiencies, family: CpuFamily | None, usable: float, assumptions: list[str]
) -> tuple[Device, str]:
    physical = rig.cpu.physical_cores.value
    logical = rig.cpu.logical_cores.value
    cores = float(physical or (logical / 2 if logical else 4))
    if physical is None:
        assumptions.append(f"core count unknown: {cores:g} physical cores assumed")
    allowed = rig.cpu.usable_cores.value
    if allowed is not None:
        cores = min(cores, max(allowed, 0.1))
    sockets = rig.cpu.sockets.value or 1
    platform = family.platform if family else None
    entry = efficiencies.cpu(platform)
    bandwidth, basis = _ram_bandwidth(rig, efficiencies, family, sockets, assumptions)
    measured = basis == "measured"
    eta_dense = efficiencies.number("cpu", "measured_eta") if measured else entry.eta_dense
    eta_moe = eta_dense * entry.eta_moe / entry.eta_dense
    hybrid = efficiencies.number("hybrid", "eta_cpu")
    eta_hybrid = hybrid / entry.eta_dense * eta_dense if measured else min(hybrid, eta_moe)
    isa = rig.cpu.isa.value or (family.isa if family else None)
    isa_factor = efficiencies.isa_factor(isa or ("*",))
    factor = isa_factor * efficiencies.core_speed(platform)
    if not isa:
        assumptions.append("instruction sets unknown: per-core speed of an older CPU assumed")
    per_core = efficiencies.number("prefill", "flops_per_core") * isa_factor
    return (
        Device(
            name=rig.cpu.name.value or "CPU",
            kind="cpu",
            memory_bytes=float(rig.memory.total_bytes.value or 0),
            usable_bytes=usable,
            bandwidth=bandwidth,
            eta=eta_dense,
            eta_moe=eta_moe,
            eta_kv=eta_dense,
            eta_hybrid=eta_hybrid,
            launch_s_per_layer=efficiencies.number("cpu", "step_overhead_s_per_layer"),
            prefill_flops=per_core * cores,
            prefill_expert_share=efficiencies.prefill_part("expert_share", "cpu"),
            prefill_attention_share=efficiencies.prefill_part("attention_share", "cpu"),
            host_link=math.inf,
            cores=cores,
            core_factor=factor,
            kv_core_rate=efficiencies.number("cpu", "kv_bytes_per_core_s") * cores * factor,
            vendor=family.vendor if family else "",
            architecture=platform or "",
            backend="cpu",
            level=entry.level,
            rows=entry.rows,
            efficiency_source=efficiencies.source_text(entry.source),
        ),
        basis,
    )


def _ram_bandwidth(
    rig: Rig, efficiencies: Efficiencies, family: CpuFamily | None, sockets: int, assumptions: list[str]
) -> tuple[float, str]:
    measured = rig.memory.measured_bandwidth_bytes_per_s.value
    specified = rig.memory.bandwidth_bytes_per_s.value
    if measured:
        return measured, "measured"
    cap = family.max_bandwidth_gbs * 1e9 * sockets if family and family.max_bandwidth_gbs else math.inf
    share = 1.0
    if sockets > 1:
        share = (1 + (sockets - 1) * efficiencies.number("cpu", "second_socket_share")) / sockets
    if specified:
        return min(specified, cap) * share, "specified"
    if family:
        bandwidth = min(family.channels * family.max_mts * 8e6 * sockets, cap) * share
        assumptions.append(
            f"RAM bandwidth unknown: all {family.channels} channels of {family.name} at "
            f"{family.max_mts} MT/s assumed; 'probe --measure' replaces this by a measurement"
        )
        return bandwidth, "assumed"
    bandwidth = efficiencies.number("assumed", "ram_bandwidth_bytes_per_s")
    assumptions.append(
        f"RAM bandwidth unknown: {bandwidth / 1e9:.0f} GB/s assumed; "
        "'probe --measure' replaces this by a measurement"
    )
    return bandwidth, "assumed"


def _gpu_device(
    info: AcceleratorInfo, efficiencies: Efficiencies, ram_usable: float, assumptions: list[str]
) -> Device | None:
    name = info.name.value or "GPU"
    vram = info.vram_bytes.value
    bandwidth = info.bandwidth_bytes_per_s.value
    if vram is None or bandwidth is None:
        missing = "memory size" if vram is None else "memory bandwidth"
        assumptions.append(f"{name} is left out: its {missing} is unknown")
        return None
    unified = bool(info.unified.value)
    vendor = info.vendor.value or ""
    architecture = info.architecture.value or ""
    backend = info.backend.value or "*"
    entry = efficiencies.gpu(architecture, vendor, backend)
    usable = vram - efficiencies.number("reserve", "gpu_headroom_bytes") * (0 if unified else 1)
    if unified and ram_usable:
        usable = min(usable, ram_usable)
    flops = info.fp16_flops.value
    if flops is None:
        # Compute-to-bandwidth ratio of the slowest current classes: enough for a TTFT that is not rosy.
        flops = bandwidth * efficiencies.number("prefill", "flops_per_byte_if_unknown")
        assumptions.append(f"{name}: FP16 rate unknown, prefill assumes {flops / 1e12:.0f} TFLOP/s")
    return Device(
        name=name,
        kind="unified" if unified else "gpu",
        memory_bytes=float(vram),
        usable_bytes=max(0.0, float(usable)),
        bandwidth=bandwidth,
        eta=entry.eta,
        eta_moe=entry.eta,
        eta_kv=entry.eta_kv,
        eta_hybrid=entry.eta,
        launch_s_per_layer=entry.launch_s_per_layer,
        prefill_flops=flops * entry.prefill_share,
        prefill_expert_share=entry.prefill_expert_share,
        prefill_attention_share=entry.prefill_attention_share,
        host_link=math.inf if unified else _pcie_bandwidth(info, efficiencies, name, assumptions),
        architecture=architecture,
        vendor=vendor,
        backend=backend,
        level=entry.level,
        rows=entry.rows,
        efficiency_source=efficiencies.source_text(entry.source),
    )


def _pcie_bandwidth(
    info: AcceleratorInfo, efficiencies: Efficiencies, name: str, assumptions: list[str]
) -> float:
    link = info.pcie.value
    share = efficiencies.number("link", "pcie_share")
    if link is not None and link.generation and link.lanes:
        with suppress(LookupFailedError):
            return pcie_bandwidth_gbs(link.generation, link.lanes) * 1e9 * share
    assumptions.append(f"{name}: PCIe link unknown, 3.0 x16 assumed (matters for prefill from RAM)")
    return efficiencies.number("assumed", "pcie_bytes_per_s") * share


def perturbed(machine: Machine, parameter: str, factor: float) -> Machine:
    """The machine with one parameter scaled, for sensitivities.

    Parameters: ``vram_bandwidth``, ``ram_bandwidth``, ``cores``, ``compute``, ``link``, ``launch``.
    """
    changes: dict[str, Callable[[Device], Device]] = {
        "vram_bandwidth": lambda d: d if d.kind == "cpu" else replace(d, bandwidth=d.bandwidth * factor),
        "ram_bandwidth": lambda d: replace(d, bandwidth=d.bandwidth * factor) if d.kind == "cpu" else d,
        "cores": lambda d: (
            replace(
                d,
                cores=d.cores * factor,
                kv_core_rate=d.kv_core_rate * factor,
                prefill_flops=d.prefill_flops * factor,
            )
            if d.kind == "cpu"
            else d
        ),
        "compute": lambda d: d if d.kind == "cpu" else replace(d, prefill_flops=d.prefill_flops * factor),
        "link": lambda d: replace(d, host_link=d.host_link * factor),
        "launch": lambda d: replace(d, launch_s_per_layer=d.launch_s_per_layer * factor),
    }
    change = changes[parameter]
    hop = machine.link_hop_s / factor if parameter == "link" else machine.link_hop_s
    return replace(machine, devices=tuple(change(d) for d in machine.devices), link_hop_s=hop)


SENSITIVITY_PARAMETERS = ("vram_bandwidth", "ram_bandwidth", "cores", "compute", "link", "launch")
