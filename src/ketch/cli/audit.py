"""``ketch audit``: prove that the history was not changed."""

from __future__ import annotations

from cyclopts import App

from ketch.cli.printer import Printer
from ketch.cli.text import counted
from ketch.errors import UsageError
from ketch.registry import Head
from ketch.runtime import Home

audit = App(name="audit", help="Prove that the history was not changed.")


@audit.command(name="head")
def head(*, json: bool = False) -> None:
    """Print the end of the history, to be kept where nobody can change it.

    Args:
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        last = known.head()
    Printer(as_json=json).show(last.to_json(), f"{last.seq}:{last.hash}")


@audit.command(name="verify")
def verify(*, contains: str | None = None, json: bool = False) -> int:
    """Check every seal of the history, and that the registry says what the history says.

    Args:
        contains: A head that was kept elsewhere, which must be part of this history.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    checkpoint = None if contains is None else _head(contains)
    with Home.default().desk() as known, printer.progress() as progress:
        progress.step("checking the history")
        found = known.audit(contains=checkpoint)
    printer.findings(found.findings)
    state = "is whole" if found.is_clean else "was changed, or is damaged"
    text = f"{counted(found.events, 'event')}: the history {state}"
    printer.show(found.to_json(), text)
    return 0 if found.is_clean else 1


def _head(text: str) -> Head:
    seq, _, seal = text.partition(":")
    if not (seq.isascii() and seq.isdigit() and len(seq) < 19 and len(seal) == 64):
        raise UsageError(
            f"expected what `ketch audit head` printed, found `{text[:80]}`", code="usage/head"
        )
    return Head(int(seq), seal, None)
