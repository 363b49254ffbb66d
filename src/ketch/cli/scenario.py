"""``ketch scenario``: turn a decision into a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from ketch.cli.printer import Printer
from ketch.runtime import Home

scenario = App(name="scenario", help="Turn a decision into a scenario.")


@scenario.command(name="add")
def add(
    folder: Path = Path(),
    /,
    *,
    decision: Annotated[str, Parameter(name="--from")],
    name: str | None = None,
    confirm: bool = False,
    log: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    json: bool = False,
) -> None:
    """Write a scenario that asks what a decision was asked, and expects what it answered.

    It is a draft until somebody says that the answer is right. Nothing is overwritten.

    Args:
        folder: The package folder, with its ketch.toml.
        decision: The 32 digits that an answer names as `Ketch-Decision`.
        name: What the scenario and its file are called.
        confirm: Say that the answer is right: it is no draft then.
        log: The folder of a log, in place of the one of this home; any number of them.
        json: Print one JSON value.
    """
    from ketch.authoring.from_decision import add_scenario  # a database
    from ketch.monitor.logs import Logs, log_folders

    printer = Printer(as_json=json)
    with Logs(log_folders(Home.default().path, log or ())) as known:
        found, _ = known.find(decision)
    added = add_scenario(folder, found, name=name, confirm=confirm)
    printer.show(added.to_json(), f"wrote {folder / added.path}")
    printer.say("it holds what somebody really asked: look for personal data before it is shared")
    if added.scenario.draft:
        printer.say("it is a draft: make `expected` right, then take `draft` out of the file")
