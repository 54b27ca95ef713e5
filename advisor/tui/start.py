"""Starting the app: everything that can be refused is looked at before the screen is taken."""

from __future__ import annotations

from advisor.core.question import Question
from advisor.settings import Loaded
from advisor.tui import pauses
from advisor.tui.app import AdvisorApp
from advisor.tui.settings import check_loaded


def run(
    rig_path: str | None,
    question: Question,
    filter_text: str,
    order: tuple[str, bool] = ("score", False),
    view: str = "ranking",
    loaded: Loaded | None = None,
) -> int:
    """Run the app until it is quit; then print the command that opens the view it was left at.

    Args:
        rig_path: a Rig file; ``None``: probe this machine.
        question: asked first.
        filter_text: filter of the list.
        order: sort order of the list, and whether it is reversed.
        view: opened first, as ``--open`` names it.
        loaded: the user's settings.

    Raises:
        SettingsError: a setting names a theme or key that there is not.
        QuestionError: there is no such view.
        RigError: the file cannot be read.
        FilterError: the filter cannot be understood.
    """
    if loaded is not None:
        check_loaded(loaded)
    if filter_text.strip():
        from advisor.core.filter import parse_filter

        parse_filter(filter_text)
    rig = None
    if rig_path is not None:
        from probes.rigfile import load_rig

        rig = load_rig(rig_path)
    pauses.starting()
    app = AdvisorApp(
        question, filter_text=filter_text, order=order, view=view, rig=rig, rig_path=rig_path, loaded=loaded
    )
    app.run()
    if app.left_at:
        print(f"this view again: {app.left_at}")
    return app.return_code or 0
