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

from catalog.types import Model


class FilterError(ValueError):
    """A filter cannot be understood.  ``position`` is the index of the term's first character."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class Filterable:
    """What a filter can see of one ranking row."""

    text: str
    quant: str
    fit: str
    license: str
    architecture: str
    flags: frozenset[str]
    numbers: dict[str, float | None]


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
_FLAGS = ("moe", "dense", "vision", "tools", "base", "instruct")
_FITS = ("full", "offload", "cpu", "none")
_TERM = re.compile(r"\S+")
_COMPARISON = re.compile(r"^([a-z]+)(<=|>=|<|>|=)(.*)$")
_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)([kmb]?)$")
_SCALE = {"": 1.0, "k": 1024.0, "m": 1024.0 * 1024.0, "b": 1.0}

Predicate = Callable[[Filterable], bool]


def parse_filter(text: str, unknown: Mapping[str, str] | None = None) -> Predicate:
    """A predicate for a filter text; an empty text accepts everything.

    Args:
        text: the filter.
        unknown: fields of the language that are not known of these rows, each with the reason.

    Raises:
        FilterError: unknown field, bad number or bad value, with the position of the term.
    """
    lacking = unknown or {}
    terms = [_parse_term(match.group(), match.start(), lacking) for match in _TERM.finditer(text.lower())]
    return lambda row: all(term(row) for term in terms)


def _parse_term(term: str, position: int, lacking: Mapping[str, str]) -> Predicate:
    if term[0] in "-!" and len(term) > 1:
        inner = _parse_term(term[1:], position + 1, lacking)
        return lambda row: not inner(row)
    comparison = _COMPARISON.match(term)
    name = comparison.group(1) if comparison else term.partition(":")[0] if ":" in term else ""
    if name in lacking:
        raise FilterError(f"{name} is not known here: {lacking[name]}", position)
    if comparison:
        name, operator, value = comparison.groups()
        return _number_term(name, operator, value, position)
    if ":" in term:
        name, _, value = term.partition(":")
        return _text_term(name, value, position)
    return lambda row: term in row.text


def catalog_filterable(
    model: Model, numbers: Mapping[str, float | None], quant: str = "", fit: str = ""
) -> Filterable:
    """What the filter language sees of a model of the catalog, with the numbers that depend on more."""
    year = model.release_date[:4] if model.release_date else None
    flags = {
        "moe" if model.is_moe else "dense",
        model.stage,
        *(("vision",) if "vision" in model.modality else ()),
        *(("tools",) if model.tool_use else ()),
    }
    return Filterable(
        text=" ".join(
            (model.name, model.id, model.organization, model.family, model.architecture, *model.aliases)
        ).lower(),
        quant=quant,
        fit=fit,
        license=model.license or "unknown",
        architecture=model.architecture,
        flags=frozenset(flags),
        numbers={
            "params": model.total_params / 1e9,
            "active": model.active_params / 1e9,
            "ctx": float(model.context_length) if model.context_length else None,
            "year": float(year) if year and year.isdigit() else None,
            **numbers,
        },
    )


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

    def predicate(row: Filterable) -> bool:
        actual = row.numbers.get(name)
        return actual is not None and test(actual)

    return predicate


def _text_term(name: str, value: str, position: int) -> Predicate:
    if name not in TEXT_FIELDS:
        raise FilterError(_unknown(name, tuple(TEXT_FIELDS), "field"), position)
    if not value:
        raise FilterError(f"{name}: needs a value ({TEXT_FIELDS[name]})", position)
    if name == "is":
        if value not in _FLAGS:
            raise FilterError(_unknown(value, _FLAGS, "property"), position)
        return lambda row: value in row.flags
    if name == "fit":
        if value not in _FITS:
            raise FilterError(_unknown(value, _FITS, "kind of fit"), position)
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
