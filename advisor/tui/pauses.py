"""What keeps Python from pausing the app, and memory from staying with it that only the start needed."""

from __future__ import annotations

import gc
import os
import sys

SWITCH_S = 0.001
"""How long a thread computes before another one has its turn; by default a key waits five times as long for a
ranking that is being worked out."""


def starting() -> None:
    """No collections while modules and catalog are loaded: nothing of that is garbage.  And no threads of
    the linear algebra, which is not loaded yet: our products are small, and its threads wait by spinning."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.setswitchinterval(SWITCH_S)
    gc.disable()


def started() -> None:
    """From now on collect, and only look at what is made from now on: looking at the catalog, which stays,
    takes tens of milliseconds."""
    gc.freeze()
    gc.enable()
    give_back()


def give_back() -> None:
    """Give freed memory back to the system, which glibc keeps for later: a tenth of what the app takes."""
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other libraries of C have no such thing
        if trim is not None:
            trim(0)
