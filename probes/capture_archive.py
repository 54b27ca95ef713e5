"""Captured folders that come as a tar or zip archive, unpacked with limits into a folder that goes away."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from probes.types import RigError

MAX_MEMBERS = 65_536
MAX_MEMBER_BYTES = 16 * 1024**2
MAX_TOTAL_BYTES = 64 * 1024**2
"""A snapshot of /sys and /proc is a few MiB; a compressed bomb is stopped here."""

_SKIPPED = frozenset(
    {
        *(
            "uevent",
            "power",
            "cpuidle",
            "cpufreq",
            "microcode",
            "thermal_throttle",
            "hugepages",
            "cache_disable",
        ),
        *("ways_of_associativity", "number_of_sets", "coherency_line_size", "physical_line_partition"),
        *("allocation_policy", "write_policy", "crash_notes", "crash_notes_size"),
        *("core_cpus", "die_cpus", "package_cpus", "cluster_cpus", "thread_siblings", "core_siblings"),
    }
)
"""Parts of a sysfs snapshot that nothing reads and that are most of its files."""


@contextmanager
def unpacked(data: bytes) -> Iterator[Path]:
    """The folder with the contents of a zip or tar (gzip, xz, bzip2 or plain), removed afterwards.

    Files, folders and links inside the archive only: what points outside, and devices, are left out.

    Raises:
        RigError: not an archive, damaged, or larger than the limits.
    """
    if data[:4] == b"PK\x03\x04":
        with tempfile.TemporaryDirectory(prefix="rig-capture-") as name:
            _unzip(data, Path(name))
            yield Path(name)
        return
    if not hasattr(tarfile, "data_filter"):
        raise RigError("this Python cannot unpack archives safely; unpack it yourself and give the folder")
    with tempfile.TemporaryDirectory(prefix="rig-capture-") as name:
        folder = Path(name)
        try:
            # Decompressed as a stream, so that the limits hold before a bomb has grown.
            with tarfile.open(fileobj=io.BytesIO(data), mode="r|*") as archive:
                _extract(archive, folder)
        except RigError:
            raise
        except Exception as error:  # damaged headers make tarfile raise TypeError and more
            raise RigError(f"not a readable tar archive ({error}); give the folder itself") from error
        yield folder


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Files first, links last: no file can be written through a link."""
    total = 0
    links = []
    made = {folder}
    for count, member in enumerate(archive, 1):
        total += member.size
        if count > MAX_MEMBERS or member.size > MAX_MEMBER_BYTES or total > MAX_TOTAL_BYTES:
            raise RigError("the archive is larger than any capture; pack only the folder that is needed")
        parts = PurePosixPath(member.name).parts
        if not parts or parts[0] == "/" or ".." in parts or _SKIPPED.intersection(parts):
            continue
        if member.issym():
            links.append(member)
            continue
        target = folder.joinpath(*parts)
        place = target if member.isdir() else target.parent
        content = archive.extractfile(member) if member.isfile() else None
        if content is None and not member.isdir():
            continue  # devices, hard links
        try:
            if place not in made:
                place.mkdir(parents=True, exist_ok=True)
                made.add(place)
            if content is not None:
                target.write_bytes(content.read())
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # collides with an earlier member
    for member in links:
        with suppress(tarfile.FilterError, OSError):  # points outside, or a file is there
            archive.extract(member, folder, filter="data")


def _unzip(data: bytes, folder: Path) -> None:
    """Files only; what is encrypted, or lies outside, is left out."""
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            sizes = [member.file_size for member in members]
            if (
                len(members) > MAX_MEMBERS
                or sum(sizes) > MAX_TOTAL_BYTES
                or max(sizes, default=0) > MAX_MEMBER_BYTES
            ):
                raise RigError("the archive is larger than any capture; pack only the folder that is needed")
            for member in members:
                parts = PurePosixPath(member.filename).parts
                outside = not parts or parts[0] == "/" or ".." in parts
                if member.is_dir() or member.flag_bits & 1 or outside or _SKIPPED.intersection(parts):
                    continue
                target = folder.joinpath(*parts)
                with suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as content:  # the size in the directory may lie: read no more
                        target.write_bytes(content.read(member.file_size))
    except RigError:
        raise
    except Exception as error:  # damaged headers make zipfile raise all kinds
        raise RigError(f"not a readable zip archive ({error}); give the folder itself") from error
