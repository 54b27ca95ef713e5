"""The CPU of this machine, or of a captured one: name, cores, instruction sets, caches, limits."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from probes.cgroup import read_limits
from probes.cpu_names import isa_of, tidy_brand
from probes.cpu_sysfs import Topology, read_numa, read_topology
from probes.cpuinfo import CpuinfoFacts, parse_cpuinfo
from probes.dmi import DmiRecords
from probes.files import exists, parse_cpu_list, read_line, read_text, whole_number
from probes.system import dmi_name
from probes.types import Cache, CpuInfo, Fact, NumaNode, RigError, unknown
from probes.unknowns import unknown_cpu

_SIZES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _reported(value: int | None, source: str, because: str) -> Fact[int]:
    return unknown(because) if value is None else Fact(value, source, "reported")


def _usable(root: Path, logical: int | None, online: frozenset[int]) -> Fact[float]:
    """Logical CPUs left by affinity and by the control group's quota, when fewer than there are."""
    limits: list[tuple[float, str]] = []
    for line in (read_text(root / "proc/self/status") or "").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            allowed = parse_cpu_list(line.partition(":")[2])
            count = len(allowed & online if online else allowed)
            if count:
                limits.append((float(count), "CPU affinity"))
    quota = read_limits(root).cpu_quota_cores
    if quota is not None:
        limits.append((quota, "cgroup CPU quota"))
    if not limits:
        return unknown("no limit found")
    count_allowed, source = min(limits)
    if logical is not None and count_allowed >= logical:
        return unknown("no limit found")
    return Fact(count_allowed, source, "reported")


def _assemble(
    facts: CpuinfoFacts | None,
    topology: Topology | None,
    numa: tuple[NumaNode, ...],
    usable: Fact[float],
    one_chip: bool = False,
) -> CpuInfo:
    sysfs, cpuinfo = "sysfs topology", "/proc/cpuinfo"
    physical: Fact[int]
    if topology is not None:
        logical: Fact[int] = Fact(len(topology.online), sysfs, "reported")
        sockets = _reported(topology.sockets, sysfs, "no package numbers in sysfs")
        if one_chip:
            sockets = Fact(1, "described by a device tree, as single chips are", "derived")
        physical = (
            Fact(len(topology.cores), sysfs, "reported")
            if topology.cores
            else unknown("no core ids in sysfs")
        )
    else:
        logical = _reported(facts.logical or None if facts else None, cpuinfo, "no list of processors")
        sockets = _reported(facts.sockets if facts else None, cpuinfo, "no physical ids in /proc/cpuinfo")
        physical = _reported(facts.physical if facts else None, cpuinfo, "no core ids in /proc/cpuinfo")
        if facts is not None and facts.arm and facts.logical:
            # ARM's text has no core ids; its application cores run one thread each.
            physical = Fact(facts.logical, f"{cpuinfo}: ARM cores run one thread", "derived")
    name = facts.name if facts is not None else None
    isa = facts.isa if facts is not None else None
    not_hybrid = "not a hybrid CPU, or not detected"
    performance: Fact[int] = unknown(not_hybrid)
    efficiency: Fact[int] = unknown(not_hybrid)
    if topology is not None and topology.performance_cores is not None:
        performance = Fact(topology.performance_cores, topology.performance_source, "derived")
        if topology.efficiency_cores:
            efficiency = Fact(topology.efficiency_cores, topology.performance_source, "derived")
    threads = topology.threads_per_core if topology is not None else facts.threads_per_core if facts else None
    return CpuInfo(
        name=unknown("no name in /proc/cpuinfo") if name is None else Fact(name, cpuinfo, "reported"),
        sockets=sockets,
        physical_cores=physical,
        logical_cores=logical,
        isa=unknown("no flags in /proc/cpuinfo") if isa is None else Fact(isa, cpuinfo, "reported"),
        performance_cores=performance,
        efficiency_cores=efficiency,
        threads_per_core=Fact(threads, sysfs if topology else cpuinfo, "derived")
        if threads
        else unknown("no core ids"),
        ccds=_ccds(facts, topology),
        usable_cores=usable,
        caches=topology.caches if topology is not None else (),
        numa=numa,
    )


_ZEN4C_SERVER = range(0xA0, 0xB0)
"""Models of family 25 (Bergamo, Siena): chiplets of two groups with an L3 cache each."""


def _ccds(facts: CpuinfoFacts | None, topology: Topology | None) -> Fact[int]:
    """Chiplets with cores of an AMD CPU, from its L3 caches: one each, or two up to Zen 2 and with Zen 4c."""
    if facts is None or facts.amd_model is None or topology is None:
        return unknown("not an AMD CPU with an L3 cache per chiplet, or its caches are not read")
    if facts.virtual:
        return unknown("virtual machine: its caches may be the host's")
    family, model = facts.amd_model
    caches = sum(cache.count for cache in topology.caches if cache.level == 3)
    if family < 23 or not caches:
        return unknown("no chiplets of cores in this family")
    two = family < 25 or (family == 25 and model in _ZEN4C_SERVER)
    per_socket = max(1, caches // (topology.sockets or 1))
    chiplets = -(-per_socket // 2) if two else per_socket
    return Fact(
        chiplets * (topology.sockets or 1), "sysfs: groups of cores that share an L3 cache", "derived"
    )


def _device_name(root: Path) -> str | None:
    """What an ARM machine calls itself; its CPU has no brand string."""
    tree = read_line(root / "proc/device-tree/model") or read_line(
        root / "sys/firmware/devicetree/base/model"
    )
    name = tree if tree is not None else dmi_name(root, "product_name")
    return None if name is None else tidy_brand(name.replace("_", " "))


def _probe_without_proc(root: Path) -> CpuInfo:
    """Windows and macOS: what Python and psutil know at once."""
    if root != Path(root.anchor):
        return unknown_cpu("no /proc/cpuinfo and no sysfs topology in the captured tree")
    import platform

    import psutil

    because = f"not looked for on {sys.platform}"
    name = tidy_brand(_windows_brand() or platform.processor())
    logical, physical = psutil.cpu_count(), psutil.cpu_count(logical=False)
    return CpuInfo(
        name=unknown(because) if name is None else Fact(name, "platform", "reported"),
        sockets=unknown(because),
        physical_cores=_reported(physical, "psutil", because),
        logical_cores=_reported(logical, "psutil", because),
        isa=unknown(because),
    )


def _windows_brand() -> str | None:
    brand: str | None = None
    if sys.platform == "win32":
        import contextlib
        import winreg

        path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            brand = str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    return brand


def probe_cpu(root: Path = Path("/")) -> CpuInfo:
    """The CPU under ``root``; never raises, unknown facts carry their reason.

    ``root`` is ``/`` for this machine or the folder of a captured tree.
    """
    try:
        text = read_text(root / "proc/cpuinfo")
        topology = read_topology(root)
        if text is None and topology is None:
            return _probe_without_proc(root)
        facts = None if text is None else parse_cpuinfo(text, _device_name(root))
        logical = len(topology.online) if topology is not None else facts.logical if facts else None
        online = topology.online if topology is not None else frozenset[int]()
        # ARM kernels number the clusters of a phone or board as packages where no firmware table says better.
        one_chip = facts is not None and facts.arm and not exists(root / "sys/class/dmi/id")
        return _assemble(facts, topology, read_numa(root), _usable(root, logical, online), one_chip)
    except (OSError, ValueError, ArithmeticError, LookupError) as error:
        return unknown_cpu(f"the CPU probe failed: {error}")


def cpu_from_cpuinfo_text(text: str) -> CpuInfo:
    """The CPU in a captured ``/proc/cpuinfo``.

    Raises:
        RigError: the text has no processor in it.
    """
    facts = parse_cpuinfo(text)
    if not facts.logical:
        raise RigError("not the text of /proc/cpuinfo: no processor in it")
    return _assemble(facts, None, (), unknown("no limit found"))


def _lscpu_caches(text: str) -> tuple[Cache, ...]:
    """Caches of lscpu 2.37 and later, which prints totals with the number of instances."""
    pattern = re.compile(
        r"^[ \t]*L(\d)d? cache:[ \t]+(\d{1,9}(?:\.\d+)?) ([KMG]?i?B) \((\d{1,6}) instances?\)", re.MULTILINE
    )
    found = []
    for match in pattern.finditer(text):
        count, unit = int(match[4]), _SIZES.get(match[3])
        if count and unit is not None:
            found.append(Cache(int(match[1]), round(float(match[2]) * unit) // count, count))
    return tuple(found)


def cpu_from_lscpu_text(text: str) -> CpuInfo:
    """The CPU in the output of ``lscpu``.

    Older versions print cache totals without saying over how many caches; those are left out.

    Raises:
        RigError: the text is not ``lscpu`` output (or in another language than English).
    """
    fields: dict[str, str] = {}
    numa = []
    names: list[str] = []
    cores_of_kinds = 0
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            continue
        node = re.fullmatch(r"NUMA node(\d{1,4}) CPU\(s\)", key)
        if node is not None:
            numa.append(NumaNode(int(node[1]), value, None))
        if key == "Model name" and tidy_brand(value) is not None and value not in names:
            names.append(value)
        if key == "Core(s) per socket":
            sockets_here = whole_number(fields.get("Socket(s)"))
            cores_of_kinds += (whole_number(value) or 0) * (1 if sockets_here is None else sockets_here)
        fields.setdefault(key, value)
    if "CPU(s)" not in fields and "Model name" not in fields:
        raise RigError("not the output of lscpu in English: neither 'CPU(s)' nor 'Model name' in it")

    def number(*keys: str) -> int | None:
        for key in keys:
            value = fields.get(key, "")
            if value.isascii() and value.isdigit() and len(value) < 7:
                return int(value) or None
        return None

    source = "lscpu"
    online = len(parse_cpu_list(fields.get("On-line CPU(s) list")))
    sockets = number("Socket(s)")
    per_socket = number("Core(s) per socket")
    physical = None if sockets is None or per_socket is None else sockets * per_socket
    if len(names) > 1 and cores_of_kinds:
        physical = cores_of_kinds  # one block per kind of core
    if physical is None and (clusters := number("Cluster(s)")) is not None:
        per_cluster = number("Core(s) per cluster")
        physical = None if per_cluster is None else clusters * per_cluster
    name = " + ".join(n for n in (tidy_brand(name) for name in names) if n is not None)
    flags = fields.get("Flags")
    return CpuInfo(
        name=Fact(name, source, "reported") if name else unknown("no model name in lscpu"),
        sockets=_reported(sockets, source, "no sockets in lscpu"),
        physical_cores=_reported(physical, source, "no cores in lscpu"),
        logical_cores=_reported(online or number("CPU(s)"), source, "no CPU count in lscpu"),
        isa=unknown("no flags in lscpu")
        if flags is None
        else Fact(isa_of(flags.split()), source, "reported"),
        threads_per_core=_reported(number("Thread(s) per core"), source, "no threads in lscpu"),
        caches=_lscpu_caches(text),
        numa=tuple(numa),
    )


def cpu_from_dmi(records: DmiRecords) -> CpuInfo:
    """The CPU as the firmware's processor records give it: name, sockets, cores and threads."""
    populated = [p for p in records.processors if p.populated]
    source = records.source
    if not populated:
        return unknown_cpu(f"no processor in {source}")
    names = [p.name for p in populated if p.name is not None]
    cores = [p.cores for p in populated if p.cores is not None]
    threads = [p.threads for p in populated if p.threads is not None]
    whole = len(populated)
    return CpuInfo(
        name=Fact(names[0], source, "reported") if names else unknown(f"no CPU name in {source}"),
        sockets=Fact(whole, source, "reported"),
        physical_cores=_reported(sum(cores) if len(cores) == whole else None, source, "no core count"),
        logical_cores=_reported(sum(threads) if len(threads) == whole else None, source, "no thread count"),
        isa=unknown(f"not in {source}"),
    )
