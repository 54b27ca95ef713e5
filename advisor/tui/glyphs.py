"""The characters of the interface, in Unicode and in ASCII, and the unit of its memory sizes.

Meaning rests on these and on words; colour only repeats it.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.report.format import GIBIBYTES, Units


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of characters, all one cell wide."""

    ascii: bool
    fills: Mapping[str, str]
    """Bar fill by kind of segment."""
    fit: Mapping[str, str]
    """Marker by kind of fit."""
    cursor: str
    pin: str
    up: str
    down: str
    better: str
    worse: str
    rule: str
    track: str
    knob: str
    slider_left: str
    slider_right: str
    dot: str
    warning: str
    done: str
    waiting: str
    arrow: str
    times: str
    at_least: str
    ellipsis: str
    enter: str
    chosen: str
    dash: str
    bar: str
    line: str
    """Vertical line between columns."""
    no_value: str
    units: Units = GIBIBYTES
    """Of memory sizes; the widgets draw with it."""


SEGMENTS = ("weights", "kv", "ram", "compute", "link", "launch", "free")
"""Kinds of bar segments."""

UNICODE = Glyphs(
    ascii=False,
    fills={
        "weights": "█",
        "kv": "▓",
        "ram": "▚",
        "compute": "▒",
        "link": "╳",
        "launch": "░",
        "free": "·",
    },
    fit={"full": "●", "offload": "◐", "cpu": "◔", "none": "○"},
    cursor="▌",
    pin="◆",
    up="▲",
    down="▼",
    better="▲",
    worse="▼",
    rule="─",
    track="━",
    knob="●",
    slider_left="◂",
    slider_right="▸",
    dot="·",
    warning="⚠",
    done="✓",
    waiting="…",
    arrow="→",
    times="×",
    at_least="≥",
    ellipsis="…",
    enter="⏎",
    chosen="▸",
    dash="–",
    bar="▇",
    line="│",
    no_value="–",
)

ASCII = Glyphs(
    ascii=True,
    fills={
        "weights": "#",
        "kv": "%",
        "ram": "@",
        "compute": "=",
        "link": "x",
        "launch": "-",
        "free": ".",
    },
    fit={"full": "*", "offload": "+", "cpu": "c", "none": "x"},
    cursor=">",
    pin="!",
    up="^",
    down="v",
    better="^",
    worse="v",
    rule="-",
    track="-",
    knob="O",
    slider_left="<",
    slider_right=">",
    dot="|",
    warning="!",
    done="ok",
    waiting="..",
    arrow="->",
    times="x",
    at_least=">=",
    ellipsis="~",
    enter="Enter",
    chosen=">",
    dash="-",
    bar="#",
    line="|",
    no_value="-",
)

FIT_WORDS: Mapping[str, str] = {
    "full": "everything on the GPU (or in unified memory)",
    "offload": "part of the model lies in RAM and runs on the CPU",
    "cpu": "everything in RAM, the CPU does the work",
    "none": "does not fit; the number is what is missing",
}


_PLAIN = str.maketrans(
    {
        **{
            "×": "x",
            "÷": "/",
            "→": ">",
            "–": "-",
            "—": "-",
            "·": "|",
            "…": "~",
            "µ": "u",
            "±": "+-",
            "≈": "~",
        },
        **{"≥": ">=", "⁹": "^9", "●": "*", "◐": "+", "◑": "c", "◔": "c", "○": "x"},
    }
)


def shown(text: str, glyphs: Glyphs) -> str:
    """A sentence of the reports in a set of characters: as it is, or in ASCII."""
    if not glyphs.ascii:
        return text
    return "".join(c if c.isascii() else "?" for c in text.translate(_PLAIN))


def wants_ascii(environment: Mapping[str, str] | None = None) -> bool:
    """Whether to draw with ASCII: ``RIG_ADVISOR_ASCII`` is set, or the locale cannot encode more."""
    env = os.environ if environment is None else environment
    asked = env.get("RIG_ADVISOR_ASCII", "").strip().lower()
    if asked:
        return asked not in ("0", "no", "false")
    encoding = locale.getpreferredencoding(False).lower().replace("-", "").replace("_", "")
    return not encoding.startswith("utf")


def choose(environment: Mapping[str, str] | None = None) -> Glyphs:
    """The set for this terminal."""
    return ASCII if wants_ascii(environment) else UNICODE
