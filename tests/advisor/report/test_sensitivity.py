"""One wording for what a tenth more of each part brings, in text and app."""

from __future__ import annotations

from advisor.report.sensitivity import gains, gains_text

SLOPES = {
    "vram_bandwidth": 0.11,
    "ram_bandwidth": 0.76,
    "cores": 0.004,
    "compute": -0.01,
    "link": 0.0,
    "launch": -0.05,
}


def test_the_wording_is_the_one_agreed() -> None:
    expected = "+10 % RAM bandwidth → +7.6 %, +10 % VRAM bandwidth → +1.1 %, -10 % overhead → +0.5 %"
    assert gains_text(SLOPES) == expected


def test_memory_of_a_unified_chip_is_not_called_vram() -> None:
    assert "memory bandwidth → +1.1 %" in gains_text(SLOPES, unified=True).replace("RAM bandwidth", "")
    assert "VRAM" not in gains_text(SLOPES, unified=True)


def test_what_would_be_shown_as_nothing_is_left_out() -> None:
    assert [gain.part for gain in gains(SLOPES)] == ["RAM bandwidth", "VRAM bandwidth", "overhead"]
    assert gains({"link": 0.0, "launch": 0.0}) == []
    assert gains_text({}) == ""


def test_they_are_sorted_by_what_they_bring() -> None:
    percents = [gain.percent for gain in gains(SLOPES)]
    assert percents == sorted(percents, reverse=True)
