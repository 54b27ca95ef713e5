"""GPUs in the output of ``lspci`` (plain, ``-n``, ``-nn``, ``-mm``, ``-vmm``; ``-v`` and ``-vv`` say more).

With ``-nn`` the PCI ids lead to the catalog; without them the names of the PCI ID database do.  ``-vv`` as
root shows the links, ``-k`` and ``-v`` the drivers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from probes.gpu import GpuProbe, GpuReading, accelerator_from_reading, merge
from probes.gpu_match import accelerators_by_pci_id, size_behind_bar, soldered_memory
from probes.pci import BACKENDS, GENERATION, Hop, narrowest_link
from probes.types import RigError

SOURCE = "lspci"

_SLOT = r"(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
_FIRST = re.compile(rf"^({_SLOT})\s+(.+)$", re.IGNORECASE)
_IDS = re.compile(r"\[([0-9a-f]{4}):([0-9a-f]{4})\]", re.IGNORECASE)
_NUMBERS = re.compile(r"^([0-9a-f]{4}):\s+([0-9a-f]{4}):([0-9a-f]{4})\b", re.IGNORECASE)
_CLASSES = re.compile(
    r"VGA compatible|3D controller|Display controller|Processing accelerator|\[03\d\d\]|\[1200\]",
    re.IGNORECASE,
)
_VENDORS = {"10de": "NVIDIA", "1002": "AMD", "8086": "Intel"}
_VENDOR_WORDS = (
    ("NVIDIA", re.compile(r"\bNVIDIA\b", re.IGNORECASE)),
    ("AMD", re.compile(r"Advanced Micro Devices|\bAMD\b|\bATI\b", re.IGNORECASE)),
    ("Intel", re.compile(r"\bIntel\b", re.IGNORECASE)),
)
_SIZES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


@dataclass(slots=True)
class _Block:
    """One function of the bus: its first line, and the indented lines under it."""

    slot: str
    first: str
    lines: list[str] = field(default_factory=list)

    def find(self, pattern: str) -> re.Match[str] | None:
        return next((m for line in self.lines if (m := re.search(pattern, line))), None)


def looks_like_lspci(text: str) -> bool:
    """Whether the text lists PCI functions: an address, then a class."""
    if re.search(rf"^Slot:\t{_SLOT}$", text, re.MULTILINE | re.IGNORECASE):
        return True
    lines = re.findall(rf"^{_SLOT} (.*)$", text, re.MULTILINE | re.IGNORECASE)
    named = re.compile(r"[A-Z][\w/ .-]+(\[[0-9a-f]{4}\])?: \S")
    return any(_NUMBERS.match(line) or line.startswith('"') or named.match(line) for line in lines)


def gpus_from_lspci(text: str) -> GpuProbe:
    """The GPUs of the three vendors among the functions listed.

    Raises:
        RigError: no PCI function in the text.
    """
    blocks = _blocks(text)
    if not blocks:
        raise RigError("lspci: no PCI device in it; capture it with `lspci -nnvv`")
    bridges = {number: block for block in blocks if (number := _secondary_bus(block)) is not None}
    found = merge(_gpu(block, bridges) for block in blocks if _is_gpu(block))
    if not found.accelerators and not found.notes:
        return GpuProbe(notes=("lspci: no NVIDIA, AMD or Intel GPU on the bus.",))
    return found


def _blocks(text: str) -> list[_Block]:
    if re.search(r"^Slot:\t", text, re.MULTILINE):
        return [b for part in re.split(r"\n\s*\n", text) if (b := _from_fields(part)) is not None]
    blocks: list[_Block] = []
    for line in text.splitlines():
        first = _FIRST.match(line)
        if first is not None:
            blocks.append(_Block(first[1].lower(), first[2]))
        elif line[:1].isspace() and blocks:
            blocks[-1].lines.append(line.strip())
    return blocks


def _from_fields(part: str) -> _Block | None:
    """``lspci -vmm``: a line per field."""
    fields = dict(line.split(":\t", 1) for line in part.splitlines() if ":\t" in line)
    if "Slot" not in fields:
        return None
    kind, vendor, device = (fields.get(k, "") for k in ("Class", "Vendor", "Device"))
    ids = [re.search(r"\[([0-9a-f]{4})\]$", text) for text in (vendor, device)]
    pair = f" [{ids[0][1]}:{ids[1][1]}]" if ids[0] and ids[1] else ""
    revision = f" (rev {fields['Rev']})" if "Rev" in fields else ""
    device = re.sub(r"\s*\[[0-9a-f]{4}\]$", "", device)
    lines = [f"Kernel driver in use: {fields['Driver']}"] if "Driver" in fields else []
    return _Block(fields["Slot"].lower(), f"{kind}: {vendor} {device}{pair}{revision}", lines)


def _is_gpu(block: _Block) -> bool:
    numbers = _NUMBERS.match(block.first)
    if numbers is not None:
        return numbers[1][:2] == "03" or numbers[1].lower() == "1200"
    return bool(_CLASSES.match(block.first.lstrip('"')) or _CLASSES.search(block.first.partition(":")[0]))


def _secondary_bus(block: _Block) -> tuple[str, str] | None:
    """The bus behind a bridge, with its domain."""
    found = block.find(r"secondary=([0-9a-f]{2})\b")
    return (_domain(block.slot), found[1]) if found else None


def _domain(slot: str) -> str:
    return slot.split(":")[0] if slot.count(":") == 2 else "0000"


def _bus(slot: str) -> str:
    return slot.split(":")[-2]


def _gpu(block: _Block, bridges: dict[tuple[str, str], _Block]) -> GpuProbe:
    first = block.first
    numbers, ids = _NUMBERS.match(first), _IDS.search(first)
    pair = (numbers[2], numbers[3]) if numbers else (ids[1], ids[2]) if ids else (None, None)
    vendor = _VENDORS.get((pair[0] or "").lower())
    if pair[0] is None:
        vendor = next((name for name, words in _VENDOR_WORDS if words.search(first)), None)
    if vendor is None:
        return GpuProbe()
    pci_id = pair[1].upper() if pair[1] else None
    revision = re.search(r"\(rev ([0-9a-f]{2})\)|\s-r([0-9a-f]{2})\b", first, re.IGNORECASE)
    driver = block.find(r"^Kernel driver in use: (\S+)")
    names = () if numbers else product_names(first)
    address = block.slot if block.slot.count(":") == 2 else f"0000:{block.slot}"
    entries = accelerators_by_pci_id(pci_id, vendor, revision and (revision[1] or revision[2]))
    unified = True if entries and all(e.unified for e in entries) else None
    reading = GpuReading(
        source=SOURCE,
        vendor=vendor,
        name=None if entries or len(names) != 1 else f"{vendor} {names[0]}",
        alternatives=() if entries else tuple(names),
        pci_id=pci_id,
        revision=(revision[1] or revision[2]).upper() if revision else None,
        vram_bytes=None if unified else size_behind_bar(entries, _largest_bar(block)),
        unified=unified,
        pcie=None if unified else narrowest_link(_hops(block, bridges)),
        pcie_reason="the GPU is part of the chip" if unified else "not shown; `lspci -vv` as root does",
        driver=driver[1] if driver else None,
        backend=BACKENDS.get(driver[1]) if driver else None,
        bandwidth_reason="the bandwidth of system RAM" if unified and not soldered_memory(entries) else None,
        vram_reason="not told by lspci",
    )
    info, notes = accelerator_from_reading(reading)
    if not info.bandwidth_bytes_per_s.known and not unified:
        name = names[0] if names else f"{vendor} {pci_id}"
        shared = vendor == "Intel" or re.search(r"Integrated|\bIGP\b|Radeon (HD \d|Vega) ?Graphics$", first)
        what = "shares system RAM" if shared else "an old or unlisted GPU"
        return GpuProbe(
            notes=(f"{name} (PCI {address}): {what}, not in the catalog; it is left out.",),
            pci_addresses=(address,),
        )
    return GpuProbe((info,), notes, (address,))


def product_names(text: str) -> list[str]:
    """The products in the brackets of a PCI ID database name, each spelt out.

    ``GA104M [GeForce RTX 3070 Mobile / Max-Q]`` -> both; ``Navi 31 [Radeon RX 7900 XT/7900 XTX]`` -> both.
    """
    text = re.sub(r"\(prog-if .*", "", text)
    ids = re.compile(r"[0-9a-f]{4}(:[0-9a-f]{4})?|AMD(/ATI)?")
    brackets = [b for b in re.findall(r"\[([^\[\]]+)\]", text) if not ids.fullmatch(b)]
    if not brackets:
        return []
    parts = [part.strip() for part in re.split(r"\s*/\s*", brackets[-1]) if part.strip()]
    names = parts[:1]
    for part in parts[1:]:
        if part in ("Max-Q", "Mobile"):
            base = re.sub(r"\s(Mobile|Max-Q)$", "", names[0])
            names.append(f"{base} {part}")
        elif re.match(r"\d", part):  # only the number differs
            brand = re.match(r"[^\d]*", names[-1])
            names.append(f"{brand[0] if brand else ''}{part}".strip())
        else:
            names.append(part)
    return names


def _largest_bar(block: _Block) -> int | None:
    sizes = [
        int(m[1]) * _SIZES[m[2]]
        for line in block.lines
        if (
            m := re.search(
                r"^(?:Region \d: )?Memory at .*[^-]prefetchable\).*\[size=(\d{1,6})([KMGT]?)\]", line
            )
        )
    ]
    return max(sizes, default=None)


def _hops(block: _Block, bridges: dict[tuple[str, str], _Block]) -> list[Hop]:
    """The links from the card up to the root port, as far as they are shown."""
    hops: list[Hop] = []
    current: _Block | None = block
    while current is not None and len(hops) < 16:
        most = current.find(r"LnkCap:.*Speed (\d{1,3}(?:\.\d)?|unknown).*Width x(\d{1,2})")
        now = current.find(r"LnkSta:.*Speed (\d{1,3}(?:\.\d)?|unknown).*Width x(\d{1,2})")
        if most is not None:
            hops.append(
                Hop(
                    GENERATION.get(float(most[1])) if most[1] != "unknown" else None,
                    int(now[2]) if now and int(now[2]) else None,
                    int(most[2]) or None,
                )
            )
        parent = bridges.get((_domain(current.slot), _bus(current.slot)))
        current = parent if parent is not current else None
    return hops
