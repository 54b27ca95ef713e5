"""Whole other machines of a scenario: from a file, from the catalog, or as a second one on a network."""

from __future__ import annotations

import re
from pathlib import Path

from advisor.comparison import Partner
from advisor.core.changes import WhatIfError
from advisor.links import network_link
from catalog.hardware import find_accelerator
from catalog.types import Link
from probes.hypothetical import hypothetical_rig
from probes.rigfile import load_rig
from probes.types import Rig

_SIZE = re.compile(r"[\s,]+(\d+)\s*g(?:i?b)?$", re.IGNORECASE)
_OVER = re.compile(r"^(.*\S)\s+over\s+(\S.*)$", re.IGNORECASE)


def machine_rig(text: str) -> Rig:
    """A machine with unified memory by name, with its memory size if given: ``M3 Ultra 512GB``.

    Raises:
        WhatIfError: the name is that of a card.
        LookupFailedError, RigError: there is no such chip, or not with that memory.
    """
    name = text.strip().strip("\"'").strip()
    size = _SIZE.search(name)
    ram = f"{size[1]}GB" if size else None
    plain = name[: size.start()] if size else name
    chip = find_accelerator(plain, any_memory=True)
    if not chip.unified or chip.memory_type == "system":
        raise WhatIfError(
            f'{chip.name} is not a whole machine; write one down with \'rig --gpu "{chip.name}" --ram … '
            "--cpu … --json > other.json' and use: rig other.json"
        )
    return hypothetical_rig([plain], ram, None, name=name)


def file_rig(text: str) -> Rig:
    """The rig in a file that ``probe --json`` or ``rig --json`` wrote.  Raises ``RigError``."""
    return load_rig(text.strip().strip("\"'"))


def partner_of(text: str, rig: Rig) -> tuple[Partner, tuple[str, ...]]:
    """The second machine of ``MACHINE over LINK``: a file, a chip of the catalog, or ``same``.

    Raises:
        WhatIfError: it cannot be read, or the link joins no machines.
        LookupFailedError, RigError: there is no such machine.
    """
    found = _OVER.match(text.strip())
    if not found:
        raise WhatIfError(
            "how is the second machine connected? write for example: "
            f"second {text.strip() or 'other.json'} over ethernet10"
        )
    which, link = found[1].strip("\"'"), network_link(found[2])
    if which.lower() == "same":
        other = rig
    elif which.lower().endswith(".json") or Path(which).is_file():
        other = file_rig(which)
    else:
        other = machine_rig(which)
    notes = other.notes if other is not rig else ()
    return Partner(other, link), (*notes, *_network_remarks(link))


def _network_remarks(link: Link) -> tuple[str, ...]:
    """What is known of the network, and what is left out."""
    rate = link.usable_gbs or link.bandwidth_gbs
    payload = f"{rate:.3g} GB/s" + ("" if link.usable_gbs else ", its line rate: the payload is less")
    if link.latency_us is None:
        latency = (
            "its latency is not known and counts as nothing, so speeds are at most these: "
            "every 0.1 ms of it adds 0.2 ms to a token"
        )
    else:
        latency = f"{link.latency_us:g} µs a message ({link.source})"
    return (
        f"{link.name} carries {payload}; {latency}",
        "what the runtime itself spends on a hand-over between machines was not measured and is not counted",
    )
