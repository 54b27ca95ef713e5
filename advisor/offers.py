"""What can be changed of a rig, with the values to choose from: catalog and present rig in, lists out.

A kind of change is a template of the edit language with fields; it makes a text from chosen values and
reads the values back from a text.  What a rig refuses all the same, ``advisor.scenario`` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from advisor.core.changes import is_soldered
from advisor.links import host_link
from advisor.pipeline import cpu_family
from catalog.hardware import (
    load_accelerators,
    load_cpu_families,
    load_cpus,
    load_links,
    memory_kind,
    memory_types,
)
from catalog.types import Accelerator, LookupFailedError
from probes.spec_limits import module_sizes
from probes.types import Rig

GIB = 1024**3
_COUNTS = (1, 2, 4, 6, 8, 12, 16, 24)
_CABLES = ("pcie5x16", "pcie5x8", "pcie4x16", "pcie4x8", "pcie4x4", "pcie3x16", "pcie3x8", "pcie3x4",
           "oculink", "thunderbolt5", "thunderbolt4", "usb4 40")  # fmt: skip
_NETWORKS = ("ethernet 1 Gb/s", "ethernet 2.5 Gb/s", "ethernet 10 Gb/s", "ethernet 25 Gb/s",
             "ethernet 100 Gb/s", "thunderbolt5")  # fmt: skip
_WATTS = (150, 200, 250, 300, 350, 400, 450, 500, 600)


@dataclass(frozen=True, slots=True)
class Option:
    """A value as the edit language writes it, what to call it, and a figure or two about it."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to choose.  Without options its text is typed; ``searched`` ones are long lists."""

    key: str
    label: str
    options: tuple[Option, ...] = ()
    first: int = 0
    """The option that is chosen at first."""
    searched: bool = False

    @property
    def typed(self) -> bool:
        return not self.options


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of change: ``template`` is its text with the fields in braces."""

    key: str
    label: str
    template: str
    fields: tuple[Field, ...] = ()

    @property
    def verb(self) -> str:
        return self.template.partition(" ")[0]

    def text(self, values: Mapping[str, str]) -> str:
        """The change in the edit language."""
        return " ".join(self.template.format(**values).split())

    def read(self, text: str) -> dict[str, str] | None:
        """The values that make a text; ``None`` where it is another kind of change or another value."""
        pattern = re.escape(self.template)
        for field in self.fields:
            found = "|".join(re.escape(o.value) for o in sorted(field.options, key=lambda o: -len(o.value)))
            place = re.escape("{" + field.key + "}")
            pattern = pattern.replace(place, f"(?P<{field.key}>{found or '.*'})")
        match = re.fullmatch(pattern, " ".join(text.split()), re.IGNORECASE)
        if match is None:
            return None
        values = {}
        for field in self.fields:
            raw = match[field.key]
            same = [o.value for o in field.options if o.value.casefold() == raw.casefold()]
            values[field.key] = same[0] if same else raw
        return values


def short_card(name: str) -> str:
    """A product's name without its maker's: what people type."""
    return re.sub(r"^(NVIDIA (GeForce )?|AMD (Radeon )?(?=RX|PRO|VII|Instinct|AI)|Intel )", "", name)


@cache
def cards() -> tuple[Option, ...]:
    """GPUs of the catalog that come as cards, newest first, with memory and bandwidth."""
    found = [c for c in load_accelerators() if not c.unified and not c.laptop and c.memory_bytes]
    found.sort(key=lambda c: (c.released or "", c.bandwidth_gbs), reverse=True)
    options = [o for c in found for o in _card_options(c)]
    return tuple({o.value: o for o in options}.values())


def _card_options(card: Accelerator) -> Iterable[Option]:
    sizes = card.memory_bytes
    for size in sizes:
        gib = f"{size / GIB:g}"
        name = short_card(card.name)
        value = name if len(sizes) == 1 else f"{name} {gib}GB"
        yield Option(value, value, f"{gib} GiB  {card.bandwidth_gbs:.0f} GB/s")


@cache
def machines() -> tuple[Option, ...]:
    """Whole machines with unified memory, newest first, one for each size of it."""
    found = [c for c in load_accelerators() if c.unified and c.memory_type != "system"]
    found.sort(key=lambda c: (c.released or "", c.bandwidth_gbs), reverse=True)
    return tuple(
        Option(f"{c.name} {size / GIB:g}GB", f"{c.name} {size / GIB:g} GB", f"{c.bandwidth_gbs:.0f} GB/s")
        for c in found
        for size in sorted(c.memory_bytes, reverse=True)
    )


@cache
def cpus() -> tuple[Option, ...]:
    """CPUs of the catalog that go into a socket, with cores, channels and memory."""
    families = {f.name: f for f in load_cpu_families()}
    found = []
    for cpu in load_cpus():
        family = families.get(cpu.family)
        if family is not None and all(is_soldered(kind) for kind in memory_types(family)):
            continue
        parts = [f"{cpu.cores} cores"] if cpu.cores else []
        if family is not None:
            parts.append(f"{family.channels} x {family.memory_type}")
        found.append(Option(cpu.name, cpu.name, "  ".join(parts)))
    return tuple(found)


def _numbers(values: Iterable[int], label: str = "{}") -> tuple[Option, ...]:
    return tuple(Option(str(v), label.format(v)) for v in values)


def _at(options: tuple[Option, ...], value: object) -> int:
    return next((n for n, o in enumerate(options) if o.value == str(value)), 0)


def _nearest(options: tuple[Option, ...], value: int | None) -> int:
    if not value or not options:
        return 0
    return min(range(len(options)), key=lambda n: abs(int(options[n].value) - value))


def _links() -> tuple[Option, ...]:
    found = []
    for name in _CABLES:
        link = host_link(name)
        note = f"{link.payload_bytes_per_s / 1e9:.3g} GB/s, external" if link.payload_bytes_per_s else "slot"
        found.append(Option(name, name, note))
    return tuple(found)


def _networks() -> tuple[Option, ...]:
    rates = {link.name.casefold(): link.usable_gbs or link.bandwidth_gbs for link in load_links()}
    return tuple(Option(name, name, f"{rates[name]:.3g} GB/s" if name in rates else "") for name in _NETWORKS)


def _memory_kinds(rig: Rig) -> list[Kind]:
    family, memory = cpu_family(rig), rig.memory
    kind = memory.type.value
    kinds = memory_types(family) if family else tuple(t for t in (kind,) if t)
    sold = tuple(dict.fromkeys([*(t for t in (kind,) if t in kinds), *kinds]))
    sold = tuple(t for t in sold if not is_soldered(t)) or ("DDR5", "DDR4")
    try:
        rates = sorted({rate for t in sold for rate in memory_kind(t).rates_mts})
        present = memory_kind(kind).rates_mts if kind else tuple(rates)
    except LookupFailedError:
        present = tuple(rates := [3200, 4800, 5600, 6000])
    sizes = sorted({size // GIB for t in sold for size in module_sizes(t, family)})
    modules = memory.modules
    count, size = _numbers(_COUNTS), _numbers(sizes, "{} GB")
    types, speeds = tuple(Option(t, t) for t in sold), _numbers(rates, "{} MT/s")
    now = modules[0].size_bytes // GIB if modules else 32
    found = [
        Kind(
            "ram",
            "RAM modules",
            "ram {how}{count}x{size}GB:{type}-{mts}",
            (
                Field(
                    "how", "how", (Option("+", "beside the present"), Option("", "instead of the present"))
                ),
                Field("count", "modules", count, _nearest(count, 2)),
                Field("size", "size each", size, _nearest(size, now)),
                Field("type", "type", types, _at(types, kind)),
                Field("mts", "speed", speeds, _nearest(speeds, memory.mts.value)),
            ),
        )
    ]
    if not is_soldered(kind):
        own = _numbers(present, "{} MT/s")
        channels = _numbers(range(1, (family.channels if family else 12) + 1))
        slots = _numbers((1, 2, 4, 8, 12, 16, 24, 32), "{} slots")
        found += [
            Kind(
                "mts",
                "RAM speed",
                "mts {mts}",
                (Field("mts", "speed", own, _nearest(own, memory.mts.value)),),
            ),
            Kind("xmp", "XMP / EXPO on", "xmp on"),
            Kind(
                "channels",
                "RAM channels",
                "channels {channels}",
                (Field("channels", "populated", channels, len(channels) - 1),),
            ),
            Kind(
                "board",
                "another board",
                "board {type} {slots} slots",
                (Field("type", "takes", types), Field("slots", "slots", slots, 2)),
            ),
        ]
    return found


def _gpu_kinds(rig: Rig) -> list[Kind]:
    many = tuple(Option(f"{n}x " if n > 1 else "", f"{n}") for n in (1, 2, 3, 4, 6, 8))
    over = (
        Option("", "a slot of its own"),
        *(Option(f" over {o.value}", o.label, o.note) for o in _links()),
    )
    discrete = [g for g in rig.accelerators if not g.unified.value]
    present = short_card(discrete[0].name.value or "") if discrete else ""
    chosen = (
        Field("gpu", "card", cards(), _at(cards(), present), searched=True),
        Field("count", "how many", many),
        Field("over", "connected by", over),
    )
    found = [
        Kind("add-gpu", "add a GPU", "add-gpu {count}{gpu}{over}", chosen),
        Kind("replace-gpu", "replace the GPUs", "replace-gpu {count}{gpu}{over}", chosen),
    ]
    if not discrete:
        return found[:1]
    names = [short_card(g.name.value or "GPU") for g in rig.accelerators]
    numbers = tuple(Option(str(n), f"{n}: {name}") for n, name in enumerate(names, 1))
    every = (
        Option("", "all of them"),
        *(Option(f" for gpu {o.value}", o.label) for o in numbers),
    )
    links = (*(Option("nvlink", "NVLink between them") for _ in discrete[1:2]), *_links())
    watts = _numbers(_WATTS, "{} W")
    return [
        *found,
        Kind("remove-gpu", "remove a GPU", "remove-gpu {gpu}", (Field("gpu", "which", numbers),)),
        Kind(
            "link", "GPU link", "link {link}{gpu}", (Field("link", "link", links), Field("gpu", "of", every))
        ),
        Kind(
            "power",
            "GPU power limit",
            "power {gpu} {watts}",
            (Field("gpu", "of", numbers), Field("watts", "limit", watts, 2)),
        ),
        Kind(
            "ecc",
            "GPU memory ECC",
            "ecc {on}{gpu}",
            (Field("on", "is", (Option("off", "off"), Option("on", "on"))), Field("gpu", "of", every)),
        ),
    ]


def kinds_of(rig: Rig) -> tuple[Kind, ...]:
    """The kinds of change that a rig can be asked for: memory first; other machines where it is soldered."""
    other = (Option("same", "one like this"), *machines())
    memory, gpus = _memory_kinds(rig), _gpu_kinds(rig)
    cpu = Kind("cpu", "another CPU", "cpu {cpu}", (Field("cpu", "CPU", cpus(), searched=True),))
    whole = [
        Kind(
            "machine",
            "another machine",
            "machine {machine}",
            (Field("machine", "machine", machines(), searched=True),),
        ),
        Kind(
            "second",
            "a second machine",
            "second {machine} over {link}",
            (
                Field("machine", "machine", other, searched=True),
                Field("link", "network", _networks(), 2),
            ),
        ),
    ]
    soldered = is_soldered(rig.memory.type.value)
    return (
        *([*whole, *gpus, *memory, cpu] if soldered else [*memory, *gpus, cpu, *whole]),
        Kind("name", "name it", "name {name}", (Field("name", "name"),)),
    )


def matching(options: tuple[Option, ...], search: str) -> tuple[int, ...]:
    """Indices of the options that have all words of a search: those that begin with it, then short names."""
    words = search.casefold().split()
    found = [n for n, o in enumerate(options) if all(w in f"{o.label} {o.note}".casefold() for w in words)]
    start = search.casefold().strip()

    def rank(n: int) -> tuple[bool, bool, bool, int]:
        label = options[n].label.casefold()
        return label != start, not label.startswith(start), start not in label, len(label)

    return tuple(sorted(found, key=rank)) if words else tuple(found)
