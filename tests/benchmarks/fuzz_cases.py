"""Damaged captures, made from a number: the cases of ``fuzz_probes.py`` and of the short test run.

Sound captures (``fuzz_seeds.py``) are broken in the ways in which files break (cut off, bits flipped,
parts doubled, lost or swapped) and in the ways in which an attacker would break them (sizes that promise
gigabytes, nesting, entities, archives that unpack without end).  The same number gives the same case on
every machine.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from fuzz_seeds import pack, seeds, small_tree, tree, tree_names

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged capture: files that are given together, or changes to a folder.

    ``changes`` maps a path inside the folder to new content; ``None`` removes it, and a text that starts
    with ``link:`` or is ``folder`` puts a link or a folder there.
    """

    kind: str
    files: tuple[bytes, ...] = ()
    tree: str | None = None
    changes: tuple[tuple[str, bytes | str | None], ...] = ()


# --- damage ----------------------------------------------------------------------------------

_ODD_NUMBERS = (
    *(
        b"0",
        b"-1",
        b"1e999",
        b"NaN",
        b"inf",
        b"0x",
        b"4294967295",
        b"18446744073709551615",
        b"1.7e308",
        b"00",
    ),
    *(
        b"9" * 400,
        b"9" * 5000,
        "²".encode(),
        "٣٤".encode(),
        b"1" + b"0" * 30,
        b"5e-324",
        b"2147483648",
        b"1,5",
        b".",
        b"-0",
    ),
)
_ODD_WORDS = (
    *(
        b"\0",
        b"\xff\xfe",
        b"\n",
        b"\r\n\r\n",
        b"\t",
        b":",
        b"=",
        b",",
        b'"',
        b"<",
        b"&",
        b"[N/A]",
        b"MB",
        b"GB",
    ),
    *(
        "\u202e\u0085\ud7ff".encode(),
        b"\x1b[31m",
        b"A" * 3000,
        b"{" * 50,
        b"Unknown",
        b"Handle 0x",
        b"E:MEMORY_",
    ),
    *(b"Size: 99999999999 GB", b"Speed: 65535 MT/s", b"Locator: ", b"P0_Node0_Channel0_Dimm0", b"None"),
)


def damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A few random changes of the bytes; ``other`` is where foreign parts come from."""
    out = bytearray(data)
    for _ in range(1 + int(rng.expovariate(0.6))):
        if not out:
            break
        where = rng.randrange(len(out))
        length = min(len(out) - where, 1 + int(rng.expovariate(0.02)))
        what = rng.randrange(9)
        if what == 0:
            out[where] ^= 1 << rng.randrange(8)
        elif what == 1:
            out[where] = rng.choice((0, 1, 3, 4, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        elif what == 2:
            del out[where:]
        elif what == 3:
            del out[where : where + length]
        elif what == 4:
            out[where:where] = out[where : where + length] * rng.choice((1, 1, 2, 20))
        elif what == 5:
            start = rng.randrange(max(len(other), 1))
            out[where : where + rng.choice((0, length))] = other[start : start + length]
        elif what == 6:
            out[where:where] = rng.choice(_ODD_WORDS)
        else:
            numbers = list(re.finditer(rb"\d+(?:\.\d+)?", out[where : where + 4000]))
            if numbers:
                found = rng.choice(numbers)
                out[where + found.start() : where + found.end()] = rng.choice(_ODD_NUMBERS)
    return bytes(out[: 2 * MIB])


LONG_BYTES = 200_000
_LONG = (
    *(bytes([c]) for c in b"\n\t :=,;\"'[]{}()<>&0A_.-|/%x"),
    b"\r\n",
    b" \n",
    b"\n:",
    b"A=",
    b': "',
    b"[[",
    b"<a>",
    b"1,",
)
_BEFORE = (
    b"",
    b"\n",
    b"Model name: ",
    b"Size: ",
    b"E:MEMORY_DEVICE_0_LOCATOR=",
    b"nvidia_smi_x{",
    b"Chip: ",
    b"Locator: ",
)


def _text_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Changes of whole lines, then perhaps of bytes; now and then another encoding."""
    lines = data.splitlines(keepends=True)
    for _ in range(rng.randrange(4)):
        if not lines:
            break
        where = rng.randrange(len(lines))
        what = rng.randrange(5)
        if what == 0:
            del lines[where : where + 1 + int(rng.expovariate(0.1))]
        elif what == 1:
            lines[where:where] = lines[where : where + 30] * rng.choice((1, 2, 10))
        elif what == 2:
            lines[where], lines[-1] = lines[-1], lines[where]
        elif what == 3:
            foreign = other.splitlines(keepends=True)
            lines[where:where] = foreign[: rng.randrange(1 + len(foreign))][-20:]
        else:
            name, separator, value = lines[where].partition(rng.choice((b":", b"=", b" ")))
            lines[where] = name + separator + rng.choice((*_ODD_NUMBERS, *_ODD_WORDS, value * 2)) + b"\n"
    if rng.random() < 0.02:  # what takes a careless pattern quadratic time
        piece = rng.choice((*_LONG, rng.choice(lines) if lines else b"\n"))
        where = rng.randrange(len(lines) + 1)
        lines[where:where] = [
            rng.choice(_BEFORE) + piece * (LONG_BYTES // len(piece)) + rng.choice((b"x\n", b"\n"))
        ]
    out = b"".join(lines)
    if rng.random() < 0.6:
        out = damage(rng, out, other)
    if rng.random() < 0.03:
        out = out.decode("utf-8", "replace").encode(
            rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "utf-16-be"))
        )
    return out


_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**40, 1.5, 1e308, "", " ", "²", "-1", "1e5", "N/A"),
    *(
        [],
        {},
        [[]],
        [None],
        {"a": []},
        "A" * 5000,
        "\u202e",
        "\ud800",
        "0x1234",
        "proc 1:2:3:4:5",
        "9" * 100,
        "9" * 5000,
        "1.2.3",
    ),
    *("128 GB", "99999999 GB", "1 (8.0GT/s x16)", "1 (.GT/s x16)", "..", "16x", "Apple M9 Ultra", "card0"),
)


def _json_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Changes of values, keys and nesting in the document; bytes of its text now and then."""
    if rng.random() < 0.25:
        return _text_damage(rng, data, other)
    document = json.loads(data)
    for _ in range(1 + int(rng.expovariate(0.6))):
        document = _changed(rng, document, 8)
    if rng.random() < 0.05:
        for _ in range(rng.choice((10, 200, 5000))):
            document = [document] if rng.random() < 0.5 else {rng.choice(("a", "card0", "lscpu")): document}
    try:
        text = json.dumps(document, ensure_ascii=rng.random() < 0.5)
    except RecursionError:
        text = '{"card0":' * 20_000 + "1"
    return text.encode("utf-8", "surrogatepass")


def _changed(rng: random.Random, node: Any, depth: int) -> Any:
    """The document with one change somewhere in it."""
    if depth == 0 or not isinstance(node, dict | list) or not node or rng.random() < 0.05:
        return rng.choice(_ODD_VALUES)
    if isinstance(node, list):
        where = rng.randrange(len(node))
        if rng.random() < 0.15:
            return node * rng.choice((0, 2, 30))
        return [*node[:where], _changed(rng, node[where], depth - 1), *node[where + 1 :]]
    key = rng.choice(list(node))
    changed = dict(node)
    what = rng.random()
    if what < 0.1:
        del changed[key]
    elif what < 0.2:
        changed[rng.choice((key.upper(), f" {key}", key[:-1], "", "card99999999999", "card٣", "Cim"))] = (
            changed.pop(key)
        )
    else:
        changed[key] = _changed(rng, node[key], depth - 1)
    return changed


def _xml_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    what = rng.randrange(20)
    if what == 0:
        names = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
        head = f'<?xml version="1.0"?><!DOCTYPE nvidia_smi_log [<!ENTITY a0 "lol">{names}]>'
        return (
            head.encode() + b"<nvidia_smi_log><gpu><product_name>&a9;</product_name></gpu></nvidia_smi_log>"
        )
    if what == 1:
        depth = rng.choice((100, 5000, 50_000))
        return (
            b"<nvidia_smi_log>" + b"<gpu>" * depth + b"</gpu>" * rng.choice((0, depth)) + b"</nvidia_smi_log>"
        )
    if what == 2:
        encoding = rng.choice((b"utf-16", b"utf-7", b"idna", b"x", b"EBCDIC-CP-US"))
        return b'<?xml version="1.0" encoding="' + encoding + b'"?>' + data[data.find(b"<nvidia_smi_log") :]
    if what < 10:  # a value inside its tags, so that the document stays well-formed
        leaves = list(re.finditer(rb">([^<>]{1,60})</", data))
        out = data
        for leaf in sorted(
            rng.sample(leaves, min(len(leaves), 1 + rng.randrange(6))), key=lambda m: -m.start(1)
        ):
            value = rng.choice(
                (*_ODD_NUMBERS, b"N/A", b"", b"16x", b"-5 MiB", b"99999999999999 MiB", b"1e300 MHz")
            )
            out = out[: leaf.start(1)] + value + out[leaf.end(1) :]
        return out
    return _text_damage(rng, data, other)


def _smbios_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Changes of lengths, types, fields and string numbers; wrapped as a dump or as Windows' buffer."""
    table = bytearray(data[32:] if data[:3] == b"_SM" else data)
    starts = _starts(bytes(table))
    for _ in range(rng.randrange(5)):
        start = rng.choice(starts) if starts else 0
        if start + 4 >= len(table):
            continue
        offset = start + rng.choice((0, 1, rng.randrange(4, max(table[start + 1], 5))))
        if offset < len(table):
            table[offset] = rng.choice((0, 1, 2, 4, 0x1F, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            if offset + 1 < len(table) and rng.random() < 0.2:
                table[offset + 1] = rng.choice((0x7F, 0x80, 0xFF))
    out = bytes(table)
    if rng.random() < 0.4:
        out = damage(rng, out, other)
    if rng.random() < 0.02:
        out *= rng.choice((2, 50))
    size = rng.choice((len(out), len(out), 0, 1, 0xFFFF, 0xFFFFFFFF, rng.randrange(1 + len(out))))
    place = rng.choice((0x20, 0x20, 0, 0x10, len(out), 0xFFFFFFFF))
    what = rng.randrange(6)
    if what == 0:
        return struct.pack("<BBBBI", rng.choice((0, 1)), rng.choice((2, 3)), 0, 0, size) + out
    if what == 1:
        return b"_SM3_" + bytes(7) + struct.pack("<IQ", size, place) + bytes(8) + out
    if what == 2:
        return (b"_SM_" + bytes(12) + b"_DMI_" + bytes(1) + struct.pack("<HI", size & 0xFFFF, place)).ljust(
            32, b"\0"
        ) + out
    return out


@cache
def _starts(table: bytes) -> tuple[int, ...]:
    found, offset = [], 0
    while offset + 4 <= len(table) and table[offset + 1] >= 4:
        found.append(offset)
        end = table.find(b"\0\0", offset + table[offset + 1])
        if end < 0:
            break
        offset = end + 2
    return tuple(found)


def _archive_damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    what = rng.randrange(12)
    if what == 0:  # unpacks to far more than it has
        files = {f"sys/devices/f{n}": bytes(15 * MIB) for n in range(rng.choice((1, 3)))}
        return _bomb(tuple(files), 15 * MIB)
    if what == 1:
        return gzip.compress(pack({f"proc/{n}": b"" for n in range(rng.choice((10, 3000)))}, ""))
    if what < 5:  # fields of the headers, under a sound compression
        raw = bytearray(_plain(data))
        for _ in range(1 + rng.randrange(4)):
            header = 512 * rng.randrange(max(len(raw) // 512, 1))
            offset = header + rng.choice((0, 100, 124, 124, 124, 148, 156, 156, 157, 257, 345))
            text = rng.choice(
                (b"77777777777\0", b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-1", b"5", b"2", b"1", b"x", b"L")
            )
            raw[offset : offset + len(text)] = text
            if rng.random() < 0.8:  # with its checksum right
                block = raw[header : header + 512]
                block[148:156] = b" " * 8
                raw[header + 148 : header + 156] = b"%06o\0 " % sum(block)
        return gzip.compress(bytes(raw), 1)
    if what < 8:  # files that go elsewhere
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
            for path, content in {**small_tree(), "sys/class/odd": b"x"}.items():
                info = tarfile.TarInfo(path)
                if rng.random() < 0.1:
                    info.type = rng.choice(
                        (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
                    )
                    info.linkname = rng.choice(("/etc/passwd", "../../..", path, "sys/class", "/dev/zero"))
                    content = b""
                if rng.random() < 0.05:
                    info.name = rng.choice(
                        ("../x", "/tmp/x", "", ".", "a/" * 200 + "b", "proc/cpuinfo/x", "\udcff")
                    )
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return buffer.getvalue()
    return damage(rng, data, other)


@cache
def _bomb(paths: tuple[str, ...], size: int) -> bytes:
    return pack({path: bytes(size) for path in paths}, "gz")


@cache
def _plain(data: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return pack({m.name: f.read() for m in archive if m.isfile() and (f := archive.extractfile(m))}, "")


_DAMAGES: Mapping[str, Callable[[random.Random, bytes, bytes], bytes]] = {
    "smbios": _smbios_damage,
    "dmidecode": _text_damage,
    "udev": _text_damage,
    "xml": _xml_damage,
    "json": _json_damage,
    "csv": _text_damage,
    "text": _text_damage,
    "archive": _archive_damage,
}

WEIGHTS = {
    "smbios": 24,
    "dmidecode": 14,
    "udev": 12,
    "xml": 12,
    "json": 16,
    "csv": 8,
    "text": 8,
    "archive": 2,
    "tree": 4,
}
"""Share of each kind in percent; unpacking and folders take longest."""


def make_case(seed: int, kind: str | None = None) -> Case:
    """The case of a number."""
    rng = random.Random(seed)
    kinds = list(WEIGHTS)
    chosen = rng.choices(kinds, [WEIGHTS[k] for k in kinds])[0]
    kind = kind or chosen
    if kind == "tree":
        return _tree_case(rng)
    other = rng.choice(seeds(rng.choice(tuple(_DAMAGES))))
    files = [_DAMAGES[kind](rng, rng.choice(seeds(kind)), other)]
    if kind != "archive" and rng.random() < 0.1:  # joined with another capture, sound or not
        second = rng.choice([k for k in _DAMAGES if k != "archive"])
        sound = rng.choice(seeds(second))
        files.append(sound if rng.random() < 0.5 else _DAMAGES[second](rng, sound, other))
    return Case(kind, tuple(files))


def _tree_case(rng: random.Random) -> Case:
    name = rng.choice(tree_names())
    files = tree(name)
    paths = list(files)
    changes: list[tuple[str, bytes | str | None]] = []
    for path in rng.sample(paths, min(len(paths), 1 + int(rng.expovariate(0.15)))):
        what = rng.randrange(10)
        if what == 0:
            changes.append((path, None))
        elif what == 1:
            changes.append((path, "folder"))
        elif what == 2:
            changes.append((path, f"link:{rng.choice(('.', '/dev/zero', '/nowhere', path, '..'))}"))
        elif what < 6:
            changes.append(
                (path, rng.choice((*_ODD_NUMBERS, *_ODD_WORDS, b"", b"0-999999,5-1", b"f" * 5000)) + b"\n")
            )
        else:
            changes.append((path, damage(rng, files[path], files[rng.choice(paths)])))
    return Case("tree", tree=name, changes=tuple(changes))
