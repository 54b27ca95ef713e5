"""A Rig from captured files: dumps and command output of another machine.

The kind of each file is told by its content, never by its name; several files are taken as one
machine and merged: each fact from the first source that knows it, memory from the firmware's records,
GPUs from the capture that says most about them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from probes.gpu import GpuProbe
from probes.types import AcceleratorInfo, CpuInfo, Fact, MemoryInfo, Rig, RigError, SystemInfo, unknown
from probes.unknowns import first_known, unknown_cpu, unknown_memory, unknown_system

if TYPE_CHECKING:
    from probes.dmi import DmiRecords

MAX_CAPTURE_BYTES = 64 * 1024**2
MAX_PLAIN_BYTES = 16 * 1024**2
"""Without compression: ``nvidia-smi -q -x`` of 16 GPUs is 0.3 MiB, /proc/cpuinfo of 1,000 CPUs 2 MiB."""

_CIM_KEY = re.compile(r"^(Capacity|AdapterRAM|NumberOfLogicalProcessors|MemoryDevices)\s*[=:]", re.MULTILINE)

UNDERSTOOD = (
    "a raw SMBIOS table or dmidecode --dump-bin file",
    "dmidecode text",
    "the udev dmi/id record",
    "nvidia-smi -q -x XML",
    "nvidia-smi --query-gpu CSV with its header",
    "rocm-smi --json",
    "a KFD topology folder or tar",
    "lscpu text",
    "/proc/cpuinfo text",
    "system_profiler -json",
    "Get-CimInstance | ConvertTo-Json",
    "a sysfs/proc snapshot folder or tar",
    "a Rig document",
)


@dataclass(slots=True)
class Findings:
    """What the captures held so far, by subject, in the order given."""

    rigs: list[Rig] = field(default_factory=list)
    records: list[DmiRecords] = field(default_factory=list)
    cpus: list[CpuInfo] = field(default_factory=list)
    memories: list[MemoryInfo] = field(default_factory=list)
    systems: list[SystemInfo] = field(default_factory=list)
    gpus: list[GpuProbe] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def rig_from_captures(paths: Sequence[Path]) -> Rig:
    """One Rig from captured files and folders of one machine.

    Raises:
        RigError: a file cannot be read, is damaged, or is of no kind that is understood; the text
            lists the kinds.
    """
    if not paths:
        raise RigError(f"no capture given; kinds: {'; '.join(UNDERSTOOD)}")
    findings = Findings()
    for path in paths:
        try:
            read_capture(Path(path), findings)
        except RigError as error:
            text = str(error)
            raise RigError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    return _join(findings)


def not_understood() -> RigError:
    """The error for a file of no known kind."""
    return RigError(f"not a capture that is understood; kinds: {'; '.join(UNDERSTOOD)}")


def read_capture(path: Path, findings: Findings) -> None:
    """Add what one file or folder holds to ``findings``.

    Raises:
        RigError: see ``rig_from_captures``.
    """
    if path.is_dir():
        _read_folder(path, findings)
        return
    try:
        with path.open("rb") as f:
            data = f.read(MAX_CAPTURE_BYTES + 1)
    except OSError as error:
        raise RigError(f"cannot be read ({error.strerror or error}); check the path") from error
    if len(data) > MAX_CAPTURE_BYTES:
        raise RigError(f"larger than {MAX_CAPTURE_BYTES // 1024**2} MiB; give the capture alone")
    if not data.strip():
        raise RigError("empty; capture it again")
    if _is_archive(data):
        from probes.capture_archive import unpacked

        with unpacked(data) as folder:
            _read_folder(folder, findings)
        return
    if len(data) > MAX_PLAIN_BYTES:
        raise RigError(f"larger than {MAX_PLAIN_BYTES // 1024**2} MiB; give the capture alone")
    encoding = _wide_encoding(data)
    if b"\0" in data and encoding is None:
        from probes.smbios import looks_like_smbios, parse_smbios

        if not looks_like_smbios(data):
            raise not_understood()
        findings.records.append(parse_smbios(data))
        return
    _read_text(data.decode(encoding or "utf-8-sig", errors="replace"), findings)


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16, which PowerShell redirects and wmic write: by its mark, or by every second byte being 0."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    odd = data[1:2000:2]
    return "utf-16-le" if len(odd) > 8 and odd.count(0) > 0.9 * len(odd) else None


def _is_archive(data: bytes) -> bool:
    """gzip, xz, bzip2, or a plain tar (``ustar`` at 257)."""
    return (
        data[:2] == b"\x1f\x8b"
        or data[:6] == b"\xfd7zXZ\0"
        or data[:3] == b"BZh"
        or data[257:262] == b"ustar"
    )


def _read_folder(folder: Path, findings: Findings) -> None:
    for _ in range(4):  # an archive often has one folder around everything
        if _topology(folder) is not None or _is_snapshot(folder):
            break
        inner = [p for p in folder.iterdir() if not p.name.startswith(".")]
        if len(inner) != 1 or not inner[0].is_dir():
            break
        folder = inner[0]
    if _is_snapshot(folder):
        from probes.probe import probe_rig

        rig = probe_rig(folder, use_cache=False)
        findings.rigs.append(rig)
        return
    topology = _topology(folder)
    if topology is None:
        raise not_understood()
    _read_topology(topology, findings)


def _is_snapshot(folder: Path) -> bool:
    return (
        (folder / "proc/cpuinfo").is_file()
        or (folder / "sys/devices").is_dir()
        or (folder / "sys/class").is_dir()
    )


def _topology(folder: Path) -> Path | None:
    """The folder that holds ``nodes``, for any level of the path that was copied."""
    for candidate in (folder, folder / "topology", folder / "kfd/topology", folder / "kfd/kfd/topology"):
        if (candidate / "nodes").is_dir():
            return candidate
    return folder.parent if folder.name == "nodes" else None


def _read_topology(topology: Path, findings: Findings) -> None:
    from probes.amd import gpus_from_topology, read_topology

    found = read_topology(topology)
    if not found.gpus and not found.cpu_nodes:
        raise RigError("a KFD topology folder without any node properties; copy it with `cp -rL`")
    findings.gpus.append(gpus_from_topology(topology))
    source = "KFD topology"
    nowhere = "not in the KFD topology"
    findings.cpus.append(
        replace(
            unknown_cpu(nowhere),
            logical_cores=Fact(found.logical_cpus, source, "reported")
            if found.logical_cpus
            else unknown(nowhere),
        )
    )
    findings.memories.append(
        replace(
            unknown_memory(nowhere),
            total_bytes=Fact(found.ram_bytes, source, "reported") if found.ram_bytes else unknown(nowhere),
            mts=Fact(found.ram_mts, "KFD topology, from SMBIOS", "reported")
            if found.ram_mts
            else unknown(nowhere),
        )
    )
    findings.systems.append(_linux(source))


def _read_text(text: str, findings: Findings) -> None:
    head = text[:4096]
    stripped = head.lstrip()
    if stripped[:1] in ("{", "["):
        from probes.capture_json import read_json_capture

        read_json_capture(text, findings)
    elif "<nvidia_smi_log" in head or stripped.startswith("<?xml"):
        from probes.nvidia_text import gpus_from_xml

        findings.gpus.append(gpus_from_xml(text))
    else:
        _read_lines(text, findings)


def _read_lines(text: str, findings: Findings) -> None:
    from probes.dmidecode_text import looks_like_dmidecode, parse_dmidecode
    from probes.udev_dmi import looks_like_udev_dmi, parse_udev_dmi

    first = next((line for line in text.splitlines() if line.strip()), "")
    if looks_like_udev_dmi(text):
        findings.records.append(parse_udev_dmi(text))
        findings.systems.append(_linux("udev record"))
    elif looks_like_dmidecode(text):
        findings.records.append(parse_dmidecode(text))
    elif re.search(r"^nvidia_smi_gpu_info\{", text, re.MULTILINE):
        from probes.nvidia_text import gpus_from_metrics

        findings.gpus.append(gpus_from_metrics(text))
    elif _is_query_csv(first):
        from probes.nvidia_text import gpus_from_query_csv

        findings.gpus.append(gpus_from_query_csv(text))
    elif re.search(
        r"^(processor[ \t]*:[ \t]*\d|cpu family[ \t]*:|CPU implementer[ \t]*:)", text, re.MULTILINE
    ):
        from probes.cpu import cpu_from_cpuinfo_text

        findings.cpus.append(cpu_from_cpuinfo_text(text))
        findings.systems.append(_linux("/proc/cpuinfo"))
    elif re.search(r"^[ \t]*(Architecture|Model name|CPU\(s\))[ \t]*:", text, re.MULTILINE):
        from probes.cpu import cpu_from_lscpu_text

        findings.cpus.append(cpu_from_lscpu_text(text))
        findings.systems.append(_linux("lscpu"))
    elif (total := re.search(r"^MemTotal:\s+(\d{1,15}) kB", text, re.MULTILINE)) is not None:
        size = Fact(int(total[1]) * 1024, "/proc/meminfo", "reported")
        findings.memories.append(replace(unknown_memory("not in /proc/meminfo"), total_bytes=size))
        findings.systems.append(_linux("/proc/meminfo"))
    elif re.search(r"^simd_count \d+$", text, re.MULTILINE):
        from probes.amd import gpus_from_properties

        findings.gpus.append(gpus_from_properties(text))
    elif "Hardware Overview:" in text:
        from probes.capture_json import add_mac
        from probes.macos import document_from_text

        add_mac(document_from_text(text), findings)
    elif re.search(
        r"^(Capacity|AdapterRAM|NumberOfLogicalProcessors|MemoryDevices)\s*[=:]", text, re.MULTILINE
    ):
        from probes.capture_json import add_windows
        from probes.windows_cim import wmic_document

        add_windows(wmic_document(text), findings)
    elif "NVIDIA-SMI" in text:
        raise RigError("the table that nvidia-smi prints for people; capture `nvidia-smi -q -x` instead")
    else:
        raise not_understood()


def _is_query_csv(line: str) -> bool:
    if "," not in line:
        return False
    from probes.nvidia_text import is_query_header

    return is_query_header(line)


def _linux(source: str) -> SystemInfo:
    return replace(unknown_system("not in the captures"), os=Fact("linux", source, "derived"))


# --- joining ---------------------------------------------------------------------------------


def _join(findings: Findings) -> Rig:
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
    notes += [*pool_notes, *_missing(cpu, memory, gpus)]
    rig = Rig(
        name=name,
        system=first_known(systems, unknown_system(nowhere)),
        cpu=cpu,
        memory=memory,
        accelerators=gpus,
        notes=tuple(dict.fromkeys(notes)),
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
        source = (probe if _facts_known(same) >= _facts_known(probe) else same).accelerators[0].vendor.source
        notes.append(f"two captures list the same GPUs; the {source} one says less and is left out.")
        if _facts_known(probe) > _facts_known(same):
            kept[kept.index(same)] = probe
    carve_outs = [p.carve_out_bytes for p in kept if p.carve_out_bytes]
    notes[:0] = [n for p in kept for n in p.notes]
    return tuple(g for p in kept for g in p.accelerators), notes, max(carve_outs, default=None)


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


def _missing(cpu: CpuInfo, memory: MemoryInfo, gpus: tuple[AcceleratorInfo, ...]) -> list[str]:
    """What the captures lack and which further one would tell."""
    notes = []
    if not cpu.name.known:
        notes.append("CPU unknown: add `lscpu` output or /proc/cpuinfo.")
    if not memory.total_bytes.known:
        notes.append("RAM size unknown: add `dmidecode -t 16,17` output or /proc/meminfo.")
    elif not memory.bandwidth_bytes_per_s.known and not memory.modules:
        notes.append(
            "RAM speed and channels unknown: add `dmidecode -t 16,17` output or the udev dmi/id record."
        )
    if not gpus:
        notes.append(
            "no GPU in the captures: add `nvidia-smi -q -x` or `rocm-smi -a --json` output if there is one."
        )
    return notes
