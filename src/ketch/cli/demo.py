"""``ketch demo``: play the whole story on real retail data."""

from __future__ import annotations

from pathlib import Path

from ketch.cli.printer import Printer
from ketch.demo import Chapter, play

FOLDER = Path("ketch-demo")


def demo(*, into: Path = FOLDER, json: bool = False) -> int:
    """Train two real models, pack and verify them, ask them, and catch a mistake.

    Args:
        into: The folder to play in; it is emptied when an earlier demo made it.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)

    def tell(chapter: Chapter) -> None:
        printer.say(f"\n{chapter.title}", style="bold")
        for line in chapter.lines:
            printer.say(f"  {line}")

    with printer.progress() as progress:
        told = play(into.absolute(), tell=tell, progress=progress)
    again = f"KETCH_HOME={into / 'home'} ketch inspect recommender:1.0.0"
    text = f"\nthe demo is in {into}; look around:\n  {again}\n  cat {into}/recommender/ketch.toml"
    printer.show(told.to_json(), text)
    return 0 if told.went_well else 1
