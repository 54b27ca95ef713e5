"""Prices and watts of parts: a TOML file that the user writes and dates.  None ship with us.

date = 2026-11-01               # when the prices were looked up
currency = "EUR"                # may be left out

[gpu]
"RTX 3090" = { price = 700, watts = 350 }
[ram]
"2x32GB:DDR5-6000" = { price = 210 }
[link]
nvlink = { price = 90 }
[machine]
"Apple M4 Max 40-core GPU 128GB" = { price = 4200, watts = 145 }
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from advisor.core.goals import UpgradeError

KINDS = ("gpu", "ram", "link", "machine")
_TOP = ("date", "currency", *KINDS)
_FIELDS = ("price", "watts")


@dataclass(frozen=True, slots=True)
class Price:
    """One line of the file: a part as the user names it."""

    kind: str
    """One of ``KINDS``."""
    name: str
    price: float
    watts: float | None


@dataclass(frozen=True, slots=True)
class PriceList:
    """A price file: the user's figures, with the day they are of."""

    file: str
    date: str
    """ISO date."""
    currency: str | None
    prices: tuple[Price, ...]


def read_prices(path: Path) -> PriceList:
    """Read a price file.

    Raises:
        UpgradeError: it cannot be read or holds something else; the text says what to write.
    """
    import tomllib

    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UpgradeError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UpgradeError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UpgradeError(f"{path} is no TOML: {error}") from error
    _known(document, _TOP, str(path))
    prices = tuple(_price(path, kind, name, line) for kind, name, line in _lines(path, document))
    if not prices:
        raise UpgradeError(
            f'{path} prices no part; write [gpu] and "RTX 3090" = {{ price = 700, watts = 350 }}'
        )
    currency = document.get("currency")
    if currency is not None and not (isinstance(currency, str) and 0 < len(currency.strip()) <= 8):
        raise UpgradeError(f'{path}: currency is a short text, for example currency = "EUR"')
    return PriceList(str(path), _date(path, document.get("date")), currency, prices)


def _known(table: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    from difflib import get_close_matches

    for key in table:
        if key not in allowed:
            near = get_close_matches(key.lower(), allowed, n=1, cutoff=0.4)
            hint = f"nearest: {near[0]}" if near else f"known: {', '.join(allowed)}"
            raise UpgradeError(f"{where}: unknown key {key!r}; {hint}")


def _date(path: Path, value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise UpgradeError(f"{path}: prices go stale, so say what day they are of: date = 2026-11-01")


def _lines(path: Path, document: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    found = []
    for kind in KINDS:
        table = document.get(kind, {})
        if not isinstance(table, dict):
            raise UpgradeError(f'{path}: [{kind}] is a table of parts, "NAME" = {{ price = 700 }}')
        found += [(kind, name, line) for name, line in table.items()]
    return found


def _price(path: Path, kind: str, name: str, line: object) -> Price:
    where = f"{path}, [{kind}] {name!r}"
    if not isinstance(line, dict):
        raise UpgradeError(f"{where}: write {{ price = 700, watts = 350 }}")
    _known(line, _FIELDS, where)
    if "price" not in line:
        raise UpgradeError(f"{where} has no price; write {{ price = 700 }}")
    price = amount(line["price"], f"{where}: price")
    watts = amount(line["watts"], f"{where}: watts") if "watts" in line else None
    return Price(kind, name.strip(), price, watts)


def amount(value: object, what: str) -> float:
    """A finite number of at least 0; raises ``UpgradeError``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UpgradeError(f"{what} must be a number, not {value!r}")
    if not math.isfinite(value) or value < 0:
        raise UpgradeError(f"{what} must be a number of at least 0, not {value}")
    return float(value)
