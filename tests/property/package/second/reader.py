"""A second reader of packages, made from ``docs/reference/format.md`` alone.

Nothing of ketch is imported in this folder, and nothing but the standard library: what it
can do, anybody can do with the page and the schemas beside it. Where it had to guess, the
page was mended. Numbers are those of the page's sentences.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.property.package.second.contents import check_files, check_trace
from tests.property.package.second.layers import (
    MODEL,
    ROWS,
    check_clashes,
    check_path,
    row_of,
    said,
)
from tests.property.package.second.texts import DIGEST, MIB, Broken, digest_of, read_json, require

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ATTESTATION = "application/vnd.ketch.attestation.v1+json"

Blob = Callable[[str], bytes]
"""Returns the bytes that a digest names, or should name."""


def read_package(digest: str, blob: Blob) -> dict[str, bytes]:
    """Return the files of a package by path, every byte and every sentence checked."""
    manifest = read_manifest(digest, blob, 6)
    require(manifest.get("artifactType") == f"{MODEL}manifest.v1+json", 6)
    require(manifest["config"]["mediaType"] == f"{MODEL}config.v1+json", 6)
    named = manifest.get("annotations") or {}
    require(named.get("dev.ketch.package.format") == "1", 7, named)
    verified(manifest["config"], blob)
    files: dict[str, bytes] = {}
    for layer in manifest["layers"]:
        path, component = said(layer)
        row = row_of(check_path(path))
        require((row.component, row.media_type) == (component, layer["mediaType"]), 10, path)
        require(row.most_bytes is None or layer["size"] <= row.most_bytes, 27, path)
        require(path not in files, 13, path)
        files[path] = verified(layer, blob)
    check_clashes(files)
    for row in ROWS:
        require(not row.is_required or row.path in files, 11, row.path)
    identity = check_files(files)
    for key in ("name", "version"):
        require(named.get(f"dev.ketch.package.{key}") == identity[key], 7, named)
    return files


def verified(descriptor: Mapping[str, Any], blob: Blob) -> bytes:
    content = blob(descriptor["digest"])
    require(len(content) == descriptor["size"], 26, descriptor)
    require(digest_of(content) == descriptor["digest"], 26, descriptor)
    return content


def read_manifest(digest: str, blob: Blob, sentence: int) -> dict[str, Any]:
    """Return an OCI image manifest, once it has the form of one."""
    content = blob(digest)
    require(len(content) <= 4 * MIB, 27, len(content))
    require(digest_of(content) == digest, 1, digest)
    body = read_json(content)
    require(isinstance(body, dict), sentence, body)
    version = body.get("schemaVersion")
    require(isinstance(version, int) and version == 2, sentence, version)
    require(body.get("mediaType", MANIFEST) == MANIFEST, sentence, body)
    layers = body.get("layers")
    require(isinstance(layers, list), sentence, layers)
    require(len(layers) <= 20_000, 27, len(layers))
    subjects = [] if body.get("subject") is None else [body["subject"]]
    for each in (body.get("config"), *layers, *subjects):
        _check_descriptor(each, sentence)
    _check_annotations(body, sentence)
    return dict(body)


def _check_descriptor(body: Any, sentence: int) -> None:
    require(isinstance(body, dict), sentence, body)
    require(isinstance(body.get("mediaType"), str) and body["mediaType"], sentence, body)
    require(DIGEST.fullmatch(str(body.get("digest"))), 1, body)
    size = body.get("size")
    require(isinstance(size, int) and not isinstance(size, bool), sentence, size)
    require(0 <= size < 2**63, sentence, size)
    kind = body.get("artifactType")
    require(kind is None or (isinstance(kind, str) and kind), sentence, kind)
    _check_annotations(body, sentence)


def _check_annotations(body: Mapping[str, Any], sentence: int) -> None:
    annotations = body.get("annotations")
    require(annotations is None or isinstance(annotations, dict), sentence, annotations)
    require(all(isinstance(one, str) for one in (annotations or {}).values()), sentence)


def read_attestation(digest: str, package: str, blob: Blob) -> Any:
    """Return the predicate of an attestation about a package."""
    manifest = read_manifest(digest, blob, 29)
    require(manifest.get("artifactType") == ATTESTATION, 29, manifest)
    require((manifest.get("subject") or {}).get("digest") == package, 29, manifest)
    require(len(manifest["layers"]) == 1, 29, manifest)
    (layer,) = manifest["layers"]
    require(layer["mediaType"] == "application/vnd.in-toto+json", 29, layer)
    match read_json(verified(layer, blob)):
        case {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "dev.ketch/verification/v1",
            "subject": [{"digest": {"sha256": sha256}}],
            "predicate": {"passed": bool(), "traces": list(traces)} as predicate,
        }:
            require(f"sha256:{sha256}" == package, 29, sha256)
            for trace in traces:
                check_trace(trace)
            return predicate
    raise Broken("sentence 29: another statement")


def read_layout(files: Mapping[str, bytes]) -> tuple[Blob, dict[str, str], dict[str, list[str]]]:
    """Return how to get a blob, name → package, and package → what refers to it."""
    require(read_json(files["oci-layout"])["imageLayoutVersion"] == "1.0.0", 30)

    def blob(digest: str) -> bytes:
        path = f"blobs/sha256/{digest.removeprefix('sha256:')}"
        require(path in files, 26, digest)
        return files[path]

    named: dict[str, str] = {}
    referrers: dict[str, list[str]] = {}
    for entry in read_json(files["index.json"])["manifests"]:
        name = entry["annotations"]["org.opencontainers.image.ref.name"]
        if re.fullmatch("sha256-[0-9a-f]{64}", name):
            listed = read_json(verified(entry, blob))["manifests"]
            referrers[name.replace("-", ":")] = [each["digest"] for each in listed]
        else:
            named[name] = entry["digest"]
    return blob, named, referrers


def files_of_folder(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and ".ketch" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def files_of_archive(content: bytes) -> dict[str, bytes]:
    files = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        for member in tar:
            opened = tar.extractfile(member)
            if opened is not None:
                files[member.name] = opened.read()
    return files
