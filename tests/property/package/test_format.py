"""The package format, ``docs/reference/format.md``: every sentence has its test.

Each class of ``test_format_*.py`` quotes one numbered sentence and proves it: the builder
obeys, and a reader refuses a package that was changed to break it, digests made right
again. A second reader, made from the page alone, judges every package of these tests, too,
and must agree with ketch. Here are the proofs about the page as a whole.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import packages
from tests.packages import replaced_json
from tests.property.package.agreement import (
    HERE,
    JSON_FILES,
    PATHS,
    RIGHT,
    SPECIFICATION,
    judged,
    quotations,
    read,
    sentences,
    values,
)
from tests.property.package.second.builder import build_archive, build_package
from tests.property.package.second.layers import build_tar
from tests.property.package.second.reader import (
    files_of_archive,
    read_attestation,
    read_layout,
    read_package,
)
from tests.property.package.second.texts import json_line

import ketch
from ketch.cli.main import main
from ketch.runtime import Home
from ketch.schema.parse import canonical_json


def test_every_sentence_is_quoted_by_the_class_of_its_number() -> None:
    quoted = [(number, text) for number, text, _ in quotations()]
    assert dict(quoted) == sentences()
    assert len(quoted) == len(sentences()), "a sentence is quoted twice"
    assert list(sentences()) == list(range(1, len(sentences()) + 1))


def test_every_class_that_quotes_a_sentence_tests_it() -> None:
    for number, _, tests in quotations():
        assert tests, f"sentence {number}"


def test_every_sentence_says_must_or_may() -> None:
    for number, text in sentences().items():
        assert re.search(r"\b(MUST|MAY)\b", text), number


def test_a_sentence_that_is_named_by_its_number_is_there() -> None:
    named = re.findall(r"\b(?:as in|follow|that) (\d+)(?: and (\d+))?", SPECIFICATION.read_text())
    numbers = [int(one) for pair in named for one in pair if one]
    assert len(numbers) >= 4
    assert set(numbers) <= set(sentences())


def test_the_second_reader_imports_the_standard_library_alone() -> None:
    for file in (HERE / "second").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                root = module.partition(".")[0]
                own = module.startswith("tests.property.package.second")
                assert own or root in sys.stdlib_module_names, f"{file.name}: {module}"


def test_the_package_that_the_tests_change_is_right() -> None:
    """Otherwise a refusal would prove nothing."""
    package = read(RIGHT)
    assert package.reference == "hello:1.0.0"
    assert set(package.files) == set(PATHS)


class TestTwoReadersAgree:
    """Whatever stands in place of a value of a package, both readers take it, or neither does."""

    @settings(max_examples=200)
    @given(st.data())
    def test_about_any_value_of_a_file(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from([one for one in JSON_FILES if "schema" not in one]))
        line = RIGHT[path].splitlines()[0]
        places = [place for place in _places(json.loads(line)) if "profile" not in place]
        place = data.draw(st.sampled_from(places))
        value = data.draw(values | st.sampled_from(_SUSPECTS))
        judged({**RIGHT, path: replaced_json(line, *place, value=value)})

    @settings(max_examples=200)
    @given(st.data())
    def test_about_any_value_of_the_manifest(self, data: st.DataObject) -> None:
        body = packages.body(RIGHT)
        place = data.draw(st.sampled_from(_places(body)))
        value = data.draw(values | st.sampled_from(_SUSPECTS))
        judged(RIGHT, replaced_json(canonical_json(body), *place, value=value))

    @given(st.binary(max_size=40), st.sampled_from(PATHS), st.integers(0, 5000))
    def test_about_a_file_of_which_a_part_is_overwritten(
        self, junk: bytes, path: str, at: int
    ) -> None:
        content = RIGHT[path]
        start = at % (len(content) + 1)
        judged({**RIGHT, path: content[:start] + junk + content[start + len(junk) :]})


def test_the_second_reader_reads_a_package_that_was_packed_for_real(
    tmp_path: Path, author: Callable[..., Path]
) -> None:
    """Pack, verify and write out with ketch; read with the page."""
    home, file = Home(tmp_path / "home"), tmp_path / "shop.oci.tar"
    folder = author(tmp_path / "shop", PIPELINE, **DECLARED)
    packed = ketch.pack(folder, home=home, archive=file)
    assert packed.verified
    blob, named, referrers = read_layout(files_of_archive(file.read_bytes()))
    assert named == {"shop:1.0.0": str(packed.package.digest)}
    files = read_package(str(packed.package.digest), blob)
    declared = tomllib.loads((folder / "ketch.toml").read_text())
    assert json.loads(files["ketch/params.json"])["params"] == declared["params"]
    assert files["README.md"] == (folder / "README.md").read_bytes()
    (attestation,) = referrers[str(packed.package.digest)]
    predicate = read_attestation(attestation, str(packed.package.digest), blob)
    assert predicate["passed"] is True
    assert predicate["traces"]


def test_a_package_of_the_second_builder_is_verified_and_runs(
    tmp_path: Path,
    author: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Build with the page; verify and run with ketch, as if a stranger had sent it."""
    made = author(tmp_path / "shop", PIPELINE, **DECLARED)
    declared = tomllib.loads((made / "ketch.toml").read_text())
    scenarios = [
        json.loads(line) for line in (made / "scenarios/all.jsonl").read_text().splitlines()
    ]
    python = declared["environment"]["python"]
    sides = {
        side: [{"name": name, "type": kind} for name, kind in declared[side].items()]
        for side in ("inputs", "outputs")
    }
    files = {
        "ketch/package.json": json_line({"format": "1", "package": declared["package"]}),
        "ketch/pipeline.json": json_line({"pipeline": declared["pipeline"]}),
        "ketch/params.json": json_line({"params": declared["params"]}),
        "ketch/environment.json": json_line({"environment": {"python": python}}),
        "ketch/requirements.lock": f"# ketch lock 1\n# python {python}\n".encode(),
        "ketch/schema.json": json_line(sides),
        "ketch/data.json": json_line({"data": {}}),
        "ketch/scenarios.jsonl": b"".join(map(json_line, scenarios)),
        "code.tar": build_tar({"pipeline.py": PIPELINE.encode()}),
        "README.md": b"# shop\n",
    }
    digest, blobs = build_package(files)
    file = tmp_path / "second.oci.tar"
    file.write_bytes(build_archive(digest, blobs, "shop:1.0.0"))
    monkeypatch.setenv("KETCH_HOME", str(tmp_path / "home"))
    assert main(["verify", str(file), "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["digest"], said["passed"]) == (digest, True)
    assert [(one["name"], one["passed"]) for one in said["scenarios"]] == [("s0", True)]
    with ketch.load(f"shop@{digest}") as predict:
        assert predict({"size": 4}) == {"price": 10.0}


PIPELINE = """
def run(_, rows):
    return [{"price": 2.5 * row["size"]} for row in rows]
"""
DECLARED: dict[str, Any] = {
    "inputs": 'size = "int64"',
    "outputs": 'price = "float64"',
    "steps": ["pipeline:run"],
    "scenarios": [{"inputs": {"size": 2}, "expected": {"price": 5.0}}],
    "more": "[params]\nfactor = 2.5\n",
}

_SUSPECTS: list[object] = [
    "", "..", "../../etc/passwd", "a\x00b", "\x1b[2J", "nul", "x" * 10_000, -1, 0, 1.0, 2**63, 10**400,
    1e308, 5e-324, True, False, None, [], {}, [[]], [{}], {"": ""}, "sha256:" + "A" * 64, "1", "2",
    "sha512:" + "a" * 128, "3.11", "3.11.7", "a:b", ["a:b"], {"a": 1}, "hello", "1.0.0", "text",
    "application/vnd.oci.image.manifest.v1+json", "application/vnd.cncf.model.weight.v1.raw", "model",
]  # fmt: skip


def _places(value: object, *before: str | int) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a JSON value."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    here = [before] if before else []
    return here + [place for key, each in inner for place in _places(each, *before, key)]


@pytest.mark.parametrize("path", JSON_FILES)
def test_the_places_that_are_changed_are_there(path: str) -> None:
    assert _places(json.loads(RIGHT[path].splitlines()[0]))
