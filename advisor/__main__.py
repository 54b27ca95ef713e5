"""Entry point: ``rig-advisor`` and ``python -m advisor``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; expected failures become one line on stderr."""
    from advisor.cli import output
    from advisor.cli.arguments import build_parser
    from advisor.cli.exits import Exit, complain
    from advisor.cli.run import run

    output.prepare()
    try:
        try:
            code = run(build_parser().parse_args(argv))
        finally:
            output.flush()  # also of --help, which leaves by SystemExit
        return code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        output.abandon()  # the reader went away (head, less): not an error of ours
        return Exit.OK
    except output.OutputError as error:
        output.abandon()
        complain(str(error))
        return Exit.BAD_INPUT
    except Exception as error:
        expected = _expected(error)
        if expected is None:
            raise
        complain(str(error))
        return expected


def _expected(error: Exception) -> int | None:
    """The exit code of an expected failure; ``None`` for a defect of ours."""
    from advisor.cli.exits import Exit
    from catalog.types import CatalogError, LookupFailedError
    from probes.types import RigError

    if isinstance(error, CatalogError):
        return Exit.BAD_CATALOG
    if isinstance(error, RigError | LookupFailedError):
        return Exit.BAD_INPUT
    from advisor.core.filter import FilterError
    from advisor.core.goals import UpgradeError
    from advisor.core.question import QuestionError
    from advisor.core.whatif import WhatIfError
    from advisor.settings import SettingsError

    typed = FilterError | QuestionError | WhatIfError | UpgradeError | SettingsError
    return Exit.BAD_INPUT if isinstance(error, typed) else None


if __name__ == "__main__":
    sys.exit(main())
