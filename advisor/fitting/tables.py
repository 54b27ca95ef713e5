"""From fitted logarithms to the document that ships: ``catalog/data/efficiencies.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.fitting.parameters import (
    COEFFICIENTS,
    FORMAT_SPREADS,
    ISA_FACTORS,
    DeviceClass,
    Floats,
    Layout,
)
from advisor.fitting.prefill_tables import UNKNOWN_SPREAD, PromptTables, rounded


def class_rows(
    layout: Layout,
    theta: Floats,
    counts: Mapping[DeviceClass, tuple[int, int]],
    prompt: PromptTables,
) -> list[dict[str, Any]]:
    """Every class and its parents, most specific first; parents have the average of what is below.

    Args:
        counts: measurement rows and devices behind each class.
    """
    out = [
        _row(layout, theta, c, (c.architecture, c.vendor, c.engine), [c], counts, prompt)
        for c in layout.classes
    ]
    for family, engine in layout.families:
        members = [c for c in layout.classes if (c.family, c.engine) == (family, engine)]
        own = _blank(members[0], family=family)
        key = (f"{family}*", own.vendor, engine)
        out.append(_row(layout, theta, own, key, members, counts, prompt))
    for vendor, engine in layout.vendor_engines:
        members = [c for c in layout.classes if (c.vendor, c.engine) == (vendor, engine)]
        key = ("*", vendor, engine)
        out.append(_row(layout, theta, _blank(members[0]), key, members, counts, prompt))
    for vendor in sorted({c.vendor for c in layout.classes}):
        members = [c for c in layout.classes if c.vendor == vendor]
        own = _blank(members[0], engine="*")
        out.append(_row(layout, theta, own, ("*", vendor, "*"), members, counts, prompt))
    gpus = [c for c in layout.classes if c.kind == "gpu"]
    for engine in sorted({c.engine for c in gpus}):
        members = [c for c in gpus if c.engine == engine]
        own = _blank(members[0], engine="*")
        out.append(_row(layout, theta, own, ("*", "*", engine), members, counts, prompt))
    own = _blank(gpus[0], engine="*")
    out.append(_row(layout, theta, own, ("*", "*", "*"), gpus, counts, prompt))
    return out


def _blank(c: DeviceClass, *, family: str = "*", engine: str | None = None) -> DeviceClass:
    return DeviceClass(c.kind, c.vendor, engine or c.engine, family, "*")


def _row(
    layout: Layout,
    theta: Floats,
    own: DeviceClass,
    key: tuple[str, str, str],
    members: Sequence[DeviceClass],
    counts: Mapping[DeviceClass, tuple[int, int]],
    prompt: PromptTables,
) -> dict[str, Any]:
    rows = sum(counts.get(c, (0, 0))[0] for c in members)
    devices = sum(counts.get(c, (0, 0))[1] for c in members)
    values = {name: rounded(float(layout.coefficient(theta, name, [own])[0])) for name in COEFFICIENTS}
    architecture, vendor, engine = key
    return {
        "architecture": architecture,
        "vendor": vendor,
        "backend": engine,
        **values,
        **prompt.values(own),
        "rows": rows,
        "devices": devices,
        "source": "fit",
    }


def format_costs(layout: Layout, theta: Floats) -> dict[str, dict[str, dict[str, float]]]:
    """Costs of every format group by engine; ``*`` is the average engine."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for engine in (*layout.engines, None):
        table[engine or "*"] = {
            group: {
                **{cost: rounded(layout.format_cost(theta, cost, group, engine)) for cost in FORMAT_SPREADS},
                "expert": rounded(layout.expert_cost(theta, group, engine)),
            }
            for group in layout.groups
        }
    return table


def document(
    layout: Layout,
    theta: Floats,
    counts: Mapping[DeviceClass, tuple[int, int]],
    *,
    newest_year: float,
    spread: Mapping[str, Any] | None = None,
    measured_devices: Mapping[str, Sequence[str]] | None = None,
    source: str = "medians of the priors",
    prompt: PromptTables | None = None,
) -> dict[str, Any]:
    """Everything the fit decides, as the app reads it."""

    prompt = prompt or PromptTables.of_priors(layout.classes)

    def number(name: str) -> float:
        return rounded(layout.number(theta, name))

    return {
        "grammar": GRAMMAR,
        "sources": {"fit": source},
        "newest_year": newest_year,
        "latent_attention_cost": number("latent_attention_cost"),
        "split_share": number("split_share"),
        "unified_share": number("unified_share"),
        "inline_ecc_share": number("inline_ecc_share"),
        "emulated_dot_cost": number("emulated_dot_cost"),
        "isa_factors": {
            "decode": {name: number(f"isa/{name}") for name in ISA_FACTORS},
            "prefill": {name: prompt.number(f"isa/{name}") for name in ISA_FACTORS},
        },
        "link": {
            name: number(f"link_{name}") for name in ("gpu_hop_s", "host_hop_s", "sync_s", "sync_share")
        },
        "spread_log": spread or UNKNOWN_SPREAD,
        **prompt.sections(),
        "measured_devices": measured_devices or {},
        "classes": class_rows(layout, theta, counts, prompt),
        "format_costs": format_costs(layout, theta),
    }


GRAMMAR = (
    "Written by python -m advisor.fitting from catalog/data/measurements; do not edit. "
    "Values are medians of what classes of devices reach; advisor/fitting/parameters.py says what they "
    "are and how classes share them. rows, devices: measurements behind a class; a class with none has "
    "its parent's values. spread_log: factors of the standard deviation of ln(measured / predicted)."
)
