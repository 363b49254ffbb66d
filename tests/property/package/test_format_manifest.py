"""The package format, sentences 6 to 9: the manifest and its config."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import packages
from tests.packages import Body
from tests.property.package.agreement import RIGHT, names, read, refusal, values
from tests.property.package.second.texts import digest_of

from ketch.package import Digest
from ketch.package.oci import EMPTY_CONFIG
from ketch.schema.parse import canonical_json
from ketch.store import MemoryStore


class TestSentence6:
    """A package MUST be an OCI image manifest (image specification 1.1) with `schemaVersion` 2, the
    `artifactType` `application/vnd.cncf.model.manifest.v1+json`, and a config of media type
    `application/vnd.cncf.model.config.v1+json` (ModelPack 0.0.7).
    """

    def test_the_builder_obeys(self) -> None:
        body = packages.body(RIGHT)
        assert body["schemaVersion"] == 2
        assert body["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
        assert body["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
        assert body["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"

    @pytest.mark.parametrize(
        "change",
        [
            {"artifactType": None},
            {"artifactType": "application/vnd.oci.image.manifest.v1+json"},
            {"artifactType": ["application/vnd.cncf.model.manifest.v1+json"]},
            {"mediaType": "application/vnd.oci.image.index.v1+json"},
            {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"},
            {"schemaVersion": 1},
            {"schemaVersion": "2"},
            {"schemaVersion": 2.0},
            {"schemaVersion": True},
            {"config": None},
            {"config": []},
            {"layers": None},
            {"layers": {}},
            {"layers": [None]},
            {"annotations": []},
            {"annotations": {"a": 1}},
        ],
        ids=str,
    )
    def test_another_artifact_is_refused(self, change: Body) -> None:
        refusal(RIGHT, {**packages.body(RIGHT), **change})

    @pytest.mark.parametrize("member", ["artifactType", "config", "layers", "schemaVersion"])
    def test_one_that_lacks_a_member_is_refused(self, member: str) -> None:
        body = packages.body(RIGHT)
        del body[member]
        refusal(RIGHT, body)

    @pytest.mark.parametrize("media_type", [EMPTY_CONFIG, "", None, 3])
    def test_another_config_is_refused(self, media_type: object) -> None:
        body = packages.body(RIGHT)
        body["config"]["mediaType"] = media_type
        refusal(RIGHT, body)

    @given(values)
    def test_whatever_else_is_json_is_no_package(self, value: object) -> None:
        refusal(RIGHT, canonical_json(value))


class TestSentence7:
    """The annotations `dev.ketch.package.format`, `dev.ketch.package.name` and
    `dev.ketch.package.version` of the manifest MUST be what `ketch/package.json` says, and a
    reader MUST refuse another format than `1` before it judges the layers.
    """

    KEYS = ("dev.ketch.package.format", "dev.ketch.package.name", "dev.ketch.package.version")

    def test_the_builder_obeys(self) -> None:
        annotations = packages.body(RIGHT)["annotations"]
        assert [annotations[key] for key in self.KEYS] == ["1", "hello", "1.0.0"]

    @pytest.mark.parametrize("key", KEYS)
    def test_a_missing_one_is_refused(self, key: str) -> None:
        body = packages.body(RIGHT)
        del body["annotations"][key]
        assert key in str(refusal(RIGHT, body).where)

    @given(st.sampled_from(KEYS), st.text(max_size=10))
    def test_one_that_says_something_else_is_refused(self, key: str, text: str) -> None:
        body = packages.body(RIGHT)
        if body["annotations"][key] == text:
            return
        body["annotations"][key] = text
        assert key in str(refusal(RIGHT, body).where)

    def test_a_package_of_a_later_format_is_told_as_such_whatever_it_holds(self) -> None:
        body = packages.body({**RIGHT, "ketch/weights.json": b"{}"})
        body["annotations"]["dev.ketch.package.format"] = "2"
        error = refusal({**RIGHT, "ketch/weights.json": b"{}"}, body)
        assert error.code == "package/format-version"
        assert "upgrade" in str(error.hint)


class TestSentence8:
    """A reader MUST ignore any other annotation, and any other member of a manifest or a
    descriptor.
    """

    @settings(max_examples=30)
    @given(names, st.text(max_size=8), values)
    def test_they_change_nothing(self, name: str, text: str, value: object) -> None:
        body = packages.body(RIGHT)
        for part in (body, body["config"], *body["layers"]):
            part.setdefault("annotations", {})[f"com.example.{name}"] = text
            part[f"x-{name}"] = value
            part["data"] = text
        found, right = read(RIGHT, body), read(RIGHT)
        assert (found.manifest, found.components) == (right.manifest, right.components)
        assert found.digest != right.digest

    def test_a_media_type_may_be_left_out(self) -> None:
        body = packages.body(RIGHT)
        del body["mediaType"]
        assert read(RIGHT, body).manifest == read(RIGHT).manifest


class TestSentence9:
    """A builder MUST write the config `{"config":{},"descriptor":D,"modelfs":{"diffIds":L,
    "type":"layers"}}`: `D` holds `name`, `title` (the name again), `version` and, if there is
    one, `description`; `L` lists the digests of the layers in order.
    """

    @given(st.sampled_from(["", "Greets."]), st.sets(names, max_size=3))
    def test_the_builder_obeys(self, description: str, models: set[str]) -> None:
        contents = packages.files(manifest=packages.manifest(description=description))
        contents |= {f"model/m-{name}.bin": name.encode() for name in models}
        store = MemoryStore()
        digest = packages.put(store, contents, packages.body(
            contents, of=packages.manifest(description=description)
        ))  # fmt: skip
        layers = json.loads(store.read(digest))["layers"]
        expected = {
            "config": {},
            "descriptor": {"name": "hello", "title": "hello", "version": "1.0.0"},
            "modelfs": {"diffIds": [layer["digest"] for layer in layers], "type": "layers"},
        }
        if description:
            expected["descriptor"]["description"] = description  # type: ignore[index] # a dict
        config = json.loads(store.read(digest))["config"]
        assert config["digest"] == digest_of(canonical_json(expected))
        assert config["size"] == len(canonical_json(expected))

    def test_it_is_stored(self) -> None:
        store = MemoryStore()
        config = json.loads(store.read(packages.put(store, RIGHT)))["config"]
        body = json.loads(store.read(Digest.parse(config["digest"])))
        assert body["descriptor"]["description"] == "Greets a shopper."
