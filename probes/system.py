"""The operating system and what it runs in: hypervisor, container, product name."""

from __future__ import annotations

import sys
from pathlib import Path

from probes.dmi import DmiRecords, meaningful
from probes.files import exists, read_line, read_text
from probes.limits import with_limits
from probes.types import Fact, SystemInfo, unknown
from probes.virtual import hypervisor_from_names

_OS_NAMES = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_CLOCKS = (("kvm-clock", "KVM"), ("hyperv", "Hyper-V"), ("xen", "Xen"))
"""Clock sources that only exist under one hypervisor."""
_CONTAINER_WORDS = (
    ("docker", "docker"),
    ("libpod", "podman"),
    ("kubepods", "kubernetes"),
    ("containerd", "containerd"),
    ("lxc", "lxc"),
    ("garden", "garden"),
)


def dmi_name(root: Path, name: str) -> str | None:
    """A public DMI string (``sys_vendor``, ``product_name``); never serial numbers."""
    for folder in ("sys/class/dmi/id", "sys/devices/virtual/dmi/id"):
        text = meaningful(read_line(root / folder / name))
        if text is not None:
            return text
    return None


def is_wsl(root: Path) -> bool:
    """Whether this is the Windows Subsystem for Linux: Microsoft's kernel says so."""
    release = read_line(root / "proc/sys/kernel/osrelease") or read_line(root / "proc/version") or ""
    return "microsoft" in release.casefold()


def has_hypervisor_flag(root: Path) -> bool | None:
    """CPUID's hypervisor bit in ``/proc/cpuinfo``; ``None`` where the CPU has no such flag list."""
    for line in (read_text(root / "proc/cpuinfo") or "").splitlines():
        if line.startswith("flags"):
            return "hypervisor" in line.split()
    return None


def _virtualization(root: Path) -> Fact[str]:
    if is_wsl(root):
        return Fact("WSL2", "kernel release", "reported")
    named = hypervisor_from_names(dmi_name(root, "sys_vendor"), dmi_name(root, "product_name"))
    if named is not None:
        return Fact(named, "DMI product name", "reported")
    xen = read_line(root / "sys/hypervisor/type")
    flag = has_hypervisor_flag(root)
    if xen is not None:
        if "control_d" in (read_line(root / "proc/xen/capabilities") or ""):
            return Fact("none", "the privileged Xen domain", "reported")
        return Fact(xen.capitalize(), "/sys/hypervisor/type", "reported")
    if flag:
        clocks = read_line(root / "sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
        for clock, name in _CLOCKS:
            if clock in clocks:
                return Fact(name, "hypervisor flag of the CPU, clock source", "derived")
        return Fact("unnamed hypervisor", "hypervisor flag of the CPU", "reported")
    if flag is False:
        return Fact("none", "no hypervisor flag of the CPU", "derived")
    if exists(root / "proc/device-tree/hypervisor"):
        return Fact("unnamed hypervisor", "device tree", "reported")
    if dmi_name(root, "product_name") is not None or exists(root / "proc/device-tree/model"):
        return Fact("none", "product name of real hardware", "derived")
    return unknown("neither CPU flags nor DMI tell whether this is a virtual machine")


def _container(root: Path) -> Fact[str]:
    if exists(root / "run/.containerenv"):
        return Fact("podman", "/run/.containerenv", "reported")
    if exists(root / ".dockerenv"):
        return Fact("docker", "/.dockerenv", "reported")
    for line in (read_text(root / "proc/1/environ") or "").split("\0"):
        if line.startswith("container=") and len(line) > 10:
            return Fact(line.removeprefix("container=")[:32], "environment of process 1", "reported")
    groups = read_text(root / "proc/self/cgroup")
    for word, name in _CONTAINER_WORDS:
        if groups is not None and word in groups:
            return Fact(name, "cgroup path", "derived")
    if groups is None:
        return unknown("no /proc/self/cgroup")
    return Fact("none", "no sign of a container", "derived")


def _product(root: Path) -> Fact[str]:
    records = DmiRecords(
        source="DMI",
        vendor=dmi_name(root, "sys_vendor"),
        product=dmi_name(root, "product_name"),
        product_version=dmi_name(root, "product_version"),
        board_vendor=dmi_name(root, "board_vendor"),
        board=dmi_name(root, "board_name"),
    )
    name = records.display_name
    if name is not None:
        return Fact(name, "DMI product name", "reported")
    model = meaningful(read_line(root / "proc/device-tree/model"))
    if model is not None:
        return Fact(model, "device tree", "reported")
    return unknown("no DMI product name and no device tree")


def probe_system(root: Path = Path("/")) -> SystemInfo:
    """The system under ``root``; never raises.

    ``root`` is ``/`` for this machine or the folder of a captured tree.  On macOS and Windows only the
    name of the operating system is known here.
    """
    if not exists(root / "proc"):
        live = root == Path(root.anchor)
        name = _OS_NAMES.get(sys.platform) if live else None
        because = "no /proc to read" if not live else f"not looked for on {name or sys.platform}"
        return SystemInfo(
            os=Fact(name, "Python", "reported") if name is not None else unknown(because),
            virtualization=unknown(because),
            container=unknown(because),
            product=unknown(because),
        )
    system = SystemInfo(
        os=Fact("linux", "/proc", "reported"),
        virtualization=_virtualization(root),
        container=_container(root),
        product=_product(root),
    )
    return with_limits(system, root)


def system_from_dmi(records: DmiRecords) -> SystemInfo:
    """What a firmware table alone says of the system: product, and whether a hypervisor wrote it."""
    because = f"not in {records.source}"
    name = records.display_name
    hypervisor = hypervisor_from_names(records.vendor, records.product)
    virtualization: Fact[str] = unknown(because)
    if hypervisor is not None:
        virtualization = Fact(hypervisor, records.source, "reported")
    elif records.product is not None:
        virtualization = Fact("none", f"{records.source}: product name of real hardware", "derived")
    return SystemInfo(
        os=unknown(because),
        virtualization=virtualization,
        container=unknown(because),
        product=unknown(because) if name is None else Fact(name, records.source, "reported"),
    )
