"""Sockets, memory nodes, channels and modules of a topology."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor.report import format as f
from advisor.report.topology import Node
from catalog.types import CpuFamily
from probes.types import Confidence, Fact, MemoryModule, NumaNode, Rig, unknown


def memory_text(rig: Rig) -> str:
    """Size, kind, speed and channels of the RAM in words; what is unknown is named."""
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


def sockets(rig: Rig, family: CpuFamily | None) -> list[Node]:
    """The sockets with what is behind each; modules of which nobody knows where they are stand beside."""
    modules = rig.memory.modules
    placed = [(place_of(m.channel), m) for m in modules if m.channel]
    labels = sorted({place.socket for place, _ in placed if place.socket is not None}, key=_natural)
    count = max(rig.cpu.sockets.value or 0, len(labels), 1)
    # With several sockets a key without one does not say where the module is.
    loose = [m for m in modules if not m.channel or (labels and place_of(m.channel).socket is None)]
    placed = [(place, m) for place, m in placed if place.socket is not None or not labels]
    rate = _per_channel(rig, {place for place, _ in placed}, bool(loose))
    if not modules:
        found = [_without_modules(rig, count)]
    elif count > 1 and not labels:
        found = [_undivided(rig, placed, loose, rate, count)]
    else:
        found = [
            _socket(rig, family, label, [(p, m) for p, m in placed if label in (p.socket, None)], rate)
            for label in (labels if count > 1 else [None])
        ]
        missing: Fact[float] = unknown("none of its modules is known")
        found += [Node("socket", f"socket {n}?", missing.source, missing) for n in range(len(found), count)]
    found = [_with_numa(node, i, len(found), rig.cpu.numa) for i, node in enumerate(found)]
    if loose and count == 1:
        found[0] = replace(found[0], children=(*found[0].children, _loose(loose, rig)))
    elif loose and labels:
        found.append(_loose(loose, rig))
    return found


def _natural(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isascii() and text.isdigit() else (10**9, text)


def _socket(
    rig: Rig,
    family: CpuFamily | None,
    label: str | None,
    placed: Sequence[tuple[Place, MemoryModule]],
    rate: Fact[float],
) -> Node:
    """A socket with its channels; ``label`` is ``None`` for the only one."""
    channels = _channels(placed, rate)
    whole = rig.memory.bandwidth_bytes_per_s
    total: Fact[float] = whole if label is None else unknown(whole.source)
    rates = [c.bandwidth.value for c in channels if c.bandwidth is not None]
    known = [value for value in rates if value is not None]
    if label is not None and rates and len(known) == len(rates):
        total = Fact(sum(known), "sum of its channels", "derived")
    channels += _empty(rig, family, len({place for place, _ in placed}), rate)
    name = label or next((place.socket for place, _ in placed if place.socket), None) or "0"
    return Node(
        "socket", f"socket {name}", rig.cpu.name.value or "CPU unknown", total, children=tuple(channels)
    )


def _keys(rig: Rig) -> int:
    return len({m.channel for m in rig.memory.modules if m.channel})


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


def _empty(rig: Rig, family: CpuFamily | None, used: int, rate: Fact[float]) -> list[Node]:
    """The channels of a socket that have no module, where both numbers are certain."""
    channels = rig.memory.channels.value
    if family is None or rate.value is None or channels != _keys(rig):
        return []  # LPDDR channels are narrower than the family's 64 bits: their number is another
    free = family.channels - used
    if free < 1 or not used:
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
