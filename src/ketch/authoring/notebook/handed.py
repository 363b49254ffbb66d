"""Models that are handed over: files as they are, objects saved in their own formats.

A pickle is written by the library that the notebook has imported already; ketch itself
imports none of them, and reads nothing back.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ketch.authoring.drafting.literals import python
from ketch.authoring.notebook.book import Book, reach
from ketch.authoring.notebook.steps import MODEL_NAMES
from ketch.errors import Finding, NotFound, UsageError
from ketch.schema import parse_json


@dataclass(slots=True)
class Handed:
    """Models by what the notebook calls them.

    Attributes:
        files: Their files.
        lines: How to read each back, with ``{path}`` for the file.
        imports: What that needs.
        objects: Those that are there as objects.
        findings: What a person should know.
    """

    files: dict[str, Path] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def handed(
    model: object, there: Mapping[str, Any], steps: Sequence[str], book: Book, room: Path
) -> Handed:
    """Return the files of what a person hands over as the model.

    Args:
        model: A file, an object, a mapping of names to either, or nothing.
        there: The names of the notebook.
        steps: The functions that answer.
        book: What ran.
        room: Where to save objects.

    Raises:
        NotFound: There is no such file.
        UsageError: ``init/notebook-model``: an object cannot be saved here.
    """
    made = Handed()
    for name, value in _named(model, there, steps, book).items():
        if isinstance(value, (str, Path)):
            path = Path(value)
            if not path.is_file():
                raise NotFound(f"no file `{path}`", code="init/no-source", where=str(path))
            made.files[name] = path
            continue
        made.objects[name] = value
        _save(made, name, value, room)
    return made


def _named(
    model: object, there: Mapping[str, Any], steps: Sequence[str], book: Book
) -> dict[str, object]:
    if model is None:
        return {}
    if isinstance(model, dict) and all(isinstance(one, str) for one in model):
        names = {str(name): value for name, value in model.items()}
        if all(name in there or isinstance(value, (str, Path)) for name, value in names.items()):
            return names
    found = reach(book, steps)
    read = [*found.states, *found.unknown]
    if not isinstance(model, (str, Path)):
        same = [name for name, value in there.items() if value is model and name[:1] != "_"]
        return {next((name for name in same if name in read), [*same, "model"][0]): model}
    likely = [name for name in read if name in MODEL_NAMES] or read or [*_models_of(book)]
    return {[*likely, "model"][0]: model}


def _models_of(book: Book) -> Sequence[str]:
    return [name for name in reversed(book.names) if name in MODEL_NAMES]


def _save(made: Handed, name: str, model: Any, room: Path) -> None:
    kind, family = type(model).__name__, type(model).__module__.partition(".")[0]
    if family == "xgboost" and hasattr(model, "save_model"):
        path = room / f"{name}.ubj"
        model.save_model(path)
        _note(made, name, path, "import xgboost", _XGBOOST.format(kind=kind))
    elif family == "lightgbm" and kind == "Booster":
        path = room / f"{name}.txt"
        model.save_model(path)
        _note(made, name, path, "import lightgbm", "{name} = lightgbm.Booster(model_file={path})")
    elif (text := _as_json(model)) is not None:
        path = room / f"{name}.json"
        path.write_text(text, "utf-8")
        _note(made, name, path, "import json", "{name} = json.loads(({path}).read_text())")
    elif family == "numpy" and kind == "ndarray" and model.dtype != object:
        path = room / f"{name}.npy"
        sys.modules["numpy"].save(path, model, allow_pickle=False)
        _note(made, name, path, "import numpy", "{name} = numpy.load({path})")
    elif family in ("torch", "keras", "tensorflow") or _is_network(model):
        raise _unsaved(name, model, "save what it learned to a file, name that file as `model`, "
                       "and give a `load` that makes the network")  # fmt: skip
    elif (skops := sys.modules.get("skops.io")) is not None:
        path = room / f"{name}.skops"
        skops.dump(model, path)
        trusted = python([str(one) for one in skops.get_untrusted_types(file=path)])
        line = f"{{name}} = load_skops({{path}}, trusted={trusted})"
        _note(made, name, path, "from skops.io import load as load_skops", line)
    elif (joblib := sys.modules.get("joblib")) is not None:
        path = room / f"{name}.joblib"
        joblib.dump(model, path)
        _note(made, name, path, "", "")
    else:
        raise _unsaved(name, model, f"save it to a file yourself, and name that: `model={{'{name}':"
                       " 'FILE'}`")  # fmt: skip


_XGBOOST = "{{name}} = xgboost.{kind}()\n{{name}}.load_model({{path}})"


def _note(made: Handed, name: str, path: Path, needs: str, line: str) -> None:
    made.files[name] = path
    if line:
        made.lines[name], made.imports[name] = line, needs


def _as_json(value: object) -> str | None:
    """Return a value as JSON text, where it comes back as it was."""
    if not isinstance(value, (dict, list, str, int, float)):
        return None
    try:
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        return text if parse_json(text.encode()) == value else None
    except (TypeError, ValueError, RecursionError, UsageError):
        return None


def _is_network(model: object) -> bool:
    return any(one.__module__.startswith(("torch.", "keras.")) for one in type(model).__mro__)


def _unsaved(name: str, model: object, hint: str) -> UsageError:
    return UsageError(
        f"expected a model that can be saved here, found `{name}`, a `{type(model).__name__}`",
        code="init/notebook-model",
        where="model",
        hint=hint,
    )
