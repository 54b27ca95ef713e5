"""What each command imports: start-up time is a feature."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("textual", "rich", "numpy", "pynvml", "cpuinfo", "hypothesis", "jsonschema", "aiohttp")


def imported_by(*arguments: str) -> set[str]:
    script = (
        "import json, sys\n"
        "from advisor.__main__ import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (("--help",), HEAVY),
        (("probe", "--json"), ("textual", "rich", "numpy", "cpuinfo")),
        (("topology", "--json"), ("textual", "rich", "numpy", "cpuinfo")),
        (("schema", "rank"), ("textual", "rich", "pynvml")),
        (("rig", "--gpu", "RTX 4090", "--json"), ("textual", "rich", "numpy", "pynvml")),
        (("models", "--json"), ("textual", "rich", "numpy", "pynvml", "cpuinfo")),
        (("rank", "--json"), ("textual", "rich", "cpuinfo")),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments: tuple[str, ...], absent: tuple[str, ...]) -> None:
    assert not imported_by(*arguments) & set(absent)
