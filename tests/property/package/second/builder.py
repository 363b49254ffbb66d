"""A second builder of packages, made from ``docs/reference/format.md`` alone."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping

from tests.property.package.second.layers import MODEL, check_path, row_of
from tests.property.package.second.reader import MANIFEST
from tests.property.package.second.texts import canonical, digest_of

INDEX = "application/vnd.oci.image.index.v1+json"


def build_package(files: Mapping[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """Return the digest of the package that some files make, and its blobs by digest."""
    identity = json.loads(files["ketch/package.json"])["package"]
    layers = [_layer(path, files[path]) for path in sorted(files)]
    described = {
        key: identity[key] for key in ("name", "version", "description") if key in identity
    }
    config = canonical(
        {
            "config": {},
            "descriptor": {**described, "title": identity["name"]},
            "modelfs": {"diffIds": [layer["digest"] for layer in layers], "type": "layers"},
        }
    )
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": f"{MODEL}manifest.v1+json",
            "config": _descriptor(f"{MODEL}config.v1+json", config),
            "layers": layers,
            "annotations": {
                "dev.ketch.package.format": "1",
                "dev.ketch.package.name": identity["name"],
                "dev.ketch.package.version": identity["version"],
            },
        }
    )
    blobs = {digest_of(content): content for content in (*files.values(), config, manifest)}
    return digest_of(manifest), blobs


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _layer(path: str, content: bytes) -> dict[str, object]:
    row = row_of(check_path(path))
    annotations = {"org.cncf.model.filepath": path, "dev.ketch.component": row.component}
    return {**_descriptor(row.media_type, content), "annotations": annotations}


def build_archive(digest: str, blobs: Mapping[str, bytes], name: str) -> bytes:
    """Return a package as one file: an OCI image layout in a plain tar."""
    entry = {
        **_descriptor(MANIFEST, blobs[digest]),
        "annotations": {"org.opencontainers.image.ref.name": name},
    }
    members = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}),
        **{f"blobs/sha256/{key.removeprefix('sha256:')}": blob for key, blob in blobs.items()},
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
