"""Finding an entry by the name a person types: ``4090``, ``m3max 40``, ``llama3.1:8b``.

Names are compared as sets of tokens.  A token is a word (``max``), a number (``3090``, ``3.1``), a
number with the letter in front of it (``a6000``, ``m3``) or with its unit (``8b``, ``24gb``).  The
rules, in order:

1. every token of the query must be in the entry, numbers exactly (``8b`` is never ``80b``);
2. an entry with no token left over wins (``3090`` is not ``3090 Ti``), where *optional* words such
   as the vendor's do not count;
3. otherwise the one entry whose leftover is part of every other's wins (``qwen3 30b`` is
   ``Qwen3-30B-A3B`` and not its coder);
4. otherwise the name is ambiguous, and the error lists the candidates.

Pure; an index of 1,500 entries answers in well under a millisecond.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from catalog.types import LookupFailedError

T = TypeVar("T")

_NUMBER = re.compile(r"[0-9]{3,5}")
"""The number of a product in its series."""
MAX_CANDIDATES = 12
"""How many candidates an error carries."""

_UNITS = ("gb", "b", "m", "t")
"""Units that stay with their number: gigabytes, and parameters in billions, millions, trillions."""

_SILENT_UNITS = ("gb", "b")
"""Units that people leave out: ``4060 ti 16``, ``llama 3.1 8``."""

_SPACED_GB = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)[\s_-]*(?:gib|gb)\b")
_CHUNK = re.compile(r"[a-z0-9]+(?:\.[0-9]+)*")
_RUN = re.compile(r"[a-z]+|\d+(?:\.\d+)*")
_NAMESPACE = re.compile(r"^(?:[\w.-]+/)+(?=\S)")
_MARKS = re.compile(r"\((?:r|tm|c)\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """Something with a name.

    ``aliases`` are further full names.  ``implied`` are words that a query may contain although no
    name does (``24gb`` for a card that is sold in one size).  Of entries that match equally well the
    one with the highest ``weight`` wins.
    """

    name: str
    value: T
    aliases: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()
    weight: float = 0.0


@lru_cache(maxsize=8192)
def tokens(text: str) -> tuple[str, ...]:
    """The tokens of a name, in order: ``"RTX4090 Laptop"`` gives ``rtx 4090 laptop``."""
    plain = _MARKS.sub(" ", unicodedata.normalize("NFKC", text)).casefold()
    plain = _SPACED_GB.sub(r"\1gb", plain)
    found: list[str] = []
    for chunk in _CHUNK.findall(plain):
        runs = _RUN.findall(chunk)
        at = 0
        while at < len(runs):
            run = runs[at]
            at += 1
            if run.isalpha():
                if not (len(run) == 1 and at < len(runs)):
                    found.append(run)
                    continue
                run += runs[at]
                at += 1
            if at < len(runs) and runs[at] in _UNITS and (at + 1 == len(runs) or runs[at] == "gb"):
                run += runs[at]
                at += 1
            found.append(run)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Variant:
    """One spelling of an entry, as tokens."""

    entry: int
    words: tuple[str, ...]
    mandatory: frozenset[str]


class NameIndex(Generic[T]):
    """An index over named entries.

    ``optional`` words may be left out of a query; ``ignorable`` words of a query need not be in the
    entry (but an entry that has them is preferred).  ``kind`` is the noun of the error text.
    """

    def __init__(
        self,
        kind: str,
        entries: Sequence[Entry[T]],
        *,
        optional: Collection[str] = (),
        ignorable: Collection[str] = (),
    ) -> None:
        self.kind = kind
        self.entries = tuple(entries)
        self._optional = frozenset(optional)
        self._ignorable = frozenset(ignorable)
        self._literal: dict[str, int] = {}
        self._exact: dict[str, set[int]] = {}
        self._variants: list[_Variant] = []
        self._postings: dict[str, set[int]] = {}
        for number, entry in enumerate(self.entries):
            self._literal.setdefault(entry.name.casefold(), number)
        for number, entry in enumerate(self.entries):
            for name in (entry.name, *entry.aliases):
                self._literal.setdefault(name.casefold(), number)
                self._exact.setdefault(_squeeze(name), set()).add(number)
                for form in _forms(name):
                    self._add(number, form, entry.implied)

    def _add(self, number: int, words: tuple[str, ...], implied: tuple[str, ...]) -> None:
        mandatory = frozenset(words) - self._optional or frozenset(words)
        where = len(self._variants)
        self._variants.append(_Variant(number, words, mandatory))
        reachable = {*words, *implied, *_joins(words)}
        reachable.update(word.rstrip("gb") for word in words if word[0].isdigit() and word.endswith("b"))
        for word in reachable:
            self._postings.setdefault(word, set()).add(where)

    def resolve(self, query: str, *, suggest: bool = True) -> T:
        """The one entry that ``query`` names; ``LookupFailedError`` if there is none or several.

        Without ``suggest`` the error names no near misses: comparing with all names takes tens of ms.
        """
        literal = self._literal.get(query.strip().casefold())
        if literal is not None:
            return self.entries[literal].value
        forms = _forms(query)
        if not forms[0]:
            raise LookupFailedError(self.kind, query, (), ambiguous=False)
        same = self._heaviest(self._exact.get(_squeeze(query), ()))
        if len(same) == 1:
            return self.entries[same[0]].value
        for asked in forms:
            found = self._matches(asked)
            if found:
                return self._choose(query, forms[0], found)
        series = self._series(forms[-1])
        if series:
            raise LookupFailedError(self.kind, query, self._names(series), ambiguous=True)
        near = self._near(query, forms[-1]) if suggest else ()
        raise LookupFailedError(self.kind, query, near, ambiguous=False)

    def _heaviest(self, entries: Collection[int]) -> list[int]:
        best = max((self.entries[entry].weight for entry in entries), default=0.0)
        return [entry for entry in entries if self.entries[entry].weight == best]

    def _matches(self, asked: tuple[str, ...]) -> dict[int, tuple[frozenset[str], int]]:
        """Entries that have every token of ``asked``: leftover tokens and ignorable words they have."""
        for words in (asked, *_merged(asked)):
            firm = [word for word in words if word not in self._ignorable]
            if not firm:
                continue
            posting = [self._postings.get(word, set()) for word in firm]
            variants = set.intersection(*posting)
            found: dict[int, tuple[frozenset[str], int]] = {}
            for where in variants:
                variant = self._variants[where]
                left = _leftover(variant, words)
                extras = sum(1 for word in words if word in self._ignorable and word in variant.words)
                best = found.get(variant.entry)
                if best is None or (len(left), -extras) < (len(best[0]), -best[1]):
                    found[variant.entry] = (left, extras)
            if found:
                return found
        return {}

    def _choose(self, query: str, asked: tuple[str, ...], found: dict[int, tuple[frozenset[str], int]]) -> T:
        complete = {entry: extras for entry, (left, extras) in found.items() if not left}
        if complete:
            namespace = frozenset(asked)

            def rank(entry: int) -> tuple[int, int, float]:
                words = {word for name in self._spellings(entry) for word in tokens(name)}
                return complete[entry], len(words & namespace), self.entries[entry].weight

            best = max(rank(entry) for entry in complete)
            top = [entry for entry in complete if rank(entry) == best]
        else:
            top = [
                entry
                for entry, (left, _) in found.items()
                if all(left < other for at, (other, _) in found.items() if at != entry)
            ] or list(found)
        if len(top) == 1:
            return self.entries[top[0]].value
        raise LookupFailedError(self.kind, query, self._names(top), ambiguous=True)

    def _spellings(self, entry: int) -> tuple[str, ...]:
        return (self.entries[entry].name, *self.entries[entry].aliases)

    def _series(self, asked: tuple[str, ...]) -> list[int]:
        """Entries of the series that a short number stands for: ``rtx 40`` means 4050 … 4090."""
        short = [word for word in asked if word.isdigit() and 2 <= len(word) <= 3]
        if len(short) != 1 or len(asked) < 2:
            return []
        others = [self._postings.get(word, set()) for word in asked if word != short[0]]
        return sorted(
            {
                self._variants[where].entry
                for where in set.intersection(*others)
                if any(
                    word.isdigit() and len(word) >= 4 and word.startswith(short[0])
                    for word in self._variants[where].words
                )
            }
        )

    def _near(self, query: str, asked: tuple[str, ...]) -> tuple[str, ...]:
        """Names that may have been meant: those that share tokens first, then the nearest spelling."""
        import difflib  # only wrong names pay for it

        shared = {
            self._variants[where].entry
            for word in asked
            if word[0].isdigit()
            for where in self._postings.get(word, ())
        }
        firm = " ".join(word for word in asked if word not in self._optional) or _squeeze(query)
        hints = frozenset(asked) & self._optional
        matcher = difflib.SequenceMatcher(b=firm)
        scored: dict[int, float] = {}
        for variant in self._variants:
            own = " ".join(word for word in variant.words if word in variant.mandatory)
            matcher.set_seq1(own)
            bonus = 0.3 if variant.entry in shared else 0.0
            bonus += 0.06 * len(hints.intersection(variant.words))  # an RTX for an RTX
            bonus += 0.1 * (sorted(own) == sorted(firm))  # swapped digits: 4900 for 4090
            if matcher.real_quick_ratio() + bonus >= 0.6 and matcher.quick_ratio() + bonus >= 0.6:
                ratio = matcher.ratio() + bonus
                scored[variant.entry] = max(ratio, scored.get(variant.entry, 0.0))
        best = sorted(scored, key=lambda entry: (-scored[entry], entry))
        near = [entry for entry in best[:5] if scored[entry] >= 0.6] or self._next_numbers(asked, hints)
        return tuple(self.entries[entry].name for entry in near)

    def _next_numbers(self, asked: tuple[str, ...], hints: frozenset[str]) -> list[int]:
        """Entries of the same series with the nearest numbers: an RTX 5090 for an RTX 9999."""
        wanted = [int(word) for word in asked if _NUMBER.fullmatch(word)]
        if len(wanted) != 1 or not hints:
            return []
        far = {
            variant.entry: min(abs(int(word) - wanted[0]) for word in numbers)
            for variant in self._variants
            if hints <= frozenset(variant.words)
            and (numbers := [word for word in variant.words if _NUMBER.fullmatch(word)])
        }
        return sorted(far, key=lambda entry: (far[entry], -self.entries[entry].weight, entry))[:5]

    def _names(self, entries: Iterable[int]) -> tuple[str, ...]:
        ordered = sorted(entries, key=lambda entry: (-self.entries[entry].weight, entry))
        return tuple(self.entries[entry].name for entry in ordered[:MAX_CANDIDATES])


def resolve(
    kind: str,
    query: str,
    entries: Sequence[Entry[T]],
    *,
    optional: Collection[str] = (),
    ignorable: Collection[str] = (),
) -> T:
    """The value of the one entry that ``query`` names.

    Raises ``LookupFailedError``: ``ambiguous`` with the candidates, or with near misses.  The index is
    kept for as long as the same sequence of entries is asked again; a caller with its own cache uses
    ``NameIndex`` directly.
    """
    key = (id(entries), kind, frozenset(optional), frozenset(ignorable))
    kept = _INDEXES.get(key)
    if kept is None or kept[0] is not entries:
        if len(_INDEXES) >= 8:
            _INDEXES.clear()
        kept = (entries, NameIndex(kind, entries, optional=optional, ignorable=ignorable))
        _INDEXES[key] = kept
    return cast(T, kept[1].resolve(query))


_INDEXES: dict[tuple[int, str, frozenset[str], frozenset[str]], tuple[object, NameIndex[Any]]] = {}


def _squeeze(text: str) -> str:
    """A name without case, spaces and punctuation."""
    return " ".join(tokens(text))


def _forms(text: str) -> tuple[tuple[str, ...], ...]:
    """The whole name's tokens, and without its namespace (``meta-llama/``) where it has one."""
    whole = tokens(text)
    namespace = _NAMESPACE.match(text.strip())
    last = tokens(text.strip()[namespace.end() :]) if namespace else ()
    return (whole, last) if last and last != whole else (whole,)


def _joins(words: Sequence[str]) -> Iterable[str]:
    """Neighbouring words written together: ``strixhalo``, ``gptoss``."""
    for start in range(len(words) - 1):
        joined = words[start]
        if not joined.isalpha():
            continue
        for word in words[start + 1 : start + 3]:
            if not word.isalpha():
                break
            joined += word
            yield joined


def _merged(words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """The query with two neighbouring words written together: ``deep seek`` as ``deepseek``."""
    for at in range(len(words) - 1):
        if words[at].isalpha() and words[at + 1].isalpha():
            yield (*words[:at], words[at] + words[at + 1], *words[at + 2 :])


def _leftover(variant: _Variant, words: tuple[str, ...]) -> frozenset[str]:
    """The mandatory tokens of a variant that the query does not mention."""
    left = set(variant.mandatory)
    for word in words:
        if word in left:
            left.discard(word)
        elif word[0].isdigit():
            left -= {word + unit for unit in _SILENT_UNITS}
        elif word not in variant.words:
            left -= _parts(variant.words, word)
    return frozenset(left)


def _parts(words: tuple[str, ...], joined: str) -> set[str]:
    """The neighbouring words that ``joined`` is made of."""
    for start in range(len(words)):
        for end in range(start + 2, min(start + 3, len(words)) + 1):
            if "".join(words[start:end]) == joined:
                return set(words[start:end])
    return set()
