import pytest

from catalog.models import load_models
from catalog.published_sizes import hand_made_size, mix_name, plain_type, published_sizes, spreads
from catalog.types import LookupFailedError
from catalog.weights import file_tensor_bytes

ESTIMATED = {m.id: m for m in load_models() if m.not_estimated_because is None}


def test_published_mixes_are_exact():
    # file of 405,372,608 bytes less 5,933,939 of metadata and 18,253 of tensor list
    size = hand_made_size(ESTIMATED["Qwen/Qwen3-0.6B"], "UD-Q4_K_XL")
    assert size.typical_bytes == 405_372_608 - 5_952_192
    assert not size.approximate
    assert "unsloth/Qwen3-0.6B-GGUF" in size.basis


def test_other_mixes_are_estimated_with_a_range_around_the_file_type():
    model = ESTIMATED["Qwen/Qwen3-32B"]
    size = hand_made_size(model, "UD-Q4_K_XL")
    plain = file_tensor_bytes(model, "Q4_K_M")
    assert size.approximate
    assert 0.85 * plain < size.low_bytes < size.typical_bytes < size.high_bytes < 1.1 * plain
    assert size.basis.startswith("Q4_K_M times 0.97")


def test_a_mix_without_a_known_file_borrows_the_spread_of_all():
    size = hand_made_size(ESTIMATED["Qwen/Qwen3-32B"], "UD-IQ4_NL")
    assert size.low_bytes < size.typical_bytes == file_tensor_bytes(ESTIMATED["Qwen/Qwen3-32B"], "IQ4_NL")


def test_known_files_lie_in_the_range_of_their_mix():
    ranges = spreads()
    for known in published_sizes().values():
        if known.plain_bytes is not None:
            spread = ranges[known.quant]
            ratio = known.tensor_bytes / known.plain_bytes
            assert spread.low <= ratio * (1 + 1e-9)
            assert ratio <= spread.high * (1 + 1e-9)


def test_every_known_file_is_of_a_model_in_the_list_and_has_a_source():
    for (model, quant), known in published_sizes().items():
        assert model in ESTIMATED
        assert plain_type(quant) == known.plain
        assert known.source
        assert known.tensor_bytes > 1e8


def test_shipped_comparisons_are_the_counted_sizes():
    for known in list(published_sizes().values())[::7]:
        if known.plain_bytes is not None:
            assert file_tensor_bytes(ESTIMATED[known.model], known.plain) == known.plain_bytes


@pytest.mark.parametrize(
    ("label", "name", "plain"),
    [
        ("ud-q4_k_xl", "UD-Q4_K_XL", "Q4_K_M"),
        ("Q3_K_XL", "UD-Q3_K_XL", "Q3_K_M"),
        ("UD-Q8_K_XL", "UD-Q8_K_XL", "Q8_0"),
        ("UD-IQ2_M", "UD-IQ2_M", "IQ2_M"),
        ("UD-Q4_K_XL-QAT", "UD-Q4_K_XL-QAT", "Q4_K_M"),
    ],
)
def test_mixes_have_a_file_type_next_to_them(label, name, plain):
    assert mix_name(label) == name
    assert plain_type(label) == plain


def test_an_unknown_mix_is_an_error_that_names_mixes():
    with pytest.raises(LookupFailedError, match="UD-Q4_K_XL"):
        plain_type("UD-Q9_K_XL")
