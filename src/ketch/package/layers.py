"""The layers of a package: which there are, where each belongs, and how large it may be.

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

Writer and reader look a path up in one table, so a layer cannot lie about the component
it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ketch.errors import ManifestError
from ketch.package.oci import COMPONENT, FILEPATH, Descriptor, ImageManifest, layer_type
from ketch.package.paths import PackagePath, clashes, printable

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
README: Final = "README.md"

MAX_TABLE_BYTES = 4 * 1024 * 1024
"""The largest file that declares something: people write those."""

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""The largest file that is read at once; files of the model are read in place."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file of the built form belongs.

    Attributes:
        component: The component whose digest covers it.
        kind: Which ModelPack layer carries it.
        form: ``raw`` or ``tar``.
        max_bytes: Its largest size; ``None`` when there is no limit.
    """

    component: str
    kind: str
    form: str = "raw"
    max_bytes: int | None = MAX_DOCUMENT_BYTES

    @property
    def media_type(self) -> str:
        """The media type of its layer."""
        return layer_type(self.kind, self.form)


_FILES: Final = {
    IDENTITY: Place("manifest", "weight.config", max_bytes=MAX_TABLE_BYTES),
    PIPELINE: Place("code", "weight.config", max_bytes=MAX_TABLE_BYTES),
    CODE: Place("code", "code", "tar"),
    PARAMS: Place("params", "weight.config"),
    ENVIRONMENT: Place("environment", "weight.config", max_bytes=MAX_TABLE_BYTES),
    LOCK: Place("environment", "weight.config", max_bytes=MAX_TABLE_BYTES),
    SCHEMA: Place("schema", "weight.config", max_bytes=MAX_TABLE_BYTES),
    DATA: Place("data", "weight.config"),
    SCENARIOS: Place("scenarios", "dataset"),
}
_OPTIONAL_FILES: Final = {TRACES: Place("scenarios", "dataset"), README: Place("docs", "doc")}
_FOLDERS: Final = {
    "data": Place("data", "dataset", max_bytes=None),
    "docs": Place("docs", "doc", max_bytes=None),
    "model": Place("model", "weight", max_bytes=None),
}

COMPONENTS: Final = tuple(
    sorted({place.component for place in (*_FILES.values(), *_FOLDERS.values())})
)
REQUIRED: Final = tuple(_FILES)


def place_of(path: str) -> Place | None:
    """Return where a path inside a package belongs; ``None`` when it has no place there."""
    known = _FILES.get(path) or _OPTIONAL_FILES.get(path)
    folder, slash, _ = path.partition("/")
    return known or (_FOLDERS.get(folder) if slash else None)


def files_of(artifact: ImageManifest, where: str) -> dict[str, Descriptor]:
    """Return the layers by their path inside the package, once every one has its place.

    Raises:
        ManifestError: A layer breaks the format, is there twice, or is missing.
    """
    files: dict[str, Descriptor] = {}
    for index, layer in enumerate(artifact.layers):
        here = f"{where}: layers[{index}]"
        path = str(PackagePath.parse(layer.annotations.get(FILEPATH, ""), where=here))
        if path in files:
            raise ManifestError(f"expected each path once, found `{path}` again", where=here)
        _check_layer(layer, path, here)
        files[path] = layer
    missing = [path for path in REQUIRED if path not in files]
    if missing:
        raise ManifestError(f"expected `{missing[0]}`, found no such layer", where=where)
    if clashing := clashes(files):
        first = clashing[0]
        raise ManifestError(first.message, code=first.code, where=where, findings=clashing)
    return files


def _check_layer(layer: Descriptor, path: str, where: str) -> None:
    place = place_of(path)
    if place is None:
        known = ", ".join(f"`{name}/…`" for name in _FOLDERS)
        message = f"expected a file of the format, or one below {known}, found `{path}`"
        raise ManifestError(message, where=where)
    found = layer.annotations.get(COMPONENT, "nothing")
    if found != place.component:
        raise ManifestError(
            f"expected the component `{place.component}` of `{path}`, found `{printable(found)}`",
            where=f"{where}: {COMPONENT}",
        )
    if layer.media_type != place.media_type:
        raise ManifestError(
            f"expected the media type `{place.media_type}` of `{path}`, "
            f"found `{printable(layer.media_type)}`",
            where=f"{where}: mediaType",
        )
    if place.max_bytes is not None and layer.size > place.max_bytes:
        raise ManifestError(
            f"expected at most {place.max_bytes} bytes of `{path}`, found {layer.size}",
            where=f"{where}: size",
        )
