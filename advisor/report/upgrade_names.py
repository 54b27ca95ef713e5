"""How parts and changes of the upgrade search are called."""

from __future__ import annotations

import re
import shlex

from advisor.upgrade.options import Option

_MAKERS = re.compile(r"^(NVIDIA GeForce|NVIDIA|AMD Radeon|AMD|Intel) (?=\S)")


def short_part(name: str) -> str:
    """A card without its maker: ``RTX 3090``."""
    return _MAKERS.sub("", name)


def option_name(option: Option | None) -> str:
    """``add 2x RTX 3090, RAM 2x48GB:DDR5-6000``."""
    if option is None:
        return "as it is"
    if option.whole_machine:
        return f"machine: {short_part(option.parts[0].value)}"
    words = {
        "ram": "RAM {}",
        "mts": "RAM at {} MT/s (XMP/EXPO)",
        "add-gpu": "add {}",
        "link": "NVLink bridge",
    }
    words["replace-gpu"] = "replace by {}"
    return ", ".join(words[verb].format(_short_count(value)) for verb, value in option.edits)


def _short_count(value: str) -> str:
    count, times, name = value.partition("x ")
    return f"{count}x {short_part(name)}" if times and count.isdigit() else short_part(value)


def what_if_edits(option: Option) -> tuple[tuple[str, str], ...]:
    """The change as edits of what-if."""
    return (("machine", option.parts[0].value),) if option.whole_machine else option.edits


def what_if_command(option: Option, rig_file: str | None) -> str:
    """The command that compares the change in full."""
    words = ["rig-advisor", "what-if", *(("--rig", rig_file) if rig_file else ())]
    for verb, value in what_if_edits(option):
        words += [f"--{verb}", value]
    return shlex.join(words)
