"""Display adapters of Windows: the registry's class key, and lists of ``name|bytes``.

``HardwareInformation.qwMemorySize`` holds the whole memory; ``MemorySize`` and ``AdapterRAM`` have 32 bits
and are never used for cards.  The keys of removed cards stay in the registry, so what is present must
come from elsewhere (DXGI, the Plug-and-Play devices).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from probes.files import whole_number
from probes.gpu import GpuProbe, GpuReading, accelerator_from_reading, merge
from probes.gpu_match import accelerators_by_pci_id, plain_name, soldered_memory
from probes.types import AcceleratorInfo, Fact, RigError, unknown

DISPLAY_CLASS = "{4d36e968-e325-11ce-bfc1-08002be10318}"
"""The setup class of display adapters (Windows driver documentation)."""

ADAPTER_RAM_CAP = 4_293_918_720
"""4 GiB less 1 MiB: what a 32-bit AdapterRAM shows for any larger memory."""

SOFTWARE = re.compile(
    r"basic (display|render)|remote|virtual|parsec|citrix|hyper-v|mirage|displaylink", re.IGNORECASE
)
_VENDORS = {"10DE": "NVIDIA", "1002": "AMD", "8086": "Intel"}
_WORDS = (
    ("NVIDIA", re.compile(r"nvidia|geforce|quadro|tesla", re.IGNORECASE)),
    ("AMD", re.compile(r"\bamd\b|radeon", re.IGNORECASE)),
    ("Intel", re.compile(r"intel", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Adapter:
    """One display adapter; ``None`` where the source does not say."""

    name: str
    source: str
    vendor: str | None = None
    pci_id: str | None = None
    revision: str | None = None
    memory_bytes: int | None = None
    driver: str | None = None
    shared_bytes: int | None = None
    """RAM that it may use besides (DXGI): integrated graphics have little else."""


def device_ids(text: str) -> tuple[str | None, str | None, str | None]:
    """(vendor, device, revision) of a Plug-and-Play id such as ``PCI\\VEN_1002&DEV_73FF&REV_C1``."""
    ids = re.search(r"VEN_([0-9A-F]{4})&(?:amp;)?DEV_([0-9A-F]{4})", text, re.IGNORECASE)
    revision = re.search(r"&(?:amp;)?REV_([0-9A-F]{2})", text, re.IGNORECASE)
    if ids is None:
        return None, None, None
    return _VENDORS.get(ids[1].upper()), ids[2].upper(), revision[1].upper() if revision else None


def vendor_by_name(name: str) -> str | None:
    """The vendor that an adapter's name tells."""
    return next((vendor for vendor, words in _WORDS if words.search(name)), None)


def looks_like_registry(text: str) -> bool:
    """Whether the text is an export (``.reg``) or ``reg query`` output of the display class key."""
    return DISPLAY_CLASS in text.lower() and "driverdesc" in text.lower()


def adapters_from_registry(text: str) -> tuple[Adapter, ...]:
    """The adapters in the text of the class key, present or removed.

    Raises:
        RigError: none is in it.
    """
    joined = re.sub(r"\\\r?\n\s*", "", text)
    parts = re.split(r"^\[?HKEY_[^\r\n]*?\\(\d{4})\]?[ \t\r]*$", joined, flags=re.MULTILINE | re.IGNORECASE)
    found = [adapter for part in parts[2::2] if (adapter := adapter_from_values(_values(part))) is not None]
    if not found:
        raise RigError(f"registry: no adapter with a DriverDesc under {DISPLAY_CLASS}")
    return tuple(found)


def _values(part: str) -> dict[str, str | int | bytes]:
    """Names and values of one key, from ``"Name"=value`` or ``Name  REG_TYPE  value`` lines."""
    values: dict[str, str | int | bytes] = {}
    for line in part.splitlines():
        export = re.match(r'^"((?:[^"\\]|\\.)+)"=(.*)$', line.strip())
        query = re.match(r"^\s+(\S+)\s+REG_(\w+)\s+(.*)$", line)
        if export:
            values[export[1]] = _exported(export[2].strip())
        elif query:
            kind, text = query[2], query[3].strip()
            number = re.fullmatch(r"0x([0-9a-fA-F]{1,16})", text)
            if kind in ("DWORD", "QWORD") and number:
                values[query[1]] = int(number[1], 16)
            elif kind == "BINARY" and re.fullmatch(r"([0-9a-fA-F]{2})+", text):
                values[query[1]] = bytes.fromhex(text)
            else:
                values[query[1]] = text
    return values


def _exported(text: str) -> str | int | bytes:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:].removesuffix('"'))
    number = re.fullmatch(r"dword:([0-9a-fA-F]{1,8})", text)
    if number:
        return int(number[1], 16)
    data = re.fullmatch(r"hex(?:\([0-9a-f]+\))?:((?:[0-9a-fA-F]{2},?)*)", text)
    return bytes.fromhex(data[1].replace(",", "")) if data else text


def size_of(value: object) -> int | None:
    """A 64-bit size: a number, or eight bytes (some drivers write REG_BINARY)."""
    if isinstance(value, bytes) and len(value) == 8:
        value = int.from_bytes(value, "little")
    return value if isinstance(value, int) and 0 < value < 2**60 else None


def adapter_from_values(values: Mapping[str, object]) -> Adapter | None:
    """The adapter of one key of the class, ``None`` for software adapters."""
    name = values.get("DriverDesc")
    if not isinstance(name, str) or not name.strip() or SOFTWARE.search(name):
        return None
    vendor, device, revision = device_ids(str(values.get("MatchingDeviceId", "")))
    driver = values.get("DriverVersion")
    return Adapter(
        name=name.strip(),
        source="registry",
        vendor=vendor or vendor_by_name(name),
        pci_id=device,
        revision=revision,
        memory_bytes=size_of(values.get("HardwareInformation.qwMemorySize")),
        driver=driver if isinstance(driver, str) else None,
    )


def looks_like_adapter_list(text: str) -> bool:
    """Whether the text is lines of ``name|bytes``, one per adapter; some may be damaged."""
    lines = [line for line in text.splitlines() if line.strip()]
    good = [line for line in lines if re.fullmatch(r"[^|]+\|\d{1,18}", line.strip())]
    return 0 < len(lines) <= 64 and len(good) * 2 >= len(lines) and any(vendor_by_name(g) for g in good)


def adapters_from_list(text: str) -> tuple[Adapter, ...]:
    """The adapters in lines of ``name|bytes``; a size that 32 bits cannot hold is unknown."""
    found = []
    for line in text.splitlines():
        name, _, number = line.strip().rpartition("|")
        vendor = vendor_by_name(name)
        if vendor is None or not number.strip().isdecimal() or SOFTWARE.search(name):
            continue
        size = size_of(whole_number(number))
        known = size if size and not ADAPTER_RAM_CAP <= size < 2**32 else None
        found.append(Adapter(name.strip(), "adapter list", vendor, memory_bytes=known))
    return tuple(found)


def gpus_from_adapters(adapters: Iterable[Adapter]) -> GpuProbe:
    """The GPUs among display adapters that are present."""
    return merge(map(_gpu, adapters))


def _gpu(adapter: Adapter) -> GpuProbe:
    if adapter.vendor is None:
        return GpuProbe()
    entries = accelerators_by_pci_id(adapter.pci_id, adapter.vendor, adapter.revision)
    unified = bool(entries) and all(e.unified for e in entries)
    reading = GpuReading(
        source=adapter.source,
        vendor=adapter.vendor,
        name=adapter.name,
        pci_id=adapter.pci_id,
        revision=adapter.revision,
        # Integrated graphics report the part of RAM that the firmware sets aside.
        vram_bytes=None if unified else adapter.memory_bytes,
        unified=True if unified else None,
        driver=adapter.driver,
        backend="cuda" if adapter.vendor == "NVIDIA" else "vulkan",
        bandwidth_reason="the bandwidth of system RAM" if unified and not soldered_memory(entries) else None,
        pcie_reason="the GPU is part of the chip" if unified else "not read on Windows",
        vram_reason="shares system RAM" if unified else "32 bits cannot tell it",
    )
    info, notes = accelerator_from_reading(reading)
    if info.unified.value and not unified:  # told by its name
        info = replace(info, vram_bytes=unknown("shares system RAM"))
    if info.bandwidth_bytes_per_s.known or info.unified.value:
        return GpuProbe((info,), notes)
    if adapter.vendor == "Intel":
        return GpuProbe(notes=(f"{adapter.name}: integrated graphics that share system RAM; left out.",))
    if not info.vram_bytes.known:
        return GpuProbe(
            notes=(
                *notes,
                f"{adapter.name}: memory and bandwidth unknown; add `nvidia-smi -q -x` if it has one.",
            )
        )
    return GpuProbe((info,), notes)


def with_registry(
    gpus: tuple[AcceleratorInfo, ...], adapters: Iterable[Adapter]
) -> tuple[AcceleratorInfo, ...]:
    """GPUs with their memory from the registry, where they do not know it better than from a table."""
    known = [a for a in adapters if a.memory_bytes]
    return tuple(_settled(gpu, known) for gpu in gpus)


def _settled(gpu: AcceleratorInfo, adapters: list[Adapter]) -> AcceleratorInfo:
    if gpu.unified.value or gpu.vram_bytes.confidence in ("measured", "reported"):
        return gpu
    for adapter in adapters:
        same = adapter.pci_id == gpu.pci_id.value if adapter.pci_id and gpu.pci_id.known else None
        if same is None:
            same = plain_name(adapter.name) == plain_name(gpu.name.value or "")
        if same and adapter.memory_bytes:
            return replace(gpu, vram_bytes=Fact(adapter.memory_bytes, adapter.source, "reported"))
    return gpu
