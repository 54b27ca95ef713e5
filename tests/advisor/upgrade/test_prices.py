"""The price file: the user's figures, dated; everything else in it is refused with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.core.goals import UpgradeError
from advisor.upgrade.prices import read_prices

GOOD = """
date = 2026-11-01
currency = "EUR"
[gpu]
"RTX 3090" = { price = 700, watts = 350 }
[ram]
"2x32GB:DDR5-6000" = { price = 210.5 }
[link]
nvlink = { price = 90 }
[machine]
"Apple M4 Max 40-core GPU 128GB" = { price = 4200, watts = 145 }
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "prices.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_price_file_is_read(tmp_path: Path) -> None:
    prices = read_prices(written(tmp_path, GOOD))
    assert (prices.date, prices.currency) == ("2026-11-01", "EUR")
    assert [(p.kind, p.name, p.price, p.watts) for p in prices.prices] == [
        ("gpu", "RTX 3090", 700.0, 350.0),
        ("ram", "2x32GB:DDR5-6000", 210.5, None),
        ("link", "nvlink", 90.0, None),
        ("machine", "Apple M4 Max 40-core GPU 128GB", 4200.0, 145.0),
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("date = 2026-11-01", "", "date = 2026-11-01"),
        ("date = 2026-11-01", 'date = "soon"', "what day they are of"),
        ("[gpu]", "[gpus]", "nearest: gpu"),
        ("watts = 350", "wats = 350", "nearest: watts"),
        ("price = 700, ", "", "has no price"),
        ("price = 700", 'price = "700"', "must be a number"),
        ("price = 700", "price = true", "must be a number"),
        ("price = 700", "price = -1", "at least 0"),
        ("price = 700", "price = nan", "at least 0"),
        ("watts = 350", "watts = inf", "at least 0"),
        ("{ price = 700, watts = 350 }", "700", "write { price"),
        ('"EUR"', "5", "currency is a short text"),
        ("[gpu]", "[gpu", "is no TOML"),
    ],
)
def test_what_is_wrong_with_it_is_said_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(UpgradeError) as refused:
        read_prices(written(tmp_path, GOOD.replace(old, new, 1)))
    assert says in str(refused.value)
    assert "prices.toml" in str(refused.value)


def test_a_file_that_is_missing_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(UpgradeError, match="cannot be read"):
        read_prices(tmp_path / "none.toml")
    with pytest.raises(UpgradeError, match="UTF-8"):
        read_prices(written(tmp_path, b"\xff\xfe\x00"))
    with pytest.raises(UpgradeError, match="prices no part"):
        read_prices(written(tmp_path, "date = 2026-11-01"))
