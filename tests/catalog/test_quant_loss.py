import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.build.quant_loss import distances, model_spread
from catalog.formats import COMMON_FORMATS, make_format, parse_format
from catalog.quality import format_loss, quant_loss

EIGHT_B = 8_030_261_248


def test_published_weights_lose_nothing_for_sure():
    assert quant_loss(16, "BF16", EIGHT_B).uncertainty == 0
    for label, native in (("bf16", None), ("fp8-block", "FP8"), ("MXFP4", "MXFP4"), ("w4a16", "INT4")):
        loss = format_loss(parse_format(label), EIGHT_B, native)
        assert (loss.quality_factor, loss.uncertainty) == (1.0, 0.0)
    assert format_loss(parse_format("AWQ"), EIGHT_B, "INT4").quality_factor < 1


def test_a_measured_quantization_is_known_better_than_an_interpolated_one():
    measured, guessed = quant_loss(4.899, "Q4_K_M", EIGHT_B), quant_loss(4.899, "Q4_K_X", EIGHT_B)
    assert measured.uncertainty / measured.kld < guessed.uncertainty / guessed.kld


def test_formats_without_a_measurement_are_the_least_known():
    bits = parse_format("MLX-4bit").bits_per_weight
    curve, other = quant_loss(bits, None, EIGHT_B), format_loss(parse_format("MLX-4bit"), EIGHT_B)
    assert other.kld == curve.kld
    assert other.uncertainty > 1.5 * curve.uncertainty
    assert "not measured" in other.source


def test_the_uncertainty_of_q4_k_m_is_half_of_its_loss_or_more():
    loss = quant_loss(4.9, "Q4_K_M", EIGHT_B)
    # ln spread sqrt(ln(1 + 0.45^2) + 0.5^2) = 0.66: the cost is known to a factor of 1.93 either way
    assert loss.uncertainty == pytest.approx((1 - loss.quality_factor) * math.sinh(0.659), rel=0.01)


@given(st.floats(0.5, 20.0), st.integers(10**8, 10**12))
def test_uncertainties_are_shares_of_the_quality(bits, params):
    assert 0 <= quant_loss(bits, None, params).uncertainty < 0.5


@given(st.sampled_from(COMMON_FORMATS), st.integers(10**8, 10**12))
def test_every_format_has_a_loss_and_an_uncertainty(label, params):
    loss = format_loss(parse_format(label), params)
    assert 0 < loss.quality_factor < 1
    assert 0 < loss.uncertainty < 0.5


def test_more_bits_lose_less():
    losses = [format_loss(parse_format(f"exl3-{b}.0bpw"), EIGHT_B).kld for b in (2, 3, 4, 5, 6, 8)]
    assert losses == sorted(losses, reverse=True)


def test_senseless_sizes_are_refused():
    with pytest.raises(ValueError, match="must be positive"):
        format_loss(make_format("awq"), 0)


def test_the_spread_between_models_is_that_of_one_of_two():
    def row(model, quant, rise):
        return {"model": model, "quant": quant, "ppl": "5", "delta_ppl": str(rise), "imatrix": "None"}

    pairs = [("Q8_0", 0.01, 0.02), ("Q4_K_M", 0.2, 0.1)]
    rows = [row(m, q, d) for q, a, b in pairs for m, d in (("Llama-2-7B", a), ("Llama-3-8B", b))]
    assert model_spread(rows) == pytest.approx(math.log(2) / math.sqrt(2), rel=0.03)


def test_distances_from_the_curve_are_in_logarithms():
    curve = [(4.0, 0.1), (6.0, 0.001)]
    assert distances([(5.0, 0.01), (4.0, 0.2), (6.0, 0.001)], curve) == pytest.approx([0, math.log(2), 0])
