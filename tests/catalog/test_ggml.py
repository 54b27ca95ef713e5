import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.ggml import ggml_type, ggml_types, parse_types, tensor_bytes
from catalog.types import CatalogError, LookupFailedError


@pytest.mark.parametrize(
    ("name", "bits"),
    [("F32", 32), ("F16", 16), ("BF16", 16), ("Q8_0", 8.5), ("Q6_K", 6.5625), ("Q4_K", 4.5), ("MXFP4", 4.25)],
)
def test_bits_per_weight_are_those_of_the_block_layout(name, bits):
    assert ggml_type(name).bits_per_weight == bits


def test_every_type_has_a_source():
    assert all(kind.source for kind in ggml_types().values())


def test_a_type_is_found_in_the_spelling_of_files():
    assert ggml_type("q4_K") is ggml_type("Q4_K")


def test_an_unknown_type_is_named_with_its_neighbours():
    with pytest.raises(LookupFailedError, match="Q4_K"):
        ggml_type("Q4_X")


def test_bytes_of_a_matrix_are_rows_times_blocks():
    # 4096 weights are 16 blocks of 144 bytes
    assert tensor_bytes("Q4_K", (4096, 11008)) == 11008 * 16 * 144


def test_a_row_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="896"):
        tensor_bytes("Q4_K", (896, 10))


@given(
    kind=st.sampled_from(sorted(ggml_types())),
    blocks=st.integers(1, 64),
    rest=st.lists(st.integers(1, 500), max_size=2),
)
def test_bytes_are_bits_per_weight_times_weights(kind, blocks, rest):
    layout = ggml_type(kind)
    shape = (blocks * layout.block_size, *rest)
    weights = shape[0]
    for n in rest:
        weights *= n
    assert tensor_bytes(kind, shape) * 8 == layout.bits_per_weight * weights


@pytest.mark.parametrize(
    "text", ["", "name,size\n", "name,block_size,block_bytes,source\nQ4_K,many,144,here\n"]
)
def test_a_broken_table_is_refused(text):
    with pytest.raises(CatalogError, match=r"ggml_types\.csv"):
        parse_types(text)
