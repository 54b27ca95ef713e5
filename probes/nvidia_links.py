"""Links between NVIDIA GPUs: NVLink rates, and whether one can read the memory of another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from probes.nvml import Driver
from probes.types import AcceleratorInfo, Fact

_NVLINK_GBS = {1: 20.0, 2: 25.0, 3: 25.0, 4: 25.0, 5: 50.0}
"""GB/s per link and direction by NVLink version: NVIDIA's published totals divided by links and by two
(P100 160/4, V100 300/6, A100 600/12, H100 900/18, B200 1800/18)."""
_NVLINK_GA102_GBS = 14.0625
"""GA102 (RTX 3090, A6000; compute capability 8.6): 112.5 GB/s over 4 links, both directions."""


_P2P_OK = 0
"""``NVML_P2P_STATUS_OK``; the other states say why not (chipset, GPU, topology, driver setting)."""
_P2P_READ = 0
"""``NVML_P2P_CAPS_INDEX_READ``."""


def link_rate_gbs(version: int | None, capability: tuple[int, int] | None) -> float | None:
    """GB/s of one NVLink in one direction."""
    if capability == (8, 6):
        return _NVLINK_GA102_GBS
    return _NVLINK_GBS.get(version or 0)


def nvlink_bytes_per_s(driver: Driver, handle: Any, capability: tuple[int, int] | None) -> float | None:
    """Bytes/s in one direction over all active links whose other end answers; ``None`` without NVLink."""
    rate = 0.0
    for link in range(min(driver.constant("NVML_NVLINK_MAX_LINKS", 18), 64)):
        state = driver.ask("nvmlDeviceGetNvLinkState", handle, link)
        if state.code is not None:  # not supported, or past the last link
            break
        if state.value != 1 or driver.ask("nvmlDeviceGetNvLinkRemotePciInfo", handle, link).value is None:
            continue
        version = driver.number("nvmlDeviceGetNvLinkVersion", handle, link)
        rate += (link_rate_gbs(version, capability) or 0.0) * 1e9
    return rate or None


def reads_peers(driver: Driver, handle: Any, others: Sequence[Any]) -> tuple[bool | None, str]:
    """Whether a GPU can read the memory of all ``others`` directly; ``None`` with the reason."""
    if not others:
        return None, "the only NVIDIA GPU"
    states = [driver.ask("nvmlDeviceGetP2PStatus", handle, other, _P2P_READ).value for other in others]
    if any(not isinstance(state, int) or isinstance(state, bool) for state in states):
        return None, "the driver does not tell"
    return all(state == _P2P_OK for state in states), ""


_MOST_LINKS = {"pascal-gp100": 4, "volta": 6, "ampere-ga100": 12, "hopper": 18, "blackwell-dc": 18}
_RATES_GBS = {
    **{"pascal-gp100": 20.0, "volta": 25.0, "turing": 25.0, "ampere-ga100": 25.0, "hopper": 25.0},
    **{"blackwell-dc": 50.0, "ampere": _NVLINK_GA102_GBS},
}
"""GB/s per link and direction of each class that has NVLink; the version goes with the class."""


def looks_like_topology(text: str) -> bool:
    """Whether the text is the matrix of ``nvidia-smi topo -m``."""
    return bool(re.search(r"^GPU0[ \t]+X[ \t]", text, re.MULTILINE))


def links_from_topology(text: str) -> tuple[tuple[int, ...], ...]:
    """For each GPU the number of NVLinks to each GPU, from ``nvidia-smi topo -m``; 0 without NVLink."""
    rows = []
    for line in re.findall(r"^GPU\d{1,3}[ \t]+(\S.*)$", text, re.MULTILINE):
        cells = re.findall(r"\bX\b|NV(\d{1,2})|\b(?:SYS|NODE|PHB|PXB|PIX)\b", line)
        rows.append(tuple(int(cell) if cell else 0 for cell in cells))
    width = len(rows)
    return tuple(row[:width] for row in rows if len(row) >= width)


def with_links(
    gpus: tuple[AcceleratorInfo, ...], matrix: tuple[tuple[int, ...], ...]
) -> tuple[AcceleratorInfo, ...]:
    """NVIDIA GPUs with the NVLink rate that the matrix gives, in its order.

    A pair of ``NV12`` on a switch is the same twelve links for every partner; direct links add up.
    """
    cards = [i for i, gpu in enumerate(gpus) if gpu.vendor.value == "NVIDIA"]
    if len(cards) != len(matrix):
        return gpus
    joined = list(gpus)
    for place, row in zip(cards, matrix, strict=True):
        kind = joined[place].architecture.value or ""
        rate = _RATES_GBS.get(kind)
        if joined[place].nvlink_bytes_per_s.known or rate is None or not any(row):
            continue
        links = max(row) if sum(row) > _MOST_LINKS.get(kind, 4) else sum(row)
        source = f"nvidia-smi topo: {links} links"
        joined[place] = replace(joined[place], nvlink_bytes_per_s=Fact(links * rate * 1e9, source, "derived"))
    return tuple(joined)
