"""Textual's driver for an app in a browser, which also ends the app when its server is gone."""

from __future__ import annotations

from textual import messages
from textual.drivers.web_driver import WebDriver


class PageDriver(WebDriver):
    """Input that ends means that nobody is there any more, not even to say so."""

    def run_input_thread(self) -> None:
        """Read what the server passes on, until the app or the server ends."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(messages.ExitApp())
