"""A GGUF file of a two-layer model with random weights, small enough to write in a test."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_U32, _I32, _F32, _STRING, _ARRAY = 4, 5, 6, 8, 9
_WIDTH, _HEADS, _FFN, _LAYERS = 64, 2, 128, 2
_ALIGNMENT = 32


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _key(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value


def _array(name: str, kind: int, items: Sequence[bytes]) -> bytes:
    return _key(name, _ARRAY, struct.pack("<IQ", kind, len(items)) + b"".join(items))


def _vocabulary() -> tuple[list[str], list[int]]:
    """Three control tokens, every byte, and the letters: token types are llama.cpp's (3 control, 6 byte)."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    letters = ["▁", *(chr(c) for c in range(ord("a"), ord("z") + 1))]
    return [*tokens, *letters], [2, 3, 3, *[6] * 256, *[1] * len(letters)]


def write_tiny_llama(path: Path) -> None:
    """Write the file: architecture ``llama``, F32 weights, a tokenizer that reads any text."""
    tokens, kinds = _vocabulary()
    numbers = {
        "block_count": _LAYERS,
        "context_length": 262_144,
        "embedding_length": _WIDTH,
        "feed_forward_length": _FFN,
        "attention.head_count": _HEADS,
        "attention.head_count_kv": _HEADS,
        "rope.dimension_count": _WIDTH // _HEADS,
        "vocab_size": len(tokens),
    }
    entries = [_key("general.architecture", _STRING, _text("llama"))]
    entries += [_key(f"llama.{name}", _U32, struct.pack("<I", n)) for name, n in numbers.items()]
    entries.append(_key("llama.attention.layer_norm_rms_epsilon", _F32, struct.pack("<f", 1e-5)))
    entries.append(_key("tokenizer.ggml.model", _STRING, _text("llama")))
    entries.append(_array("tokenizer.ggml.tokens", _STRING, [_text(t) for t in tokens]))
    entries.append(_array("tokenizer.ggml.scores", _F32, [struct.pack("<f", 0.0)] * len(tokens)))
    entries.append(_array("tokenizer.ggml.token_type", _I32, [struct.pack("<i", k) for k in kinds]))
    for name, number in (("bos", 1), ("eos", 2), ("unknown", 0)):
        entries.append(_key(f"tokenizer.ggml.{name}_token_id", _U32, struct.pack("<I", number)))
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (_WIDTH, len(tokens)),
        "output_norm": (_WIDTH,),
        "output": (_WIDTH, len(tokens)),
    }
    for layer in range(_LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{layer}.{name}"] = (_WIDTH, _WIDTH)
        shapes |= {
            f"blk.{layer}.attn_norm": (_WIDTH,),
            f"blk.{layer}.ffn_norm": (_WIDTH,),
            f"blk.{layer}.ffn_gate": (_WIDTH, _FFN),
            f"blk.{layer}.ffn_up": (_WIDTH, _FFN),
            f"blk.{layer}.ffn_down": (_FFN, _WIDTH),
        }
    rng = np.random.default_rng(1)
    infos, data = b"", b""
    for name, shape in shapes.items():
        infos += _text(f"{name}.weight") + struct.pack("<I", len(shape))
        infos += b"".join(struct.pack("<Q", n) for n in shape) + struct.pack("<IQ", 0, len(data))
        values = rng.normal(0, 0.02, int(np.prod(shape))).astype("<f4")
        data += values.tobytes()
        data += b"\0" * (-len(data) % _ALIGNMENT)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(entries)) + b"".join(entries) + infos
    path.write_bytes(head + b"\0" * (-len(head) % _ALIGNMENT) + data)
