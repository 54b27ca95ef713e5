"""Display adapters through DXGI: ``CreateDXGIFactory1``, ``EnumAdapters1``, ``GetDesc1``.

Three calls by their place in the interfaces' tables (dxgi.h); no administrator, nothing registered.  Only
adapters that are present are listed; ``DedicatedVideoMemory`` has 64 bits.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from probes.windows_adapters import SOFTWARE, Adapter, size_of, vendor_by_name

SOURCE = "dxgi"

_VENDORS = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x8086: "Intel"}
_SOFTWARE_FLAG = 2
"""``DXGI_ADAPTER_FLAG_SOFTWARE``."""
_MAX_ADAPTERS = 64


class _Guid(ctypes.Structure):
    _fields_ = [
        ("data1", ctypes.c_uint32),
        ("data2", ctypes.c_uint16),
        ("data3", ctypes.c_uint16),
        ("data4", ctypes.c_uint8 * 8),
    ]


class AdapterDescription(ctypes.Structure):
    """``DXGI_ADAPTER_DESC1`` (dxgi.h): wide characters of two bytes on Windows."""

    _fields_ = [
        ("description", ctypes.c_uint16 * 128),
        ("vendor_id", ctypes.c_uint32),
        ("device_id", ctypes.c_uint32),
        ("subsystem_id", ctypes.c_uint32),
        ("revision", ctypes.c_uint32),
        ("dedicated_video_memory", ctypes.c_size_t),
        ("dedicated_system_memory", ctypes.c_size_t),
        ("shared_system_memory", ctypes.c_size_t),
        ("luid_low", ctypes.c_uint32),
        ("luid_high", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
    ]


_FACTORY1 = _Guid(
    0x770AAE78, 0xF26F, 0x4DBA, (ctypes.c_uint8 * 8)(0xA8, 0x29, 0x25, 0x3C, 0x83, 0xD1, 0xB3, 0x87)
)
"""``IID_IDXGIFactory1``."""

_ENUM_ADAPTERS1 = 12
"""Place in IDXGIFactory1: IUnknown 0-2, IDXGIObject 3-6, IDXGIFactory 7-11."""
_GET_DESC1 = 10
"""Place in IDXGIAdapter1: IUnknown 0-2, IDXGIObject 3-6, IDXGIAdapter 7-9."""
_RELEASE = 2


def descriptions(library: Any | None = None) -> Iterator[AdapterDescription]:
    """The descriptions of all adapters; none where DXGI is missing or refuses.

    ``library`` is ``dxgi.dll`` or a stand-in.
    """
    if library is None:
        platform: str = sys.platform
        if platform != "win32":
            return
        library = getattr(ctypes, "windll").dxgi  # noqa: B009 - exists on Windows only
    factory = ctypes.c_void_p()
    if library.CreateDXGIFactory1(ctypes.byref(_FACTORY1), ctypes.byref(factory)) != 0 or not factory:
        return
    try:
        for index in range(_MAX_ADAPTERS):
            adapter = ctypes.c_void_p()
            enumerate_one = _method(factory, _ENUM_ADAPTERS1, ctypes.c_uint32, ctypes.c_void_p)
            if enumerate_one(factory, index, ctypes.byref(adapter)) != 0 or not adapter:
                return
            try:
                description = AdapterDescription()
                describe = _method(adapter, _GET_DESC1, ctypes.c_void_p)
                if describe(adapter, ctypes.byref(description)) == 0:
                    yield description
            finally:
                _method(adapter, _RELEASE)(adapter)
    finally:
        _method(factory, _RELEASE)(factory)


def _method(interface: ctypes.c_void_p, place: int, *arguments: Any) -> Callable[..., int]:
    """A method of a COM interface by its place in the table that the object starts with."""
    kind: Any = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)
    table = ctypes.cast(interface, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
    address = table[place]
    method: Callable[..., int] = kind(ctypes.c_int32, ctypes.c_void_p, *arguments)(address)
    return method


def adapters(library: Any | None = None) -> tuple[Adapter, ...]:
    """The GPUs that DXGI lists, each once (one with several outputs may be listed again)."""
    found: dict[tuple[int, int], Adapter] = {}
    for description in descriptions(library):
        place = (description.luid_low, description.luid_high)
        adapter = _adapter(
            bytes(description.description).decode("utf-16-le", "replace").partition("\0")[0],
            description.vendor_id,
            description.device_id,
            description.revision,
            description.dedicated_video_memory,
            description.shared_system_memory,
            description.flags,
        )
        if adapter is not None:
            found.setdefault(place, adapter)
    return tuple(found.values())


def _adapter(
    name: str, vendor: object, device: object, revision: object, memory: object, shared: object, flags: object
) -> Adapter | None:
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:80]
    if not name or SOFTWARE.search(name) or (isinstance(flags, int) and flags & _SOFTWARE_FLAG):
        return None
    known = _VENDORS.get(vendor) if isinstance(vendor, int) else None
    return Adapter(
        name=name,
        source=SOURCE,
        vendor=known or vendor_by_name(name),
        pci_id=f"{device:04X}" if isinstance(device, int) and 0 < device < 0x10000 else None,
        revision=f"{revision:02X}" if isinstance(revision, int) and 0 <= revision < 256 else None,
        memory_bytes=size_of(memory),
        shared_bytes=size_of(shared),
    )


def is_dxgi(document: object) -> bool:
    """Whether parsed JSON is a list of ``DXGI_ADAPTER_DESC1`` records."""
    return isinstance(document, list) and any(
        isinstance(item, Mapping) and "DedicatedVideoMemory" in item and "Description" in item
        for item in document
    )


def adapters_from_json(document: object) -> tuple[Adapter, ...]:
    """The adapters in records with the names of ``DXGI_ADAPTER_DESC1``."""
    items = [i for i in document if isinstance(i, Mapping)] if isinstance(document, list) else []
    found = (
        _adapter(
            str(item.get("Description", "")),
            item.get("VendorId"),
            item.get("DeviceId"),
            item.get("Revision"),
            item.get("DedicatedVideoMemory"),
            item.get("SharedSystemMemory"),
            item.get("Flags"),
        )
        for item in items
    )
    return tuple(adapter for adapter in found if adapter is not None)
