"""What keeps Python from pausing the app: its garbage collector, and the turns that threads take."""

from __future__ import annotations

import gc
import sys

SWITCH_S = 0.001
"""How long a thread computes before another one has its turn; by default a key waits five times as long for a
ranking that is being worked out."""


def starting() -> None:
    """No collections while modules and catalog are loaded: nothing of that is garbage."""
    sys.setswitchinterval(SWITCH_S)
    gc.disable()


def started() -> None:
    """From now on only look at what is made from now on: the catalog stays, and looking at all of it takes tens
    of milliseconds."""
    gc.freeze()
    gc.enable()
