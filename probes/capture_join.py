"""What several captures of one machine say, joined into one Rig."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from probes.gpu import GpuProbe
from probes.types import AcceleratorInfo, CpuInfo, Fact, MemoryInfo, Rig, StorageInfo, SystemInfo, unknown
from probes.unknowns import first_known, unknown_cpu, unknown_memory, unknown_system

if TYPE_CHECKING:
    from probes.capture import Findings


def join(findings: Findings) -> Rig:
    """One Rig: each fact from the first capture that knows it, GPUs from the one that says most."""
    from probes.probe import cpu_family
    from probes.rigchecks import without_contradictions
    from probes.unified import settle_unified

    nowhere = "not in the captures"
    notes = [*(n for rig in findings.rigs for n in rig.notes), *findings.notes]
    cpu = first_known((*findings.cpus, *(rig.cpu for rig in findings.rigs)), unknown_cpu(nowhere))
    memories = [*findings.memories, *(rig.memory for rig in findings.rigs)]
    systems = [*findings.systems, *(rig.system for rig in findings.rigs)]
    name = "captured machine"
    if findings.rigs and len({rig.name for rig in findings.rigs}) == 1:
        name = findings.rigs[0].name
    if findings.records:
        from probes.cpu import cpu_from_dmi
        from probes.dmi import joined_records
        from probes.memory import memory_from_dmi
        from probes.virtual import hypervisor_from_names

        records = joined_records(findings.records)
        hypervisor = hypervisor_from_names(records.vendor, records.product)
        # Processor and memory records may come from different files.
        from_firmware = first_known(map(cpu_from_dmi, findings.records), unknown_cpu(nowhere))
        if hypervisor:  # makes up sockets and cores
            from_firmware = replace(unknown_cpu(f"virtual machine ({hypervisor})"), name=from_firmware.name)
        cpu = first_known((cpu, from_firmware), unknown_cpu(nowhere))
        total = next((m.total_bytes.value for m in memories if m.total_bytes.known), None)
        from_dmi, dmi_notes = memory_from_dmi(
            records,
            cpu_name=cpu.name.value,
            sockets=cpu.sockets.value,
            family=cpu_family(cpu.name.value),
            total_bytes=total,
        )
        memories.insert(0, from_dmi)
        notes += dmi_notes
        product = records.display_name
        if product:
            name = product
        systems.insert(
            0,
            SystemInfo(
                unknown(nowhere),
                Fact(hypervisor, records.source, "reported") if hypervisor else unknown(nowhere),
                unknown(nowhere),
                Fact(product, records.source, "reported") if product else unknown(nowhere),
            ),
        )
    memory = first_known(memories, unknown_memory(nowhere))
    gpus, gpu_notes, carve_out = _join_gpus(findings)
    notes += gpu_notes
    memory, gpus, pool_notes = settle_unified(memory, gpus, carve_out)
    system = first_known(systems, unknown_system(nowhere))
    notes += [*pool_notes, *_missing(cpu, memory, gpus, system)]
    rig = Rig(
        name=name,
        system=system,
        cpu=cpu,
        memory=memory,
        accelerators=gpus,
        notes=tuple(dict.fromkeys(notes)),
        storage=_storage(findings),
    )
    return without_contradictions(rig)


def _join_gpus(findings: Findings) -> tuple[tuple[AcceleratorInfo, ...], list[str], int | None]:
    """GPUs of all captures; two captures of the same cards count once, the one that says more stays."""
    kept: list[GpuProbe] = []
    notes: list[str] = []
    for probe in (*findings.gpus, *(GpuProbe(rig.accelerators) for rig in findings.rigs if rig.accelerators)):
        same = next((old for old in kept if _same_cards(old, probe)), None)
        if same is None:
            kept.append(probe)
            continue
        worse, better = sorted((same, probe), key=_facts_known)
        source = worse.accelerators[0].vendor.source
        if better.accelerators[0].vendor.value != "Apple":  # whose two commands complete each other
            notes.append(f"two captures list the same GPUs; the {source} one says less and is left out.")
        kept[kept.index(same)] = better
    carve_outs = [p.carve_out_bytes for p in kept if p.carve_out_bytes]
    notes[:0] = [n for p in kept for n in p.notes]
    gpus = tuple(g for p in kept for g in p.accelerators)
    if findings.adapters:
        from probes.windows_adapters import gpus_from_adapters, with_registry

        if gpus:
            gpus = with_registry(gpus, findings.adapters)
        else:
            found = gpus_from_adapters(dict.fromkeys(findings.adapters))
            gpus = found.accelerators
            notes += [*found.notes, REMOVED_CARDS]
    if findings.card_links:
        from probes.windows_links import with_card_links

        linked = with_card_links(gpus, findings.card_links)
        gpus = linked.accelerators
        notes += linked.notes
    for matrix in findings.links:
        from probes.nvidia_links import with_links

        gpus = with_links(gpus, matrix)
    for limit in findings.wired_limits_bytes[:1]:
        share = Fact(limit, "sysctl iogpu.wired_limit_mb", "reported")
        gpus = tuple(replace(g, vram_bytes=share) if g.vendor.value == "Apple" else g for g in gpus)
    return gpus, notes, max(carve_outs, default=None)


def _storage(findings: Findings) -> tuple[StorageInfo, ...]:
    """The volumes of a machine; what a Rig document says of its folders comes first."""
    told = tuple(place for rig in findings.rigs for place in rig.storage)
    if not findings.volumes:
        return told
    from probes.volumes import storage_of

    return (*told, *storage_of(findings.volumes))


REMOVED_CARDS = (
    "the registry keeps the keys of cards that were removed: some of these GPUs may be gone; add "
    "`Get-CimInstance Win32_VideoController | ConvertTo-Json` to tell."
)


def _same_cards(a: GpuProbe, b: GpuProbe) -> bool:
    """Whether two captures are of the same cards: a common PCI address, or a common vendor where one
    of them has no addresses."""
    if not a.accelerators or not b.accelerators:
        return False
    if a.pci_addresses and b.pci_addresses:
        return not set(a.pci_addresses).isdisjoint(b.pci_addresses)
    return not {g.vendor.value for g in a.accelerators}.isdisjoint(g.vendor.value for g in b.accelerators)


def _facts_known(probe: GpuProbe) -> int:
    return sum(getattr(g, f.name).known for g in probe.accelerators for f in fields(g))


_ADVICE = {
    "macos": (
        "`sysctl hw machdep.cpu` output",
        "`system_profiler -json SPHardwareDataType SPMemoryDataType`",
    ),
    "windows": (
        "`Get-CimInstance Win32_Processor | ConvertTo-Json`",
        "`Get-CimInstance Win32_PhysicalMemory | ConvertTo-Json`",
    ),
}
_LINUX_ADVICE = ("`lscpu` output or /proc/cpuinfo", "`dmidecode -t 16,17` output or the udev dmi/id record")
_GPU_ADVICE = {
    "macos": "`system_profiler -json SPDisplaysDataType`",
    "windows": "`nvidia-smi -q -x` or `Get-CimInstance Win32_VideoController | ConvertTo-Json`",
}


def _missing(
    cpu: CpuInfo, memory: MemoryInfo, gpus: tuple[AcceleratorInfo, ...], system: SystemInfo
) -> list[str]:
    """What the captures lack and which further one would tell."""
    notes = []
    name = system.os.value or "linux"
    of_cpu, of_memory = _ADVICE.get(name, _LINUX_ADVICE)
    if not cpu.name.known:
        notes.append(f"CPU unknown: add {of_cpu}.")
    if not memory.total_bytes.known:
        more = "" if name in _ADVICE else ", or /proc/meminfo"
        notes.append(f"RAM size unknown: add {of_memory}{more}.")
    virtual = system.virtualization.value not in (None, "none")
    if (
        memory.total_bytes.known
        and not memory.bandwidth_bytes_per_s.known
        and not memory.modules
        and not virtual
    ):
        notes.append(f"RAM speed and channels unknown: add {of_memory}.")
    if not gpus:
        what = _GPU_ADVICE.get(name, "`nvidia-smi -q -x`, `rocm-smi -a --json` or `lspci -nn` output")
        notes.append(f"no GPU in the captures: add {what} if there is one.")
    return notes
