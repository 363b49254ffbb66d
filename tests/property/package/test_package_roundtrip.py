"""What goes into a package comes out of it, whatever it is; and nothing but typed errors do."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import packages
from tests.packages import replaced_json
from tests.property.package.agreement import everything_of
from tests.property.schema.strategies import ANSWERS, DECLARED

from ketch.env import Lock
from ketch.env.lock import make_lock
from ketch.errors import Finding, KetchError
from ketch.package import Digest, Manifest, Scenario, open_package
from ketch.package.attestation import Attestation
from ketch.package.built import write
from ketch.package.kinds import LIBRARY
from ketch.package.manifest import Budget, DataDeclaration, EnvironmentDeclaration, Pipeline
from ketch.package.names import PackageName, PackageVersion
from ketch.package.oci import Descriptor, ImageManifest, parse_manifest
from ketch.package.trace import FieldTrace, ScenarioTrace, StepTrace, dump_traces, load_traces
from ketch.schema import Schema
from ketch.schema.lines import FILE_PATTERN, LINE_PATTERN, WORDS_PATTERN
from ketch.schema.parse import canonical_json, parse_json
from ketch.store import LocalStore, MemoryStore, copy_graph, fsck, read_archive, write_archive

RIGHT = packages.files()
JSON_FILES = sorted(path for path in RIGHT if path.endswith((".json", ".jsonl")))


def _without_nul(text: str) -> str:
    return text.replace("\0", "")


names = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"con", "nul", "prn", "aux", "weights", "more"}
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
lines = st.from_regex(LINE_PATTERN, fullmatch=True, alphabet=st.characters(codec="utf-8"))
headings = st.from_regex(WORDS_PATTERN, fullmatch=True, alphabet=st.characters(codec="utf-8"))
files = st.from_regex(FILE_PATTERN, fullmatch=True, alphabet=st.characters(codec="utf-8"))
libraries = st.from_regex(LIBRARY, fullmatch=True)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
entries = st.tuples(names, names).map(":".join)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
amounts = st.none() | st.floats(1e-6, 1e12) | st.integers(1, 10**12)
variables = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
secrets = st.from_regex(r"SECRET_[A-Z]{1,8}", fullmatch=True)
manifests = st.builds(
    Manifest,
    name=names.map(PackageName),
    version=st.sampled_from(["1.0.0", "0.1", "2.0rc1", "2026.11", "1.0.post1"]).map(PackageVersion),
    owner=headings,
    pipeline=st.builds(
        Pipeline,
        steps=st.lists(entries, min_size=1, max_size=3).map(tuple),
        load=st.none() | entries,
        takes=st.sampled_from(["records", "dataframe", "record"]),
    ),
    schema=st.builds(Schema, DECLARED, ANSWERS),
    route=st.none() | names,
    description=lines,
    params=st.dictionaries(texts, values, max_size=4),
    data=st.lists(
        st.builds(
            DataDeclaration,
            name=names,
            source=headings,
            version=st.none() | lines,
            sample=st.none() | files,
            time_column=st.none() | headings,
        ),
        max_size=3,
        unique_by=lambda data: data.name,
    ).map(lambda data: tuple(sorted(data, key=lambda each: each.name))),
    environment=st.builds(
        EnvironmentDeclaration,
        python=st.sampled_from(["3.11.7", "3.9.0", "3.13.12"]),
        allow_source_builds=st.booleans() | st.lists(libraries, max_size=2).map(tuple),
        variables=st.dictionaries(variables, texts.map(_without_nul), max_size=2),
        required=st.lists(variables, max_size=2).map(tuple),
        secrets=st.lists(secrets, max_size=2).map(tuple),
        network=st.booleans(),
    ),
    evaluate=st.none() | entries,
    budget=st.builds(Budget, latency_ms=amounts, memory_mb=amounts),
)
rows = st.dictionaries(texts, values, max_size=3)
row_lists = st.lists(rows, min_size=1, max_size=2).map(tuple)
scenario_names = headings.filter(lambda text: len(text) <= 200)
scenarios = st.lists(
    st.builds(
        Scenario, name=scenario_names, inputs=row_lists, expected=row_lists, description=texts
    )
    | st.builds(Scenario, name=scenario_names, inputs=row_lists, expected_error=words),
    max_size=3,
    unique_by=lambda scenario: scenario.name,
)
digests = st.binary(max_size=4).map(Digest.of)
traces = st.lists(
    st.builds(
        ScenarioTrace,
        scenario=texts,
        inputs=digests,
        steps=st.lists(
            st.builds(
                StepTrace,
                step=texts,
                rows=st.integers(0, 10**9),
                fields=st.lists(
                    st.builds(
                        FieldTrace,
                        name=texts,
                        dtype=texts,
                        count=st.integers(0, 10**9),
                        nulls=st.integers(0, 10**9),
                        digest=st.none() | texts,
                        lowest=st.none() | numbers,
                        highest=st.none() | numbers,
                        mean=st.none() | numbers,
                        head=st.lists(values, max_size=3).map(tuple),
                    ),
                    max_size=2,
                ).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
    ),
    max_size=2,
)
code = st.dictionaries(names.map("{}.py".format), st.binary(max_size=600), max_size=4)
models = st.dictionaries(names.map("model/{}.bin".format), st.binary(max_size=600), max_size=3)


class TestReadingUndoesWriting:
    """What a package was made of is what a reader finds in it."""

    @settings(max_examples=60)
    @given(manifests, scenarios, traces, code, models)
    def test_of_all_its_sources(
        self,
        declared: Manifest,
        promised: list[Scenario],
        recorded: list[ScenarioTrace],
        modules: dict[str, bytes],
        model: dict[str, bytes],
    ) -> None:
        store = MemoryStore()
        with tempfile.TemporaryDirectory() as folder:
            on_disk = {path: Path(folder) / Path(path).name for path in model}
            for path, content in model.items():
                on_disk[path].write_bytes(content)
            made = packages.sources(
                manifest=declared, lock=_lock(declared), scenarios=promised, traces=recorded, code=modules,
                profiles={}, model=on_disk,
            )  # fmt: skip
            stored = store.put_files(list(on_disk.values()))
            descriptor = write(made, store, files=stored)
        package = open_package(descriptor.digest, store)
        assert package.descriptor == descriptor
        assert package.manifest == declared
        assert Lock.parse(package.lock.decode()).python == declared.environment.python
        assert package.code() == modules
        assert {path: package.read(path) for path in package.under("")} | model == {
            path: store.read(layer.digest) for path, layer in package.files.items()
        }
        assert package.traces == tuple(sorted(recorded, key=lambda trace: trace.scenario))
        assert [each.to_json() for each in package.scenarios] == [
            each.to_json() for each in sorted(promised, key=lambda scenario: scenario.name)
        ]

    @given(st.lists(st.from_type(bytes), max_size=3))
    def test_the_size_of_a_package_is_that_of_its_blobs(self, contents: list[bytes]) -> None:
        store = MemoryStore()
        beside = {f"model/{at}.bin": content for at, content in enumerate(contents)}
        digest = packages.put(store, {**RIGHT, **beside})
        total = sum(len(store.read(each)) for each in store.digests())
        assert open_package(digest, store).size_bytes == total


class TestAPackageTravels:
    """A package that is copied, or written into an archive and read, is the same package."""

    @settings(max_examples=15, deadline=None)
    @given(models)
    def test_with_its_attestation(self, model: dict[str, bytes]) -> None:
        source, target = MemoryStore(), MemoryStore()
        digest = packages.put(source, {**RIGHT, **model})
        package = open_package(digest, source)
        copy_graph(source, target, package.descriptor)
        assert open_package(digest, target) == _in(package, target)
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "package.tar"
            write_archive(source, package.descriptor, archive, name=package.reference)
            local = LocalStore(Path(folder) / "store")
            assert read_archive(archive, local).roots == ((package.reference, package.descriptor),)
            assert open_package(digest, local) == _in(package, local)
            assert fsck(local).is_clean


single_rows = st.tuples(rows)
any_scenario = st.builds(
    Scenario,
    name=scenario_names,
    inputs=row_lists,
    expected=st.none() | row_lists,
    draft=st.booleans(),
    description=texts,
) | st.builds(
    Scenario,
    name=scenario_names,
    inputs=single_rows,
    single=st.just(True),
    expected=st.none() | single_rows | row_lists,
) | st.builds(
    Scenario, name=scenario_names, inputs=row_lists, expected_error=words, draft=st.booleans()
)  # fmt: skip


class TestScenariosSurvive:
    """``Scenario.from_json(s.to_json(), …) == s`` but for the source."""

    @given(any_scenario)
    def test_law(self, scenario: Scenario) -> None:
        body = parse_json(canonical_json(scenario.to_json()))
        assert Scenario.from_json(body, source="here") == replace(scenario, source="here")


descriptors = st.builds(
    Descriptor,
    media_type=words,
    digest=digests,
    size=st.integers(0, 2**63 - 1),
    annotations=st.dictionaries(texts, texts, max_size=2),
    artifact_type=st.none() | words,
)


class TestManifestsSurvive:
    """``parse_manifest(m.to_bytes()) == m`` for every image manifest ``m``."""

    @given(
        st.builds(
            ImageManifest,
            config=descriptors,
            layers=st.lists(descriptors, max_size=3).map(tuple),
            artifact_type=st.none() | words,
            subject=st.none() | descriptors,
            annotations=st.dictionaries(texts, texts, max_size=2),
        )
    )
    def test_law(self, manifest: ImageManifest) -> None:
        assert parse_manifest(manifest.to_bytes(), where="manifest") == manifest


class TestTracesAndAttestationsSurvive:
    """``load_traces(dump_traces(t)) == t``, and an attestation reads what it wrote."""

    @given(traces)
    def test_traces(self, recorded: list[ScenarioTrace]) -> None:
        ordered = tuple(sorted(recorded, key=lambda trace: trace.scenario))
        assert load_traces(dump_traces(recorded)) == ordered

    @given(texts, digests, st.booleans(), st.dictionaries(texts, values, max_size=3), traces)
    def test_attestations(
        self,
        name: str,
        subject: Digest,
        passed: bool,  # noqa: FBT001 - Hypothesis passes it
        predicate: Mapping[str, object],
        recorded: list[ScenarioTrace],
    ) -> None:
        said = {key: value for key, value in predicate.items() if key not in {"passed", "traces"}}
        attestation = Attestation(name, subject, passed, said, tuple(recorded))
        assert Attestation.from_bytes(attestation.to_bytes()) == attestation


class TestOnlyTypedErrorsComeOut:
    """Whatever stands in place of a file, it is read or refused with an error of ketch."""

    @given(st.sampled_from(JSON_FILES), values)
    def test_any_json_in_place_of_a_file(self, path: str, value: object) -> None:
        _read_or_refuse({**RIGHT, path: canonical_json(value)})

    @given(st.sampled_from(sorted(RIGHT)), st.binary(max_size=200))
    def test_any_bytes_in_place_of_a_file(self, path: str, content: bytes) -> None:
        store = MemoryStore()
        digest = packages.put(store, {**RIGHT, path: content})
        with tempfile.TemporaryDirectory() as folder, _refusals():
            packages.read_everything(digest, store, Path(folder))

    @settings(max_examples=400)
    @given(st.data())
    def test_any_json_in_place_of_a_value_inside(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(JSON_FILES))
        line = RIGHT[path].splitlines()[0]
        place = data.draw(st.sampled_from(_places(json.loads(line))))
        value = data.draw(values | st.sampled_from(_SUSPECTS))
        _read_or_refuse({**RIGHT, path: replaced_json(line, *place, value=value)})

    @settings(max_examples=400)
    @given(st.data())
    def test_any_json_in_place_of_a_value_in_the_manifest(self, data: st.DataObject) -> None:
        body = packages.body(RIGHT)
        place = data.draw(st.sampled_from(_places(body)))
        value = data.draw(values | st.sampled_from(_SUSPECTS))
        _read_or_refuse(RIGHT, replaced_json(canonical_json(body), *place, value=value))

    @given(st.data())
    def test_any_json_in_place_of_a_value_in_an_attestation(self, data: st.DataObject) -> None:
        right = Attestation("a:1", Digest.of(b"x"), True, {"checks": []}, (packages.TRACE,))
        place = data.draw(st.sampled_from(_places(json.loads(right.to_bytes()))))
        value = data.draw(values | st.sampled_from(_SUSPECTS))
        with _refusals():
            Attestation.from_bytes(replaced_json(right.to_bytes(), *place, value=value))

    @given(st.binary(max_size=60), st.sampled_from([*JSON_FILES, "code.tar"]), st.integers(0, 5000))
    def test_a_file_of_which_a_part_is_overwritten(self, junk: bytes, path: str, at: int) -> None:
        content = RIGHT[path]
        start = at % (len(content) + 1)
        _read_or_refuse({**RIGHT, path: content[:start] + junk + content[start + len(junk) :]})


def _lock(declared: Manifest) -> bytes:
    environment = declared.environment
    lock = make_lock(environment.python, source_builds=environment.allow_source_builds, packages=())
    return str(lock).encode()


_SUSPECTS: list[object] = [
    "", "..", "../../etc/passwd", "a\x00b", "\x1b[2J", "nul", "x" * 100_000, -1, 0, 2**63, 10**400,
    -(10**400), 1e308, 5e-324, True, [], {}, [[]], [{}], {"": ""}, "sha256:" + "A" * 64,
    "sha512:" + "a" * 128, "a\nb", "\u202eabc", None, 1.5, "3.11", "tensor<float32, [99999999999]>", "list<" * 40, "{}", "%s", "$(id)",
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


class _refusals:  # noqa: N801 - reads as `with`
    """Lets an error of ketch pass by; it says something, and everything else is a fault."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if isinstance(error, KetchError):
            assert error.message
            assert "/" in error.code
            told: tuple[KetchError | Finding, ...] = (error, *error.findings)
            for said in told:
                shown = f"{said.message} {said.where} {said.hint}"
                assert shown.isprintable(), shown
                assert len(shown) < 2000
        return isinstance(error, KetchError)


def _read_or_refuse(contents: Mapping[str, bytes], body: bytes | None = None) -> None:
    store = MemoryStore()
    digest = packages.put(store, contents, body)
    with _refusals():
        everything_of(digest, store)


def _in(package: Any, store: object) -> object:
    """Return the same package, in another store."""
    return replace(package, source=store)


@pytest.mark.parametrize("path", JSON_FILES)
def test_the_places_that_are_changed_are_there(path: str) -> None:
    assert _places(json.loads(RIGHT[path].splitlines()[0]))
