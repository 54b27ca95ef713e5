"""The detail of a row: which devices get a bar."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.detail import Detail, DeviceUse


def use(name: str, kind: str, weight_bytes: float) -> DeviceUse:
    return DeviceUse(name, kind, 64e9, weight_bytes, 0.0, 0.0, 40, 40)


def detail(fit: str) -> Detail:
    values: dict[str, Any] = dict.fromkeys(Detail.__dataclass_fields__, 0.0)
    devices = (use("GPU", "cuda", 14e9), use("CPU", "cpu", 1e9))
    return Detail(**(values | {"fit": fit, "devices": devices}))


@pytest.mark.parametrize(("fit", "drawn"), [("full", ["GPU"]), ("offload", ["GPU", "CPU"])])
def test_ram_gets_a_bar_only_where_layers_are_in_it(fit: str, drawn: list[str]) -> None:
    found = detail(fit)
    assert [d.name for d in found.main_devices] == drawn
    assert {d.name for d in (*found.main_devices, *found.minor_devices)} == {"GPU", "CPU"}
