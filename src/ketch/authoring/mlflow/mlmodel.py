"""What an MLflow model folder says of itself: its file ``MLmodel``.

Written by anybody, so read with distrust: bounded, of the expected types, paths inside the
folder. What ketch does not know stays in the file, which the package keeps.

Source: https://mlflow.org/docs/latest/ml/model/#model-storage-format
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import yaml

from ketch.authoring.mlflow.signature import Signature, read_signature
from ketch.errors import NotFound, UsageError
from ketch.files import read_file

FILE = "MLmodel"
PYFUNC = "python_function"
_MOST_BYTES = 16 << 20
_VERSION = re.compile(r"\d+(\.\d+)+((a|b|rc|\.dev|\.post)\d+)?")
_PYTHON = re.compile(r"(3\.\d{1,2})(\.\d+)?")

Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MLmodel:
    """An MLflow model folder.

    Attributes:
        folder: Where it lies.
        flavors: The ways to load it, by name.
        signature: What it says that it takes and answers.
        mlflow: The version of MLflow that wrote it.
        created: When it was written, in UTC.
        python: The Python that trained it, such as ``3.11``.
        has_example: Whether an example of its input lies beside it.
    """

    folder: Path
    flavors: Mapping[str, Table]
    signature: Signature
    mlflow: str | None
    created: datetime | None
    python: str | None
    has_example: bool

    def flavor(self, name: str) -> Table:
        """Return what a flavor says; nothing when there is none of that name."""
        return self.flavors.get(name, {})

    def file(self, flavor: str, *keys: str) -> str | None:
        """Return the path of a file that a flavor names, relative to the folder.

        Raises:
            UsageError: ``import/outside``: it lies outside the folder, or is not there.
        """
        found = next((said for key in keys if (said := self.flavor(flavor).get(key))), None)
        if not isinstance(found, str):
            return None
        name = PurePosixPath(found)
        target = self.folder / name
        is_inside = not name.is_absolute() and ".." not in name.parts
        if not is_inside or not target.resolve().is_relative_to(self.folder.resolve()):
            raise _wrong(f"expected a file inside the folder, found `{found[:100]}`", flavor)
        if not target.exists():
            raise _wrong(f"expected `{found[:100]}` beside it, found nothing", flavor)
        return str(name)


def read_mlmodel(folder: Path) -> MLmodel:
    """Read an MLflow model folder; nothing in it is loaded.

    Raises:
        NotFound: ``import/no-model``: there is no such folder, or no ``MLmodel`` in it.
        UsageError: ``import/mlmodel``: it is not what MLflow writes.
    """
    path = folder / FILE
    if not path.is_file():
        raise NotFound(
            f"expected an MLflow model folder, found no `{FILE}` in `{folder}`",
            code="import/no-model",
            where=str(folder),
            hint="name the folder that holds the file `MLmodel`",
        )
    try:
        body = yaml.safe_load(read_file(path, most=_MOST_BYTES))
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise _wrong(f"expected YAML: {' '.join(str(problem).split())[:200]}", "") from problem
    if not isinstance(body, dict) or not isinstance(body.get("flavors"), dict):
        raise _wrong("expected a table with `flavors`, found none", "")
    flavors = {str(k): v for k, v in body["flavors"].items() if isinstance(v, dict)}
    pyfunc = flavors.get(PYFUNC)
    if pyfunc is None:
        named = ", ".join(f"`{name[:40]}`" for name in flavors) or "none"
        raise _wrong(f"expected the flavor `{PYFUNC}`, which predicts, found {named}", "flavors")
    return MLmodel(
        folder=folder,
        flavors=flavors,
        signature=read_signature(body.get("signature")),
        mlflow=_matched(_VERSION, body.get("mlflow_version")),
        created=_time(body.get("utc_time_created")),
        python=_minor(pyfunc.get("python_version")),
        has_example=isinstance(body.get("saved_input_example_info"), dict),
    )


def _wrong(message: str, where: str) -> UsageError:
    return UsageError(message, code="import/mlmodel", where=f"{FILE}: {where}".rstrip(": "))


def _matched(pattern: re.Pattern[str], value: object) -> str | None:
    found = pattern.fullmatch(str(value).strip())
    return found[0] if found else None


def _minor(value: object) -> str | None:
    found = _PYTHON.fullmatch(str(value).strip())
    return found[1] if found else None


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
    except ValueError:
        return None
