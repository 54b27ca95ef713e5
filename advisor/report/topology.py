"""How a machine is wired: sockets, memory nodes, channels and modules; GPUs, their links and memories.

A pure function of the Rig: every node carries the bandwidth of the edge to the part above it, as a fact
with source and confidence.  What a probe could not tell is drawn as unknown, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from advisor.report import format as f
from catalog.types import CpuFamily
from probes.types import AcceleratorInfo, Confidence, Fact, MemoryModule, NumaNode, PcieLink, Rig, unknown

Kind = str
KINDS: tuple[Kind, ...] = (
    *("socket", "numa", "controller", "channel", "module", "empty"),
    *("gpu", "gpu_memory", "nvlink"),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the machine; ``bandwidth`` is that of the edge to the part above, in bytes/s."""

    kind: Kind
    name: str
    detail: str = ""
    bandwidth: Fact[float] | None = None
    """``None`` where there is no edge to tell: a socket is the top."""
    size_bytes: int | None = None
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Limit:
    """One bottleneck: what limits it now and, where known, what would be reached without, in bytes/s."""

    part: str
    text: str
    bytes_per_s: float | None = None
    could_be_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """The whole machine: the RAM's bandwidth in theory and as measured, the parts, and the bottlenecks."""

    name: str
    memory: str
    """Size, kind and speed of the RAM, in words."""
    bandwidth: Fact[float]
    measured: Fact[float]
    parts: tuple[Node, ...]
    limits: tuple[Limit, ...]


def build(rig: Rig, family: CpuFamily | None = None) -> Topology:
    """The topology of a rig.

    Args:
        rig: the machine.
        family: the CPU's family, for the channels that it could have.
    """
    from advisor.report.topology_limits import limits_of

    parts = (*_sockets(rig, family), *(_gpu(i, gpu) for i, gpu in enumerate(rig.accelerators, 1)))
    return Topology(
        name=rig.name,
        memory=_memory_text(rig),
        bandwidth=rig.memory.bandwidth_bytes_per_s,
        measured=rig.memory.measured_bandwidth_bytes_per_s,
        parts=parts,
        limits=tuple(limits_of(rig, family)),
    )


def topology_of(rig: Rig) -> Topology:
    """The topology of a rig, with the catalog's knowledge of its CPU's family."""
    from catalog.hardware import match_cpu_family

    name = rig.cpu.name.value
    return build(rig, match_cpu_family(name) if name else None)


def _memory_text(rig: Rig) -> str:
    memory = rig.memory
    size, channels, mts = memory.total_bytes.value, memory.channels.value, memory.mts.value
    known = [f.gib_unit(size) if size else "", memory.type.value or "", f"at {mts} MT/s" if mts else ""]
    known.append(f"on {_plural(channels, 'channel')}" if channels else "")
    names = ("size", "kind", "speed", "channels")
    lacking = [name for name, text in zip(names, known, strict=True) if not text]
    text = " ".join(filter(None, known))
    return ", ".join(filter(None, (text, f"unknown: {', '.join(lacking)}" if lacking else "")))


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''}"


# --- sockets, channels, modules --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A channel key in its parts: ``P0/C1/A`` is channel A of controller C1 of socket 0."""

    socket: str | None
    group: str | None
    channel: str


def place_of(key: str) -> Place:
    """The parts of a channel key; keys without a socket or controller have ``None`` there."""
    first, *rest = key.split("/")
    socket = None
    if rest and (found := re.fullmatch(r"P(\w+)", first)):
        socket, first, rest = found[1], rest[0], rest[1:]
    *group, channel = (first, *rest)
    return Place(socket, "/".join(group) or None, channel)


def _sockets(rig: Rig, family: CpuFamily | None) -> list[Node]:
    memory = rig.memory
    placed = [(place_of(m.channel), m) for m in memory.modules if m.channel]
    loose = [m for m in memory.modules if not m.channel]
    per_channel = _per_channel(rig, {place for place, _ in placed}, bool(loose))
    labels = sorted({place.socket for place, _ in placed if place.socket is not None}, key=_natural)
    count = rig.cpu.sockets.value or max(len(labels), 1)
    found: list[Node] = []
    if not memory.modules or not (labels or count == 1):
        found.append(
            _without_modules(rig, count)
            if not memory.modules
            else _undivided(rig, placed, loose, per_channel, count)
        )
    else:
        several: list[str | None] = [*labels]
        for label in several or [None]:
            mine = [(place, m) for place, m in placed if place.socket in (label, None)]
            channels = _channels(mine, per_channel)
            if loose and len(labels) < 2:
                channels.append(_loose(loose, rig))
            if len(labels) == count or count == 1:
                channels += _empty(rig, family, len({p for p, _ in mine}), per_channel, bool(loose))
            found.append(_socket(rig, label or "0", channels, count))
        missing: Fact[float] = unknown("none of its modules is listed")
        found += [
            Node("socket", f"socket {number}?", missing.source, missing)
            for number in range(len(found), count)
        ]
    return [_with_numa(node, i, len(found), rig.cpu.numa) for i, node in enumerate(found)]


def _natural(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isascii() and text.isdigit() else (10**9, text)


def _socket(rig: Rig, label: str, children: Sequence[Node], count: int) -> Node:
    rates = [c.bandwidth.value for c in children if c.kind != "empty" and c.bandwidth is not None]
    known = [rate for rate in rates if rate is not None]
    total: Fact[float]
    if count == 1:
        total = rig.memory.bandwidth_bytes_per_s
    elif rates and len(known) == len(rates):
        total = Fact(sum(known), "sum of its channels", "derived")
    else:
        total = unknown(rig.memory.bandwidth_bytes_per_s.source)
    return Node(
        "socket", f"socket {label}", rig.cpu.name.value or "CPU unknown", total, children=tuple(children)
    )


def _per_channel(rig: Rig, places: set[Place], some_loose: bool) -> Fact[float]:
    """What one of the channels that are drawn carries: an equal part of the whole."""
    total = rig.memory.bandwidth_bytes_per_s
    if total.value is None:
        return unknown(total.source)
    if some_loose or not places:
        return unknown("not every module tells its channel")
    channels, mts = rig.memory.channels.value, rig.memory.mts.value
    how = f"1 of {len(places)} equal parts of {f.gbs(total.value)}"
    if channels == len(places) and mts:
        how = f"64 bits at {mts} MT/s"
    weakest: Confidence = (
        "derived" if total.confidence in ("measured", "reported", "derived") else total.confidence
    )
    return Fact(total.value / len(places), how, weakest)


def _channels(placed: Sequence[tuple[Place, MemoryModule]], rate: Fact[float]) -> list[Node]:
    """Channels with their modules; below their controllers where there are several of them."""
    groups: dict[str | None, dict[str, list[MemoryModule]]] = {}
    for place, module in placed:
        groups.setdefault(place.group, {}).setdefault(place.channel, []).append(module)
    found: list[Node] = []
    for group, channels in groups.items():
        nodes = [
            Node(
                "channel",
                f"channel {name}",
                bandwidth=rate,
                children=tuple(_module(m, rate) for m in modules),
            )
            for name, modules in channels.items()
        ]
        if group is None or len(groups) == 1:
            found += nodes
            continue
        total: Fact[float] = unknown(rate.source)
        if rate.value is not None:
            total = Fact(
                rate.value * len(nodes),
                f"{_plural(len(nodes), 'channel')} of {f.gbs(rate.value)}",
                rate.confidence,
            )
        found.append(Node("controller", _group_name(group), bandwidth=total, children=tuple(nodes)))
    return found


def _group_name(group: str) -> str:
    found = re.fullmatch(r"([CN])(\w+)", group)
    return f"{'controller' if found[1] == 'C' else 'node'} {found[2]}" if found else group


def _module(module: MemoryModule, rate: Fact[float]) -> Node:
    words = [f.gib_unit(module.size_bytes)]
    if module.type:
        words.append(module.type)
    speed = module.configured_mts or module.rated_mts
    if module.configured_mts and module.rated_mts and module.rated_mts > module.configured_mts:
        words.append(f"{module.configured_mts} of {module.rated_mts} MT/s")
    else:
        words.append(f"{speed} MT/s" if speed else "speed unknown")
    return Node("module", module.locator or "module", " ".join(words), rate, module.size_bytes)


def _module_rate(module: MemoryModule) -> Fact[float]:
    """What a DDR module could carry on a channel of its own."""
    speed = module.configured_mts or module.rated_mts
    if speed is None:
        return unknown("its speed is unknown")
    if module.type is None or module.type.startswith("LPDDR"):
        return unknown("its width is unknown")
    return Fact(speed * 8e6, f"64 bits at {speed} MT/s, if it had a channel of its own", "derived")


def _loose(modules: Sequence[MemoryModule], rig: Rig) -> Node:
    """Modules of which nobody knows on which channel they are."""
    channels = rig.memory.channels
    because = (
        channels.source
        if channels.value is None
        else f"which module is on which is not told ({channels.source})"
    )
    nodes = tuple(_module(m, _module_rate(m)) for m in modules)
    return Node("channel", "channel unknown", because, unknown(because), children=nodes)


def _undivided(
    rig: Rig,
    placed: Sequence[tuple[Place, MemoryModule]],
    loose: Sequence[MemoryModule],
    rate: Fact[float],
    count: int,
) -> Node:
    """Several sockets that the names of the slots do not tell apart."""
    children = _channels(placed, rate)
    if loose:
        children.append(_loose(loose, rig))
    name = f"{count} sockets, which the slot names do not tell apart"
    return Node(
        "socket",
        name,
        rig.cpu.name.value or "CPU unknown",
        rig.memory.bandwidth_bytes_per_s,
        children=tuple(children),
    )


def _without_modules(rig: Rig, count: int) -> Node:
    memory = rig.memory
    channels, total = memory.channels, memory.bandwidth_bytes_per_s
    if channels.value is not None:
        name = _plural(channels.value, "channel")
        detail = (
            f"modules not listed ({memory.installed_bytes.source})"
            if not memory.installed_bytes.known
            else ""
        )
    else:
        name, detail = "channels unknown", channels.source
    node = Node("channel", name, detail, total, memory.total_bytes.value)
    title = "socket 0" if count == 1 else f"{count} sockets"
    return Node("socket", title, rig.cpu.name.value or "CPU unknown", total, children=(node,))


def _empty(rig: Rig, family: CpuFamily | None, used: int, rate: Fact[float], some_loose: bool) -> list[Node]:
    """The channels of a socket that have no module, where both numbers are certain."""
    channels = rig.memory.channels.value
    if family is None or some_loose or not channels or rate.value is None:
        return []
    if (rig.memory.type.value or "").startswith("LPDDR"):  # its channels are narrower than the family's
        return []
    free = family.channels - used
    if free < 1 or used < 1:
        return []
    could = Fact(rate.value * free, f"what {family.name} could add with modules there", "table")
    return [Node("empty", f"{_plural(free, 'channel')} without a module", bandwidth=could)]


def _with_numa(node: Node, index: int, sockets: int, numa: Sequence[NumaNode]) -> Node:
    """The socket with its memory nodes: the kernel numbers them socket by socket."""
    with_cpus = [n for n in numa if n.cpus]
    bare = [n for n in numa if not n.cpus]
    if len(numa) < 2:
        return node
    each, rest = divmod(len(with_cpus), sockets)
    mine = with_cpus[index * each : (index + 1) * each] if not rest else with_cpus if index == 0 else []
    share: Fact[float] = unknown("which memory is whose is not told")
    rate = node.bandwidth.value if node.bandwidth else None
    if not rest and each and rate is not None:
        share = Fact(
            rate / each,
            f"1 of {each} equal parts of the socket" if each > 1 else "all of the socket",
            "derived",
        )
    found = [_numa(n, share) for n in mine]
    if index == 0:
        found += [_numa(n, unknown("memory without CPUs (HBM, CXL or a GPU's)")) for n in bare]
    return Node(node.kind, node.name, node.detail, node.bandwidth, node.size_bytes, (*found, *node.children))


def _numa(node: NumaNode, share: Fact[float]) -> Node:
    words = [f"CPUs {node.cpus}" if node.cpus else "no CPUs"]
    if node.total_bytes:
        words.append(f.gib_unit(node.total_bytes))
    return Node("numa", f"NUMA node {node.node}", ", ".join(words), share, node.total_bytes)


# --- GPUs ------------------------------------------------------------------------------------


def link_text(link: PcieLink | None) -> str:
    """``PCIe 4.0 x16``, with question marks for what is unknown."""
    if link is None:
        return "PCIe unknown"
    generation = f"{link.generation:.1f}" if link.generation else "?"
    return f"PCIe {generation} x{link.lanes or '?'}"


def pcie_rate(generation: float | None, lanes: int | None) -> float | None:
    """Bytes/s of a PCIe link, each way; ``None`` when it cannot be known."""
    from catalog.hardware import pcie_bandwidth_gbs
    from catalog.types import LookupFailedError

    if generation is None or lanes is None:
        return None
    try:
        return pcie_bandwidth_gbs(generation, lanes) * 1e9
    except LookupFailedError:
        return None


def _gpu(number: int, gpu: AcceleratorInfo) -> Node:
    unified = gpu.unified.value is True
    edge: Fact[float]
    if unified:
        edge = gpu.bandwidth_bytes_per_s
        detail = "shares the RAM with the CPU"
    else:
        link = gpu.pcie.value
        rate = pcie_rate(link.generation, link.lanes) if link else None
        detail = link_text(link)
        edge = (
            unknown(gpu.pcie.source if link is None else f"{detail}: {gpu.pcie.source}")
            if rate is None
            else Fact(rate, f"{detail}, each way: {gpu.pcie.source}", "derived")
        )
    children = []
    if not unified:
        size = gpu.vram_bytes.value
        children.append(
            Node(
                "gpu_memory",
                "its memory",
                f.gib_unit(size) if size else f"size unknown: {gpu.vram_bytes.source}",
                gpu.bandwidth_bytes_per_s,
                size,
            )
        )
    if gpu.nvlink_bytes_per_s.known:
        children.append(Node("nvlink", "NVLink", "to the other GPUs, each way", gpu.nvlink_bytes_per_s))
    name = f"GPU {number}  {gpu.name.value or 'name unknown'}"
    return Node("gpu", name, detail, edge, children=tuple(children))
