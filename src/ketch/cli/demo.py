"""``ketch demo``: play the whole story on real retail data."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from ketch.cli.printer import Printer
from ketch.cli.text import seconds

if TYPE_CHECKING:
    from ketch.demo import Chapter, Told

FOLDER = Path("ketch-demo")


def demo(*, into: Path = FOLDER, json: bool = False) -> int:
    """Play the whole story: pack, serve, try on shoppers, promote, and roll back by itself.

    Args:
        into: The folder to play in; the projects of an earlier demo are made anew.
        json: Print one JSON value.
    """
    from ketch.demo import play  # nearly all of ketch

    printer = Printer(as_json=json)

    def tell(chapter: Chapter) -> None:
        if chapter.title:
            printer.say(f"\n{chapter.title}", style="bold")
        for line in chapter.lines:
            printer.say(f"  {line}")

    with printer.progress() as progress:
        told = play(into.absolute(), tell=tell, progress=progress)
    if not told.went_well:
        printer.say("\nthis did not go as it should; please report what is above", style="red")
    if json:
        printer.say(_next(told))
    printer.show(told.to_json(), _next(told))
    return 0 if told.went_well else 1


def _next(told: Told) -> str:
    from ketch.demo import BROKEN, PAGE, REQUEST

    folder, ketch = told.folder, _typed()
    commands = [
        f"export KETCH_HOME={quote(str(folder / 'home'))}",
        f"{ketch} status",
        f"{ketch} report recommendations",
        f"{ketch} history recommendations",
        f"{ketch} inspect recommender:1.0.0",
        f"{ketch} predict recommender:1.0.0 {quote(str(folder / REQUEST))}",
        f"{ketch} verify {quote(str(folder / BROKEN))}",
    ]
    page = f"what the guard saw, with plots: {folder / PAGE}"
    took = f"played in {seconds(told.duration_s)}; everything stays: go on with"
    return "\n".join(["", page, took, *(f"  {command}" for command in commands)])


def _typed() -> str:
    """Return what a person types to run this very program: by its name, where that finds it."""
    running, found = Path(sys.argv[0]), shutil.which("ketch")
    if running.name != "ketch" or not os.access(running, os.X_OK):
        return "ketch"
    if found is not None and running.samefile(found):
        return "ketch"
    return quote(str(running.absolute()))
