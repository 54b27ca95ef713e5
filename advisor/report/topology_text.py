"""The topology as lines for people and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.report import format as f
from advisor.report.table import Column, text_table
from advisor.report.topology import Limit, Node, Topology
from probes.types import Fact


@dataclass(frozen=True, slots=True)
class Branches:
    """The characters of the tree."""

    fork: str
    last: str
    through: str


UNICODE = Branches("├─ ", "└─ ", "│  ")
ASCII = Branches("|- ", "`- ", "|  ")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree: ``stem`` is the drawing before the text."""

    stem: str
    name: str
    detail: str
    fact: Fact[float] | None
    below: str
    """What stands before further lines of the same node."""


def rows(topology: Topology, branches: Branches = UNICODE) -> list[Row]:
    """The tree, line by line; a channel with a single module is one line."""
    return [row for part in topology.parts for row in _rows(part, "", "", branches)]


def _rows(node: Node, stem: str, below: str, branches: Branches) -> Iterator[Row]:
    children = node.children
    name, detail = node.name, node.detail
    if node.kind == "channel" and len(children) == 1 and not detail:
        name, detail, children = f"{name}  {children[0].name}", children[0].detail, ()
    yield Row(stem, name, detail, node.bandwidth, below + (branches.through if children else "   "))
    for i, child in enumerate(children):
        last = i == len(children) - 1
        yield from _rows(
            child,
            below + (branches.last if last else branches.fork),
            below + ("   " if last else branches.through),
            branches,
        )


def rate_text(fact: Fact[float] | None) -> str:
    """The bandwidth of an edge."""
    if fact is None:
        return ""
    return "unknown" if fact.value is None else f.gbs(fact.value)


def topology_text(topology: Topology) -> str:
    """The tree with the bandwidth of every edge and how it is known, then what limits what."""
    cells = [
        ("RAM  " + topology.memory, rate_text(topology.bandwidth), *_known(topology.bandwidth)),
        ("     measured", rate_text(topology.measured), *_known(topology.measured)),
    ]
    for row in rows(topology):
        text = f"{row.stem}{row.name}" + (f"  {row.detail}" if row.detail and not _said(row) else "")
        cells.append((text, rate_text(row.fact), *_known(row.fact)))
    columns = (Column(topology.name), Column("GB/s", right=True), Column("how sure"), Column("source"))
    lines = [text_table(columns, [(t, r.removesuffix(" GB/s"), c, s) for t, r, c, s in cells])]
    lines += ["", "what limits what"]
    lines += [f"  {limit.part:<6}{limit.text}" for limit in topology.limits] or ["  nothing is known"]
    if topology.notes:
        lines += ["", "notes of the probe", *(f"  {note}" for note in topology.notes)]
    return "\n".join(lines)


def _known(fact: Fact[float] | None) -> tuple[str, str]:
    return ("", "") if fact is None else (fact.confidence, fact.source)


def _said(row: Row) -> bool:
    """Whether the detail is the reason that stands in the source column anyway."""
    return row.fact is not None and row.fact.value is None and row.detail == row.fact.source


def reason_of(row: Row) -> str:
    """Why the bandwidth of an edge is unknown, unless the row says it already; empty when it is known."""
    if row.fact is None or row.fact.value is not None or _said(row):
        return ""
    return row.fact.source


# --- JSON ------------------------------------------------------------------------------------


def topology_document(topology: Topology) -> dict[str, Any]:
    """``topology --json``."""
    return {
        "schema": "rig-advice/topology/1",
        "name": topology.name,
        "memory": {
            "text": topology.memory,
            "bandwidth_bytes_per_s": _fact(topology.bandwidth),
            "measured_bandwidth_bytes_per_s": _fact(topology.measured),
        },
        "parts": [_node(part) for part in topology.parts],
        "limits": _limits(topology.limits),
        "notes": list(topology.notes),
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "name": node.name,
        "detail": node.detail,
        "size_bytes": node.size_bytes,
        "bandwidth_bytes_per_s": None if node.bandwidth is None else _fact(node.bandwidth),
        "children": [_node(child) for child in node.children],
    }


def _fact(fact: Fact[float]) -> dict[str, Any]:
    value = fact.value
    if value is not None and float(value).is_integer():
        value = int(value)
    return {"value": value, "source": fact.source, "confidence": fact.confidence}


def _limits(limits: Sequence[Limit]) -> list[dict[str, Any]]:
    return [
        {
            "part": limit.part,
            "text": limit.text,
            "bytes_per_s": limit.bytes_per_s,
            "could_be_bytes_per_s": limit.could_be_bytes_per_s,
        }
        for limit in limits
    ]
