"""Hostile and damaged captures through the whole of ``probe --from``: nothing but a Rig or a ``RigError``.

    python tests/benchmarks/fuzz_probes.py [--cases 200000] [--seed 1] [--kind smbios]
    python tests/benchmarks/fuzz_probes.py --case 123456        # one again, with its traceback

Each case is written to a folder in memory, its kind is detected, it is parsed, made a Rig, printed as
JSON, as text and as a topology, and read back.  A case fails when anything but ``RigError`` comes out,
when a probe inside had to be caught, when the error is not one line or a text has control characters,
when the Rig read back is another, when it took more than a second, or when the process grew by more than
192 MiB.  Exit code 1 when any failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz_cases import WEIGHTS, Case, make_case
from fuzz_seeds import tree, tree_names

from advisor.report.rig_text import probe_text
from advisor.report.topology import topology_of
from advisor.report.topology_text import topology_document, topology_text
from probes.capture import rig_from_captures
from probes.rigbounds import is_control
from probes.rigfile import rig_from_document, rig_to_document
from probes.types import RigError

MAX_CASE_S = 1.0
HANG_S = 10
MAX_GROWTH_BYTES = 192 * 1024**2
MAX_SHOWN = 20

_CAUGHT = re.compile(r"the (\w+) probe (failed: (?!RigError)|did not answer)")


class HangError(BaseException):
    """A case does not end; no ``except Exception`` on the way may swallow this."""


class Playground:
    """A folder in memory with the trees, changed for a case and put right again after it."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
        tempfile.tempdir = str(self.folder)  # archives are unpacked here too
        for name in tree_names():
            for path, content in tree(name).items():
                self._write(self.folder / name / path, content)

    def __enter__(self) -> Playground:
        return self

    def __exit__(self, *_: object) -> None:
        tempfile.tempdir = None
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    @staticmethod
    def _remove(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def holding(self, case: Case) -> Iterator[list[Path]]:
        """The paths to give to ``probe --from``."""
        if case.tree is None:
            paths = [self.folder / f"capture{n}" for n in range(len(case.files))]
            for path, data in zip(paths, case.files, strict=True):
                path.write_bytes(data)
            yield paths
            return
        root = self.folder / case.tree
        for path, content in case.changes:
            self._remove(root / path)
            if content == "folder":
                (root / path).mkdir()
            elif isinstance(content, str):
                (root / path).symlink_to(content.removeprefix("link:"))
            elif content is not None:
                (root / path).write_bytes(content)
        try:
            yield [root]
        finally:
            for path, _ in case.changes:
                self._remove(root / path)
                self._write(root / path, tree(case.tree)[path])


def run_case(paths: Sequence[Path]) -> str | None:
    """Everything that ``probe --from`` does with the files; what is wrong with it, if anything."""
    try:
        rig = rig_from_captures(paths)
    except RigError as error:
        return _hostile(str(error), "error text")
    for note in rig.notes:
        if caught := _CAUGHT.search(note):
            return f"probe {caught[1]} raised inside: {note[:300]}"
    document = rig_to_document(rig)
    text = json.dumps(document, allow_nan=False)
    again = rig_from_document(json.loads(text))
    if rig_to_document(again) != document:
        return "the document read back is another"
    topology = topology_of(rig)
    json.dumps(topology_document(topology), allow_nan=False)
    texts = {"probe": probe_text(rig), "topology": topology_text(topology)}
    return next(
        (w for name, text in texts.items() for line in text.split("\n") if (w := _hostile(line, name))), None
    )


def _hostile(line: str, name: str) -> str | None:
    """What in a line could reach a terminal and should not."""
    bad = next((c for c in line if is_control(c)), None)
    return None if bad is None else f"control character U+{ord(bad):04X} in the {name}"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _alarm(*_: object) -> None:
    raise HangError


def attempt(playground: Playground, case: Case, *, loud: bool = False, limits: bool = True) -> str | None:
    """Run a case; what is wrong, if anything.  Time and memory count where ``limits`` holds."""
    before = _peak_bytes()
    for tries_left in range(5, -1, -1):  # again when it may be another program that had the CPU
        wrong, took_s = _once(playground, case, loud=loud, hang_s=HANG_S if limits else 0)
        if wrong is not None or not limits:
            return wrong
        if took_s <= MAX_CASE_S:
            break
        if not tries_left:
            return f"took {took_s:.1f} s"
        time.sleep(1)
    grown = _peak_bytes() - before
    return f"grew by {grown // 1024**2} MiB" if grown > MAX_GROWTH_BYTES else None


def _once(playground: Playground, case: Case, *, loud: bool, hang_s: int) -> tuple[str | None, float]:
    with playground.holding(case) as paths:
        signal.setitimer(signal.ITIMER_REAL, hang_s)
        started = time.perf_counter()
        try:
            wrong = run_case(paths)
        except HangError:
            wrong = f"no end after {HANG_S} s"
        except Exception as error:
            if loud:
                traceback.print_exc()
            last = traceback.extract_tb(error.__traceback__)[-1]
            wrong = f"{type(error).__name__}: {str(error)[:120]} at {Path(last.filename).name}:{last.lineno}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return wrong, time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1, help="the first case is this number times ten million")
    parser.add_argument("--kind", choices=[*WEIGHTS], help="cases of this kind alone")
    parser.add_argument("--case", type=int, help="this case alone")
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, _alarm)
    counts: Counter[str] = Counter()
    failures: list[tuple[int, str, str]] = []
    slowest = (0.0, 0, "")
    started = time.perf_counter()
    first = arguments.seed * 10_000_000
    numbers = [arguments.case] if arguments.case is not None else range(first, first + arguments.cases)
    with Playground() as playground:
        for number in numbers:
            case = make_case(number, arguments.kind)
            begun = time.perf_counter()
            wrong = attempt(playground, case, loud=arguments.case is not None)
            slowest = max(slowest, (time.perf_counter() - begun, number, case.kind))
            counts[case.kind] += 1
            if wrong is not None:
                failures.append((number, case.kind, wrong))
                print(f"case {number} ({case.kind}): {wrong}", flush=True)
                if len(failures) >= MAX_SHOWN:
                    print("… and no further, after so many failures")
                    break
            if sum(counts.values()) % 20_000 == 0:
                rate = sum(counts.values()) / (time.perf_counter() - started)
                print(f"  {sum(counts.values())} cases, {rate:.0f} per second", file=sys.stderr, flush=True)
    total, seconds = sum(counts.values()), time.perf_counter() - started
    print(", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())))
    print(
        f"{total} cases in {seconds:.0f} s ({total / seconds:.0f} per second), {len(failures)} failures; "
        f"slowest {slowest[0]:.2f} s (case {slowest[1]}, {slowest[2]}); peak {_peak_bytes() // 1024**2} MiB"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
