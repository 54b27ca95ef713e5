"""Physics that must hold for any model on any machine."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.core.candidates import Candidates, build_candidates
from advisor.core.estimate import EstimateTable, bottleneck, estimate, sensitivities
from advisor.core.machine import Device, Machine, PromptSpeed
from advisor.core.placement import Strategy
from advisor.core.question import Question
from advisor.core.timing import Term
from catalog.efficiency import load_efficiencies
from catalog.types import Model, Role

GIB = 1024**3
EFFICIENCIES = load_efficiencies()
TINY = 1e-6
"""The soft minimum of a sum is not the sum of soft minima; moving the head shows in the ninth digit."""


def make_model(
    *, layers: int = 32, hidden: int = 4096, experts: int = 0, active: int = 0, kinds: str = "F"
) -> Model:
    dense = 12 * hidden * hidden * layers
    routed = experts * 3 * hidden * (hidden // 4) * layers
    return Model(
        id=f"test/{layers}-{hidden}-{experts}",
        name=f"Test {layers}x{hidden}",
        organization="test",
        family="test",
        architecture="llama",
        license="mit",
        release_date="2026-01-01",
        context_length=131_072,
        modality=("text",),
        tool_use=None,
        stage="instruct",
        total_params=dense + routed + 2 * 32_000 * hidden,
        active_params=dense + (routed * active // experts if experts else 0) + 2 * 32_000 * hidden,
        published_params=None,
        check="exact",
        hidden_size=hidden,
        n_heads=hidden // 128,
        n_kv_heads=8,
        head_dim=128,
        ffn_size=4 * hidden,
        vocab_size=32_000,
        tied_embeddings=False,
        layers=(kinds * layers)[:layers],
        sliding_window=1024 if "S" in kinds else None,
        n_experts=experts,
        n_experts_active=active,
        n_shared_experts=0,
        moe_ffn_size=hidden // 4 if experts else 0,
        shared_expert_ffn_size=0,
        first_dense_layers=0,
        moe_layer_step=1,
        q_lora_rank=0,
        kv_lora_rank=0,
        qk_nope_head_dim=0,
        qk_rope_head_dim=0,
        v_head_dim=0,
    )


def weights(model: Model, bits: float, ggml_type: str) -> dict[tuple[Role, str], int]:
    embedding = model.vocab_size * model.hidden_size
    dense = 12 * model.hidden_size**2 * model.n_layers
    routed = model.total_params - dense - 2 * embedding
    sizes = {
        Role.EMBEDDING: embedding,
        Role.HEAD: embedding,
        Role.ATTENTION: dense // 3,
        Role.FFN: dense - dense // 3,
        Role.EXPERTS: routed,
    }
    return {(role, ggml_type): int(n * bits / 8) for role, n in sizes.items()}


def make_candidates(*models: Model) -> Candidates:
    formats = ((8.5, "Q8_0"), (4.5, "Q4_K"))
    return build_candidates([(m, name, weights(m, bits, name)) for m in models for bits, name in formats])


def gpu(memory_gib: float = 24, bandwidth: float = 1000e9, name: str = "GPU") -> Device:
    return Device(
        name=name,
        kind="gpu",
        memory_bytes=memory_gib * GIB,
        usable_bytes=(memory_gib - 1) * GIB,
        bandwidth=bandwidth,
        eta=0.9,
        eta_kv=0.7,
        launch_s=6e-6,
        unit_clock=2e11,
        unit_rate=3e12,
        attention_rate=3e13,
        flops=3e14,
        column_rate=4e12,
        matrix_rate=1e14,
        matrix_columns=80.0,
        expert_tile=8.0,
        host_s=2e-4,
        prompt=PromptSpeed(
            dense_rate=1e14,
            expert_rate=4e13,
            attention_rate=6e13,
            expert_tile=20.0,
            expert_start_s=8e-6,
            activation_passes=6.0,
            state_passes=0.1,
            launch_s=1e-5,
        ),
        host_link=25e9,
    )


def cpu(bandwidth: float = 80e9, cores: float = 8) -> Device:
    return Device(
        name="CPU",
        kind="cpu",
        memory_bytes=256 * GIB,
        usable_bytes=250 * GIB,
        bandwidth=bandwidth,
        eta=0.75,
        eta_kv=0.75,
        launch_s=1.5e-6,
        unit_clock=1e9 * cores,
        unit_rate=20e9 * cores,
        attention_rate=2e9 * cores,
        flops=0.0,
        column_rate=40e9 * cores,
        matrix_rate=120e9 * cores,
        host_s=2e-4,
        prompt=PromptSpeed(
            dense_rate=1e12,
            expert_rate=5e11,
            attention_rate=5e11,
            expert_tile=4.0,
            activation_passes=6.0,
            launch_s=1e-5,
        ),
        host_link=float("inf"),
        cores=cores,
    )


def machine(*gpus: Device, ram_gib: float = 250, host: Device | None = None) -> Machine:
    fastest_first = sorted(gpus, key=lambda g: -g.effective_bandwidth)
    return Machine(
        devices=(*fastest_first, host or cpu()),
        ram_total_bytes=(ram_gib + 6) * GIB,
        ram_usable_bytes=ram_gib * GIB,
        gpu_hop_s=2e-4,
        host_hop_s=2e-5,
        sync_s=1.5e-5,
        sync_bandwidth=25e9,
        ram_bandwidth_basis="specified",
        assumptions=(),
        virtual=False,
    )


DENSE = make_model()
LARGE = make_model(layers=80, hidden=8192)
MOE = make_model(layers=48, hidden=2048, experts=128, active=8)
WINDOWED = make_model(layers=48, hidden=3840, kinds="SSSSSF")
ALL = make_candidates(DENSE, LARGE, MOE, WINDOWED)

gpus_drawn = st.lists(
    st.builds(gpu, memory_gib=st.sampled_from([8, 16, 24, 48]), bandwidth=st.floats(2e11, 2e12)),
    max_size=3,
)
questions = st.builds(
    Question,
    context=st.sampled_from([512, 4096, 32_768, 131_072]),
    users=st.sampled_from([1, 2, 8]),
    kv_type=st.sampled_from(["f16", "q8_0", "q4_0"]),
)


def run(m: Machine, q: Question | None = None, *, only: Strategy | None = None) -> EstimateTable:
    return estimate(ALL, m, q or Question(), EFFICIENCIES, only=only)


@given(gpus_drawn, questions)
@settings(max_examples=60, deadline=None)
def test_terms_add_up_to_the_step_time_and_are_never_negative(gpus: list[Device], q: Question) -> None:
    table = run(machine(*gpus), q)
    assert np.allclose(table.terms.sum(axis=(1, 2)), table.decode_s, rtol=1e-12)
    assert (table.terms >= 0).all()
    assert np.isfinite(table.decode_s).all()
    assert (table.prefill_s > 0).all()


@given(gpus_drawn, questions, st.floats(1.05, 4.0), st.sampled_from(["ram", "vram", "cores"]))
@settings(max_examples=60, deadline=None)
def test_a_faster_rig_is_never_slower(gpus: list[Device], q: Question, factor: float, part: str) -> None:
    slow = machine(*gpus)
    if part == "ram":
        fast = machine(*gpus, host=cpu(bandwidth=80e9 * factor))
    elif part == "cores":
        fast = machine(*gpus, host=cpu(cores=8 * factor))
    else:
        fast = machine(*(replace(g, bandwidth=g.bandwidth * factor) for g in gpus))
    before, after = run(slow, q), run(fast, q)
    assert (after.fits >= before.fits).all()
    assert (after.decode_s[before.fits] <= before.decode_s[before.fits] * (1 + TINY)).all()


@given(gpus_drawn, st.sampled_from(["f16", "q4_0"]))
@settings(max_examples=40, deadline=None)
def test_more_context_is_never_faster_and_never_smaller(gpus: list[Device], kv_type: str) -> None:
    m = machine(*gpus)
    tables = [run(m, Question(context=c, kv_type=kv_type)) for c in (1024, 8192, 65_536)]
    for less, more in pairwise(tables):
        both = less.fits & more.fits
        assert (more.fits <= less.fits).all()
        assert (more.decode_s[both] >= less.decode_s[both] * (1 - TINY)).all()
        assert (more.kv_bytes.sum(axis=1) >= less.kv_bytes.sum(axis=1)).all()


@given(gpus_drawn)
@settings(max_examples=30, deadline=None)
def test_a_fuller_cache_is_never_faster(gpus: list[Device]) -> None:
    m = machine(*gpus)
    tables = [run(m, Question(context=65_536, depth_tokens=d)) for d in (0, 1000, 30_000, 65_536)]
    for less, more in pairwise(tables):
        assert (more.decode_s >= less.decode_s * (1 - TINY)).all()


@given(gpus_drawn, st.sampled_from([1, 2, 4]), st.sampled_from([2, 8]))
@settings(max_examples=30, deadline=None)
def test_more_users_slow_each_down_and_never_lower_the_total(
    gpus: list[Device], users: int, factor: int
) -> None:
    m = machine(*gpus)
    few = run(m, Question(context=2048, users=users))
    many = run(m, Question(context=2048, users=users * factor))
    same = few.fits & many.fits & (few.strategy == many.strategy)
    assert (many.decode_s[same] >= few.decode_s[same] * (1 - TINY)).all()
    layers_same = (few.dense_layers == many.dense_layers).all(axis=1)
    experts_same = (few.expert_layers == many.expert_layers).all(axis=1)
    still = same & layers_same & experts_same
    total_few = few.tokens_per_s * users
    total_many = many.tokens_per_s * users * factor
    assert (total_many[still] >= total_few[still] * (1 - TINY)).all()


@given(gpus_drawn, questions)
@settings(max_examples=60, deadline=None)
def test_what_fits_stays_inside_every_memory(gpus: list[Device], q: Question) -> None:
    m = machine(*gpus, ram_gib=64)
    table = run(m, q)
    capacity = np.array([d.usable_bytes for d in m.devices])
    capacity[-1] = m.ram_usable_bytes
    assert (table.used_bytes[table.fits] <= capacity + 1).all()
    assert (table.missing_bytes[~table.fits] > 0).all()
    assert (table.missing_bytes[table.fits] == 0).all()


@given(gpus_drawn, questions)
@settings(max_examples=60, deadline=None)
def test_every_layer_and_expert_layer_is_somewhere_exactly_once(gpus: list[Device], q: Question) -> None:
    table = run(machine(*gpus), q)
    assert np.allclose(table.dense_layers.sum(axis=1), table.candidates.layers)
    assert np.allclose(table.expert_layers.sum(axis=1), table.candidates.expert_layers)
    assert np.allclose(table.head.sum(axis=1), 1)


def test_a_model_that_fits_in_vram_does_not_move_with_ram() -> None:
    q = Question()
    before = run(machine(gpu()), q)
    after = run(machine(gpu(), host=cpu(bandwidth=500e9, cores=64)), q)
    inside = before.strategy == int(Strategy.ACCELERATOR)
    assert inside.any()
    assert (before.decode_s[inside] == after.decode_s[inside]).all()


def test_doubling_ram_bandwidth_halves_reading_time_and_nothing_else() -> None:
    endless_cores = {"cores": 1e9}
    before = run(machine(host=cpu(**endless_cores)), only=Strategy.CPU)
    after = run(machine(host=cpu(bandwidth=160e9, **endless_cores)), only=Strategy.CPU)
    for term in (Term.WEIGHTS, Term.KV):
        assert np.allclose(after.terms[:, -1, term], before.terms[:, -1, term] / 2, rtol=1e-6)
    assert np.allclose(after.terms[:, -1, Term.LAUNCH], before.terms[:, -1, Term.LAUNCH])


def test_terms_are_the_shares_that_sensitivities_show() -> None:
    table = run(machine(host=cpu(cores=2)), only=Strategy.CPU)
    for row in range(len(table)):
        share = table.terms[row, -1] / table.decode_s[row]
        values = sensitivities(table, row, EFFICIENCIES)
        reading = share[Term.WEIGHTS] + share[Term.KV]
        assert values["ram_bandwidth"] == pytest.approx(reading, abs=0.01)
        assert values["cores"] == pytest.approx(share[Term.COMPUTE], abs=0.01)


def test_experts_in_ram_beat_splitting_whole_layers_for_a_moe_that_does_not_fit() -> None:
    moe = make_model(layers=48, hidden=4096, experts=128, active=8)
    table = estimate(make_candidates(moe), machine(gpu()), Question(), EFFICIENCIES)
    assert (table.strategy == int(Strategy.EXPERTS_IN_RAM)).all()
    assert (table.expert_layers[:, -1] > 0).all()
    assert (table.dense_layers[:, -1] == 0).all()


def test_two_gpus_hold_what_one_cannot() -> None:
    one = run(machine(gpu()))
    two = run(machine(gpu(), gpu()))
    full = int(Strategy.ACCELERATOR)
    gained = (two.strategy == full) & (one.strategy != full)
    assert gained.any()
    assert ((two.dense_layers[gained, :2] > 0).sum(axis=1) == 2).all()


def test_of_unequal_gpus_the_fast_one_is_filled_first() -> None:
    fast_small, slow_large = gpu(8, 1500e9, "fast"), gpu(48, 600e9, "slow")
    table = run(machine(slow_large, fast_small))
    q8_dense = 0
    assert table.strategy[q8_dense] == int(Strategy.ACCELERATOR)
    on_fast, on_slow, on_cpu = table.dense_layers[q8_dense].tolist()
    assert on_fast > on_slow > 0
    assert on_cpu == 0


@given(gpus_drawn)
@settings(max_examples=20, deadline=None)
def test_sensitivities_to_rates_are_shares_between_zero_and_one(gpus: list[Device]) -> None:
    table = run(machine(*gpus))
    for row in np.flatnonzero(table.fits).tolist():
        values = sensitivities(table, row, EFFICIENCIES)
        for name in ("vram_bandwidth", "ram_bandwidth", "cores", "link"):
            assert -1e-6 <= values[name] <= 1 + 1e-6
        assert values["launch"] <= 1e-9
        total = values["vram_bandwidth"] + values["ram_bandwidth"] + values["cores"] + values["compute"]
        assert total - values["launch"] + values["link"] == pytest.approx(1, abs=0.02)


@given(gpus_drawn, questions)
@settings(max_examples=20, deadline=None)
def test_the_bottleneck_is_the_largest_share(gpus: list[Device], q: Question) -> None:
    table = run(machine(*gpus), q)
    for row in range(len(table)):
        label, share = bottleneck(table, row)
        assert label
        assert 1 / (5 * 2) <= share <= 1 + 1e-9


@given(gpus_drawn, questions)
@settings(max_examples=20, deadline=None)
def test_the_interval_contains_the_estimate(gpus: list[Device], q: Question) -> None:
    table = run(machine(*gpus), q)
    assert (table.low_tokens_per_s < table.tokens_per_s).all()
    assert (table.tokens_per_s < table.high_tokens_per_s).all()


def test_an_estimate_does_not_depend_on_its_neighbours() -> None:
    together = run(machine(gpu(), gpu(48)))
    for row in range(len(ALL)):
        alone = estimate(ALL.take(np.array([row])), machine(gpu(), gpu(48)), Question(), EFFICIENCIES)
        assert alone.decode_s[0] == pytest.approx(together.decode_s[row], rel=1e-12)
        assert alone.strategy[0] == together.strategy[row]
