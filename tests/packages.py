"""Packages for tests: made in memory in a millisecond, changed where a test wants to.

A package is its files by path, and the JSON body of its OCI manifest. :func:`files` and
:func:`body` give those of a right one; a test changes some, and :func:`put` stores the
result with right digests, so that only the change can be what is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ketch.env import Lock
from ketch.package import Attestation, Digest, Manifest, Package, Scenario, Sources, open_package
from ketch.package.blobs import Stored
from ketch.package.built import Layer, describe, layers_of
from ketch.package.layers import place_of
from ketch.package.manifest_reader import parse_manifest_toml
from ketch.package.oci import COMPONENT, FILEPATH
from ketch.package.trace import FieldTrace, ScenarioTrace, StepTrace
from ketch.runtime.layout import Layout, lay_out
from ketch.schema.parse import canonical_json
from ketch.store import Store, attestations
from ketch.tables import Profile
from ketch.tables.profile import ColumnProfile

Body = dict[str, Any]

TOML = """
[package]
name = "hello"
version = "1.0.0"
owner = "growth@shop.example"
route = "greetings"
description = "Greets a shopper."

[pipeline]
load = "pipeline:load"
steps = ["pipeline:features", "pipeline:predict"]

[inputs]
name = "string"
age = { type = "int64", min = 0, max = 150, nullable = true }

[outputs]
greeting = "string"
score = { type = "float64", rtol = 1e-9 }

[params]
word = "Hello"

[data.training]
source = "s3://shop/events/"
sample = "samples/events.csv"
ship = true

[environment]
python = "3.11.7"
secrets = ["FEATURE_TOKEN"]

[evaluate]
run = "evaluate:run"

[budget]
latency_ms = 20
memory_mb = 400
"""
LOCK = (
    "# ketch lock 1\n# python 3.11.7\n"
    f"six==1.16.0 \\\n    --hash=sha256:{'1e' * 32} \\\n    --hash=sha256:{'8a' * 32}\n"
).encode()
CODE = {
    "pipeline.py": b"def load(model_dir, params):\n    return params['word']\n",
    "evaluate.py": b"def run(predict, data):\n    return {}\n",
    f"shop/{'deep_' * 20}/{'long_' * 5}/module.py": b"VALUE = 1\n",
}
BESIDE = {
    "README.md": b"# hello\n",
    "docs/card.md": b"Who it greets, and how.\n",
    "model/weights.bin": bytes(range(256)) * 4,
    "model/more/weights.bin": b"more",
    "data/training/events.csv": b"name,age\nAnn,3\n",
}
INPUTS = {"name": "Ann", "age": 3}
EXPECTED = {"greeting": "Hello Ann", "score": 0.02}
TRACE = ScenarioTrace(
    "one",
    Digest.of(canonical_json([INPUTS])),
    (
        StepTrace(
            "pipeline:features",
            1,
            (FieldTrace("age", "int", 1, 0, "a" * 64, 3.0, 3.0, 3.0, (3,)),),
        ),
    ),
)
PROFILE = Profile(1, f"sha256:{'a' * 64}", (ColumnProfile("age", "int64", count=1, min=3, max=3),))


def manifest(**changes: Any) -> Manifest:
    """Return what the package declares, with some attributes changed."""
    return replace(toml_manifest(TOML), **changes)


def toml_manifest(text: str) -> Manifest:
    """Return what a ``ketch.toml`` without faults declares."""
    read, findings = parse_manifest_toml(text.encode())
    assert read is not None, findings
    return read


def sources(**changes: Any) -> Sources:
    """Return what the package is made of, but for the files that lie on disk."""
    right: dict[str, Any] = {
        "manifest": manifest(),
        "lock": LOCK,
        "code": CODE,
        "profiles": {"training": PROFILE},
        "scenarios": (
            Scenario("one", (INPUTS,), (EXPECTED,), single=True),
            Scenario("refused", ({"name": None, "age": 3},), expected_error="schema/null"),
        ),
        "traces": (TRACE,),
    }
    return Sources(**{**right, **changes})


def files(**changes: Any) -> dict[str, bytes]:
    """Return the files of the package by path; ``changes`` are those of its sources."""
    made: dict[str, bytes] = dict(BESIDE)
    for layer in layers_of(sources(**changes)):
        assert isinstance(layer.content, bytes)
        made[layer.path] = layer.content
    return made


def body(contents: Mapping[str, bytes], *, of: Manifest | None = None) -> Body:
    """Return the JSON of the manifest that these files get."""
    return _described(contents, of or manifest())[0]


def put(store: Store, contents: Mapping[str, bytes], changed: Body | bytes | None = None) -> Digest:
    """Store a package, whatever it is; return its digest.

    Args:
        store: Where it goes.
        contents: Its files by path.
        changed: Its manifest, as JSON or as bytes; the right one by default.
    """
    made, config = _described(contents, manifest())
    for content in (*contents.values(), config):
        store.put_bytes(content)
    chosen = made if changed is None else changed
    return store.put_bytes(chosen if isinstance(chosen, bytes) else canonical_json(chosen)).digest


def _described(contents: Mapping[str, bytes], of: Manifest) -> tuple[Body, bytes]:
    """Describe the files as the writer does; those it would not write look like a model's."""
    stored = {path: Stored(Digest.of(each), len(each)) for path, each in contents.items()}
    known = [Layer(path, contents[path]) for path in sorted(contents) if place_of(path)]
    artifact, config = describe(of, known, stored)
    made: Body = json.loads(artifact.to_bytes())
    for path in sorted(contents.keys() - {layer.path for layer in known}):
        made["layers"].append(
            {
                "mediaType": "application/vnd.cncf.model.weight.v1.raw",
                "digest": str(stored[path].digest),
                "size": stored[path].size,
                "annotations": {FILEPATH: path, COMPONENT: "model"},
            }
        )
    return made, config


def read_everything(
    digest: Digest, store: Store, folder: Path
) -> tuple[Package, Layout, tuple[Attestation, ...]]:
    """Do with a package all that ketch does before its code runs.

    Args:
        digest: The package.
        store: Where it is.
        folder: An empty folder to lay it out in.
    """
    package = open_package(digest, store)
    assert package.scenarios is not None
    assert package.traces is not None
    for profile in package.profiles.values():
        profile.to_json()
    Lock.parse(package.lock.decode())
    return package, lay_out(package, folder), attestations(digest, store)


def replaced_json(content: bytes, *path: str | int, value: object) -> bytes:
    """Return a JSON file in which the value at a path is another."""
    document = json.loads(content)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return canonical_json(document) + b"\n"
