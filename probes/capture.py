"""A Rig from captured files: dumps and command output of another machine.

The kind of each file is told by its content, never by its name; several files are taken as one
machine and merged: each fact from the first source that knows it, memory from the firmware's records,
GPUs from the capture that says most about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from probes.gpu import GpuProbe
from probes.types import CpuInfo, Fact, MemoryInfo, Rig, RigError, SystemInfo, unknown
from probes.unknowns import unknown_cpu, unknown_memory, unknown_system

if TYPE_CHECKING:
    from probes.dmi import DmiRecords
    from probes.volumes import Volume
    from probes.windows_adapters import Adapter
    from probes.windows_links import CardLink

MAX_CAPTURE_BYTES = 64 * 1024**2
MAX_PLAIN_BYTES = 16 * 1024**2
"""Without compression: ``nvidia-smi -q -x`` of 16 GPUs is 0.3 MiB, /proc/cpuinfo of 1,000 CPUs 2 MiB."""

UNDERSTOOD = (
    "a raw SMBIOS table or dmidecode --dump-bin file",
    "dmidecode text",
    "the udev dmi/id record",
    "nvidia-smi -q -x XML (or -q text)",
    "nvidia-smi --query-gpu CSV with its header",
    "nvidia-smi topo -m",
    "rocm-smi --json",
    "amd-smi static --json",
    "a KFD topology folder or tar",
    "lspci -nn text",
    "vulkaninfo",
    "lscpu text",
    "/proc/cpuinfo or /proc/meminfo text",
    "system_profiler -json",
    "macOS sysctl text",
    "Get-CimInstance, Get-PhysicalDisk with Get-Partition, or Get-PnpDeviceProperty | ConvertTo-Json",
    "the registry's display class key (.reg)",
    "a list of DXGI adapters (JSON)",
    "a sysfs/proc snapshot folder or archive",
    "a folder or archive of such files",
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
    adapters: list[Adapter] = field(default_factory=list)
    """Keys of the registry: of cards that are there, or were once."""
    links: list[tuple[tuple[int, ...], ...]] = field(default_factory=list)
    """NVLinks between NVIDIA GPUs, by row and column."""
    wired_limits_bytes: list[int] = field(default_factory=list)
    """Limits set on what a Mac's GPU may use."""
    volumes: list[Volume] = field(default_factory=list)
    card_links: list[CardLink] = field(default_factory=list)
    """PCIe links of display adapters on Windows, by vendor and device."""


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
    from probes.capture_join import join

    return join(findings)


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
    """gzip, xz, bzip2, zip, or a plain tar (``ustar`` at 257)."""
    return (
        data[:2] == b"\x1f\x8b"
        or data[:4] == b"PK\x03\x04"
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
    if topology is not None:
        _read_topology(topology, findings)
        return
    _read_each(folder, findings)


MAX_FILES = 200


def _read_each(folder: Path, findings: Findings) -> None:
    """The files of a folder, each as a capture of its own; what is of no known kind is named and left out."""
    inner = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    if len(inner) > MAX_FILES:
        raise RigError(f"a folder of more than {MAX_FILES} files; give the captures alone")
    understood, strange = 0, []
    for path in inner:
        try:
            if path.is_dir() and (_topology(path) is not None or _is_snapshot(path)):
                _read_folder(path, findings)
            elif path.is_file():
                read_capture(path, findings)
            else:
                continue
            understood += 1
        except RigError:
            strange.append(path.name)
    if not understood:
        raise not_understood()
    if strange:
        shown = ", ".join(strange[:5]) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        findings.notes.append(f"files of no known kind are left out: {shown}.")


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
    from probes.amd import gpus_from_topology
    from probes.kfd import read_topology

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
    findings.systems.append(linux(source))


def _read_text(text: str, findings: Findings) -> None:
    head = text[:4096]
    stripped = head.lstrip()
    if stripped[:1] in ("{", "[") and not stripped.startswith("[HKEY_"):  # a key of the registry
        from probes.capture_json import read_json_capture

        read_json_capture(text, findings)
    elif "<nvidia_smi_log" in head or stripped.startswith("<?xml"):
        from probes.nvidia_log import gpus_from_xml

        findings.gpus.append(gpus_from_xml(text))
    else:
        from probes.capture_text import read_text_capture

        read_text_capture(text, findings)


def linux(source: str) -> SystemInfo:
    """A system of which only this is known: such a capture comes from Linux."""
    return replace(unknown_system("not in the captures"), os=Fact("linux", source, "derived"))
