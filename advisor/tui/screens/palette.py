"""The command palette: Textual's own, deaf to keys that come before its list is drawn."""

from __future__ import annotations

from textual.command import CommandList, CommandPalette


class Palette(CommandPalette):
    """A key that is quicker than the first drawing would look for lines that are not there yet."""

    def _listed(self) -> bool:
        return any(found.size.height for found in self.query(CommandList))

    def _action_command_list(self, action: str) -> None:
        if self._listed():
            super()._action_command_list(action)

    def _action_cursor_down(self) -> None:
        if self.query(CommandList):
            super()._action_cursor_down()
