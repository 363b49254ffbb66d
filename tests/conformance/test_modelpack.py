"""A package is a ModelPack artifact: its manifest and its config keep that format's rules.

The rules are those of the CNCF ModelPack specification 0.0.7 (``docs/spec.md`` and
``docs/config.md`` of ``modelpack/model-spec``), written here in our own words as a JSON
Schema; the project's own schema of the config is its ``schema/config-schema.json``. Some
revisions of it know more members than these (``transformerConfig``), of which ketch writes
none, and the earliest wrote ``diff_ids`` for ``diffIds``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import duckdb
import jsonschema
import pytest

import ketch
from ketch.package import Digest, Package
from ketch.runtime import Home

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MODEL = "application/vnd.cncf.model"
KINDS = ("weight", "weight.config", "doc", "code", "dataset")
FORMS = ("raw", "tar", "tar+gzip", "tar+zstd")
LAYER_TYPES = {f"{MODEL}.{kind}.v1.{form}" for kind, form in product(KINDS, FORMS)}
# What modctl, the reference client, unpacks; it skips compressed layers without a word.
UNPACKED = {name for name in LAYER_TYPES if name.endswith((".raw", ".tar"))}

TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}
MOMENT = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
}
SORTS = {"enum": ["text", "image", "audio", "video", "embedding", "other"]}
DIGEST = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}


def closed(members: Mapping[str, object], *required: str) -> dict[str, object]:
    """Return the schema of an object that has no members but these."""
    return {
        "type": "object",
        "properties": dict(members),
        "required": list(required),
        "additionalProperties": False,
    }


CONFIG = closed(
    {
        "descriptor": closed(
            {
                **dict.fromkeys(
                    ("family", "docURL", "sourceURL", "version", "revision", "vendor"), TEXT
                ),
                **dict.fromkeys(("title", "description"), TEXT),
                **dict.fromkeys(("authors", "datasetsURL", "licenses"), TEXTS),
                "name": {"type": "string", "minLength": 1},
                "createdAt": MOMENT,
            }
        ),
        "config": closed(
            {
                **dict.fromkeys(
                    ("architecture", "format", "paramSize", "precision", "quantization"), TEXT
                ),
                "capabilities": closed(
                    {
                        "inputTypes": {"type": "array", "items": SORTS},
                        "outputTypes": {"type": "array", "items": SORTS},
                        "knowledgeCutoff": MOMENT,
                        "languages": {"type": "array", "items": {"pattern": "^[a-z]{2}$"}},
                        **dict.fromkeys(("reasoning", "toolUsage", "reward"), FLAG),
                    }
                ),
            }
        ),
        "modelfs": closed(
            {
                "type": {"const": "layers"},
                "diffIds": {"type": "array", "items": DIGEST, "minItems": 1},
            },
            "type",
            "diffIds",
        ),
    },
    "descriptor",
    "config",
    "modelfs",
)

ANNOTATIONS = {"type": "object", "additionalProperties": TEXT}
DESCRIPTOR = {
    "type": "object",
    "properties": {
        "mediaType": TEXT,
        "digest": DIGEST,
        "size": {"type": "integer", "minimum": 0},
        "annotations": ANNOTATIONS,
    },
    "required": ["mediaType", "digest", "size"],
}
MANIFEST = {
    "type": "object",
    "properties": {
        "schemaVersion": {"const": 2},
        "mediaType": {"const": IMAGE_MANIFEST},
        "artifactType": {"const": f"{MODEL}.manifest.v1+json"},
        "config": {
            "allOf": [
                DESCRIPTOR,
                {"properties": {"mediaType": {"const": f"{MODEL}.config.v1+json"}}},
            ]
        },
        "layers": {
            "type": "array",
            "minItems": 1,
            "items": {
                "allOf": [
                    DESCRIPTOR,
                    {"properties": {"mediaType": {"enum": sorted(LAYER_TYPES)}}},
                    {
                        "required": ["annotations"],
                        "properties": {
                            "annotations": {
                                "required": ["org.cncf.model.filepath"],
                                "properties": {"org.cncf.model.filepath": {"minLength": 1}},
                            }
                        },
                    },
                ]
            },
        },
        "annotations": ANNOTATIONS,
    },
    "required": ["schemaVersion", "mediaType", "artifactType", "config", "layers"],
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Package:
    """A package that has layers of every kind."""
    folder = author(
        tmp_path_factory.mktemp("every-kind"),
        "def run(_, rows):\n    return [{'size': len(row['name'])} for row in rows]\n",
        inputs='name = "string"',
        outputs='size = "int64"',
        scenarios=[{"inputs": {"name": "Zoë"}, "expected": {"size": 3}}],
        more='[data.names]\nsource = "s3://names"\nsample = "data/names.parquet"\nship = true\n',
        files={"model/weights.bin": b"\x00" * 4096, "docs/more.md": "More.\n"},
    )
    (folder / "data").mkdir()
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 'Zoë' AS name) TO '{folder}/data/names.parquet'")
    ketch.record(folder, home=Home(tmp_path_factory.mktemp("recording")))  # traces, too
    return ketch.pack(folder, home=Home(tmp_path_factory.mktemp("home"))).package


@pytest.fixture(scope="module")
def manifest(package: Package) -> dict[str, object]:
    content: dict[str, object] = json.loads(package.source.read(package.digest))
    return content


@pytest.fixture(scope="module")
def config(package: Package) -> dict[str, dict[str, object]]:
    content: dict[str, dict[str, object]] = json.loads(
        package.source.read(package.artifact.config.digest)
    )
    return content


def test_the_manifest_keeps_the_rules(manifest: dict[str, object]) -> None:
    jsonschema.Draft202012Validator(MANIFEST).validate(manifest)


def test_the_config_keeps_the_rules(config: dict[str, dict[str, object]]) -> None:
    jsonschema.Draft202012Validator(CONFIG).validate(config)


def test_the_rules_are_closed(config: dict[str, dict[str, object]]) -> None:
    """Nothing of ketch's own may stand in the config; the schema here would say so."""
    check = jsonschema.Draft202012Validator(CONFIG)
    assert not check.is_valid({**config, "dev.ketch.owner": "somebody"})
    for name, part in config.items():
        assert not check.is_valid({**config, name: {**part, "dev.ketch.owner": "somebody"}})
    assert not check.is_valid({**config, "modelfs": {"type": "layers", "diffIds": []}})


def test_there_is_a_layer_of_every_kind(package: Package) -> None:
    found = {layer.media_type for layer in package.artifact.layers}
    assert {name.removeprefix(f"{MODEL}.").partition(".v1.")[0] for name in found} == set(KINDS)


def test_layers_have_types_of_the_twenty_and_none_is_compressed(package: Package) -> None:
    assert len(LAYER_TYPES) == 20
    assert {layer.media_type for layer in package.artifact.layers} <= UNPACKED


def test_diff_ids_are_the_digests_of_the_uncompressed_layers_in_order(
    package: Package, config: dict[str, dict[str, object]]
) -> None:
    contents = [package.source.read(layer.digest) for layer in package.artifact.layers]
    assert config["modelfs"]["diffIds"] == [str(Digest.of(content)) for content in contents]


def test_weights_are_one_raw_layer_for_each_file(package: Package) -> None:
    weights = [
        layer
        for layer in package.artifact.layers
        if layer.media_type.startswith(f"{MODEL}.weight.v")
    ]
    paths = [layer.annotations["org.cncf.model.filepath"] for layer in weights]
    assert paths == ["model/weights.bin"]


def test_file_paths_are_those_that_modctl_extracts(package: Package) -> None:
    """Relative, without ``..``, each once: its extraction refuses anything else."""
    paths = [layer.annotations["org.cncf.model.filepath"] for layer in package.artifact.layers]
    assert len(paths) == len(set(paths))
    assert not [path for path in paths if path.startswith("/") or ".." in path.split("/")]


def test_the_config_names_the_package(config: dict[str, dict[str, object]]) -> None:
    described = config["descriptor"]
    assert (described["name"], described["version"]) == ("shop", "1.0.0")
    assert "createdAt" not in described, "a package packed tomorrow is the same package"
