"""Descriptors and manifests as the OCI image specification writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ketch.errors import ManifestError
from ketch.package.digest import Digest
from ketch.package.oci import (
    EMPTY_CONFIG,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MAX_LAYERS,
    MAX_MANIFEST_BYTES,
    MODEL_MANIFEST,
    Descriptor,
    ImageManifest,
    layer_type,
    model_config,
    parse_manifest,
)
from ketch.schema.parse import canonical_json

EMPTY = Descriptor(EMPTY_CONFIG, Digest.of(b"{}"), 2)
LAYER = Descriptor("application/octet-stream", Digest.of(b"x"), 1, {"a": "b", "é": ""})
MANIFEST = ImageManifest(EMPTY, (LAYER, LAYER), MODEL_MANIFEST, EMPTY, {"name": "é"})


def changed(**members: Any) -> bytes:
    return canonical_json({**json.loads(MANIFEST.to_bytes()), **members})


def refusal(content: bytes) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(content, where="manifest")
    return caught.value


@pytest.mark.parametrize(
    "manifest", [MANIFEST, ImageManifest(EMPTY, ()), ImageManifest(EMPTY, (LAYER,), subject=LAYER)]
)
def test_a_manifest_survives_writing_and_reading(manifest: ImageManifest) -> None:
    assert parse_manifest(manifest.to_bytes(), where="manifest") == manifest


@pytest.mark.parametrize(
    "descriptor", [EMPTY, LAYER, Descriptor("a/b", EMPTY.digest, 0, {}, "c/d")]
)
def test_a_descriptor_survives_writing_and_reading(descriptor: Descriptor) -> None:
    assert Descriptor.from_json(descriptor.to_json(), where="here") == descriptor


def test_members_of_later_specifications_are_ignored() -> None:
    body = {**LAYER.to_json(), "urls": ["https://a.example"], "data": "eA==", "platform": {}}
    assert Descriptor.from_json(body, where="here") == LAYER
    assert parse_manifest(changed(other={"a": 1}), where="manifest") == MANIFEST


def test_a_manifest_may_leave_out_its_media_type_and_its_annotations() -> None:
    body = json.loads(MANIFEST.to_bytes())
    del body["mediaType"], body["annotations"]
    assert parse_manifest(canonical_json(body), where="manifest").annotations == {}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("mediaType", 3),
        ("mediaType", ""),
        ("mediaType", None),
        ("digest", "sha256:abc"),
        ("digest", None),
        ("size", -1),
        ("size", 1.0),
        ("size", True),
        ("size", "1"),
        ("size", None),
        ("size", 2**63),
        ("size", 10**400),
        ("artifactType", 3),
        ("artifactType", ""),
        ("annotations", []),
        ("annotations", ""),
        ("annotations", False),
        ("annotations", {"a": 1}),
        ("annotations", {"a": None}),
    ],
)
def test_a_descriptor_of_wrong_types_is_refused_with_its_place(member: str, value: object) -> None:
    with pytest.raises(ManifestError) as caught:
        Descriptor.from_json({**LAYER.to_json(), member: value}, where="layers[3]")
    assert str(caught.value.where).startswith("layers[3]")


@pytest.mark.parametrize("body", [None, 3, "x", [], True])
def test_what_is_no_object_is_no_descriptor(body: object) -> None:
    with pytest.raises(ManifestError):
        Descriptor.from_json(body, where="here")


@pytest.mark.parametrize(
    "members",
    [
        {"schemaVersion": 1},
        {"schemaVersion": 2.0},
        {"schemaVersion": None},
        {"mediaType": IMAGE_INDEX},
        {"layers": {}},
        {"layers": None},
        {"layers": [None]},
        {"config": []},
        {"subject": []},
        {"subject": False},
        {"artifactType": 1},
        {"annotations": []},
        {"annotations": {"a": ["b"]}},
    ],
)
def test_a_manifest_of_wrong_types_is_refused_with_its_place(members: dict[str, Any]) -> None:
    assert str(refusal(changed(**members)).where).startswith("manifest")


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'"x"', b"{}", b"\xff", b"{"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    refusal(content)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[" * 1000, "json/"),
        (b'{"schemaVersion":2,"schemaVersion":2}', "json/duplicate-member"),
        (b'{"schemaVersion":NaN}', "json/syntax"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "json/too-large"),
    ],
)
def test_json_that_is_not_strict_is_refused_with_its_code(content: bytes, code: str) -> None:
    error = refusal(content)
    assert error.code.startswith(code)
    assert error.where == "manifest"


def test_there_is_a_largest_number_of_layers() -> None:
    layer = {"mediaType": "a/b", "digest": str(EMPTY.digest), "size": 0}
    assert len(parse_manifest(changed(layers=[layer] * MAX_LAYERS), where="m").layers) == MAX_LAYERS
    assert str(MAX_LAYERS) in refusal(changed(layers=[layer] * (MAX_LAYERS + 1))).message


def test_a_manifest_points_to_its_config_and_its_layers_but_not_to_its_subject() -> None:
    assert MANIFEST.blobs() == (EMPTY, LAYER, LAYER)


def test_the_config_of_a_model_says_what_the_specification_knows_and_nothing_else() -> None:
    content = model_config(name="a", version="1", title="a", description="", layers=(LAYER,))
    assert json.loads(content) == {
        "descriptor": {"name": "a", "version": "1", "title": "a"},
        "config": {},
        "modelfs": {"type": "layers", "diffIds": [str(LAYER.digest)]},
    }


def test_layer_types_are_those_of_modelpack() -> None:
    assert layer_type("weight.config") == "application/vnd.cncf.model.weight.config.v1.raw"
    assert layer_type("code", "tar") == "application/vnd.cncf.model.code.v1.tar"
    assert IMAGE_MANIFEST == "application/vnd.oci.image.manifest.v1+json"
