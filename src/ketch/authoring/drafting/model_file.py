"""What the bytes of a model file say, before anything loads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ketch.errors import Finding, UsageError


class Form(StrEnum):
    """How a trained model was written to its file."""

    PICKLE = "pickle"
    JOBLIB = "joblib"
    SKOPS = "skops"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    ONNX = "onnx"
    TORCH_STATE = "torch_state"
    TORCH_SCRIPT = "torch_script"
    TORCH_EXPORT = "torch_export"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scan of a file found.

    Attributes:
        form: How it is written.
        versions: Version recorded in the file, by distribution.
        modules: Modules that loading it imports, such as ``sklearn.linear_model._base``.
        names_columns: Whether it remembers the names of the columns it was trained on.
        companions: Names of files beside it that belong to it.
        findings: What is odd about it.
    """

    form: Form
    versions: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    names_columns: bool = False
    companions: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A trained model in a file, told by its bytes."""

    path: Path
    seen: Seen

    @property
    def form(self) -> Form:
        """How it is written."""
        return self.seen.form

    @property
    def name(self) -> str:
        """What it is called inside a package, where names are plainer than on a disk."""
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", self.path.stem).strip("._-")[:100]
        suffix = re.sub(r"[^A-Za-z0-9.]+", "", self.path.suffix)
        return f"{stem or 'model'}{suffix}"

    @property
    def companions(self) -> tuple[Path, ...]:
        """Files beside it that belong to it, as far as they are there."""
        paths = (self.path.with_name(name) for name in self.seen.companions)
        return tuple(path for path in paths if path.is_file())


def unknown(path: Path, message: str, hint: str | None = None) -> UsageError:
    """Return the refusal of a file that is no model ketch can read."""
    return UsageError(
        message,
        code="init/unknown-model",
        where=str(path),
        hint=hint or "models are .pkl .joblib .skops .ubj .json .txt .onnx .pt .pth .pt2 files",
    )
