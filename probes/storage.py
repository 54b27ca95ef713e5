"""Where model files lie: free space, file system and kind of drive of the runtimes' known folders.

Folders that a runtime uses by default, or that its own environment variable names; nothing is searched and
nothing in them is read.  Each file system counts once.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from probes.files import read_int, read_text
from probes.types import Fact, PcieLink, StorageInfo, unknown

NETWORK = frozenset(
    {
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "afpfs",
            "webdav",
            "fuse.sshfs",
            "sshfs",
            "ceph",
            "fuse.ceph",
        ),
        *(
            "glusterfs",
            "fuse.glusterfs",
            "lustre",
            "beegfs",
            "gpfs",
            "afs",
            "fuse.rclone",
            "fuse.s3fs",
            "davfs",
        ),
    }
)
RAM = frozenset({"tmpfs", "ramfs", "devtmpfs"})
HOST_SHARES = frozenset({"9p", "virtiofs", "vboxsf", "fuse.vmhgfs-fuse", "drvfs", "fakeowner", "grpcfuse"})
"""A virtual machine's view of its host's folders: slow, and of an unknown kind of drive."""

_VIRTUAL_DISK = re.compile(r"^(vd|xvd)[a-z]+")
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of ``/proc/self/mountinfo``."""

    device: str
    """``major:minor``."""
    point: str
    file_system: str
    source: str


@dataclass(frozen=True, slots=True)
class Place:
    """A folder's file system, and the number of the device that it lies on."""

    info: StorageInfo
    device: int


def model_folders(
    home: Path, environment: Mapping[str, str] | None = None, platform: str | None = None
) -> tuple[Path, ...]:
    """The folders in which runtimes keep models by default, and the home folder last."""
    env = os.environ if environment is None else environment
    system = sys.platform if platform is None else platform
    cache = Path(env["XDG_CACHE_HOME"]) if env.get("XDG_CACHE_HOME") else home / ".cache"
    named = [env[name] for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "HF_HUB_CACHE") if env.get(name)]
    if env.get("HF_HOME"):
        named.append(str(Path(env["HF_HOME"]) / "hub"))
    usual = [
        home / ".ollama/models",
        home / ".lmstudio/models",
        home / ".cache/lm-studio/models",
        home / ".cache/huggingface/hub",
        cache / "huggingface/hub",
        cache / "llama.cpp",
    ]
    if system == "darwin":
        usual += [
            home / "Library/Caches/llama.cpp",
            home / "Library/Application Support/Jan/data/llamacpp/models",
        ]
    elif system == "win32":
        local, roaming = env.get("LOCALAPPDATA"), env.get("APPDATA")
        usual += [Path(local) / "llama.cpp"] if local else []
        usual += [Path(roaming) / "Jan/data/llamacpp/models"] if roaming else []
    else:
        usual += [Path("/usr/share/ollama/.ollama/models"), home / ".local/share/Jan/data/llamacpp/models"]
    return tuple(dict.fromkeys((*map(Path, named), *usual, home)))


def probe_storage(
    folders: Iterable[Path] | None = None, root: Path = Path("/"), home: Path | None = None
) -> tuple[StorageInfo, ...]:
    """What ``probe_places`` finds, without the device numbers."""
    return tuple(place.info for place in probe_places(folders, root, home))


def probe_places(
    folders: Iterable[Path] | None = None, root: Path = Path("/"), home: Path | None = None
) -> tuple[Place, ...]:
    """The file systems of the folders that exist; the first folder on each names it.

    Args:
        folders: instead of ``model_folders``.
        root: where ``proc`` and ``sys`` are (tests).
        home: instead of this user's, which is shown as ``~``.
    """
    try:
        home = home or Path.home()
    except RuntimeError:
        return ()
    seen: dict[int, StorageInfo] = {}
    mounts = read_mounts(root)
    for folder in model_folders(home) if folders is None else folders:
        try:
            device = folder.stat().st_dev
            if device in seen or not folder.is_dir():
                continue
            usage = shutil.disk_usage(folder)
            place = str(folder.resolve())
        except (OSError, ValueError):
            continue
        mount = _mount_of(place, mounts)
        kind, link = _kind(mount, device, root)
        seen[device] = StorageInfo(
            folder=Fact(shown(folder, home), "a runtime's known folder", "reported"),
            kind=kind,
            file_system=Fact(mount.file_system, "/proc/self/mountinfo", "reported")
            if mount
            else unknown(f"not looked for on {sys.platform}"),
            free_bytes=Fact(usage.free, "file system", "reported"),
            total_bytes=Fact(usage.total, "file system", "reported") if usage.total else unknown("size 0"),
            pcie=link,
        )
    return tuple(Place(info, device) for device, info in seen.items())


def shown(folder: Path, home: Path) -> str:
    """A folder without the user's name: ``~`` for the home folder, one outside by its last part."""
    try:
        inside = folder.relative_to(home)
    except ValueError:
        known = str(folder).startswith("/usr/share/ollama")
        return str(folder) if known else f"…/{folder.name}" if folder.name else "/"
    return "~" if str(inside) == "." else f"~/{inside.as_posix()}"


def read_mounts(root: Path = Path("/")) -> tuple[Mount, ...]:
    """All mounts that this process sees; empty where there is no such file."""
    found = []
    for line in (read_text(root / "proc/self/mountinfo") or "").splitlines():
        before, separator, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if separator and len(left) >= 5 and len(right) >= 2:
            point = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), left[4])
            found.append(Mount(left[2], point, right[0], right[1]))
    return tuple(found)


def _mount_of(place: str, mounts: Iterable[Mount]) -> Mount | None:
    """The mount with the longest point above a place; of several at one point the last, which is seen."""
    best: Mount | None = None
    for mount in mounts:
        inside = place == mount.point or place.startswith(mount.point.rstrip("/") + "/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def _kind(mount: Mount | None, device: int, root: Path) -> tuple[Fact[str], Fact[PcieLink]]:
    no_link: Fact[PcieLink] = unknown("not an NVMe drive, or not read")
    if mount is None:
        return unknown(f"not looked for on {sys.platform}"), no_link
    name = mount.file_system
    if name in NETWORK:
        return Fact("network", f"file system {name}", "derived"), no_link
    if name in RAM:
        return Fact("ram", f"file system {name}", "derived"), no_link
    if name in HOST_SHARES:
        return unknown(f"{name}: a folder of the host"), no_link
    blocks = root / "sys/dev/block"
    numbers = f"{os.major(device)}:{os.minor(device)}"
    drives = drives_of(blocks / numbers) or drives_of(blocks / mount.device)
    if not drives and mount.source.startswith("/dev/"):
        drives = drives_of(root / "sys/class/block" / mount.source.rpartition("/")[2])
    kinds = {_drive_kind(drive) for drive in drives}
    if len(kinds) != 1:
        return unknown(
            f"{name}: its drive is not told by the kernel" if not kinds else "several kinds"
        ), no_link
    kind, why = kinds.pop()
    if kind is None:
        return unknown(why), no_link
    link = _nvme_link(drives[0]) if kind == "nvme" and len(drives) == 1 else None
    return Fact(kind, why, "reported"), no_link if link is None else Fact(link, "sysfs", "reported")


def drives_of(block: Path, depth: int = 0) -> list[Path]:
    """The physical drives behind a block device: through partitions, LUKS, LVM and RAID."""
    try:
        path = block.resolve(strict=True)
    except (OSError, RuntimeError):
        return []
    if depth > _MAX_DEPTH:
        return []
    if (path / "partition").exists():
        path = path.parent
    try:
        slaves = sorted((path / "slaves").iterdir())
    except OSError:
        slaves = []
    if not slaves:
        return [path]
    found: list[Path] = []
    for slave in slaves:
        found += [drive for drive in drives_of(slave, depth + 1) if drive not in found]
    return found


def _drive_kind(drive: Path) -> tuple[str | None, str]:
    name = drive.name
    if name.startswith("nvme"):
        return "nvme", "NVMe block device"
    if name.startswith("zram"):
        return "ram", "compressed RAM"
    if name.startswith("mmcblk"):
        return "flash", "SD card or eMMC"
    if _VIRTUAL_DISK.match(name):
        return None, "a virtual disk: the host's drive is not told"
    vendor = (read_text(drive / "device/vendor") or "").strip()
    if re.search(r"qemu|vmware|virtual|msft|vbox", vendor, re.IGNORECASE):
        return None, "a virtual disk: the host's drive is not told"
    rotational = read_int(drive / "queue/rotational")
    if rotational is None:
        return None, "its drive is not told by the kernel"
    return ("hdd", "rotational drive") if rotational else ("ssd", "drive without rotation")


def _nvme_link(drive: Path) -> PcieLink | None:
    """The PCIe link of the controller that a namespace hangs on."""
    from probes.pci import pcie_link

    for step in (drive / "device" / "device", drive / "device"):
        if step.exists():
            link = pcie_link(step)
            if link is not None:
                return link
    return None
