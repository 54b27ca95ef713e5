"""Exit codes, and the one line on stderr that goes with them."""

from __future__ import annotations

from enum import IntEnum

from advisor.cli import output


class Exit(IntEnum):
    """What the process returns."""

    OK = 0
    NOTHING = 1
    """Nothing fits, or nothing was found."""
    BAD_INPUT = 2
    NO_HARDWARE = 3
    """Neither RAM nor a GPU could be found, and no rig was given."""
    BAD_CATALOG = 4
    INTERRUPTED = 130


def complain(message: str) -> None:
    """One line on stderr."""
    output.say(message)
