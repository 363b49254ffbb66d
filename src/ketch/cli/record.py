"""``ketch record``: write expected outputs from what the package answers now."""

from __future__ import annotations

from pathlib import Path

from ketch.authoring import Options
from ketch.authoring import record as record_folder
from ketch.cli.authored import recorded_text
from ketch.cli.printer import Printer


def record(
    folder: Path = Path(),
    /,
    *,
    confirm: bool = False,
    offline: bool = False,
    json: bool = False,
) -> int:
    """Run every scenario and write the answers into the scenario files.

    Args:
        folder: The package folder, with its ketch.toml.
        confirm: Take drafts as confirmed; only say so after looking at them.
        offline: Use only libraries and interpreters that lie on this machine.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    with printer.progress() as progress:
        recorded = record_folder(
            folder, confirm=confirm, options=Options(offline=offline), progress=progress
        )
    printer.printed(recorded.printed)
    printer.show(recorded.to_json(), recorded_text(recorded))
    return 0 if recorded.answered else 1
