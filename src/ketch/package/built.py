"""The built form: the files inside a package, and how they become an OCI artifact.

==========================  ===============  ==================================
path in the package         component        layer
==========================  ===============  ==================================
``ketch/package.json``      ``manifest``     identity, evaluate, budget
``ketch/pipeline.json``     ``code``         load, takes, steps
``code.tar``                ``code``         the shipped Python, deterministic tar
``ketch/params.json``       ``params``
``ketch/environment.json``  ``environment``  exact Python, variables, policies
``ketch/requirements.lock`` ``environment``  every library, with hashes
``ketch/schema.json``       ``schema``
``ketch/data.json``         ``data``         references and profiles
``data/NAME/FILE``          ``data``         samples that are shipped
``ketch/scenarios.jsonl``   ``scenarios``
``ketch/traces.jsonl``      ``scenarios``    step traces that were recorded
``README.md``, ``docs/…``   ``docs``
``model/…``                 ``model``        one layer a file, never compressed
==========================  ===============  ==================================

Every JSON file is canonical; nothing depends on time, host, user or file order. A
component's digest covers the paths and digests of its layers, so two packages share
a component exactly when they share its content.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ketch.package.blobs import BlobSink, Stored
from ketch.package.digest import Digest
from ketch.package.manifest import FORMAT_VERSION, Manifest
from ketch.package.oci import (
    COMPONENT,
    FILEPATH,
    FORMAT,
    IMAGE_MANIFEST,
    MODEL_CONFIG,
    MODEL_MANIFEST,
    PACKAGE_NAME,
    PACKAGE_VERSION,
    TITLE,
    Descriptor,
    ImageManifest,
    layer_type,
    model_config,
)
from ketch.package.scenario import Scenario, dump_scenarios
from ketch.package.trace import ScenarioTrace, dump_traces
from ketch.schema.parse import canonical_json
from ketch.tables import Profile

COMPONENTS: Final = (
    "code",
    "data",
    "docs",
    "environment",
    "manifest",
    "model",
    "params",
    "scenarios",
    "schema",
)

IDENTITY: Final = "ketch/package.json"
PIPELINE: Final = "ketch/pipeline.json"
CODE: Final = "code.tar"
PARAMS: Final = "ketch/params.json"
ENVIRONMENT: Final = "ketch/environment.json"
LOCK: Final = "ketch/requirements.lock"
SCHEMA: Final = "ketch/schema.json"
DATA: Final = "ketch/data.json"
SCENARIOS: Final = "ketch/scenarios.jsonl"
TRACES: Final = "ketch/traces.jsonl"


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that goes into a package, gathered and resolved.

    Attributes:
        manifest: What the package declares, with the exact Python resolved.
        lock: The lock, as the environment writes it.
        code: Path below the code folder → content.
        docs, model, samples: Path inside the package → file on disk.
        profiles: Data reference name → profile of its sample.
    """

    manifest: Manifest
    lock: bytes
    code: Mapping[str, bytes]
    docs: Mapping[str, Path] = field(default_factory=dict)
    model: Mapping[str, Path] = field(default_factory=dict)
    samples: Mapping[str, Path] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    scenarios: Sequence[Scenario] = ()
    traces: Sequence[ScenarioTrace] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of the built form, before it has a digest."""

    path: str
    component: str
    kind: str
    content: bytes | Path
    form: str = "raw"


def layers_of(sources: Sources) -> tuple[Layer, ...]:
    """Return the files of the built form, sorted by path."""
    manifest = sources.manifest
    documents = {
        (IDENTITY, "manifest"): {"format": FORMAT_VERSION, **manifest.identity_tables()},
        (PIPELINE, "code"): manifest.pipeline_table(),
        (PARAMS, "params"): {"params": dict(manifest.params)},
        (ENVIRONMENT, "environment"): manifest.environment_table(),
        (SCHEMA, "schema"): manifest.schema.to_json(),
        (DATA, "data"): _data_document(sources),
    }
    layers = [
        Layer(path, component, "weight.config", canonical_json(document) + b"\n")
        for (path, component), document in documents.items()
    ]
    layers.append(Layer(CODE, "code", "code", code_tar(sources.code), "tar"))
    layers.append(Layer(LOCK, "environment", "weight.config", sources.lock))
    layers.append(Layer(SCENARIOS, "scenarios", "dataset", dump_scenarios(sources.scenarios)))
    if sources.traces:
        layers.append(Layer(TRACES, "scenarios", "dataset", dump_traces(sources.traces)))
    layers.extend(_files(sources.docs, "docs", "doc"))
    layers.extend(_files(sources.model, "model", "weight"))
    layers.extend(_files(sources.samples, "data", "dataset"))
    return tuple(sorted(layers, key=lambda layer: layer.path))


def describe(
    manifest: Manifest, layers: Iterable[Layer], stored: Mapping[str, Stored]
) -> tuple[ImageManifest, bytes]:
    """Return the artifact's manifest and its config, once every layer has a digest.

    Args:
        manifest: Names the artifact in its annotations.
        layers: In the order in which they shall stand.
        stored: Path → digest and size.
    """
    descriptors = tuple(
        Descriptor(
            media_type=layer_type(layer.kind, layer.form),
            digest=stored[layer.path].digest,
            size=stored[layer.path].size,
            annotations={COMPONENT: layer.component, FILEPATH: layer.path, TITLE: layer.path},
        )
        for layer in layers
    )
    name, version = str(manifest.name), str(manifest.version)
    config = model_config(
        name=name,
        version=version,
        title=name,
        description=manifest.description,
        layers=descriptors,
    )
    artifact = ImageManifest(
        config=Descriptor(MODEL_CONFIG, Digest.of(config), len(config)),
        layers=descriptors,
        artifact_type=MODEL_MANIFEST,
        annotations={
            PACKAGE_NAME: name,
            PACKAGE_VERSION: version,
            FORMAT: FORMAT_VERSION,
            "org.opencontainers.image.title": name,
            "org.opencontainers.image.version": version,
        },
    )
    return artifact, config


def write(sources: Sources, sink: BlobSink, *, files: Mapping[Path, Stored]) -> Descriptor:
    """Store a package, but for the files that are stored already, and describe it.

    Args:
        sources: What the package is made of.
        sink: Where its bytes go.
        files: The files of ``sources``, already in the sink.

    Returns:
        A descriptor of the manifest: its digest is the digest of the package.
    """
    layers = layers_of(sources)
    stored = {
        layer.path: sink.put_bytes(layer.content)
        if isinstance(layer.content, bytes)
        else files[layer.content]
        for layer in layers
    }
    artifact, config = describe(sources.manifest, layers, stored)
    sink.put_bytes(config)
    kept = sink.put_bytes(artifact.to_bytes())
    return Descriptor(IMAGE_MANIFEST, kept.digest, kept.size, artifact_type=MODEL_MANIFEST)


def component_digests(layers: Iterable[Descriptor]) -> dict[str, Digest]:
    """Return the digest of each component: SHA-256 of its sorted paths and digests.

    A component without files is absent.
    """
    members: dict[str, list[list[str]]] = {}
    for layer in layers:
        component = layer.annotations.get(COMPONENT, "")
        path = layer.annotations.get(FILEPATH, "")
        members.setdefault(component, []).append([path, str(layer.digest)])
    return {
        component: Digest.of(canonical_json(sorted(paths)))
        for component, paths in sorted(members.items())
        if component in COMPONENTS
    }


def code_tar(files: Mapping[str, bytes]) -> bytes:
    """Return the code as a tar whose bytes depend on names and content alone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            content = files[path]
            member = tarfile.TarInfo(f"code/{path}")
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _files(files: Mapping[str, Path], component: str, kind: str) -> list[Layer]:
    return [Layer(path, component, kind, source) for path, source in files.items()]


def _data_document(sources: Sources) -> dict[str, object]:
    tables = sources.manifest.data_tables()
    for name, profile in sources.profiles.items():
        tables[name]["profile"] = profile.to_json()
    return {"data": tables}
