"""Writing a package into a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests import packages

from ketch.errors import ManifestError
from ketch.package import Digest, Stored, open_package
from ketch.package.built import Layer, component_digests, describe, layers_of, write
from ketch.package.layers import COMPONENTS, REQUIRED
from ketch.package.oci import COMPONENT, FILEPATH, MODEL_MANIFEST, TITLE, Descriptor
from ketch.store import MemoryStore

# The identity of the package in tests/packages.py: a change of it is a change of the format.
GOLDEN = "sha256:04f8fe3af5384e6d3e10615f5f5456cbdde966047dc2029d48eddbd69ba9c2f6"


def test_the_digest_of_a_known_package_stays_what_it_was() -> None:
    assert str(packages.put(MemoryStore(), packages.files())) == GOLDEN


def test_files_from_disk_and_from_memory_make_the_same_package(tmp_path: Path) -> None:
    groups: dict[str, dict[str, Path]] = {"docs": {}, "model": {}, "data": {}}
    for path, content in packages.BESIDE.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        folder = path.partition("/")[0]
        groups.get(folder, groups["docs"])[path] = file
    store = MemoryStore()
    sources = packages.sources(docs=groups["docs"], model=groups["model"], samples=groups["data"])
    stored = store.put_files([file for group in groups.values() for file in group.values()])
    descriptor = write(sources, store, files=stored)
    assert str(descriptor.digest) == GOLDEN
    assert descriptor.artifact_type == MODEL_MANIFEST
    assert open_package(descriptor.digest, store).descriptor == descriptor


def test_layers_stand_sorted_with_path_title_and_component() -> None:
    layers = packages.body(packages.files())["layers"]
    paths = [layer["annotations"][FILEPATH] for layer in layers]
    assert paths == sorted(paths)
    assert [layer["annotations"][TITLE] for layer in layers] == paths
    assert {layer["annotations"][COMPONENT] for layer in layers} == set(COMPONENTS)


def test_a_package_without_traces_or_files_has_the_required_layers_only() -> None:
    layers = layers_of(packages.sources(traces=()))
    assert sorted(layer.path for layer in layers) == sorted(REQUIRED)


def test_where_a_lock_or_a_requirements_file_came_from_is_left_out() -> None:
    environment = json.loads(packages.files()["ketch/environment.json"])["environment"]
    assert "requirements" not in environment


@pytest.mark.parametrize("path", ["secret.txt", "src/x.py", "ketch/other.json", "model", "../x"])
def test_a_file_without_a_place_is_not_written(path: str) -> None:
    stored = Stored(Digest.of(b"x"), 1)
    with pytest.raises(ManifestError, match="path of the format"):
        describe(packages.manifest(), [Layer(path, b"x")], {path: stored})


def test_the_config_lists_the_layers_in_order() -> None:
    store = MemoryStore()
    package = open_package(packages.put(store, packages.files()), store)
    config = json.loads(store.read(package.artifact.config.digest))
    assert config["modelfs"]["diffIds"] == [str(each.digest) for each in package.artifact.layers]
    assert config["descriptor"]["name"] == "hello"


def test_a_component_without_files_has_no_digest() -> None:
    layer = Descriptor("a/b", Digest.of(b""), 0, {COMPONENT: "model", FILEPATH: "model/x"})
    other = Descriptor("a/b", Digest.of(b""), 0, {COMPONENT: "other", FILEPATH: "x"})
    assert set(component_digests([layer, other])) == {"model"}
    assert component_digests([]) == {}
