"""System RAM: how much there is, how it is built, and what it could deliver.

Sources, in order: the SMBIOS table (root only), udev's record of it (everybody, systemd 248 and later),
the kernel's ECC drivers, the AMD GPU driver's copy of the memory speed, the firmware's HMAT.  A hypervisor's
module list is never used: it is made up.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from catalog.types import CpuFamily
from probes.cgroup import CgroupLimits, read_limits
from probes.channels import MemoryLayout, analyse_memory, bandwidth_bytes_per_s, unknown_layout
from probes.dmi import DmiRecords, plausible_mts
from probes.edac import EdacMap, read_edac
from probes.files import MAX_TEXT_BYTES, children, exists, meminfo, read_text
from probes.hmat import SOURCE as HMAT_SOURCE
from probes.hmat import Hmat, read_hmat
from probes.smbios import parse_smbios
from probes.system import dmi_name
from probes.types import CpuInfo, Fact, MemoryInfo, RigError, SystemInfo, unknown
from probes.udev_dmi import parse_udev_dmi

SMBIOS_PATH = "sys/firmware/dmi/tables/DMI"
UDEV_PATH = "run/udev/data/+dmi:id"

_GIB = 1024**3
_MISSING_SHARE = 0.9
"""Modules that add up to less than this share of what the system uses are not all of them."""
_RESERVED_BYTES = 2 * _GIB
"""More than the kernel and the firmware keep for themselves: a larger gap is graphics memory."""


def _read_bytes(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_TEXT_BYTES)
    except (OSError, ValueError):
        return None


def _entries(root: Path) -> bytes | None:
    """The memory records of the dmi-sysfs module, joined into a table."""
    folder = root / "sys/firmware/dmi/entries"
    parts = []
    for kind in (4, 16, 17):
        for _, entry in children(folder, f"{kind}-"):
            data = _read_bytes(entry / "raw")
            if data is not None:
                parts.append(data)
    return b"".join(parts) or None


def read_dmi(root: Path) -> tuple[DmiRecords | None, str]:
    """The firmware's memory records, or ``None`` and why there are none."""
    reasons = []
    for path, table in ((SMBIOS_PATH, _read_bytes(root / SMBIOS_PATH)), ("dmi entries", _entries(root))):
        if table is None:
            continue
        try:
            records = parse_smbios(table)
        except RigError as error:
            reasons.append(str(error))
            continue
        if records.devices:
            return records, ""
        reasons.append(f"/{path} lists no memory slot")
    text = read_text(root / UDEV_PATH)
    if text is not None:
        try:
            records = parse_udev_dmi(text)
            return replace(
                records,
                vendor=dmi_name(root, "sys_vendor") or records.vendor,
                product=dmi_name(root, "product_name") or records.product,
            ), ""
        except RigError as error:
            reasons.append(str(error))
    if not reasons:
        locked = exists(root / SMBIOS_PATH)
        reasons.append(
            "the SMBIOS table is readable by root only and udev has no copy: run once as root"
            if locked
            else "no SMBIOS table and no udev record of it on this system"
        )
    return None, "; ".join(reasons)


def _kfd_mts(root: Path) -> int | None:
    """Memory speed that the amdgpu driver took from the first SMBIOS record, readable by everybody."""
    for _, node in children(root / "sys/class/kfd/kfd/topology/nodes", ""):
        cpu = re.search(r"^cpu_cores_count (\d{1,6})$", read_text(node / "properties") or "", re.MULTILINE)
        if cpu is None or int(cpu[1]) == 0:
            continue
        text = read_text(node / "mem_banks/0/properties") or ""
        clock = re.search(r"^mem_clk_max (\d{1,6})$", text, re.MULTILINE)
        if clock is not None:
            return plausible_mts(int(clock[1]))
    return None


def _with_drivers(
    layout: MemoryLayout,
    edac: EdacMap | None,
    kfd_mts: int | None,
    hmat: Hmat | None,
    most_channels: int | None,
) -> MemoryLayout:
    """Gaps of ``layout`` filled from the ECC and GPU drivers and from the firmware's performance table."""
    if edac is not None and layout.channels.value is None:
        count = min(edac.channels, most_channels or edac.channels)
        layout = replace(layout, channels=Fact(count, "EDAC driver", "reported"))
        if layout.type.value is None and edac.type is not None:
            layout = replace(layout, type=Fact(edac.type, "EDAC driver", "reported"))
        if layout.installed_bytes.value is None:
            layout = replace(layout, installed_bytes=Fact(edac.total_bytes, "EDAC driver", "reported"))
    if layout.mts.value is None and kfd_mts is not None:
        layout = replace(layout, mts=Fact(kfd_mts, "amdgpu driver (KFD), from SMBIOS", "reported"))
    channels, mts = layout.channels.value, layout.mts.value
    if layout.bandwidth_bytes_per_s.value is None and channels is not None and mts is not None:
        bits = channels * 64
        layout = replace(
            layout,
            bus_bits=bits,
            bandwidth_bytes_per_s=Fact(
                bandwidth_bytes_per_s(bits, mts),
                f"{bits} bits ({layout.channels.source}) at {mts} MT/s ({layout.mts.source})",
                "derived",
            ),
        )
    if layout.bandwidth_bytes_per_s.value is None and hmat is not None:
        rate = Fact(hmat.bandwidth_bytes_per_s, f"{HMAT_SOURCE}, {hmat.nodes} node(s)", "reported")
        layout = replace(layout, bandwidth_bytes_per_s=rate)
    return layout


def _hmat_note(layout: MemoryLayout, hmat: Hmat | None) -> list[str]:
    """A note where the firmware's own figure is far from channels x rate."""
    rate = layout.bandwidth_bytes_per_s.value
    if hmat is None or rate is None or 0.6 <= hmat.bandwidth_bytes_per_s / rate <= 1.25:
        return []
    return [
        f"{HMAT_SOURCE} states {hmat.bandwidth_bytes_per_s / 1e9:.0f} GB/s, channels and speed give "
        f"{rate / 1e9:.0f} GB/s: `rig-advisor probe --measure` decides."
    ]


def _plausible(layout: MemoryLayout, total: int | None, complete: bool) -> tuple[MemoryLayout, list[str]]:
    """The layout checked against what the system sees; channels of a short list are withdrawn."""
    installed = layout.installed_bytes.value
    if total is None or installed is None:
        return layout, []
    if installed < total * _MISSING_SHARE:
        because = (
            f"the module list adds up to {installed / _GIB:.4g} GiB but the system has {total / _GIB:.4g}: "
            "it is not complete"
        )
        if not complete:
            because += "; run as root, or give dmidecode output"
        return replace(
            layout,
            channels=unknown(because),
            bandwidth_bytes_per_s=unknown(because),
            installed_bytes=unknown(because),
            bus_bits=None,
            notes=tuple(n for n in layout.notes if n not in {a.text for a in layout.advice}),
            advice=(),
        ), [because]
    gap = installed - total
    if gap > max(_RESERVED_BYTES, installed * 0.05):
        return layout, [
            f"{gap / _GIB:.1f} of {installed / _GIB:.4g} GiB installed are not usable as RAM: "
            "reserved for graphics or by the firmware"
        ]
    return layout, []


def _available(
    available: int | None, limits: CgroupLimits, source: str, because: str
) -> tuple[Fact[int], Fact[int]]:
    """Available bytes, held to what the control group may still take; and the group's limit."""
    fact: Fact[int] = unknown(because) if available is None else Fact(available, source, "reported")
    limit: Fact[int] = unknown("no cgroup limit")
    if limits.memory_limit_bytes is not None:
        limit = Fact(limits.memory_limit_bytes, limits.source, "reported")
        headroom = limits.memory_headroom_bytes
        if headroom is None:
            headroom = limits.memory_limit_bytes
        if fact.value is None or headroom < fact.value:
            fact = Fact(headroom, f"{limits.source} less usage", "derived")
    return fact, limit


def _info(
    total: Fact[int], available: Fact[int], limit: Fact[int], layout: MemoryLayout, because: str
) -> MemoryInfo:
    slots: Fact[int] = unknown(because or "no module list")
    most: Fact[int] = unknown("the CPU's channels are not known")
    if layout.max_channels is not None:
        most = Fact(layout.max_channels, "catalog: the CPU's family", "table")
    if layout.slots is not None:
        slots = Fact(layout.slots, "firmware table", "reported")
    return MemoryInfo(
        total_bytes=total,
        available_bytes=available,
        type=layout.type,
        channels=layout.channels,
        mts=layout.mts,
        bandwidth_bytes_per_s=layout.bandwidth_bytes_per_s,
        measured_bandwidth_bytes_per_s=unknown("not measured"),
        installed_bytes=layout.installed_bytes,
        slots=slots,
        max_channels=most,
        limit_bytes=limit,
        modules=layout.modules,
        advice=layout.advice,
    )


def _psutil_totals() -> tuple[int, int]:
    import psutil

    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


def probe_memory(
    root: Path,
    cpu: CpuInfo,
    system: SystemInfo,
    max_channels_per_socket: int | None = None,
    family: CpuFamily | None = None,
) -> tuple[MemoryInfo, tuple[str, ...]]:
    """The RAM under ``root`` and notes on what could not be found; never raises.

    Args:
        root: ``/`` for this machine or the folder of a captured tree.
        cpu: for the number of sockets and the chips with a wide LPDDR bus.
        system: in a virtual machine the module list is not used.
        max_channels_per_socket: 64-bit channels of the CPU family, if known; else the family's.
        family: the CPU family of the catalog, if known.
    """
    total_bytes, available_bytes = meminfo(root)
    source = "/proc/meminfo"
    if total_bytes is None and not exists(root / "proc") and root == Path(root.anchor):
        total_bytes, available_bytes = _psutil_totals()
        source = "psutil"
    because = "no /proc/meminfo"
    total: Fact[int] = unknown(because) if total_bytes is None else Fact(total_bytes, source, "reported")
    available, limit = _available(available_bytes, read_limits(root), source, because)

    notes: list[str] = []
    complete = True
    hypervisor = system.virtualization.value
    if hypervisor not in (None, "none"):
        because = f"virtual machine ({hypervisor}): its module list, if any, is made up"
        layout = unknown_layout(None, because)
        notes.append(
            f"memory modules, channels and theoretical bandwidth are unknown in a virtual machine "
            f"({hypervisor}): measure the bandwidth instead (probe --measure)"
        )
    else:
        records, because = read_dmi(root)
        if records is None:
            layout = unknown_layout(None, because)
        else:
            complete = records.complete
            layout = analyse_memory(
                records,
                cpu_name=cpu.name.value,
                sockets=cpu.sockets.value,
                max_channels_per_socket=max_channels_per_socket,
                family=family,
            )
        layout, doubts = _plausible(layout, total_bytes, complete)
        channels = max_channels_per_socket or (family.channels if family else None)
        n_sockets = cpu.sockets.value
        most = channels * n_sockets if channels and n_sockets else None
        hmat = read_hmat(root)
        layout = _with_drivers(layout, read_edac(root), _kfd_mts(root), hmat, most)
        notes += [*layout.notes, *doubts, *_hmat_note(layout, hmat)]
        if records is None and layout.bandwidth_bytes_per_s.value is None:
            notes.append(f"memory modules, channels and speed are unknown: {because}")
        elif layout.channels.value is None and not doubts:
            notes.append(f"memory channels are unknown: {layout.channels.source}")
    if limit.value is not None and total_bytes is not None and limit.value < total_bytes:
        notes.append(
            f"a control group limits this process to {limit.value / _GIB:.3g} of "
            f"{total_bytes / _GIB:.3g} GiB RAM"
        )
    return _info(total, available, limit, layout, because), tuple(notes)


_MEASUREMENT_SLACK = 1.05
"""What a measurement may be above the theory before the theory is wrong: clocks run slightly fast, and a
short run has some noise."""


def without_refuted_theory(memory: MemoryInfo) -> tuple[MemoryInfo, tuple[str, ...]]:
    """Theoretical figures withdrawn where more was measured than they allow.

    A measurement is a lower bound.  Above the theory, the theory is wrong: usually by two, because a channel
    or the data rate was missed.
    """
    theory, measured = memory.bandwidth_bytes_per_s, memory.measured_bandwidth_bytes_per_s
    if theory.value is None or measured.value is None:
        return memory, ()
    if measured.value <= theory.value * _MEASUREMENT_SLACK:
        return memory, ()
    because = (
        f"{measured.value / 1e9:.1f} GB/s were measured, more than the {theory.value / 1e9:.1f} GB/s of "
        f"{theory.source}: a channel or the data rate was missed"
    )
    kept = memory.channels.confidence == "reported" and memory.mts.confidence != "reported"
    return replace(
        memory,
        bandwidth_bytes_per_s=unknown(because),
        channels=memory.channels if kept else unknown(because),
        mts=unknown(because) if kept else memory.mts,
        advice=(),
    ), (f"theoretical memory bandwidth left out: {because}.",)


def memory_from_dmi(
    records: DmiRecords,
    *,
    cpu_name: str | None = None,
    sockets: int | None = None,
    max_channels_per_socket: int | None = None,
    total_bytes: int | None = None,
    family: CpuFamily | None = None,
) -> tuple[MemoryInfo, tuple[str, ...]]:
    """The RAM that captured firmware records describe, and notes; see ``probe_memory``.

    Without ``total_bytes`` from elsewhere the sum of the modules stands for what the system can use.
    """
    layout = analyse_memory(
        records,
        cpu_name=cpu_name,
        sockets=sockets,
        max_channels_per_socket=max_channels_per_socket,
        family=family,
    )
    layout, doubts = _plausible(layout, total_bytes, records.complete)
    because = f"not in {records.source}"
    total: Fact[int] = unknown(layout.installed_bytes.source)
    if total_bytes is not None:
        total = Fact(total_bytes, "given", "reported")
    elif layout.installed_bytes.value is not None:
        total = Fact(layout.installed_bytes.value, f"{records.source}: sum of the modules", "derived")
    notes = [*layout.notes, *doubts]
    if layout.channels.value is None and not doubts:
        notes.append(f"memory channels are unknown: {layout.channels.source}")
    info = _info(total, unknown(because), unknown("no cgroup limit"), layout, layout.channels.source)
    return info, tuple(notes)
