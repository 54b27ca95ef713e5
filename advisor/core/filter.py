"""The filter language of the ranking: ``qwen params<40 quant:q4 fit:full tok>20 -coder``.

Words match the model's name, maker, family or architecture; ``field<value`` compares numbers
(``k`` and ``m`` suffixes allowed); ``field:word`` matches text; a leading ``-`` negates.  All terms
must hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol


class FilterError(ValueError):
    """A filter cannot be understood.  ``position`` is the index of the term's first character."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class Numbers(Protocol):
    """The numbers of a row by the names of ``NUMBER_FIELDS``; unknown ones are ``None``."""

    def get(self, name: str, /) -> float | None: ...


class Seen(Protocol):
    """What a filter can see of one row; a row need only work out what is asked for."""

    @property
    def text(self) -> str: ...
    @property
    def quant(self) -> str: ...
    @property
    def fit(self) -> str: ...
    @property
    def license(self) -> str: ...
    @property
    def architecture(self) -> str: ...
    @property
    def flags(self) -> frozenset[str]: ...
    @property
    def numbers(self) -> Numbers: ...


@dataclass(frozen=True, slots=True)
class Filterable:
    """A row whose values are all there."""

    text: str
    quant: str
    fit: str
    license: str
    architecture: str
    flags: frozenset[str]
    numbers: Mapping[str, float | None]


NUMBER_FIELDS = {
    "params": "total parameters in billions",
    "active": "active parameters in billions",
    "tok": "decode tokens per second",
    "ttft": "time to first token in seconds",
    "mem": "memory used in GiB",
    "bpw": "bits per weight",
    "ctx": "context length of the model in tokens",
    "score": "score, 0 to 100",
    "quality": "quality, 0 to 100",
    "year": "year of release",
}
TEXT_FIELDS = {
    "quant": "quantization, e.g. q4",
    "fit": "full, offload, cpu or none",
    "license": "licence",
    "arch": "architecture",
    "is": "moe, dense, vision, tools, base or instruct",
}
FLAGS = ("moe", "dense", "vision", "tools", "base", "instruct")
FITS = ("full", "offload", "cpu", "none")
_TERM = re.compile(r"\S+")
_COMPARISON = re.compile(r"^([a-z]+)(<=|>=|<|>|=)(.*)$")
_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)([kmb]?)$")
_SCALE = {"": 1.0, "k": 1024.0, "m": 1024.0 * 1024.0, "b": 1.0}

Predicate = Callable[[Seen], bool]


def parse_filter(text: str) -> Predicate:
    """A predicate for a filter text; an empty text accepts everything.

    Raises:
        FilterError: unknown field, bad number or bad value, with the position of the term.
    """
    terms = [_parse_term(match.group(), match.start()) for match in _TERM.finditer(text.lower())]
    return lambda row: all(term(row) for term in terms)


def _parse_term(term: str, position: int) -> Predicate:
    if term[0] in "-!" and len(term) > 1:
        inner = _parse_term(term[1:], position + 1)
        return lambda row: not inner(row)
    comparison = _COMPARISON.match(term)
    if comparison:
        name, operator, value = comparison.groups()
        return _number_term(name, operator, value, position)
    if ":" in term:
        name, _, value = term.partition(":")
        return _text_term(name, value, position)
    return lambda row: term in row.text


def _number_term(name: str, operator: str, value: str, position: int) -> Predicate:
    if name not in NUMBER_FIELDS:
        raise FilterError(_unknown(name, tuple(NUMBER_FIELDS), "number field"), position)
    number = _NUMBER.match(value)
    if not number:
        raise FilterError(f"{name}{operator} needs a number, for example {name}{operator}8", position)
    limit = float(number.group(1)) * _SCALE[number.group(2)]
    compare: dict[str, Callable[[float], bool]] = {
        "<": lambda x: x < limit,
        "<=": lambda x: x <= limit,
        ">": lambda x: x > limit,
        ">=": lambda x: x >= limit,
        "=": lambda x: abs(x - limit) <= 1e-9 + 0.005 * abs(limit),
    }
    test = compare[operator]

    def predicate(row: Seen) -> bool:
        actual = row.numbers.get(name)
        return actual is not None and test(actual)

    return predicate


def _text_term(name: str, value: str, position: int) -> Predicate:
    if name not in TEXT_FIELDS:
        raise FilterError(_unknown(name, tuple(TEXT_FIELDS), "field"), position)
    if not value:
        raise FilterError(f"{name}: needs a value ({TEXT_FIELDS[name]})", position)
    if name == "is":
        if value not in FLAGS:
            raise FilterError(_unknown(value, FLAGS, "property"), position)
        return lambda row: value in row.flags
    if name == "fit":
        if value not in FITS:
            raise FilterError(_unknown(value, FITS, "kind of fit"), position)
        return lambda row: row.fit == value
    if name == "quant":
        return lambda row: value.replace("-", "_") in row.quant.lower()
    if name == "license":
        return lambda row: value in row.license.lower()
    return lambda row: value in row.architecture.lower()


def _unknown(name: str, known: tuple[str, ...], what: str) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return f"unknown {what} {name!r}{hint}"
