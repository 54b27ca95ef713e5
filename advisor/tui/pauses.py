"""What keeps Python from pausing the app, and memory from staying with it that only the start needed."""

from __future__ import annotations

import gc
import os
import sys

SWITCH_S = 0.001
"""How long a thread computes before another one has its turn; by default a key waits five times as long for a
ranking that is being worked out."""


def starting() -> None:
    """No collections while modules and catalog are loaded: nothing of that is garbage.  No threads of the
    linear algebra, which is not loaded yet: our products are small, and its threads wait by spinning.
    And one heap for all threads instead of one for each, with its own leftovers."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.setswitchinterval(SWITCH_S)
    gc.disable()
    _glibc("mallopt", _M_ARENA_MAX, 1)


def started() -> None:
    """From now on collect, and only look at what is made from now on: looking at the catalog, which stays,
    takes tens of milliseconds."""
    gc.freeze()
    gc.enable()
    give_back()


def give_back() -> None:
    """Give freed memory back to the system, which glibc keeps for later: a tenth of what the app takes."""
    _glibc("malloc_trim", 0)


_M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""


def _glibc(name: str, *arguments: int) -> None:
    """Call a function of glibc's memory; elsewhere there is nothing to call."""
    if sys.platform == "linux":
        import ctypes

        function = getattr(ctypes.CDLL(None), name, None)
        if function is not None:
            function(*arguments)
