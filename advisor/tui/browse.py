"""What the models screen remembers of the catalog: its entries, filter, order and cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.model_list import Entry


@dataclass(frozen=True, slots=True)
class Browse:
    """The state of browsing; it outlives the screen."""

    entries: tuple[Entry, ...] | None = None
    """The catalog; ``None`` until it has been read."""
    error: str | None = None
    """Why it could not be read."""
    filter_text: str = ""
    sort: str = "quality"
    reverse: bool = False
    selected: str | None = None
    """Model id under the cursor."""
