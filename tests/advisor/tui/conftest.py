"""A small made-up world for the app: one rig, eight models, arithmetic simple enough to read.

The goldens show how results are drawn, so they must not change when data or formulas do: the
estimates here are made by hand and put in the place of the pipeline's.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Awaitable, Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from textual.worker import WorkerCancelled

from advisor import comparison, explanation, side_by_side
from advisor.core.candidates import Candidates, build_candidates
from advisor.core.estimate import EstimateTable, bottleneck
from advisor.core.evidence import DeviceEvidence, Evidence, Narrower
from advisor.core.machine import Device, Machine
from advisor.core.placement import Strategy
from advisor.core.placement_matrix import Cell, PlacementMatrix, QuantRow, Way
from advisor.core.question import USE_CASES, Question
from advisor.core.remedies import Remedies, Remedy
from advisor.core.roofline import Dot, Roofline
from advisor.core.score import Scores
from advisor.core.spread import Basis
from advisor.core.whatif import WhatIfError
from advisor.curves import Curve, CurvePoint, Curves
from advisor.model_list import Entry
from advisor.offers import Field, Kind, Option
from advisor.tui import background
from catalog.quality import Quality
from catalog.types import Model, Role
from probes.types import (
    AcceleratorInfo,
    CpuInfo,
    Fact,
    MemoryInfo,
    MemoryModule,
    PcieLink,
    Rig,
    SystemInfo,
    unknown,
)
from tests.advisor.tui.made_up_upgrades import upgrades_of

GIB = 1024**3
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No colour, theme or character-set switches from outside; nothing cached outside."""
    for name in ("NO_COLOR", "RIG_ADVISOR_ASCII", *(n for n in os.environ if n.startswith("TEXTUAL"))):
        monkeypatch.delenv(name, raising=False)
    # Pilot waits two of these after each key, to see whether the app is idle.
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.002)
    monkeypatch.setattr("advisor.tui.screens.ranking.EXPLAIN_DELAY_S", 0.01)
    monkeypatch.setenv("RIG_ADVISOR_CONFIG", str(tmp_path / "settings.toml"))
    monkeypatch.setattr("advisor.tui.screens.models.FACTS_DELAY_S", 0.01)
    monkeypatch.setattr("advisor.tui.upgrade_search.SEARCH_DELAY_S", 0.005)
    monkeypatch.setenv("RIG_ADVISOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("RIG_ADVISOR_ASCII", "0")


def _said(value: Any) -> Fact[Any]:
    return Fact(value, "made up for tests", "reported")


def _gpu(name: str = "NVIDIA GeForce RTX 4090", gib: int = 24, rate: float = 1008e9) -> AcceleratorInfo:
    return AcceleratorInfo(
        name=_said(name),
        vendor=_said("NVIDIA"),
        vram_bytes=_said(gib * GIB),
        free_bytes=_said(gib * GIB - GIB),
        bandwidth_bytes_per_s=_said(rate),
        unified=_said(False),
        pcie=_said(PcieLink(4.0, 16)),
        architecture=_said("ada"),
        fp16_flops=_said(165e12),
        backend=_said("cuda"),
    )


def make_rig(gpus: int = 1) -> Rig:
    """A desktop with so many RTX 4090 and 64 GiB."""
    module = MemoryModule(32 * GIB, "DDR5", 5200, 5200, 64, "A2")
    return Rig(
        name="example",
        system=SystemInfo(_said("linux"), _said("none"), _said("none")),
        cpu=CpuInfo(
            name=_said("AMD Ryzen 9 7950X 16-Core Processor"),
            sockets=_said(1),
            physical_cores=_said(16),
            logical_cores=_said(32),
            isa=_said(("avx2", "avx512f")),
        ),
        memory=MemoryInfo(
            total_bytes=_said(64 * GIB),
            available_bytes=_said(60 * GIB),
            type=_said("DDR5"),
            channels=_said(2),
            mts=_said(5200),
            bandwidth_bytes_per_s=_said(83.2e9),
            measured_bandwidth_bytes_per_s=unknown("not measured yet"),
            modules=(module, replace(module, locator="B2")),
        ),
        accelerators=(_gpu(),) * gpus,
        notes=("made up for tests: the slots of the board are unknown",),
    )


def _model(name: str, billions: float, layers: int, experts: int = 0, active: float = 0.0) -> Model:
    total = round(billions * 1e9)
    values: dict[str, Any] = {
        f.name: 0 for f in fields(Model) if f.default is MISSING and f.default_factory is MISSING
    }
    values |= {
        "id": f"example/{name}",
        "name": name,
        "organization": "Example",
        "family": name.split("-")[0].lower(),
        "architecture": "moe" if experts else "dense",
        "license": "apache-2.0",
        "release_date": "2025-04-28",
        "context_length": 40_960,
        "modality": ("text",),
        "tool_use": True,
        "stage": "instruct",
        "total_params": total,
        "active_params": round(active * 1e9) if active else total,
        "published_params": total,
        "check": "exact",
        "hidden_size": 4096,
        "n_heads": 32,
        "n_kv_heads": 8,
        "head_dim": 128,
        "vocab_size": 32_000,
        "tied_embeddings": False,
        "layers": "F" * layers,
        "sliding_window": None,
        "n_experts": experts,
        "n_experts_active": 8 if experts else 0,
        "moe_layer_step": 1,
    }
    return Model(**values)


MODELS = (
    _model("Tiny-0.6B", 0.6, 16),
    _model("Small-8B-Instruct", 8, 32),
    _model("Medium-14B", 14, 40),
    _model("Large-32B", 32, 64),
    _model("Sparse-30B-A3B", 30, 48, experts=128, active=3),
    _model("Huge-70B-Instruct", 70, 80),
    _model("Vast-235B-A22B-With-A-Rather-Long-Name", 235, 94, experts=128, active=22),
    _model("Boundless-671B", 671, 61, experts=256, active=37),
    replace(_model("Medium-14B-Finetune", 14, 40), variant_of="example/Medium-14B"),
)
BITS = {"Q8_0": 8.5, "Q4_K_M": 4.85, "IQ2_M": 2.7}


def _candidates(models: tuple[Model, ...]) -> Candidates:
    pairs = []
    for model in models:
        for quant, bits in BITS.items():
            size = round(model.total_params * bits / 8)
            role = Role.EXPERTS if model.is_moe else Role.FFN
            parts = {(Role.EMBEDDING, "Q"): size // 50, (role, "Q"): size - size // 25}
            pairs.append((model, quant, parts | {(Role.HEAD, "Q"): size // 50}))
    return build_candidates(pairs)


def _device(**values: Any) -> Device:
    required = {f.name: 1.0 for f in fields(Device) if f.default is MISSING}
    return Device(**(required | values))


def machine(rig: Rig) -> Machine:
    """GPUs with a GiB less than they have, RAM with two less."""
    devices = [
        _device(
            name=gpu.name.value,
            kind="gpu",
            memory_bytes=gpu.vram_bytes.value,
            usable_bytes=(gpu.vram_bytes.value or 0) - GIB,
            bandwidth=gpu.bandwidth_bytes_per_s.value,
            eta=0.8,
            architecture="ada",
            rows=36,
            measured_devices=4,
            backend="cuda",
            efficiency_source="made up for tests",
        )
        for gpu in rig.accelerators
    ]
    ram = rig.memory.total_bytes.value or 0
    cpu = _device(
        name=rig.cpu.name.value,
        kind="cpu",
        memory_bytes=ram,
        usable_bytes=ram - 2 * GIB,
        bandwidth=rig.memory.measured_bandwidth_bytes_per_s.value or rig.memory.bandwidth_bytes_per_s.value,
        eta=0.6,
        efficiency_source="made up for tests",
    )
    values: dict[str, Any] = {f.name: 0.0 for f in fields(Machine) if f.default is MISSING}
    values |= {
        "devices": (*devices, cpu),
        "ram_total_bytes": float(ram),
        "ram_usable_bytes": float(ram - 2 * GIB),
        "ram_bandwidth_basis": "specified",
        "assumptions": (),
    }
    return Machine(**values)


def _table(candidates: Candidates, rig: Rig, question: Question) -> EstimateTable:
    """Weights go to the GPUs first, the rest to RAM; reading takes bytes over bandwidth."""
    m = machine(rig)
    n, d = len(candidates), len(m.devices)
    size = candidates.file_bytes
    kv = candidates.layers * 2.0**12 * question.context * question.users
    room = np.array([max(g.usable_bytes - GIB, 0.0) for g in m.gpus])
    on_gpus = np.minimum(size + kv, room.sum())
    share = on_gpus / (size + kv)
    whole = share >= 1.0
    used = np.zeros((n, d))
    left = on_gpus.copy()
    for g in range(d - 1):
        used[:, g] = np.minimum(left, room[g])
        left -= used[:, g]
    used[:, -1] = size + kv - on_gpus
    fraction = used / (size + kv)[:, None]
    weights, cache = fraction * size[:, None], fraction * kv[:, None]
    missing = np.maximum(used[:, -1] - m.ram_usable_bytes, 0.0)
    read = candidates.file_bytes * np.array(
        [candidates.model(i).active_params / candidates.model(i).total_params for i in range(n)]
    )
    terms = np.zeros((n, d, 5))
    for g, device in enumerate(m.devices):
        speed = device.bandwidth * device.eta
        terms[:, g, 0] = read * fraction[:, g] / speed
        terms[:, g, 1] = kv * fraction[:, g] * question.depth / question.context / speed
        terms[:, g, 2] = 0.05 * terms[:, g, 0]
        terms[:, g, 3] = 15e-6 * candidates.layers * fraction[:, g]
    terms[:, -1, 4] = np.where(whole, 0.0, 30e-6)
    time = terms.sum(axis=(1, 2))
    strategy = np.where(whole, int(Strategy.ACCELERATOR), int(Strategy.LAYERS_SPLIT))
    if not m.gpus:
        strategy = np.full(n, int(Strategy.CPU))
    return EstimateTable(
        candidates=candidates,
        machine=m,
        question=question,
        strategy=np.where(missing > 0, -1, strategy),
        terms=terms,
        decode_s=time,
        prefill_s=time * 20,
        spread_log=np.where(whole, 0.1, 0.3),
        prefill_spread_log=np.full(n, 0.2),
        dense_layers=np.round(fraction * candidates.layers[:, None]),
        expert_layers=np.round(fraction * candidates.expert_layers[:, None]),
        head=np.zeros((n, d)),
        weight_bytes=weights,
        kv_bytes=cache,
        compute_bytes=np.where(used > 0, 0.25 * GIB, 0.0),
        missing_bytes=missing,
        parallel=np.ones(n),
        tried=(),
    )


def _scores(table: EstimateTable) -> Scores:
    bits = np.array([BITS[table.candidates.quant(i)] for i in range(len(table))])
    quality = np.minimum(0.4 + 0.1 * np.log10(table.candidates.total_params / 1e8), 0.95) * (1 - 0.4 / bits)
    speed = table.tokens_per_s / (table.tokens_per_s + 12)
    total = np.where(table.fits, 100 * np.sqrt(quality * speed), 0.0)
    parts = {f.name: speed for f in fields(Scores)}
    return Scores(**(parts | {"score": total, "quality": quality}))


def _estimate_all(rig: Rig, question: Question, knowledge: Any) -> tuple[EstimateTable, Scores]:
    table = _table(knowledge.candidates, rig, question)
    return table, _scores(table)


def _matrix(table: EstimateTable) -> PlacementMatrix:
    """On the GPU as estimated; split a fifth slower than whole; the CPU at a twelfth."""
    ways = (Strategy.ACCELERATOR, Strategy.EXPERTS_IN_RAM, Strategy.LAYERS_SPLIT, Strategy.CPU)
    rows = []
    for i in range(len(table)):
        speeds, size = table.speeds_at(i), float(table.used_bytes[i].sum())
        cells = []
        for way in ways:
            if int(table.strategy[i]) == int(way):
                cells.append(Cell(*speeds, 0.0, True))
            elif way is Strategy.EXPERTS_IN_RAM or (way is Strategy.ACCELERATOR and table.strategy[i] != -1):
                over = float(table.used_bytes[i, -1]) if way is Strategy.ACCELERATOR else math.inf
                cells.append(Cell(None, None, None, over, False))
            elif table.strategy[i] == -1 or size > table.machine.ram_usable_bytes:
                cells.append(Cell(None, None, None, size - 20 * GIB, False))
            else:
                slower = 0.8 if way is Strategy.LAYERS_SPLIT else 1 / 12
                ends = (0.7, 1.5) if way is Strategy.LAYERS_SPLIT else (0.9, 1.1)
                speed = speeds[0] * slower
                cells.append(Cell(speed, speed * ends[0], speed * ends[1], 0.0, False))
        rows.append(
            QuantRow(
                i,
                table.candidates.quant(i),
                float(table.candidates.file_bytes[i]),
                bool(table.fits[i]),
                int(table.context[i]),
                tuple(cells),
            )
        )
    return PlacementMatrix(tuple(Way(s, False, False) for s in ways), tuple(rows))


def _roofline(table: EstimateTable) -> Roofline:
    """Two dots under round roofs."""
    device = table.machine.devices[0]
    decode = Dot("decode", 1, 1, 2e10, 8e9, 12e-3, 10e-3, 4e-3, 1e-3)
    prompt = Dot("prompt", 1, 1000, 2e13, 2e10, 0.25, 0.03, 0.2, 0.01)
    return Roofline(
        device.name, device.kind, 1.0, device.bandwidth, "specified", 165e12, (decode, prompt), False
    )


def _evidence(table: EstimateTable, row: int) -> Evidence:
    speed, low, high = table.speeds_at(row)
    basis = Basis(1, 1, "gpu_dense", 0.2, "NVIDIA|cuda", 0.5, (("undated", 1.0),), 0.1)
    device = table.machine.devices[0]
    known = DeviceEvidence(
        device.name,
        "cuda",
        device.bandwidth,
        "specified",
        0.8,
        "architecture",
        "ada",
        36,
        4,
        False,
        "made up",
    )
    narrower = (
        Narrower("runtime_version", 0.09, speed * 0.9, speed * 1.1, True),
        Narrower("device", 0.08, speed * 0.92, speed * 1.08, True),
    )
    return Evidence(0.8, low, high, high / speed, basis, basis, (known,), "made up for tests", narrower)


def _explain(wanted: Any) -> explanation.Explanation:
    model_id, quant = wanted.of
    model = next(m for m in MODELS if m.id == model_id)
    table = _table(_candidates((model,)), wanted.rig, wanted.question)
    row = list(BITS).index(quant)
    label, share = bottleneck(table, row)
    fits = bool(table.fits[row])
    rate = float(table.tokens_per_s[row])
    return explanation.Explanation(
        rig=wanted.rig,
        table=table,
        scores=_scores(table),
        row=row,
        quality=Quality(71.5, "prior", "no published score: expected from size", "made up"),
        bottleneck=label,
        bottleneck_share=share,
        sensitivities={"vram_bandwidth": 0.82, "ram_bandwidth": 0.0, "launch": -0.12},
        by_depth=((0, rate * 1.1), (1200, rate), (8192, rate * 0.8)),
        launch_command=f"llama-server -m {model.name}-{quant}.gguf -c 8192 -ngl 99" if fits else None,
        benchmark_command=f"llama-bench -m {model.name}-{quant}.gguf -p 1000 -n 128" if fits else None,
        remedies=None if fits else Remedies("fit", (Remedy("context", 2048, 3.5),)),
        matrix=_matrix(table),
        roofline=_roofline(table) if fits else None,
        evidence=_evidence(table, row) if fits else None,
    )


def _sensitivities(*arguments: Any) -> dict[int, dict[str, float]]:
    rows = {row for pair in arguments[-1] for row in pair if row is not None}
    return {row: {"vram_bandwidth": 0.82, "ram_bandwidth": 0.1, "launch": -0.12} for row in rows}


def _parse(text: str, rig: Rig) -> comparison.Scenario:
    if text.startswith("add-gpu"):
        bigger = replace(rig, accelerators=(*rig.accelerators, _gpu()))
        return comparison.Scenario(text, bigger, ("2 GPUs: check slots, lanes and power supply",))
    if text.startswith("ram"):
        memory = replace(rig.memory, total_bytes=_said(128 * GIB))
        return comparison.Scenario(text, replace(rig, memory=memory), ())
    if text.startswith("xmp"):
        return comparison.Scenario(text, rig, ())
    raise WhatIfError(f"unknown change {text.split()[0]!r}; use one of: ram, add-gpu")


UNKNOWN_MODEL = replace(_model("Odd-9B", 9, 32), not_estimated_because="its layout is not understood")


def _browse() -> tuple[Entry, ...]:
    return tuple(
        Entry(
            model=model,
            kv_bytes_per_token=4096.0 * len(model.layers),
            size_quant="Q4_K_M",
            size_bytes=None if model.not_estimated_because else round(model.total_params * 4.85 / 8),
            quality={use: 30.0 + len(model.layers) / 2 + n for n, use in enumerate(USE_CASES)},
            quality_basis="scores" if model.is_moe else "prior",
        )
        for model in (*MODELS, UNKNOWN_MODEL)
    )


def _model_facts(model_id: str, use: str) -> Any:
    model = next(m for m in (*MODELS, UNKNOWN_MODEL) if m.id == model_id)
    document = {
        "state_bytes_per_sequence": 0,
        "quants": [{"quant": q, "tensor_bytes": round(model.total_params * b / 8)} for q, b in BITS.items()],
        "variants": [{"id": m.id, "kind": "finetune"} for m in MODELS if m.variant_of == model_id],
        "sources": [{"figures": "shape and identity", "source": "made up for tests"}],
    }
    return document, Quality(71.5, "prior", "no published score: expected from size", f"made up for {use}")


def _by_depth(table: EstimateTable, row: int) -> tuple[tuple[int, float], ...]:
    rate = float(table.tokens_per_s[row])
    return (0, rate * 1.1), (1200, rate), (table.question.context, rate * 0.8)


def _numbers(*values: int, label: str = "{}") -> tuple[Option, ...]:
    return tuple(Option(str(v), label.format(v)) for v in values)


_MANY = Field("count", "how many", (Option("", "1"), Option("2x ", "2")))
_CARD = Field(
    "gpu",
    "card",
    (
        Option("RTX 4090", "RTX 4090", "24 GiB  1008 GB/s"),
        Option("RTX 3090 Ti", "RTX 3090 Ti", "24 GiB  1008 GB/s"),
        Option("RTX 3090", "RTX 3090", "24 GiB  936 GB/s"),
        Option("RX 7900 XTX", "RX 7900 XTX", "24 GiB  960 GB/s"),
    ),
    searched=True,
)
KINDS = (
    Kind(
        "ram",
        "RAM modules",
        "ram {how}{count}x{size}GB:{type}-{mts}",
        (
            Field("how", "how", (Option("+", "beside the present"), Option("", "instead of the present"))),
            Field("count", "modules", _numbers(1, 2, 4), 1),
            Field("size", "size each", _numbers(16, 32, 48, 64, label="{} GB"), 1),
            Field("type", "type", (Option("DDR5", "DDR5"),)),
            Field("mts", "speed", _numbers(4800, 5200, 6000, label="{} MT/s"), 1),
        ),
    ),
    Kind("add-gpu", "add a GPU", "add-gpu {count}{gpu}", (_CARD, _MANY)),
    Kind("replace-gpu", "replace the GPUs", "replace-gpu {count}{gpu}", (_CARD, _MANY)),
    Kind("xmp", "XMP / EXPO on", "xmp on"),
    Kind("name", "name it", "name {name}", (Field("name", "name"),)),
)
"""What can be changed of the made-up rig."""


def _curves(wanted: Any) -> Curves:
    """Speed is a half of what is on the axis, less with every scenario; the last point does not fit."""
    model_id, quant, over, texts = wanted.of
    model = next(m for m in MODELS if m.id == model_id)
    drawn = []
    for at, name in enumerate(("now", *texts)):
        points = tuple(
            CurvePoint(x, f"{x:g}", quant or "Q4_K_M", "offload", x / (2 + at), x / 3, x, 0.5, "RAM")
            for x in (10.0, 20.0, 40.0, 80.0)
        )
        unfit = CurvePoint(160.0, "160", quant or "F16", "none", None, None, None, None, None)
        drawn.append(Curve(name, (*points, unfit), 20.0))
    return Curves(over, model, quant, wanted.question, tuple(drawn))


@pytest.fixture(scope="session")
def kinds() -> tuple[Kind, ...]:
    """What the form and the completion of the made-up world offer."""
    return KINDS


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Rig and models; the pipeline answers with the estimates made here."""
    candidates = _candidates(MODELS)
    knowledge = SimpleNamespace(candidates=candidates)
    monkeypatch.setattr("advisor.knowledge.load_knowledge", lambda *_: knowledge)
    monkeypatch.setattr("advisor.knowledge._format_knowledge", lambda *_: knowledge)
    monkeypatch.setattr("advisor.pipeline.estimate_all", _estimate_all)
    monkeypatch.setattr("advisor.comparison.estimate_all", _estimate_all)
    monkeypatch.setattr("advisor.comparison._sensitivities_of", _sensitivities)
    monkeypatch.setattr(background, "explain", _explain)
    monkeypatch.setattr(background, "parse", _parse)
    monkeypatch.setattr(background, "browse", _browse)
    monkeypatch.setattr(background, "model_facts", _model_facts)
    monkeypatch.setattr(side_by_side, "speeds_by_depth", _by_depth)
    quality = Quality(71.5, "prior", "no published score: expected from size", "made up")
    monkeypatch.setattr(side_by_side, "model_quality", lambda *_, **__: quality)
    monkeypatch.setattr(background, "offers", lambda _: KINDS)
    monkeypatch.setattr(background, "curves", _curves)
    made = SimpleNamespace(
        rig=make_rig(), make_rig=make_rig, models=MODELS, knowledge=knowledge, curves=_curves
    )
    monkeypatch.setattr(background, "upgrade", upgrades_of(made, _said))
    return made


def screen_text(app: Any) -> str:
    """The screen as plain text, without spaces at the ends of lines."""
    strips = app.screen._compositor.render_strips()
    lines = ["".join(segment.text for segment in strip).rstrip() for strip in strips]
    return "\n".join(lines) + "\n"


async def _settle(pilot: Any) -> None:
    for _ in range(8):
        # Work that a later key made pointless was cancelled; that is no failure.
        with contextlib.suppress(WorkerCancelled):
            await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        if not len(pilot.app.workers):
            break
    await pilot.pause()


@pytest.fixture
def screen() -> Callable[[Any], str]:
    return screen_text


@pytest.fixture
def settle() -> Callable[[Any], Awaitable[None]]:
    """Wait until no background work is left and its results are drawn."""
    return _settle


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with ``goldens/NAME.txt``; ``UPDATE_GOLDENS=1`` writes it instead."""

    def check(name: str, text: str) -> None:
        path = HERE / "goldens" / (name if name.endswith(".svg") else f"{name}.txt")
        if os.environ.get("UPDATE_GOLDENS"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden {name}; run with UPDATE_GOLDENS=1 and look at what it writes"
        assert text == path.read_text(encoding="utf-8")

    return check
