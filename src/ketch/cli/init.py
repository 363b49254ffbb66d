"""``ketch init``: write a new package folder, empty or around a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ketch.authoring import init as init_folder
from ketch.cli.authored import initialised_text
from ketch.cli.printer import Printer


def init(
    folder: Path,
    /,
    *,
    source: Annotated[Path | None, Parameter(name="--from")] = None,
    example: Path | None = None,
    steps: str = "",
    load: str | None = None,
    model: list[str] | None = None,
    name: str | None = None,
    json: bool = False,
) -> int:
    """Write a package folder that a person can read and edit.

    Args:
        folder: Where to write it; nothing there is ever overwritten.
        source: A trained model (.pkl, .joblib, .skops, .ubj, .txt, .onnx, .pt, …), a
            notebook (.ipynb) or a project folder to start from.
        example: A CSV, JSONL or Parquet file of inputs, to infer the types from.
        steps: Functions of the notebook that answer, in their order: `clean,score`.
        load: Function of the notebook that loads the model.
        model: A trained model beside the notebook, `FILE` or `NAME=FILE`; may be given again.
        name: Name of the package; by default that of the folder.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    with printer.progress() as progress:
        made = init_folder(
            folder,
            source=source,
            example=example,
            steps=[one for part in steps.split(",") if (one := part.strip())],
            load=load,
            model=model,
            name=name,
            progress=progress,
        )
    printer.findings(made.findings)
    printer.show(made.to_json(), initialised_text(made))
    return 0
