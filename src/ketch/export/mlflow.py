"""A package as an MLflow model folder: ``mlflow.pyfunc`` loads it and gets the package's answers.

The package lies in ``package/`` as every tool reads it (:mod:`ketch.export.folder`), its code
unpacked beside it. ``model.py`` calls it through a copy of the worker, the same file that runs
packages in ketch: there is no second way to load a pipeline or to convert a value.

Source: https://mlflow.org/docs/latest/ml/model/#model-storage-format
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.utils import canonicalize_name

from ketch.env import Lock
from ketch.errors import Finding
from ketch.export.folder import whole_folder, write_folder
from ketch.export.mlflow_types import lost_in, signature_of
from ketch.package import Package
from ketch.runtime.launch import WORKER
from ketch.schema import decode
from ketch.signing.signature import Signature
from ketch.store import Progress, Store

MLFLOW = "mlflow>=2.20"
"""The first that knows columns of the type ``any``."""

_ADAPTER = Path(__file__).parent / "templates" / "model.py"
_EXAMPLE, _SERVING = "input_example.json", "serving_input_example.json"


@dataclass(frozen=True, slots=True)
class MLflowFolder:
    """An MLflow model folder that was written.

    Attributes:
        files: What is in it, sorted.
        findings: What MLflow cannot say of the package, or does not check.
    """

    files: tuple[str, ...]
    findings: tuple[Finding, ...]


def write_mlflow(
    package: Package,
    store: Store,
    target: Path,
    *,
    signature: Signature | None = None,
    progress: Progress | None = None,
) -> MLflowFolder:
    """Write a package as an MLflow model folder, which appears whole or not at all.

    The same package gives the same bytes.

    Args:
        package: The package.
        store: Where its bytes are; each is hashed on its way.
        target: The folder, which must not be there yet.
        signature: Goes with the package as ``package/model.sig``.
        progress: Told how many bytes were written.

    Raises:
        UsageError: ``export/exists``: something is there.
        DigestMismatch, NotFound: A part of the package is damaged or missing.
    """
    with whole_folder(target) as part:
        write_folder(package, store, part / "package", signature=signature, progress=progress)
        (part / "package" / "model").mkdir(exist_ok=True)
        for path, content in {**_code(package), **_documents(package), **_texts(package)}.items():
            file = part / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        shutil.copyfile(_ADAPTER, part / "model.py")
        shutil.copyfile(WORKER, part / "worker.py")
        found = (path for path in part.rglob("*") if path.is_file())
        files = tuple(sorted(path.relative_to(part).as_posix() for path in found))
    return MLflowFolder(files, lost_in(package.manifest.schema))


def _code(package: Package) -> dict[str, bytes]:
    return {f"code/{path}": content for path, content in package.code().items()}


def _documents(package: Package) -> dict[str, bytes]:
    """Return what a person reads first, where MLflow's own pages show it."""
    return {"README.md": package.read("README.md")} if "README.md" in package.files else {}


def _texts(package: Package) -> dict[str, bytes]:
    lock = Lock.parse(package.lock.decode())
    lines = _requirements(lock)
    split = _example(package)
    texts = {
        "MLmodel": _yaml(_mlmodel(package, lock, has_example=split is not None)),
        "call.json": _json(_call(package)),
        "requirements.txt": "".join(f"{line}\n" for line in lines),
        "conda.yaml": _yaml(_conda(lock, lines)),
        "python_env.yaml": _yaml(_python_env(lock)),
    }
    if split is not None:
        texts |= {_EXAMPLE: _json(split), _SERVING: _json({"dataframe_split": split})}
    return {path: text.encode() for path, text in texts.items()}


def _mlmodel(package: Package, lock: Lock, *, has_example: bool) -> dict[str, object]:
    loaded = {
        "loader_module": "mlflow.pyfunc.loaders.code_model",
        "model_code_path": "model.py",
        "code": None,
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "python_version": lock.python,
        "streamable": False,
    }
    ours = {
        "digest": str(package.digest),
        "package": "package",
        "reference": package.reference,
    }
    body: dict[str, object] = {
        "flavors": {"python_function": loaded, "ketch": ours},
        "model_uuid": package.digest.hex[:32],
        "signature": signature_of(package.manifest.schema),
    }
    if secrets := package.manifest.environment.secrets:
        body["env_vars"] = list(secrets)
    if has_example:
        body["saved_input_example_info"] = {
            "artifact_path": _EXAMPLE,
            "pandas_orient": "split",
            "serving_input_path": _SERVING,
            "type": "dataframe",
        }
    return body


def _call(package: Package) -> dict[str, object]:
    """Return what the worker is told of the pipeline, and what the adapter reads."""
    manifest = package.manifest
    return {
        "pipeline": manifest.pipeline.to_json(),
        "params": dict(manifest.params),
        "inputs": [field.to_wire() for field in manifest.schema.inputs],
        "outputs": [field.to_wire() for field in manifest.schema.outputs],
        "functions": [],
        "variables": dict(manifest.environment.variables),
    }


def _requirements(lock: Lock) -> list[str]:
    """Return every distribution at its version, and MLflow, where the lock has none."""
    lines = [
        f"{one.name}=={one.version}{f' ; {one.marker}' if one.marker else ''}"
        for one in lock.packages
    ]
    names = {canonicalize_name(one.name) for one in lock.packages}
    return lines if "mlflow" in names else [*lines, MLFLOW]


def _conda(lock: Lock, lines: list[str]) -> dict[str, object]:
    parts = [f"python={lock.python}", "pip", {"pip": lines}]
    return {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": parts}


def _python_env(lock: Lock) -> dict[str, object]:
    tools = ["pip", "setuptools", "wheel"]
    return {
        "python": lock.python,
        "build_dependencies": tools,
        "dependencies": ["-r requirements.txt"],
    }


def _example(package: Package) -> dict[str, object] | None:
    """Return the inputs of the first scenario that is answered, as pandas splits a table."""
    fields = package.manifest.schema.inputs
    answered = (one for one in package.scenarios if one.expected is not None)
    asked = next((rows for one in answered if (rows := decode(fields, one.inputs)[0])), None)
    if asked is None:
        return None
    names = [field.name for field in fields]
    return {"columns": names, "data": [[row[name] for name in names] for row in asked]}


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _yaml(value: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=10_000)
