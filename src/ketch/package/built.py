"""The built form: how the files of a package become an OCI artifact.

Which files there are stands in :mod:`ketch.package.layers`. Every JSON file is canonical;
nothing depends on time, host, user or file order. A component's digest covers the paths
and digests of its layers, so two packages share a component exactly when they share its
content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ketch.errors import ManifestError
from ketch.package.blobs import BlobSink, Stored
from ketch.package.code_tar import write_code_tar
from ketch.package.digest import Digest
from ketch.package.layers import (
    CODE,
    COMPONENTS,
    DATA,
    ENVIRONMENT,
    IDENTITY,
    LOCK,
    PARAMS,
    PIPELINE,
    SCENARIOS,
    SCHEMA,
    TRACES,
    Place,
    place_of,
)
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
    model_config,
)
from ketch.package.scenario import Scenario, dump_scenarios
from ketch.package.trace import ScenarioTrace, dump_traces
from ketch.schema.parse import canonical_json
from ketch.tables import Profile


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
    content: bytes | Path

    @property
    def place(self) -> Place:
        """Where it belongs.

        Raises:
            ManifestError: The format has no place for such a path.
        """
        place = place_of(self.path)
        if place is None:
            raise ManifestError(f"expected a path of the format, found `{self.path}`")
        return place


def layers_of(sources: Sources) -> tuple[Layer, ...]:
    """Return the files of the built form, sorted by path."""
    manifest = sources.manifest
    documents = {
        IDENTITY: {"format": FORMAT_VERSION, **manifest.identity_tables()},
        PIPELINE: manifest.pipeline_table(),
        PARAMS: {"params": dict(manifest.params)},
        ENVIRONMENT: manifest.environment_table(),
        SCHEMA: manifest.schema.to_json(),
        DATA: _data_document(sources),
    }
    contents: dict[str, bytes | Path] = {
        **{path: canonical_json(document) + b"\n" for path, document in documents.items()},
        CODE: write_code_tar(sources.code),
        LOCK: sources.lock,
        SCENARIOS: dump_scenarios(sources.scenarios),
        **sources.docs,
        **sources.model,
        **sources.samples,
    }
    if sources.traces:
        contents[TRACES] = dump_traces(sources.traces)
    return tuple(Layer(path, contents[path]) for path in sorted(contents))


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
            media_type=layer.place.media_type,
            digest=stored[layer.path].digest,
            size=stored[layer.path].size,
            annotations={COMPONENT: layer.place.component, FILEPATH: layer.path, TITLE: layer.path},
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


def _data_document(sources: Sources) -> dict[str, object]:
    tables = sources.manifest.data_tables()
    for name, profile in sources.profiles.items():
        tables[name]["profile"] = profile.to_json()
    return {"data": tables}
