"""From a Rig's facts to the numbers the formulas need, with every assumption written down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from advisor.core.machine import Device, Machine, PromptSpeed, faster_units
from catalog.efficiency import ClassEfficiency, Efficiencies
from catalog.hardware import pcie_bandwidth_gbs
from catalog.types import CpuFamily, LookupFailedError
from probes.types import AcceleratorInfo, Rig, RigError


def prompt_speed(entry: ClassEfficiency, product_rate: float, shader_rate: float | None) -> PromptSpeed:
    """The class's shares of a device's rates of products and of plain FP32 work.

    Gathered experts go with the FP32 lanes, however good the products of dense weights are; on a CPU
    (``None``), which has one kind of lanes, with those.
    """
    dense = entry.prompt_matrix_share * product_rate
    plain = product_rate if shader_rate is None else shader_rate
    return PromptSpeed(
        dense_rate=dense,
        expert_rate=entry.prompt_expert_share * (dense if shader_rate is None else shader_rate),
        attention_rate=entry.prompt_matrix_share * entry.prompt_attention_share * plain,
        unfused_cost=entry.prompt_unfused_cost,
        expert_tile=entry.prompt_expert_tile,
        expert_start_s=entry.prompt_expert_start_s * (REFERENCE_SHADER / plain) ** 0.5,
        activation_passes=entry.prompt_activation_passes,
        state_passes=entry.prompt_state_passes,
        launch_s=entry.prompt_launch_s,
        growth_per_year=entry.prompt_growth_per_year,
    )


REFERENCE_SHADER = 30e12
"""FP32 rate of the device that the time of an expert matrix is of; it falls with the root of the rate."""


_AVERAGES = {"family": "its relatives", "vendor": "its vendor", "all": "all GPUs"}


def build_machine(
    rig: Rig,
    efficiencies: Efficiencies,
    family: CpuFamily | None,
    cpu_engine: str = "cpu",
    power_shares: Sequence[float] = (),
) -> Machine:
    """Resolve a Rig to numbers.

    Args:
        rig: the facts.
        efficiencies: fitted or published shares of specifications.
        family: the CPU's family from the catalog, if it was recognised.
        cpu_engine: what computes on the CPU: ``cpu`` (llama.cpp), or a fork with kernels of its own.
        power_shares: power limit of each accelerator relative to its maker's, 1 where unknown.

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
    cpu, basis = _cpu_device(rig, efficiencies, family, ram_usable, assumptions, cpu_engine)
    gpus: list[Device] = []
    for index, info in enumerate(rig.accelerators):
        gpu = _gpu_device(info, efficiencies, ram_usable, assumptions)
        if gpu is None:
            continue
        share = power_shares[index] if index < len(power_shares) else 1.0
        if share < 1:
            slower = float(slowed_by_power(np.array(share), np.array(gpu.decode_power_share)))
            prompt_slower = share ** efficiencies.number("prompt", "power_exponent")
            gpu = replace(
                faster_units(gpu, slower),
                bandwidth=gpu.bandwidth * slower,
                prompt=gpu.prompt.faster(prompt_slower),
                power_share=share,
                slowed_to=slower,
                prompt_slowed_to=prompt_slower,
            )
            assumptions.append(
                f"{gpu.name} is limited to {share:.0%} of its power: {1 - slower:.0%} slower at decoding "
                f"(fitted to RTX 3090 at 63 %), {1 - prompt_slower:.0%} at prompts"
            )
        gpus.append(gpu)
        if gpu.level != "architecture":
            assumptions.append(
                f"no measurements of {gpu.name}'s class ({gpu.architecture or 'unknown'}, {gpu.backend}): "
                f"using the average of {_AVERAGES[gpu.level]}"
            )
    worth_using = efficiencies.number("assumed", "integrated_gpu_worth_using")
    gpus = _without_idle_integrated(gpus, cpu, worth_using, assumptions)
    gpus.sort(key=lambda d: (-d.effective_bandwidth, -d.usable_bytes))
    return Machine(
        devices=(*gpus, cpu),
        ram_total_bytes=float(ram_total),
        ram_usable_bytes=ram_usable,
        gpu_hop_s=efficiencies.number("link", "gpu_hop_s"),
        host_hop_s=efficiencies.number("link", "host_hop_s"),
        sync_s=efficiencies.number("link", "sync_s"),
        sync_bandwidth=_slowest_link(gpus) * efficiencies.number("link", "sync_share"),
        ram_bandwidth_basis=basis,
        assumptions=tuple(assumptions),
        virtual=rig.system.virtualization.value not in (None, "none"),
        sockets=rig.cpu.sockets.value or 1,
    )


MEASURED_OF_SPECIFIED = 0.74
"""What reads reach of the specified bandwidth of RAM, in the middle of the machines where both are known."""

STANDBY_POWER = 0.2
"""Share of its power limit that a card needs before it does anything: memory at its clock, fans, leakage."""
_LEAST_LEFT = 0.1


def slowed_by_power(limit: NDArray[np.float64], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a power limit leaves of the speed of decoding.

    Above standby, work goes with power: (limit - standby) / (drawn - standby), and a limit above what is
    drawn costs nothing.

    Args:
        limit: power limit relative to the maker's.
        drawn: what decoding at full speed draws, relative to the same.
    """
    left = (limit - STANDBY_POWER) / (drawn - STANDBY_POWER)
    return np.where(limit < 1, np.clip(left, _LEAST_LEFT, 1.0), 1.0)


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
    rig: Rig,
    efficiencies: Efficiencies,
    family: CpuFamily | None,
    usable: float,
    assumptions: list[str],
    engine: str,
) -> tuple[Device, str]:
    physical = rig.cpu.physical_cores.value
    logical = rig.cpu.logical_cores.value
    unknown_cores = efficiencies.number("assumed", "cores")
    cores = float(physical or (logical / 2 if logical else unknown_cores))
    if physical is None:
        assumptions.append(f"core count unknown: {cores:g} physical cores assumed")
    allowed = rig.cpu.usable_cores.value
    if allowed is not None:
        cores = min(cores, max(allowed, 0.1))
    sockets = rig.cpu.sockets.value or 1
    platform = family.platform if family else None
    bandwidth, cap, basis = _ram_bandwidth(rig, efficiencies, family, sockets, assumptions)
    entry = efficiencies.of_class(platform or "*", "cpu", engine)
    # A measured bandwidth is what reads reach, so only what a runtime loses on top counts.
    eta = efficiencies.of_class("measured", "cpu", engine).eta if basis == "measured" else entry.eta
    isa = rig.cpu.isa.value or (family.isa if family else None)
    if not isa:
        assumptions.append("instruction sets unknown: AVX2 assumed")
    best = efficiencies.best_isa(isa or ("avx2",))
    core_clock = cores * efficiencies.isa_factor(best) * 1e9
    return (
        Device(
            name=rig.cpu.name.value or "CPU",
            kind="cpu",
            memory_bytes=float(rig.memory.total_bytes.value or 0),
            usable_bytes=usable,
            bandwidth=bandwidth,
            eta=eta,
            eta_kv=entry.eta_kv / (MEASURED_OF_SPECIFIED if basis == "measured" else 1.0),
            # Threads meet at a barrier after every tensor.
            launch_s=entry.launch_s_per_tensor + entry.barrier_s_per_thread * cores,
            unit_clock=core_clock,
            unit_rate=entry.unit_bytes_per_clock * core_clock,
            attention_rate=entry.attention_macs_per_clock * core_clock,
            flops=0.0,
            prompt=prompt_speed(entry, cores * efficiencies.isa_factor(best, prompt=True) * 1e9, None),
            isa=best,
            host_link=math.inf,
            expert_cost=entry.expert_cost,
            latent_cost=efficiencies.number("latent_attention_cost"),
            soft_p=entry.soft_minimum_p,
            unfused_cost=entry.unfused_attention_cost,
            cap=cap,
            column_rate=entry.column_params_per_clock * core_clock,
            matrix_rate=entry.batch_matrix_share * core_clock,
            matrix_columns=entry.matrix_columns,
            expert_tile=entry.expert_tile,
            host_s=entry.host_s_per_user,
            launch_growth=entry.launch_growth_per_year,
            cores=cores,
            vendor=family.vendor if family else "",
            architecture=platform or "",
            backend=engine,
            level=entry.level,
            rows=entry.rows,
            measured_devices=entry.devices,
            measured=efficiencies.is_measured(rig.cpu.name.value or "", engine),
            efficiency_source=efficiencies.source_text(entry.source),
        ),
        basis,
    )


def _ram_bandwidth(
    rig: Rig,
    efficiencies: Efficiencies,
    family: CpuFamily | None,
    sockets: int,
    assumptions: list[str],
) -> tuple[float, float, str]:
    """Bandwidth of the RAM, what reads reach at most, and how the bandwidth is known."""
    measured = rig.memory.measured_bandwidth_bytes_per_s.value
    specified = rig.memory.bandwidth_bytes_per_s.value
    if measured:
        return measured, math.inf, "measured"
    share = 1.0
    if sockets > 1:
        share = (1 + (sockets - 1) * efficiencies.number("second_socket_share")) / sockets
    cap = math.inf
    if family and family.max_bandwidth_gbs:
        cap = family.max_bandwidth_gbs * 1e9 * sockets * share
    if specified:
        return specified * share, cap, "specified"
    if family:
        bandwidth = family.channels * family.max_mts * 8e6 * sockets * share
        assumptions.append(
            f"RAM bandwidth unknown: all {family.channels} channels of {family.name} at "
            f"{family.max_mts} MT/s assumed; 'probe --measure' replaces this by a measurement"
        )
        return bandwidth, cap, "assumed"
    recent = any(a.architecture.value in efficiencies.raw["recent_architectures"] for a in rig.accelerators)
    which = "ram_bandwidth_recent_bytes_per_s" if recent else "ram_bandwidth_bytes_per_s"
    bandwidth = efficiencies.number("assumed", which)
    assumptions.append(
        f"RAM bandwidth unknown: {bandwidth / 1e9:.0f} GB/s assumed; "
        "'probe --measure' replaces this by a measurement"
    )
    return bandwidth, math.inf, "assumed"


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
    entry = efficiencies.of_class(architecture, vendor, backend)
    usable = vram - efficiencies.number("reserve", "gpu_headroom_bytes") * (0 if unified else 1)
    if unified and ram_usable:
        usable = min(usable, ram_usable)
    flops = info.fp16_flops.value
    if flops is None:
        # Compute-to-bandwidth ratio of the slowest current classes: enough for a TTFT that is not rosy.
        flops = bandwidth * efficiencies.number("assumed", "flops_per_byte")
        assumptions.append(f"{name}: FP16 rate unknown, {flops / 1e12:.0f} TFLOP/s assumed")
    unit_clock = efficiencies.unit_clock(architecture, flops)
    shares_memory = unified and vendor != "Apple"
    inline_ecc = has_inline_ecc(info)
    if inline_ecc and info.ecc.confidence == "table":
        assumptions.append(
            f"{name}: error correction is taken to be on, as shipped; 'nvidia-smi -e 0' and a restart would "
            f"give back {1 / efficiencies.number('inline_ecc_share') - 1:.0%} of its bandwidth"
        )
    share = efficiencies.memory_share(shared=shares_memory, inline_ecc=inline_ecc)
    return Device(
        name=name,
        kind="unified" if unified else "gpu",
        memory_bytes=float(vram),
        usable_bytes=max(0.0, float(usable)),
        bandwidth=bandwidth,
        eta=entry.eta * share,
        eta_kv=entry.eta_kv * share,
        launch_s=entry.launch_s_per_tensor,
        unit_clock=unit_clock,
        unit_rate=entry.unit_bytes_per_clock * unit_clock,
        attention_rate=entry.attention_macs_per_clock * unit_clock,
        flops=flops,
        prompt=prompt_speed(
            entry,
            efficiencies.product_rate(architecture, unit_clock),
            efficiencies.shader_rate(architecture, unit_clock),
        ),
        shares_memory=shares_memory,
        inline_ecc=inline_ecc,
        emulates_dot=efficiencies.emulates_dot(architecture, backend),
        host_link=math.inf if unified else _pcie_bandwidth(info, efficiencies, name, assumptions),
        expert_cost=entry.expert_cost,
        latent_cost=efficiencies.number("latent_attention_cost"),
        soft_p=entry.soft_minimum_p,
        unfused_cost=entry.unfused_attention_cost,
        column_rate=entry.column_params_per_clock * unit_clock,
        matrix_rate=entry.batch_matrix_share * flops,
        matrix_columns=entry.matrix_columns,
        expert_tile=entry.expert_tile,
        host_s=entry.host_s_per_user,
        launch_growth=entry.launch_growth_per_year,
        decode_power_share=entry.decode_power_share,
        architecture=architecture,
        vendor=vendor,
        backend=backend,
        level=entry.level,
        rows=entry.rows,
        measured_devices=entry.devices,
        measured=efficiencies.is_measured(name, backend),
        efficiency_source=efficiencies.source_text(entry.source),
    )


def has_inline_ecc(info: AcceleratorInfo) -> bool:
    """Whether error correction is on and its bits lie beside the data: HBM has room of its own for them."""
    return bool(info.ecc.value) and (info.memory_type.value or "").startswith("GDDR")


def _pcie_bandwidth(
    info: AcceleratorInfo, efficiencies: Efficiencies, name: str, assumptions: list[str]
) -> float:
    if info.link_bytes_per_s.value is not None:
        return info.link_bytes_per_s.value
    link = info.pcie.value
    share = efficiencies.number("assumed", "pcie_share")
    if link is not None and link.generation and link.lanes:
        with suppress(LookupFailedError):
            return pcie_bandwidth_gbs(link.generation, link.lanes) * 1e9 * share
    assumptions.append(f"{name}: PCIe link unknown, 3.0 x16 assumed (matters for prefill from RAM)")
    return efficiencies.number("assumed", "pcie_bytes_per_s") * share


def _slowest_link(gpus: list[Device]) -> float:
    """Bytes/s of the slowest PCIe link of the GPUs."""
    links = [gpu.host_link for gpu in gpus if math.isfinite(gpu.host_link)]
    return min(links, default=math.inf)
