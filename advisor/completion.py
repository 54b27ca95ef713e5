"""Completion of a what-if text: the verbs, and the values that catalog and rig offer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from advisor.offers import Field, Kind, Option, matching

_SEGMENT = re.compile(r"\{(\w+)\}|([^{]+)")
Segments = Sequence[Field | str]


def complete(text: str, kinds: Sequence[Kind], most: int = 6) -> tuple[Option, ...]:
    """What a text could go on as; ``value`` is the whole text then, ``label`` what is added.

    Only the edit after the last comma is completed.
    """
    cut = text.rfind(",") + 1
    spaces = len(text[cut:]) - len(text[cut:].lstrip())
    head, part = text[: cut + spaces], text[cut + spaces :]
    verb, space, value = part.partition(" ")
    if not space:
        found = _verbs(verb, kinds) if verb else []
    else:
        found = []
        for kind in kinds:
            if kind.verb == verb.lower():
                ends = _walk(_segments(kind), value.lstrip()) or []
                found += [Option(f"{verb} {o.value}", o.label, o.note) for o in ends]
    unique = {o.value.rstrip(): o for o in reversed(found) if o.value.rstrip() != part.rstrip()}
    chosen = list(reversed(unique.values()))[:most]
    return tuple(Option(head + o.value, o.label, o.note) for o in chosen)


def _verbs(start: str, kinds: Sequence[Kind]) -> list[Option]:
    first = {kind.verb: kind for kind in reversed(kinds)}
    return [
        Option(kind.template if not kind.fields else f"{verb} ", verb, kind.label)
        for verb, kind in reversed(first.items())
        if verb.startswith(start.lower())
    ]


def _segments(kind: Kind) -> Segments:
    """The template after its verb: literals and fields."""
    fields = {field.key: field for field in kind.fields}
    rest = kind.template.partition(" ")[2]
    return [fields[m[1]] if m[1] else m[2] for m in _SEGMENT.finditer(rest)]


def _walk(segments: Segments, rest: str) -> list[Option] | None:
    """Ends of a text that begins with ``rest``; ``None`` where it cannot be one of this kind."""
    if not segments:
        return [] if not rest.strip() else None
    first, *others = segments
    if isinstance(first, str):
        if rest.casefold().startswith(first.casefold()):
            return _after(first, _walk(others, rest[len(first) :]))
        return [Option(first, first.strip())] if first.casefold().startswith(rest.casefold()) else None
    if first.typed:
        return []
    ends: list[Option] = []
    full = [o for o in first.options if rest.casefold().startswith(o.value.casefold())]
    for option in sorted(full, key=lambda o: -len(o.value)):
        size = len(option.value)
        further = _after(rest[:size], _walk(others, rest[size:]))
        if further is not None and 0 < size < len(rest):
            return further
        ends += further or []
    literal = others[0] if others and isinstance(others[0], str) else ""
    named = matching(first.options, rest) if first.searched else range(len(first.options))
    here = [
        Option(o.value + literal, o.label, o.note)
        for o in (first.options[n] for n in named)
        if o.value and (first.searched or o.value.casefold().startswith(rest.casefold()))
    ]
    if not rest and here:
        here = [*here[first.first : first.first + 1], *here[: first.first], *here[first.first + 1 :]]
    if not rest and len(here) < len(first.options):
        here, ends = here[:1], [*ends, *here[1:]]  # it may be left out: what follows is likelier
    return [*here, *ends] if here or ends or full else None


def _after(start: str, ends: list[Option] | None) -> list[Option] | None:
    return None if ends is None else [Option(start + o.value, o.label, o.note) for o in ends]
