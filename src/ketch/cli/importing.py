"""``ketch import``: a model of another system as a package folder."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from ketch.cli.printer import Printer
from ketch.cli.text import counted

import_ = App(name="import", help="Write a package folder from a model of another system.")


@import_.command(name="mlflow")
def mlflow(
    source: Path,
    folder: Path,
    /,
    *,
    example: Path | None = None,
    name: str | None = None,
    json: bool = False,
) -> int:
    """Write a package folder that answers as an MLflow model does.

    MLflow is asked first, in an environment of its own; the package has to answer the same.

    Args:
        source: The folder of the MLflow model: the one with the file `MLmodel`.
        folder: Where to write; nothing there is ever overwritten.
        example: A CSV, JSONL or Parquet file of inputs to ask; by default the example that the
            model brings.
        name: Name of the package; by default that of the folder.
        json: Print one JSON value.
    """
    from ketch.authoring.mlflow import import_mlflow

    printer = Printer(as_json=json)
    with printer.progress() as progress:
        made = import_mlflow(source, folder, example=example, name=name, progress=progress)
    printer.findings(made.findings)
    road = "without MLflow" if made.is_native else "through MLflow"
    asked = "the exported package" if made.loader == "ketch" else "MLflow"
    proof = (
        f"it answers {counted(made.rows, 'row')} as {asked} does"
        if made.is_proved
        else "not proved to answer as MLflow does"
    )
    lines = [
        f"{made.path}: {counted(len(made.files), 'file')} from a model of {made.loader}, {road}",
        proof,
        f"next: read {made.path}/ketch.toml, then `ketch pack {made.path}`",
    ]
    printer.show(made.to_json(), "\n".join(lines))
    return 0
