"""What people type for connections: ``pcie4x4``, ``thunderbolt4``, ``nvlink``, ``ethernet10``."""

from __future__ import annotations

import re

from advisor.core.changes import Change, HostLink, SetHostLink, SetNvlink, WhatIfError
from catalog.hardware import find_link, load_links
from catalog.types import Link, LookupFailedError
from probes.types import PcieLink

_PCIE = re.compile(r"^pcie\s*-?\s*(?:gen\s*)?(\d(?:\.\d)?)\s*x\s*(\d+)$", re.IGNORECASE)
_FOR_GPU = re.compile(r"^(.*\S)\s+(?:for|of)\s+gpu\s+(-?\d+)$", re.IGNORECASE)
_GENERATIONS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
_LANES = (1, 2, 4, 8, 16)
_TUNNELS = {
    "OCuLink (PCIe 4.0 x4)": PcieLink(4.0, 4),
    "Thunderbolt 3 (PCIe)": PcieLink(3.0, 4),
    "Thunderbolt 4 (PCIe)": PcieLink(3.0, 4),
    "Thunderbolt 5 (PCIe)": PcieLink(4.0, 4),
    "USB4 40 Gb/s (PCIe)": PcieLink(3.0, 4),
    "USB4 80 Gb/s (PCIe)": PcieLink(4.0, 4),
}
"""The PCIe link inside a cable, as the sources of ``catalog/data/links.csv`` have it."""
_CABLES = "pcie4x4, oculink, thunderbolt4, thunderbolt5, usb4 40"
_NETWORKS = re.compile(r"^(Ethernet|InfiniBand|Thunderbolt \d line rate|USB4 \d+ Gb/s$)")


def link_change(value: str) -> Change:
    """The change that ``link VALUE`` asks for: NVLink between the cards, or a card's link to the CPU.

    Raises:
        WhatIfError: there is no such link.
    """
    which = _FOR_GPU.match(value.strip())
    name, number = (which[1], int(which[2])) if which else (value.strip(), None)
    if name.lower().startswith("nvlink"):
        if number is not None:
            raise WhatIfError("NVLink joins all cards; nearest: link nvlink")
        return _nvlink(name)
    return SetHostLink(host_link(name), number)


def host_link(text: str) -> HostLink:
    """A GPU's link to the CPU: a slot (``pcie4x8``) or a cable (``thunderbolt4``, ``oculink``).

    Raises:
        WhatIfError: no GPU is connected that way; the text names what there is.
    """
    name = text.strip()
    found = _PCIE.match(name)
    if found:
        generation, lanes = float(found[1]), int(found[2])
        near = (
            min(_GENERATIONS, key=lambda g: abs(g - generation)),
            min(_LANES, key=lambda n: abs(n - lanes)),
        )
        if near != (generation, lanes):
            raise WhatIfError(f"there is no PCIe link {name!r}; nearest: pcie{near[0]:g}x{near[1]}")
        return HostLink(name, PcieLink(generation, lanes))
    try:
        link = find_link(_with_pcie(name))
    except LookupFailedError as error:
        raise WhatIfError(f"unknown link {text.strip()!r}; write nvlink, or one of: {_CABLES}") from error
    tunnel = _TUNNELS.get(link.name)
    if tunnel is None:
        raise WhatIfError(f"{link.name} does not connect a GPU to its machine; write one of: {_CABLES}")
    payload = (link.usable_gbs or link.bandwidth_gbs) * 1e9
    return HostLink(link.name, tunnel, payload, external=True, source=link.source)


def _with_pcie(name: str) -> str:
    """USB4 without further words is what an external GPU gets of it, as for Thunderbolt."""
    usb4 = re.fullmatch(r"usb\s*4(?:\s*v?2)?(?:\s+(40|80)(?:\s*gb/s)?)?", name, re.IGNORECASE)
    return f"USB4 {usb4[1] or 40} Gb/s (PCIe)" if usb4 else name


def _nvlink(name: str) -> SetNvlink:
    rates = {link.name.lower(): link.bandwidth_gbs for link in load_links()}
    wanted = [rate for known, rate in sorted(rates.items()) if known.startswith(name.lower())]
    if not wanted:
        known = ", ".join(sorted(n for n in rates if n.startswith("nvlink")))
        raise WhatIfError(f"no link is called {name!r}; known: {known}")
    return SetNvlink(name, wanted[0] * 1e9)


def network_link(text: str) -> Link:
    """The link between two machines: Ethernet, InfiniBand, Thunderbolt or USB4.

    Raises:
        WhatIfError: no network is called that; the text names some.
    """
    try:
        link = find_link(text.strip())
    except LookupFailedError as error:
        if error.ambiguous:
            raise WhatIfError(str(error)) from error
        raise WhatIfError(
            f"no network is called {text.strip()!r}; write for example ethernet10, ethernet 2.5, thunderbolt5"
        ) from error
    if link.name.startswith("Thunderbolt"):  # between machines it is a network, not a PCIe tunnel
        link = find_link(link.name.replace("(PCIe)", "line rate"))
    if link.name.startswith("USB4"):
        link = find_link(link.name.removesuffix(" (PCIe)"))
    if not _NETWORKS.match(link.name):
        raise WhatIfError(
            f"{link.name} does not join two machines; write for example ethernet10, thunderbolt5"
        )
    return link
