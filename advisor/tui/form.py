"""The form that builds a what-if text: what is chosen and typed in it, as plain values and pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from advisor.offers import Field, Kind, matching

PART = 0
"""The line on which the kind of change is chosen; the lines after it are its fields."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the form shows."""

    kinds: tuple[Kind, ...]
    kind: int = 0
    chosen: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Index of the option by kind and field; what is not in it is at its first option."""
    typed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    line: int = PART
    search: str = ""
    joined: tuple[str, ...] = ()
    """Changes of the same scenario that are done."""

    @property
    def now(self) -> Kind:
        return self.kinds[self.kind]

    @property
    def field(self) -> Field | None:
        """The field of the line; ``None`` on that of the kind."""
        return self.now.fields[self.line - 1] if self.line != PART else None

    def at(self, of: Field) -> int:
        """The option that is chosen."""
        return self.chosen.get((self.now.key, of.key), of.first)

    def value(self, of: Field) -> str:
        """What the field stands for in the text."""
        if of.typed:
            return self.typed.get((self.now.key, of.key), "")
        return of.options[self.at(of)].value

    def labels(self) -> list[str]:
        """What can be chosen on the line."""
        found = self.field
        return [k.label for k in self.kinds] if found is None else [o.label for o in found.options]

    def shown(self) -> tuple[int, ...]:
        """Indices of what the search leaves, in the order they are listed."""
        found = self.field
        if found is not None:
            return matching(found.options, self.search)
        words = self.search.casefold().split()
        return tuple(n for n, k in enumerate(self.kinds) if all(w in k.label.casefold() for w in words))

    @property
    def index(self) -> int:
        """What is chosen on the line."""
        found = self.field
        return self.kind if found is None else self.at(found)

    @property
    def change(self) -> str:
        """The change that is chosen, in the edit language."""
        return self.now.text({f.key: self.value(f) for f in self.now.fields})

    @property
    def text(self) -> str:
        """The scenario: what is done, and the change that is chosen."""
        return ", ".join([*self.joined, self.change])


def move(form: Form, step: int) -> Form:
    """The line above or below, round the ends."""
    return replace(form, line=(form.line + step) % (len(form.now.fields) + 1), search="")


def to_line(form: Form, line: int) -> Form:
    """Another line."""
    return form if line == form.line else move(replace(form, line=PART), line)


def choose(form: Form, index: int) -> Form:
    """Another option on the line."""
    found = form.field
    if found is None:
        return replace(form, kind=index % len(form.kinds))
    if found.typed:
        return form
    return replace(form, chosen={**form.chosen, (form.now.key, found.key): index % len(found.options)})


def step(form: Form, by: int) -> Form:
    """The option before or after on the line, of those that the search leaves; round the ends."""
    shown = form.shown()
    if not shown:
        return form
    at = shown.index(form.index) + by if form.index in shown else 0
    return choose(form, shown[at % len(shown)])


def write(form: Form, text: str) -> Form:
    """Type: into the field, or into the search of its options, of which the first is chosen."""
    found = form.field
    if found is not None and found.typed:
        key = (form.now.key, found.key)
        return replace(form, typed={**form.typed, key: form.typed.get(key, "") + text})
    form = replace(form, search=form.search + text)
    shown = form.shown()
    return choose(form, shown[0]) if shown else form


def erase(form: Form) -> Form:
    """Take the last character back; with nothing typed, the last change that was joined."""
    found = form.field
    if found is not None and found.typed and form.value(found):
        key = (form.now.key, found.key)
        return replace(form, typed={**form.typed, key: form.typed[key][:-1]})
    if form.search:
        return replace(form, search=form.search[:-1])
    return replace(form, joined=form.joined[:-1])


def join(form: Form) -> Form:
    """Keep this change and choose another one for the same scenario."""
    return replace(form, joined=(*form.joined, form.change), line=PART, search="")


def filled(kinds: Sequence[Kind], text: str) -> Form | None:
    """The form of a text; ``None`` where its last change is none that the form can make."""
    *before, last = [part.strip() for part in text.split(",")]
    form = Form(tuple(kinds), joined=tuple(before))
    for n, kind in enumerate(kinds):
        values = kind.read(last)
        if values is None:
            continue
        chosen = {
            (kind.key, f.key): next(i for i, o in enumerate(f.options) if o.value == values[f.key])
            for f in kind.fields
            if not f.typed
        }
        typed = {(kind.key, f.key): values[f.key] for f in kind.fields if f.typed}
        return replace(form, kind=n, chosen=chosen, typed=typed)
    return None
