"""The JSON Schema of the search for an upgrade."""

from __future__ import annotations

from advisor.report.schema_parts import (
    AMOUNT,
    BOOLEAN,
    COUNT,
    FIT,
    MEMORY,
    MODEL,
    NUMBER,
    POSITIVE,
    QUESTION,
    RIG,
    SCORE,
    SENSITIVITIES,
    SPEED,
    TEXT,
    Schema,
    array_of,
    nullable,
    object_of,
    one_of,
)


def upgrade_schema() -> Schema:
    """Of ``upgrade --json``. Amounts of money are in the currency of the user's price file."""
    goal = object_of(
        model=TEXT,
        quant=TEXT,
        fit=FIT,
        goal_tokens_per_s=POSITIVE,
        verdict=one_of("sure", "likely", "possible", "no"),
        probability=AMOUNT,
        **SPEED,
        gained_tokens_per_s=nullable(NUMBER),
        gained_tokens_per_s_per_price=nullable(NUMBER),
        gained_tokens_per_s_per_watt=nullable(NUMBER),
        memory=MEMORY,
        bottleneck=nullable(TEXT),
        bottleneck_share=nullable(AMOUNT),
        sensitivities=nullable(SENSITIVITIES),
        finer_quant=nullable(TEXT),
        finer_tokens_per_s=nullable(POSITIVE),
    )
    ranking = object_of(
        fitting=COUNT,
        top=array_of(object_of(model=TEXT, quant=TEXT, score=nullable(SCORE), **SPEED)),
        unlocked=array_of(TEXT),
        lost=array_of(TEXT),
    )
    option = object_of(
        name=TEXT,
        changes=array_of(object_of(change=TEXT, value=TEXT)),
        parts=COUNT,
        whole_machine=nullable(TEXT),
        price=nullable(AMOUNT),
        watts=nullable(AMOUNT),
        what_if=nullable(TEXT),
        remarks=array_of(TEXT),
        verdict=nullable(one_of("sure", "likely", "possible", "no")),
        goals=array_of(goal),
        ranking=nullable(ranking),
    )
    wanted = object_of(
        goal=TEXT, model=MODEL, quant=nullable(TEXT), quants=array_of(TEXT), tokens_per_s=POSITIVE
    )
    return object_of(
        schema={"const": "rig-advice/upgrade/1"},
        rig=RIG,
        question=QUESTION,
        ordered_by=one_of("price", "smallest change"),
        budget=nullable(POSITIVE),
        prices=nullable(object_of(file=TEXT, date=TEXT, currency=nullable(TEXT))),
        considered=COUNT,
        evaluated=COUNT,
        notes=array_of(TEXT),
        goals=array_of(wanted),
        reached_now=nullable(BOOLEAN),
        now=option,
        options=array_of(option),
        machines=array_of(option),
        nearest=nullable(option),
    )
