"""``ketch predict``: answer a file of inputs with a package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.cli.text import counted, rows
from ketch.runtime import answer_file, check_files, load
from ketch.tables import Format


def predict(
    package: str,
    inputs: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    input_format: Format | None = None,
    output_format: Format | None = None,
    batch_rows: int | None = None,
    workers: int | None = None,
    offline: bool = False,
    json: bool = False,
) -> None:
    """Answer every row of a file, in the package's own environment.

    Args:
        package: A reference such as `shop:1.0.0` or `shop@prod`.
        inputs: A JSON, JSONL, CSV or Parquet file; `-` reads standard input.
        output: Where to write the answers, in the format of its suffix; by default
            JSON on standard output.
        input_format: json, jsonl, csv or parquet, when the name does not say.
        output_format: The same for the answers, also for those on standard output.
        batch_rows: Most rows that the package gets at once; a slow one needs fewer. By
            default 1000, and 5000 when it takes a DataFrame; one row when its newest
            verification found that answers depend on the rows beside them.
        workers: Most processes that answer rows side by side. By default one, and more
            while rows wait for it, as many as there are processors and memory for.
        offline: Use only libraries and interpreters that lie on this machine.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    source = None if inputs == "-" else Path(inputs)
    check_files(source, output, target_format=output_format, batch_rows=batch_rows)
    with (
        printer.progress(amount=rows) as progress,
        load(package, offline=offline, workers=workers, progress=progress) as predictor,
    ):
        progress.step(f"answering {inputs}")
        answered = answer_file(
            predictor,
            source,
            output,
            source_format=input_format,
            target_format=output_format,
            batch_rows=batch_rows,
            progress=progress.advance,
            notice=printer.say,
        )
        printed = predictor.output
    printer.printed(printed)
    if output is not None:
        printer.show(answered.to_json(), f"{counted(answered.rows, 'row')} answered in {output}")
