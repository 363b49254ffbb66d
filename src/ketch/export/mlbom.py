"""A package as a bill of materials: CycloneDX 1.6 with a model card (an ML-BOM).

What the package is made of, for whoever has to answer for it: the model, every library of
its environment at its exact version with the hashes of its files, the data it came from,
and what its last verification measured. The same package and the same verification give
the same bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from ketch.env import Lock
from ketch.env.lock import LockedPackage
from ketch.package import Attestation, Package
from ketch.package.manifest import DataDeclaration
from ketch.schema import Field

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_PROPERTY = "dev.ketch"


def mlbom(package: Package, attestation: Attestation | None, *, ketch: str) -> dict[str, object]:
    """Return the bill of materials of a package.

    Args:
        package: The package.
        attestation: Its newest verification, if there is one.
        ketch: The version of ketch that writes it.
    """
    lock = Lock.parse(package.lock.decode())
    libraries = [_library(one) for one in lock.packages]
    data = [_data(one) for one in package.manifest.data]
    parts = [*libraries, *data]
    refs = [str(part["bom-ref"]) for part in parts]
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, str(package.digest)).urn,
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "ketch", "version": ketch}]},
            "component": _model(package, attestation, lock),
        },
        "components": parts,
        "dependencies": [
            {"ref": package.reference, "dependsOn": refs},
            *({"ref": ref} for ref in refs),
        ],
    }


def _model(package: Package, attestation: Attestation | None, lock: Lock) -> dict[str, object]:
    manifest = package.manifest
    files = package.under("model/")
    component: dict[str, object] = {
        "type": "machine-learning-model",
        "bom-ref": package.reference,
        "name": str(manifest.name),
        "version": str(manifest.version),
        "hashes": [{"alg": "SHA-256", "content": package.digest.hex}],
        "properties": [
            _property("owner", manifest.owner),
            _property("python", lock.python),
            *(_property(f"component.{n}", str(d)) for n, d in sorted(package.components.items())),
        ],
        "components": [
            {
                "type": "file",
                "name": path,
                "hashes": [{"alg": "SHA-256", "content": layer.digest.hex}],
            }
            for path, layer in sorted(files.items())
        ],
        "modelCard": _card(package, attestation),
    }
    if manifest.description:
        component["description"] = manifest.description
    return {key: value for key, value in component.items() if value != []}


def _card(package: Package, attestation: Attestation | None) -> dict[str, object]:
    manifest = package.manifest
    parameters: dict[str, object] = {
        "inputs": [{"format": _field(one)} for one in manifest.schema.inputs],
        "outputs": [{"format": _field(one)} for one in manifest.schema.outputs],
    }
    if manifest.data:
        parameters["datasets"] = [{"ref": _data_ref(one)} for one in manifest.data]
    card: dict[str, object] = {"modelParameters": parameters}
    if metrics := list(_metrics(attestation)):
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    return card


def _field(field: Field) -> str:
    return f"{field.name}: {field.type}{', nullable' if field.nullable else ''}"


def _metrics(attestation: Attestation | None) -> Iterator[dict[str, object]]:
    found = {} if attestation is None else attestation.predicate.get("metrics")
    if isinstance(found, Mapping):
        for name, value in sorted(found.items()):
            yield {"type": str(name), "value": str(value)}


def _library(package: LockedPackage) -> dict[str, object]:
    purl = f"pkg:pypi/{package.name}@{quote(package.version, safe='')}"
    marker = [_property("marker", package.marker)] if package.marker else []
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "properties": [*marker, *(_property("file", f"sha256:{one}") for one in package.hashes)],
    }


def _data(data: DataDeclaration) -> dict[str, object]:
    component: dict[str, object] = {
        "type": "data",
        "bom-ref": _data_ref(data),
        "name": data.name,
        "data": [{"type": "dataset", "name": data.name, "contents": {"url": _url(data.source)}}],
    }
    if data.version:
        component["version"] = data.version
    return component


def _url(source: str) -> str:
    """Return what an author wrote as the reference that the schema asks for."""
    return quote(source, safe=":/?#[]@!$&'()*+,;=%~")


def _data_ref(data: DataDeclaration) -> str:
    return f"data:{data.name}"


def _property(name: str, value: str) -> dict[str, object]:
    return {"name": f"{_PROPERTY}:{name}", "value": value}
