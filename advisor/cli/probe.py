"""``probe`` and ``topology``: facts of this machine, of captures of another one, or of a Rig."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cli import output
from advisor.cli.exits import Exit, complain
from advisor.cli.run import print_json

if TYPE_CHECKING:
    from probes.types import Rig


def run_probe(arguments: argparse.Namespace) -> int:
    """What this machine is, or a captured or described one, and how sure that is."""
    from probes.rigfile import rig_to_document

    if arguments.captures:
        from probes.capture import rig_from_captures

        rig = rig_from_captures([Path(p) for p in arguments.captures])
    elif path := getattr(arguments, "rig", None):
        if arguments.measure or arguments.measure_vram:
            complain("--measure measures this machine: leave out --rig, or the measurement")
            return Exit.BAD_INPUT
        from probes.rigfile import load_rig

        rig = load_rig(path)
    else:
        from probes.probe import probe_rig

        rig = probe_rig(measure=arguments.measure, measure_vram=arguments.measure_vram)
    if arguments.json:
        print_json(rig_to_document(rig))
    else:
        from advisor.report.rig_text import probe_text

        output.write(probe_text(rig))
    if rig.memory.total_bytes.known or rig.accelerators or rig.cpu.name.known:
        return Exit.OK
    complain(
        f"nothing usable in {'the captures' if arguments.captures else 'this machine'}: "
        f"no CPU name, no RAM size and no GPU; {_advice(rig)}"
    )
    return Exit.NO_HARDWARE


def run_topology(arguments: argparse.Namespace) -> int:
    """How a machine is wired, and what limits what."""
    if arguments.captures:
        from probes.capture import rig_from_captures

        rig = rig_from_captures([Path(p) for p in arguments.captures])
    elif path := getattr(arguments, "rig", None):
        from probes.rigfile import load_rig

        rig = load_rig(path)
    else:
        from probes.probe import probe_rig

        rig = probe_rig()
    from advisor.report.topology import topology_of
    from advisor.report.topology_text import topology_document, topology_text

    topology = topology_of(rig)
    if arguments.json:
        print_json(topology_document(topology))
    else:
        output.write(topology_text(topology))
    if rig.memory.total_bytes.known or rig.accelerators or rig.cpu.name.known:
        return Exit.OK
    complain(f"nothing usable is known of this machine; {_advice(rig)}")
    return Exit.NO_HARDWARE


def _advice(rig: Rig) -> str:
    """The notes that say what to add, or how to go on without."""
    wanted = [note.rstrip(".") for note in rig.notes if "add `" in note]
    return "; ".join(wanted) or "describe the machine with 'rig-advisor rig' and pass it with --rig"
