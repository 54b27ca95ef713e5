"""What people type for hardware that is not there: ``2x32GB:DDR5-6000``, ``2x RTX 3090``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from catalog.hardware import memory_kind
from catalog.types import LookupFailedError
from probes.types import RigError

GIB = 1024**3

_RAM = re.compile(
    r"^\s*(?:(?P<count>\d+)\s*[x×*]\s*)?(?P<size>\d+(?:\.\d+)?)\s*(?P<unit>[gt]i?b?)?"
    r"(?:\s*[:,\s]\s*(?P<kind>(?:lp|mr)?d(?:dr|imm)\d?l?x?)(?:\s*[-_@\s]\s*(?P<rate>\d{3,5})(?:\s*(?:mt/s|mhz))?)?)?"
    r"(?:\s+(?:ecc|reg|rdimm|udimm|sodimm|cudimm))*\s*$",
    re.IGNORECASE,
)
_COUNT_BEFORE = re.compile(r"^\s*(\d{1,3})\s*[x×*]\s*(\S.*)$", re.IGNORECASE)
_COUNT_AFTER = re.compile(r"^(.*\S)\s+[x×*]\s*(\d{1,3})\s*$", re.IGNORECASE)

MAX_COUNT = 16
"""GPUs or CPUs of one machine; the largest that are sold (HGX-2, octa-socket servers) hold 16 and 8."""

RAM_EXAMPLE = "2x32GB:DDR5-6000"


@dataclass(frozen=True, slots=True)
class RamSpec:
    """RAM as sold: ``count`` modules of ``module_bytes`` (GB on the box are GiB), ``type``, ``mts``.

    ``counted`` is false when only the total was given; ``count`` is then an assumption (two modules,
    or one for soldered LPDDR).
    """

    count: int
    module_bytes: int
    type: str
    mts: int
    counted: bool = True

    @property
    def total_bytes(self) -> int:
        return self.count * self.module_bytes

    def __str__(self) -> str:
        size = self.module_bytes / GIB
        return f"{self.count}x{size:g}GB:{self.type}-{self.mts}"


def parse_ram_spec(text: str) -> RamSpec:
    """RAM from ``[COUNTx]SIZE[GB|TB]:TYPE-RATE``.

    Raises ``RigError`` when it cannot be read, the technology is unknown, or no module of it runs at
    the rate.
    """
    found = _RAM.match(text)
    if not found:
        raise RigError(f"cannot read the RAM {text!r}: write COUNTxSIZE:TYPE-RATE, for example {RAM_EXAMPLE}")
    if not found["kind"] or not found["rate"]:
        missing = "its type and rate" if not found["kind"] else "its rate in MT/s"
        raise RigError(f"the RAM {text!r} lacks {missing}: write for example {RAM_EXAMPLE}")
    mts = int(found["rate"])
    name = _checked_kind(text, found["kind"], mts)
    count, module_bytes = _modules(found, soldered=name.startswith("LPDDR"))
    if count < 1 or module_bytes < GIB // 4:
        raise RigError(f"the RAM {text!r} has no capacity: write for example {RAM_EXAMPLE}")
    return RamSpec(count, module_bytes, name, mts, counted=found["count"] is not None)


def parse_capacity(text: str) -> int | None:
    """Bytes of a RAM text that states nothing but a size (``128GB``), else ``None``."""
    found = _RAM.match(text)
    if not found or found["kind"]:
        return None
    return int(found["count"] or 1) * _bytes(found)


def parse_gpu_spec(text: str) -> tuple[int, str]:
    """Count and name from ``[Nx] NAME`` (also ``NAME xN``).

    Raises ``RigError`` when it cannot be read or names more parts than a machine holds.
    """
    name, count = text.strip(), 1
    if found := _COUNT_BEFORE.match(name):
        count, name = int(found[1]), found[2]
    elif found := _COUNT_AFTER.match(name):
        count, name = int(found[2]), found[1]
    if not name or count < 1:
        raise RigError(f"cannot read {text!r}: write [COUNTx] NAME, for example '2x RTX 3090'")
    if count > MAX_COUNT:
        raise RigError(
            f"{count} x {name}: one machine holds at most {MAX_COUNT}; nearest: {MAX_COUNT}x {name}"
        )
    return count, name


def _bytes(found: re.Match[str]) -> int:
    scale = 1024 if (found["unit"] or "g").lower().startswith("t") else 1
    return int(float(found["size"]) * scale * GIB)


def _modules(found: re.Match[str], *, soldered: bool) -> tuple[int, int]:
    """Module count and size; where only the total is given, two modules if it can be halved."""
    size = _bytes(found)
    if found["count"]:
        return int(found["count"]), size
    if soldered or size % (2 * GIB):
        return 1, size
    return 2, size // 2


def _checked_kind(text: str, kind_text: str, mts: int) -> str:
    """The technology's name, after its rate was checked."""
    wanted = kind_text.upper()
    wanted = "DDR3" if wanted == "DDR3L" else wanted
    try:
        kind = memory_kind(wanted)
    except LookupFailedError as error:
        raise RigError(f"the RAM {text!r}: {error}") from error
    lowest, highest = min(kind.jedec_floor_mts, kind.rates_mts[0]), kind.rates_mts[-1]
    if mts > highest:
        raise RigError(f"no {kind.name} module runs at {mts} MT/s; the fastest sold is {kind.name}-{highest}")
    if mts < lowest:
        hint = f"; {mts} looks like a clock in MHz, {2 * mts} MT/s" if lowest <= 2 * mts <= highest else ""
        raise RigError(f"no {kind.name} module runs at {mts} MT/s; the slowest is {kind.name}-{lowest}{hint}")
    return kind.name
