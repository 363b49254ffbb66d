"""Opens a package from bytes that nobody vouches for.

Every check made here is a sentence of ``docs/reference/format.md``; the view that
:func:`open_package` returns can be believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ketch.errors import ManifestError
from ketch.package.blobs import BlobSource
from ketch.package.digest import Digest
from ketch.package.layers import DATA, ENVIRONMENT, IDENTITY, PARAMS, PIPELINE, SCHEMA, files_of
from ketch.package.manifest import FORMAT_VERSION, Manifest
from ketch.package.manifest_reader import manifest_of
from ketch.package.oci import (
    FORMAT,
    MAX_MANIFEST_BYTES,
    MODEL_CONFIG,
    MODEL_MANIFEST,
    PACKAGE_NAME,
    PACKAGE_VERSION,
    Descriptor,
    ImageManifest,
    parse_manifest,
)
from ketch.package.package import Package, read_document
from ketch.package.paths import printable
from ketch.schema import Schema

_TABLES = {
    IDENTITY: frozenset({"format", "package", "evaluate", "budget"}),
    PIPELINE: frozenset({"pipeline"}),
    PARAMS: frozenset({"params"}),
    ENVIRONMENT: frozenset({"environment"}),
    DATA: frozenset({"data"}),
}
"""Which table stands in which file: a component's digest covers what it says it does."""

_PLACES = {
    **{table: path for path, tables in _TABLES.items() for table in tables},
    **dict.fromkeys(("inputs", "outputs"), SCHEMA),
}

_EXACT_PYTHON = re.compile(r"3\.\d{1,2}\.\d{1,2}", re.ASCII)


def open_package(digest: Digest, source: BlobSource) -> Package:
    """Open a package and check everything about it but the bytes of its large files.

    Raises:
        NotFound: The store lacks the manifest or one of its documents.
        DigestMismatch: Some content is not what its digest says.
        PackageError: It is not a package of a format we can read.
    """
    where = f"manifest {digest}"
    content = source.read(digest, max_bytes=MAX_MANIFEST_BYTES)
    artifact = parse_manifest(content, where=where)
    if artifact.artifact_type != MODEL_MANIFEST or artifact.config.media_type != MODEL_CONFIG:
        raise ManifestError(
            f"expected an artifact of type `{MODEL_MANIFEST}`", where=f"{where}: artifactType"
        )
    declared = artifact.annotations.get(FORMAT, FORMAT_VERSION)
    _check_format(declared, f"{where}: annotations.{FORMAT}")  # first: another has other layers
    files = files_of(artifact, where)
    manifest = _manifest(files, source)
    _check_annotations(artifact, manifest, where)
    package = Package(digest, artifact, source, manifest, files, len(content))
    for name, path in package.samples.items():
        if path not in files:
            raise ManifestError(
                f"expected `{printable(path)}`, found no such layer", where=f"data.{name}"
            )
    return package


def _manifest(files: Mapping[str, Descriptor], source: BlobSource) -> Manifest:
    """Read what the package declares, from the files that hold its tables."""
    document: dict[str, object] = {}
    for path, tables in _TABLES.items():
        body = read_document(source, files[path], path)
        if path == IDENTITY:
            _check_format(body.get("format"), path)
        if foreign := body.keys() - tables:
            raise ManifestError(f"unknown member `{printable(min(foreign))}`", where=path)
        if path != IDENTITY and not body:
            raise ManifestError(f"expected the table `{min(tables)}`, found none", where=path)
        document.update(body)
    del document["format"]
    document["data"] = _without_profiles(document.get("data", {}))
    schema = Schema.from_json(read_document(source, files[SCHEMA], SCHEMA), SCHEMA)
    manifest = manifest_of(document, schema, _PLACES)
    if not _EXACT_PYTHON.fullmatch(manifest.environment.python):
        message = f"expected an exact Python release, found `{manifest.environment.python}`"
        raise ManifestError(message, where=f"{ENVIRONMENT}: environment.python")
    return manifest


def _check_annotations(artifact: ImageManifest, manifest: Manifest, where: str) -> None:
    """Refuse a package that a registry would show under another name than its own."""
    said = {
        FORMAT: FORMAT_VERSION,
        PACKAGE_NAME: str(manifest.name),
        PACKAGE_VERSION: str(manifest.version),
    }
    for key, expected in said.items():
        found = artifact.annotations.get(key, "nothing")
        if found != expected:
            message = f"expected `{expected}`, found `{printable(found)}`"
            raise ManifestError(message, where=f"{where}: annotations.{key}")


def _check_format(version: object, where: str) -> None:
    if version != FORMAT_VERSION:
        raise ManifestError(
            f"expected package format `{FORMAT_VERSION}`, found `{printable(str(version))}`",
            code="package/format-version",
            where=where,
            hint="a newer ketch wrote it; upgrade ketch to read it",
        )


def _without_profiles(data: object) -> object:
    if not isinstance(data, Mapping):
        return data
    return {
        name: {key: value for key, value in table.items() if key != "profile"}
        if isinstance(table, Mapping)
        else table
        for name, table in data.items()
    }
