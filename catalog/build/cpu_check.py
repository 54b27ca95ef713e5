"""Compare ``catalog/data/cpu_families.csv`` with a raw table of CPUs.

    python -m catalog.build.cpu_check --source FOLDER

``FOLDER`` holds ``cpus_raw.csv`` (name, channels, max_mts; facts from Intel ARK and AMD's product pages).
Prints the names that no family matches with the reason, and every disagreement about channels or data
rate with its resolution.  Fails when one of them is not explained here, or when fewer than 97 % of the
current parts are matched.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from catalog.hardware import match_cpu_family

NOT_LISTED = (
    (r"^Intel Atom ([DNSZ]\d|E[36]\d\d|x[357]-[ZCE])", "Atom of before 2017: 8 GB at most"),
    (r"^Intel Quark", "microcontroller"),
    (r"^Intel Xeon (EC|LC)\d", "embedded Nehalem, rate not stated"),
    (r"Xeon Phi Coprocessor", "an accelerator card: its channels are GDDR5"),
)
"""Names that are left without a family, with the reason; none of them is a current part."""

EXPLAINED = (
    (r"^AMD Ryzen 7020 ", "the raw table counts two channels of 32 bits; 64 bits are one here"),
    (r"^Rockchip RK3588", "the raw table counts two channels of 32 bits; 64 bits are one here"),
    (r"Elkhart Lake|Apollo Lake", "ARK counts channels of 32 bits; 64 bits are one here"),
    (r"Bristol Ridge.*3$", "a typing error in the raw table: the socket has two channels"),
    (r"^AMD (A-series|Athlon X4)", "bins from 1333 MT/s up; the family has the fastest"),
    (r"^Intel Core Ultra 100 ", "7647 is a typing error of ARK for 7467"),
    (r"^Intel Xeon 6 6900P", "8800 belongs to MRDIMM; the family states DDR5"),
    (r"^Intel Core 13th gen laptop", "the raw table has the i5-13500H twice; 6400 with LPDDR5X is right"),
    (r"Sandy Bridge\)", "single-channel and slower bins of embedded Celerons; Pentium 1405 v2 is Ivy Bridge"),
    (r"^Intel Atom P5000", "the P5921B has one channel"),
)
"""Disagreements by family name, with the resolution."""

CURRENT_SHARE = 0.97


def _reason(name: str, table: Sequence[tuple[str, str]]) -> str | None:
    return next((reason for pattern, reason in table if re.search(pattern, name)), None)


def parts(source: Path) -> Iterator[dict[str, str]]:
    """The rows that name a part; rows that describe a family are left out."""
    with (source / "cpus_raw.csv").open(encoding="utf-8", newline="") as file:
        yield from (row for row in csv.DictReader(file) if row["segment"] != "family")


def disagreement(row: dict[str, str]) -> str | None:
    """Family, stated and raw value where a row of the raw table says something else."""
    family = match_cpu_family(row["name"])
    if family is None:
        return None
    found = []
    if row["channels"] and int(row["channels"]) != family.channels:
        found.append(f"{family.channels} channels, raw {row['channels']}")
    if row["max_mts"] and abs(int(row["max_mts"]) - family.max_mts) > 1:  # 2667 and 2666 are one rate
        found.append(f"{family.max_mts} MT/s, raw {row['max_mts']}")
    return f"{family.name}: {'; '.join(found)}" if found else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; 1 when something is unexplained."""
    parser = argparse.ArgumentParser(prog="python -m catalog.build.cpu_check")
    parser.add_argument("--source", type=Path, required=True, help="folder with the raw tables")
    rows = list(parts(parser.parse_args(arguments).source))
    unexplained = current = matched = 0
    for row in rows:
        reason = _reason(row["name"], NOT_LISTED)
        current += reason is None
        if match_cpu_family(row["name"]) is None:
            print(f"no family: {row['name']}: {reason or 'UNEXPLAINED'}")
            continue
        matched += reason is None
        text = disagreement(row)
        if text:
            resolution = _reason(text, EXPLAINED)
            unexplained += resolution is None
            print(f"{row['name']}: {text}: {resolution or 'UNEXPLAINED'}")
    print(f"{matched} of {current} current parts have a family, {len(rows)} rows, {unexplained} unexplained")
    return 1 if unexplained or matched < CURRENT_SHARE * current else 0


if __name__ == "__main__":
    sys.exit(main())
