"""What the last term of a filter could become: fields, values and words, nearest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from advisor.core.filter import FITS, FLAGS, NUMBER_FIELDS, TEXT_FIELDS

EXAMPLES: Mapping[str, str] = {
    "params": "params<40",
    "active": "active<5",
    "tok": "tok>20",
    "ttft": "ttft<3",
    "mem": "mem<24",
    "bpw": "bpw>4",
    "ctx": "ctx>=32k",
    "score": "score>60",
    "quality": "quality>50",
    "year": "year>=2025",
}
"""A condition as it is often asked, by number field."""

FIT_MEANINGS = {
    "full": "all of it on the GPU",
    "offload": "partly in RAM",
    "cpu": "all of it in RAM",
    "none": "does not fit",
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the values and words of a filter can be, besides what the language itself knows."""

    quants: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Families and makers."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One way to go on: the whole filter with it, the term itself, and what that means."""

    text: str
    term: str
    meaning: str


def complete(text: str, vocabulary: Vocabulary, most: int = 6) -> tuple[Completion, ...]:
    """Completions of the last term of ``text``; none after a space or where it is complete."""
    start = re.search(r"\S*$", text)
    last = start.group() if start else ""
    sign = last[:1] if last[:1] in ("-", "!") else ""
    typed = last[len(sign) :].lower()
    if not typed:
        return ()
    before = text[: len(text) - len(last)]
    found: dict[str, str] = {}
    for term, meaning in _candidates(typed, vocabulary):
        if term.lower() != typed and term not in found:
            found[term] = meaning
        if len(found) == most:
            break
    return tuple(Completion(before + sign + term, sign + term, meaning) for term, meaning in found.items())


def _candidates(typed: str, vocabulary: Vocabulary) -> Iterable[tuple[str, str]]:
    field, colon, value = typed.partition(":")
    if colon:
        yield from _values(field, value, vocabulary)
        return
    number = re.match(r"^([a-z]+)[<>=]=?$", typed)
    if number and number.group(1) in EXAMPLES:
        example = EXAMPLES[number.group(1)]
        digits = example.lstrip("abcdefghijklmnopqrstuvwxyz").lstrip("<>=")
        yield typed + digits, NUMBER_FIELDS[number.group(1)]
        return
    for name, meaning in NUMBER_FIELDS.items():
        if name.startswith(typed):
            yield re.match(r"[a-z]+[<>=]+", EXAMPLES[name]).group(), meaning  # type: ignore[union-attr]
    for name, meaning in TEXT_FIELDS.items():
        if name.startswith(typed):
            yield f"{name}:", meaning
    for word in vocabulary.words:
        if word.lower().startswith(typed):
            yield word.lower(), "family or maker"


def _values(field: str, typed: str, vocabulary: Vocabulary) -> Iterable[tuple[str, str]]:
    known: Iterable[tuple[str, str]] = {
        "fit": tuple((name, FIT_MEANINGS[name]) for name in FITS),
        "is": tuple((name, "") for name in FLAGS),
        "quant": tuple((name.lower(), "") for name in vocabulary.quants),
        "license": tuple((name.lower(), "") for name in vocabulary.licenses),
        "arch": tuple((name.lower(), "") for name in vocabulary.architectures),
    }.get(field, ())
    for name, meaning in known:
        if name.startswith(typed.replace("-", "_") if field == "quant" else typed):
            yield f"{field}:{name}", meaning or TEXT_FIELDS[field]
