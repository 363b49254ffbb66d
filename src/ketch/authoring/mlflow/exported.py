"""The way back: a package that ``ketch export mlflow`` wrote becomes its folder again.

The package lies whole in the model folder. It is read as any other, against the digest that
``MLmodel`` names, and its schema, scenarios, code and lock are written as they are: nothing is
guessed, and packing the folder gives the same package, unless a sample of data was not shipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ketch.authoring.drafting import literals
from ketch.authoring.drafting.solve import requirements_in
from ketch.authoring.mlflow.mlmodel import FILE, MLmodel
from ketch.env import Lock
from ketch.env.lock import write_lock
from ketch.errors import Finding, UsageError
from ketch.package import Digest, Package, PackagePath, open_package
from ketch.package.layers import TRACES
from ketch.package.scenario import FOLDER, TRACES_FILE
from ketch.schema.parse import canonical_json
from ketch.store import LocalStore

FLAVOR = "ketch"


def package_in(model: MLmodel, room: Path) -> Package | None:
    """Return the package that a model folder was written from; None for all other models.

    Args:
        model: The model.
        room: An empty folder, where the package's bytes are kept.

    Raises:
        UsageError: ``import/outside``, ``import/mlmodel``: the flavor is not what ketch writes.
        NotFound, DigestMismatch, PackageError: The package is not the one that it names.
    """
    said = model.flavor(FLAVOR)
    if not said:
        return None
    folder = model.file(FLAVOR, "package")
    if folder is None or not isinstance(said.get("digest"), str):
        message = "expected `package` and `digest`"
        raise UsageError(message, code="import/mlmodel", where=f"{FILE}: flavors.{FLAVOR}")
    store = LocalStore(room / "store")
    store.put_files([path for path in (model.folder / folder).rglob("*") if path.is_file()])
    return open_package(Digest.parse(str(said["digest"])), store)


def write_authored(package: Package, folder: Path, name: str) -> None:
    """Write the folder that a package is packed from.

    Args:
        package: The package.
        folder: An empty folder.
        name: What it is called from now on.
    """
    package.verify_bytes()
    for path, layer in package.files.items():
        if path.startswith(("model/", "docs/")) or path == "README.md":
            _place(folder, path, package.source.path(layer.digest))
    for data in package.manifest.data:
        if data.name in package.samples and data.sample:
            shipped = package.files[package.samples[data.name]]
            sample = PackagePath.parse(data.sample, where=f"data.{data.name}.sample")
            _place(folder, str(sample), package.source.path(shipped.digest))
    for path, content in package.code().items():
        _write(folder, path, content)
    scenarios = b"".join(canonical_json(one.to_json()) + b"\n" for one in package.scenarios)
    _write(folder, f"{FOLDER}/{package.manifest.name}.jsonl", scenarios)
    write_traces(package, folder)
    _write(folder, "ketch.toml", _declared(package, name).encode())
    _write_libraries(package, folder)


def left_behind(package: Package) -> tuple[Finding, ...]:
    """Return what the folder of a package cannot have: samples that it did not ship."""
    return tuple(
        Finding(
            "import/sample",
            f"the package did not ship `{data.sample}`, so its profile is gone",
            f"ketch.toml: data.{data.name}",
            "name a sample of the same data, or leave it out",
            blocks=False,
        )
        for data in package.manifest.data
        if data.sample and data.name not in package.samples
    )


def write_traces(package: Package, folder: Path) -> None:
    """Let the folder have the package's recorded traces, or none, whatever was recorded since."""
    if TRACES in package.files:
        _write(folder, f"{FOLDER}/{TRACES_FILE}", package.read(TRACES))
    else:
        (folder / FOLDER / TRACES_FILE).unlink(missing_ok=True)


def _write_libraries(package: Package, folder: Path) -> None:
    lock = Lock.parse(package.lock.decode())
    marked = ((one, f" ; {one.marker}" if one.marker else "") for one in lock.packages)
    text = "".join(f"{one.name}=={one.version}{marker}\n" for one, marker in marked)
    _write(folder, "requirements.txt", text.encode())
    declared = package.manifest.environment
    asked = requirements_in(text).digest(
        declared.python, source_builds=declared.allow_source_builds
    )
    write_lock(folder, replace(lock, inputs=asked))


def _declared(package: Package, name: str) -> str:
    """Return the ``ketch.toml`` of a package."""
    manifest = package.manifest
    tables: dict[str, object] = {**manifest.identity_tables(), **manifest.environment_table()}
    tables["pipeline"] = {**manifest.pipeline.to_json(), "include": sorted(package.code())}
    if manifest.pipeline.load is None:
        tables["pipeline"] = {k: v for k, v in _table(tables["pipeline"]).items() if k != "load"}
    if manifest.params:
        tables["params"] = manifest.params
    for one, table in manifest.data_tables().items():
        kept = table if one in package.samples else {**table, "sample": None}
        known = {key: value for key, value in kept.items() if value is not None}
        tables[f"data.{literals.text(one)}"] = known
    tables["package"] = {**_table(tables["package"]), "name": name}
    text = "".join(literals.table(key, _table(body)) for key, body in tables.items())
    sides = {"inputs": manifest.schema.inputs, "outputs": manifest.schema.outputs}
    for side, fields in sides.items():
        text += "\n".join([f"[{side}]", *map(literals.field_line, fields), "", ""])
    return text.rstrip("\n") + "\n"


def _table(body: object) -> Mapping[str, object]:
    return body if isinstance(body, Mapping) else {}


def _write(folder: Path, path: str, content: bytes) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _place(folder: Path, path: str, source: Path) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
