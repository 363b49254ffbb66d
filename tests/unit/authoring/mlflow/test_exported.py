"""A package comes out of an exported model folder as what it was, and inside of its new folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests import packages

from ketch.authoring.mlflow.exported import write_authored
from ketch.errors import ManifestError
from ketch.package import Package, load_scenarios, open_package, read_manifest
from ketch.store import LocalStore


def package_with(sample: str, store: LocalStore) -> Package:
    declared = packages.manifest()
    data = tuple(replace(one, sample=sample) for one in declared.data)
    manifest = replace(declared, data=data)
    return open_package(packages.put(store, packages.files(manifest=manifest)), store)


def test_what_a_package_declares_is_declared_again(tmp_path: Path) -> None:
    package = package_with("samples/events.csv", LocalStore(tmp_path / "store"))
    (tmp_path / "back").mkdir()
    write_authored(package, tmp_path / "back", "hello")

    read, findings = read_manifest(tmp_path / "back")
    assert read is not None, findings
    assert replace(read, pipeline=package.manifest.pipeline) == package.manifest
    lines = (tmp_path / "back" / "scenarios" / "hello.jsonl").read_bytes()
    assert load_scenarios(lines) == package.scenarios


def test_a_sample_is_not_written_outside_of_the_folder(tmp_path: Path) -> None:
    package = package_with("../events.csv", LocalStore(tmp_path / "store"))
    (tmp_path / "back").mkdir()
    with pytest.raises(ManifestError, match=r"\.\."):
        write_authored(package, tmp_path / "back", "hello")
    assert not (tmp_path / "events.csv").exists()
