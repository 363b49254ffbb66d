"""What MLflow itself answers: the model in its own environment, asked by MLflow's own path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ketch.authoring.drafting.inspection import Question
from ketch.authoring.drafting.inspection import ask as ask_in
from ketch.authoring.mlflow.mlmodel import FILE, MLmodel
from ketch.authoring.mlflow.signature import of_array
from ketch.env import Environment
from ketch.errors import UsageError
from ketch.schema import List, Type, parse_json

MOST_FILES = 10_000
_CODE = "mlflow.py"


@dataclass(frozen=True, slots=True)
class Answered:
    """A column of what a model took or answered.

    Attributes:
        name: What it is called; empty when the whole has no columns.
        type: The type of a row's value; None where ketch has none.
        values: A JSON value a row.
        width: Lengths of a row's value; empty for a single value.
    """

    name: str
    type: Type | None
    values: tuple[object, ...]
    width: tuple[int, ...] = ()

    @property
    def has_gaps(self) -> bool:
        """Whether a row has no value."""
        return None in self.values


@dataclass(frozen=True, slots=True)
class Table:
    """What a model took, or answered.

    Attributes:
        kind: ``frame``, ``series``, ``array``, ``list``, ``dict`` or ``records``.
        columns: Its columns.
    """

    kind: str
    columns: tuple[Answered, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0].values) if self.columns else 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What asking a model brought.

    Attributes:
        inputs, outputs: What it took and answered; None when it did not answer.
        problem: Why not.
        trusted: Types in a skops file that a person has to trust.
    """

    inputs: Table | None = None
    outputs: Table | None = None
    problem: str | None = None
    trusted: tuple[str, ...] = ()


def ask(
    model: MLmodel,
    environment: Environment,
    room: Path,
    rows: Sequence[Mapping[str, object]] = (),
) -> Reply:
    """Ask a model the example that it brings, or rows that a person gives.

    Args:
        model: The model.
        environment: One with MLflow in it.
        room: An empty folder to work in.
        rows: What to ask; without, the model's own example.

    Raises:
        PackageCodeError: Loading it raised.
        Unavailable: It took too long, or killed its process.
    """
    files = files_of(model)
    skops = next((name for name in files if name.endswith(".skops")), None)
    dtypes = {
        one.name: str(one.type)
        for one in model.signature.inputs or ()
        if one.name is not None and str(one.type) in ("int32", "int64", "float32", "float64")
    }
    asked = set(rows[0]) if rows else set()
    question = Question(
        template=_CODE,
        request={"rows": list(rows), "dtypes": {k: v for k, v in dtypes.items() if k in asked}},
        params={"skops": skops},
        model=files,
        code={},
    )
    body = parse_json(ask_in(question, environment, room).encode("utf-8", "replace"))
    if not isinstance(body, dict):
        raise UsageError("expected MLflow's answer, found something else", code="import/mlmodel")
    problem = body.get("problem")
    trusted = body.get("trusted")
    return Reply(
        inputs=_table(body.get("inputs")),
        outputs=_table(body.get("outputs")),
        problem=" ".join(str(problem).split())[:400] if problem else None,
        trusted=tuple(map(str, trusted)) if isinstance(trusted, list) else (),
    )


def files_of(model: MLmodel) -> dict[str, Path]:
    """Return every file of a model folder, by its path in it; links that lead out are none."""
    root = model.folder.resolve()
    found = {
        path.relative_to(model.folder).as_posix(): path
        for path in sorted(model.folder.rglob("*"))
        if path.is_file() and path.resolve().is_relative_to(root)
    }
    if len(found) > MOST_FILES:
        raise UsageError(
            f"expected at most {MOST_FILES} files, found {len(found)}",
            code="import/mlmodel",
            where=FILE,
        )
    return {name: path for name, path in found.items() if "__pycache__" not in path.parts}


def _table(body: object) -> Table | None:
    if not isinstance(body, dict) or not isinstance(body.get("columns"), list):
        return None
    columns = tuple(_columns(body["columns"]))
    return Table(str(body.get("kind")), columns)


def _columns(said: Sequence[object]) -> Iterator[Answered]:
    for one in said:
        if isinstance(one, dict) and isinstance(one.get("values"), list):
            shape = tuple(size for size in one.get("shape", ()) if type(size) is int)
            kind = of_array(str(one.get("type")), list(shape))
            values = tuple(one["values"])
            yield Answered(str(one.get("name")), kind or _of_values(values), values, shape)


def _of_values(values: Sequence[object]) -> Type | None:
    """Return the type of lists of one kind of value, which no array can hold."""
    inner = [item for value in values if isinstance(value, list) for item in value]
    if not inner or any(not isinstance(one, list) for one in values):
        return None
    kinds = {type(one) for one in inner}
    names = {str: "string", int: "int64", float: "float64", bool: "bool"}
    name = names.get(float if kinds == {int, float} else kinds.pop() if len(kinds) == 1 else list)
    found = of_array(name, [])
    return None if found is None else List(found)
