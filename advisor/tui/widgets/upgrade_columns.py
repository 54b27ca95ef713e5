"""The columns of the list of changes: cells, widths, orders, and which columns go when there is no room."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from advisor.report.format import gib, seconds, speed, speed_range
from advisor.report.upgrade_rows import Answer, Change
from advisor.tui.glyphs import Glyphs

VERDICT_GLYPHS = {"sure": "full", "likely": "offload", "possible": "cpu", "no": "none"}
"""Verdicts by the kind of fit whose glyph they share: a full circle is sure."""

_NAME_WANTED = 22
_NAME_LEAST = 14


@dataclass(frozen=True, slots=True)
class Column:
    """One column.  ``priority`` 0 is never dropped; higher numbers go first."""

    key: str
    title: str
    align: str
    priority: int
    cell: Callable[[Change, Glyphs], str]
    sort: str | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of the list; unknown values go last."""

    label: str
    key: Callable[[Change], float | None]
    descending: bool


def _speed_of(change: Change) -> float | None:
    return change.speed.tokens_per_s if change.speed else None


def _chance(change: Change) -> float | None:
    return change.worst.probability if change.worst else None


SORTS: dict[str, Sort] = {
    "found": Sort("as found", lambda c: float(c.place), False),
    "speed": Sort("tok/s", _speed_of, True),
    "goal": Sort("how sure", _chance, True),
    "memory": Sort("memory", lambda c: c.more_bytes, True),
    "price": Sort("price", lambda c: c.price, False),
    "worth": Sort("tok/s per 100", lambda c: c.gained_per_100, True),
    "watts": Sort("watts", lambda c: c.watts, False),
}
"""In the order in which ``s`` goes through them."""


def sorts_for(answer: Answer) -> tuple[str, ...]:
    """The orders that mean something for an answer."""
    return tuple(
        name
        for name, order in SORTS.items()
        if name in ("found", "speed") or any(order.key(c) is not None for c in answer.listed)
    )


def ordered(answer: Answer, sort: str, reverse: bool) -> tuple[Change, ...]:
    """The changes in an order; ties and unknown values stay as found."""
    order = SORTS[sort]
    known = [c for c in answer.listed if order.key(c) is not None]
    known.sort(key=lambda c: order.key(c) or 0.0, reverse=order.descending != reverse)
    return (*known, *(c for c in answer.listed if order.key(c) is None))


def _speed(change: Change, glyphs: Glyphs) -> str:
    value = _speed_of(change)
    return glyphs.no_value if value is None else speed(value)


def _interval(change: Change, glyphs: Glyphs) -> str:
    row = change.speed
    if row is None or row.low_tokens_per_s is None or row.high_tokens_per_s is None:
        return glyphs.no_value
    return speed_range(row.low_tokens_per_s, row.high_tokens_per_s)


def _goal(change: Change, glyphs: Glyphs) -> str:
    worst = change.worst
    if worst is None:
        return glyphs.no_value
    return f"{glyphs.fit[VERDICT_GLYPHS[worst.verdict]]} {worst.verdict_text}"


def _factor(change: Change, glyphs: Glyphs) -> str:
    worst = change.worst
    if worst is None or worst.factor is None:
        return "new" if worst is not None and worst.tokens_per_s is not None else glyphs.no_value
    return factor_text(worst.factor, glyphs)


def factor_text(factor: float, glyphs: Glyphs) -> str:
    """``×4.9``."""
    return f"{glyphs.times}{factor:.3g}" if factor < 100 else f"{glyphs.times}{factor:.0f}"


def _first(change: Change, glyphs: Glyphs) -> str:
    worst = change.worst
    return glyphs.no_value if worst is None or worst.ttft_s is None else seconds(worst.ttft_s)


def bound_short(bound: str | None) -> str:
    """What binds without what it carries: ``RAM bandwidth`` of ``RAM bandwidth (weights)``."""
    return re.sub(r" \(.*\)$", "", bound) if bound else "no fit"


def _money(value: float | None, glyphs: Glyphs) -> str:
    return glyphs.no_value if value is None else f"{value:,.0f}"


def _more(change: Change, _: Glyphs) -> str:
    sign = "-" if change.more_bytes < 0 else "+"
    return sign + gib(abs(change.more_bytes))


def _worth(change: Change, glyphs: Glyphs) -> str:
    return glyphs.no_value if change.gained_per_100 is None else f"{change.gained_per_100:+.2g}"


def _best(change: Change, _: Glyphs) -> str:
    return f"{change.top[0].name} {change.top[0].quant}" if change.top else "nothing fits"


def columns_for(answer: Answer) -> tuple[Column, ...]:
    """All columns that this answer has values for."""
    before = answer.now.worst
    now = bound_short(before.bound if before else None)

    def binds(change: Change, glyphs: Glyphs) -> str:
        after = change.worst.bound if change.worst else None
        return f"{now} {glyphs.arrow} {bound_short(after)}"

    shared = (
        Column("place", "#", "right", 0, lambda c, _: str(c.place)),
        Column("name", "Change", "left", 0, lambda c, _: c.name, "found"),
    )
    money: tuple[Column, ...] = ()
    if answer.priced:
        money = (
            Column(
                "price",
                f"Price {answer.currency or ''}".strip(),
                "right",
                2,
                lambda c, g: _money(c.price, g),
                "price",
            ),
        )
        if answer.goals:
            money = (*money, Column("worth", "per 100", "right", 4, _worth, "worth"))
    if any(change.watts is not None for change in answer.listed):
        money = (*money, Column("watts", "W", "right", 6, lambda c, g: _money(c.watts, g), "watts"))
    speeds = (
        Column("speed", "tok/s", "right", 0, _speed, "speed"),
        Column("interval", "80 %", "right", 0, _interval),
    )
    memory = Column("memory", "+GiB", "right", 5, _more, "memory")
    if answer.goals:
        return (
            *shared,
            *speeds,
            Column("goal", "Goal", "left", 1, _goal, "goal"),
            Column("factor", "gain", "right", 3, _factor),
            memory,
            *money,
            Column("first", "TTFT", "right", 7, _first),
            Column("binds", "What binds", "left", 8, binds),
        )
    return (
        *shared,
        *money,
        Column("unlocked", "unlocks", "right", 1, lambda c, _: str(len(c.unlocked))),
        memory,
        *speeds,
        Column("best", "with the best model", "left", 3, _best),
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with its width and the x where it starts."""

    column: Column
    x: int
    width: int


def place_columns(
    columns: Sequence[Column], changes: Sequence[Change], width: int, glyphs: Glyphs
) -> tuple[Placed, ...]:
    """Choose columns for ``width`` cells; no chosen column but the name is narrower than its cells.

    Columns go by priority until the name has room.  The first cell is that of the cursor.
    """

    def needed(column: Column) -> int:
        mark = 1 if column.sort else 0
        return max([cell_len(column.title) + mark, *(cell_len(column.cell(c, glyphs)) for c in changes)])

    longest = max((cell_len(c.name) for c in changes), default=_NAME_LEAST)
    widths = {column.key: needed(column) for column in columns}
    chosen = list(columns)

    def room(found: Sequence[Column]) -> int:
        return width - 1 - sum(widths[c.key] for c in found if c.key != "name") - 2 * (len(found) - 1)

    for priority in sorted({c.priority for c in columns if c.priority}, reverse=True):
        if room(chosen) >= min(longest, _NAME_WANTED):
            break
        chosen = [c for c in chosen if c.priority != priority]
    widths["name"] = max(min(room(chosen), max(longest, _NAME_LEAST)), 4)
    placed = []
    x = 1
    for column in chosen:
        placed.append(Placed(column, x, widths[column.key]))
        x += widths[column.key] + 2
    return tuple(placed)
