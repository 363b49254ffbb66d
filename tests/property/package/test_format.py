"""The package format, sentence by sentence: ``docs/reference/format.md``.

Each class quotes one numbered sentence and proves it: the writer obeys, and a reader
refuses a package that was changed to break it, digests made right again.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import math
import os
import pickle
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import packages
from tests.packages import Body, replaced_json

from ketch.authoring.build import Options, build
from ketch.authoring.progress import Silent
from ketch.errors import DigestMismatch, KetchError, ManifestError, PackageError
from ketch.package import Attestation, Digest, Package, Scenario, open_package
from ketch.package.code_tar import read_code_tar, write_code_tar
from ketch.package.manifest import parse_manifest_toml
from ketch.package.oci import EMPTY_CONFIG, Descriptor, ImageManifest, parse_manifest
from ketch.runtime import Home
from ketch.schema.parse import canonical_json
from ketch.store import MemoryStore
from ketch.verify import attach, attestations

ROOT = Path(__file__).parents[3]
SPECIFICATION = ROOT / "docs" / "reference" / "format.md"
HELLO = ROOT / "tests" / "projects" / "hello"

RIGHT = packages.files()
PATHS = sorted(RIGHT)
REQUIRED = [
    "ketch/package.json",
    "ketch/pipeline.json",
    "ketch/params.json",
    "ketch/environment.json",
    "ketch/requirements.lock",
    "ketch/schema.json",
    "ketch/data.json",
    "ketch/scenarios.jsonl",
    "code.tar",
]
JSON_FILES = [path for path in PATHS if path.endswith((".json", ".jsonl"))]

scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
code_paths = st.lists(names, min_size=1, max_size=12).map(lambda parts: "/".join(parts) + ".py")
code_trees = st.dictionaries(code_paths, st.binary(max_size=700), max_size=5)


def read(contents: Mapping[str, bytes], body: Body | bytes | None = None) -> Package:
    """Store a package and do all that ketch does before its code runs."""
    store = MemoryStore()
    digest = packages.put(store, contents, body)
    with tempfile.TemporaryDirectory() as folder:
        return packages.read_everything(digest, store, Path(folder))[0]


def refusal(contents: Mapping[str, bytes], body: Body | bytes | None = None) -> PackageError:
    """Return how a package is refused."""
    with pytest.raises(PackageError) as caught:
        read(contents, body)
    return caught.value


def with_layer(index: int, change: Callable[[Body], object]) -> Body:
    """Return the right manifest, with one layer changed."""
    body = packages.body(RIGHT)
    change(body["layers"][index])
    return body


def sentences() -> dict[int, str]:
    """Return the numbered sentences of the specification, each on one line."""
    found = re.findall(
        r"^(\d+)\. (.+(?:\n {3,}\S.*)*)", SPECIFICATION.read_text(), flags=re.MULTILINE
    )
    return {int(number): " ".join(text.split()) for number, text in found}


def test_every_sentence_is_quoted_by_the_class_of_its_number() -> None:
    classes = inspect.getmembers(sys.modules[__name__], inspect.isclass)
    quoted = {
        int(name.removeprefix("TestSentence")): " ".join((each.__doc__ or "").split())
        for name, each in classes
        if name.startswith("TestSentence")
    }
    assert quoted == sentences()
    assert list(sentences()) == list(range(1, len(sentences()) + 1))


def test_the_package_that_the_tests_change_is_right() -> None:
    """Otherwise a refusal below would prove nothing."""
    package = read(RIGHT)
    assert package.reference == "hello:1.0.0"
    assert set(package.files) == set(PATHS)


class TestSentence1:
    """A package MUST be an OCI image manifest (image specification 1.1) whose `artifactType`
    is `application/vnd.cncf.model.manifest.v1+json` and whose config has the media type
    `application/vnd.cncf.model.config.v1+json` (ModelPack 0.0.7).
    """

    def test_the_writer_obeys(self) -> None:
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
            {"schemaVersion": True},
            {"config": None},
            {"layers": None},
        ],
    )
    def test_another_artifact_is_refused(self, change: Body) -> None:
        refusal(RIGHT, {**packages.body(RIGHT), **change})

    def test_another_config_is_refused(self) -> None:
        body = packages.body(RIGHT)
        body["config"]["mediaType"] = EMPTY_CONFIG
        refusal(RIGHT, body)

    @given(values)
    def test_whatever_else_is_json_is_no_package(self, value: object) -> None:
        refusal(RIGHT, canonical_json(value))


class TestSentence2:
    """The digest of a package MUST be the SHA-256 digest of the manifest's bytes."""

    def test_it_is(self) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        assert digest.hex == hashlib.sha256(store.read(digest)).hexdigest()
        assert open_package(digest, store).digest == digest

    @given(st.data())
    def test_other_bytes_under_that_digest_are_refused(self, data: st.DataObject) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        content = bytearray(store.read(digest))
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        store._blobs[digest] = bytes(content)
        with pytest.raises(DigestMismatch):
            open_package(digest, store)


class TestSentence3:
    """A manifest, and every JSON file a builder writes, MUST be canonical: UTF-8, members
    sorted by name, no white space outside strings but the line feed that ends a line, no
    member twice, no number that is not finite.
    """

    @given(st.dictionaries(st.text(max_size=5), values, max_size=4), st.text(max_size=20))
    def test_the_writer_obeys(self, params: dict[str, object], description: str) -> None:
        declared = packages.manifest(params=params, description=description)
        contents = packages.files(manifest=declared)
        manifest = canonical_json(packages.body(contents, of=declared))
        lines = [line for path in JSON_FILES for line in contents[path].splitlines(keepends=True)]
        for line in (*lines, manifest + b"\n"):
            assert _rewritten(line) == line

    def test_the_manifest_is_written_so(self) -> None:
        store = MemoryStore()
        content = store.read(packages.put(store, RIGHT))
        assert _rewritten(content + b"\n") == content + b"\n"

    @pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, "\ud800"])
    def test_what_has_no_canonical_form_is_not_written(self, wrong: object) -> None:
        with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
            packages.files(manifest=packages.manifest(params={"wrong": wrong}))

    @pytest.mark.parametrize("path", ["ketch/package.json", "ketch/schema.json", "ketch/data.json"])
    @pytest.mark.parametrize(
        "broken",
        [
            lambda content: content.replace(b"{", b'{"again":1,"again":2,', 1),
            lambda content: content.replace(b"{", b'{"nan":NaN,', 1),
            lambda content: content.replace(b"{", b'{"big":1e999,', 1),
            lambda content: content.replace(b"{", b'{"text":"\xff",', 1),
            lambda content: b"\xef\xbb\xbf" + content,
        ],
        ids=["twice", "not-a-number", "beyond-doubles", "not-utf-8", "byte-order-mark"],
    )
    def test_a_reader_refuses_what_readers_disagree_about(
        self, path: str, broken: Callable[[bytes], bytes]
    ) -> None:
        assert refusal({**RIGHT, path: broken(RIGHT[path])}).code.startswith("json/")


class TestSentence4:
    """The bytes of a package MUST NOT depend on the time, host, user, locale, path of the
    folder, order of its files, their modes or their modification times.
    """

    @given(st.permutations(sorted(packages.CODE.items())), st.permutations(list(RIGHT.items())))
    def test_not_on_the_order_of_files(
        self, code: list[tuple[str, bytes]], contents: list[tuple[str, bytes]]
    ) -> None:
        assert packages.files(code=dict(code)) == RIGHT
        assert packages.put(MemoryStore(), dict(contents)) == packages.put(MemoryStore(), RIGHT)

    @settings(max_examples=8, deadline=None)
    @given(
        st.integers(0, 2**31),
        st.sampled_from([0o400, 0o644, 0o755, 0o777]),
        names,
        st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns"]),
        st.sampled_from(["C", "tr_TR.UTF-8", "de_DE.UTF-8"]),
    )
    def test_not_on_where_when_and_by_whom_it_is_packed(
        self, moment: int, mode: int, folder: str, zone: str, locale: str
    ) -> None:
        with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", zone)
            patch.setenv("LC_ALL", locale)
            patch.setenv("USER", folder)
            patch.setenv("HOSTNAME", folder)
            copy = Path(temporary) / folder / "hello"
            shutil.copytree(HELLO, copy)
            for path in copy.rglob("*"):
                if path.is_file():
                    path.chmod(mode)
                    os.utime(path, (moment, moment))
            assert _built(copy, Path(temporary) / "home") == _hello()

    def test_on_a_changed_byte_it_does_depend(self, tmp_path: Path) -> None:
        copy = tmp_path / "hello"
        shutil.copytree(HELLO, copy)
        (copy / "README.md").write_text("# hello, again\n")
        assert _built(copy, tmp_path / "home") != _hello()


class TestSentence5:
    """A manifest MUST carry the annotations `dev.ketch.package.format`,
    `dev.ketch.package.name` and `dev.ketch.package.version`, and they MUST say what
    `ketch/package.json` says.
    """

    KEYS = ("dev.ketch.package.format", "dev.ketch.package.name", "dev.ketch.package.version")

    def test_the_writer_obeys(self) -> None:
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


class TestSentence6:
    """Every layer MUST have the ModelPack media type of its path, which ends in `.raw` or
    `.tar`; no layer is compressed.
    """

    def test_the_writer_obeys(self) -> None:
        for layer in packages.body(RIGHT)["layers"]:
            path = layer["annotations"]["org.cncf.model.filepath"]
            assert layer["mediaType"] == f"application/vnd.cncf.model.{_row(path)[1]}"
            assert layer["mediaType"].endswith((".raw", ".tar"))

    @given(
        st.integers(0, len(PATHS) - 1),
        st.sampled_from(
            [
                "application/vnd.cncf.model.weight.v1.tar+gzip",
                "application/vnd.cncf.model.weight.v1.tar+zstd",
                "application/vnd.cncf.model.weight.v1.tar",
                "application/vnd.cncf.model.code.v1.raw",
                "application/vnd.oci.image.layer.v1.tar",
                "application/octet-stream",
            ]
        )
        | st.text(min_size=1, max_size=20),
    )
    def test_another_type_is_refused(self, index: int, media_type: str) -> None:
        refusal(RIGHT, with_layer(index, lambda layer: layer.update(mediaType=media_type)))


class TestSentence7:
    """Every layer MUST carry `org.cncf.model.filepath`, its path inside the package, and
    `dev.ketch.component`, the component of its path.
    """

    def test_the_writer_obeys(self) -> None:
        for layer in packages.body(RIGHT)["layers"]:
            path = layer["annotations"]["org.cncf.model.filepath"]
            assert layer["digest"] == str(Digest.of(RIGHT[path]))
            assert layer["annotations"]["dev.ketch.component"] == _row(path)[0]

    @pytest.mark.parametrize("key", ["org.cncf.model.filepath", "dev.ketch.component"])
    @pytest.mark.parametrize("index", range(len(PATHS)))
    def test_a_layer_without_one_is_refused(self, index: int, key: str) -> None:
        refusal(RIGHT, with_layer(index, lambda layer: layer["annotations"].pop(key)))

    @given(
        st.integers(0, len(PATHS) - 1),
        st.sampled_from(["model", "docs", "code", "data", "scenarios"]) | st.text(max_size=8),
    )
    def test_a_layer_of_another_component_is_refused(self, index: int, component: str) -> None:
        if component == _row(PATHS[index])[0]:
            return
        changed = {"dev.ketch.component": component}
        refusal(RIGHT, with_layer(index, lambda layer: layer["annotations"].update(changed)))


class TestSentence8:
    """A path MUST be relative, with `/` between segments; it MUST NOT hold `.` or `..` as a
    segment, a backslash, a control character, or a name that Windows reserves.
    """

    SEGMENTS = (
        ".", "..", "", "a\\b", "..\\..", "C:", "a\nb", "a\0", "\x1b[31m", "nul", "CON.txt",
        "com1", "aux .bin", "a\x7f", "\u202egnp.exe", "\uff0e\uff0e", "~", "-rf", "a:stream",
    )  # fmt: skip

    @given(
        st.sampled_from(SEGMENTS),
        st.sampled_from(
            ["model/{}", "model/{}/weights.bin", "docs/a/{}/b", "data/{}", "/model/{}"]
        ),
    )
    def test_a_path_with_a_wrong_segment_is_refused(self, segment: str, pattern: str) -> None:
        error = refusal({**RIGHT, pattern.format(segment): b"x"})
        assert error.code == "package/path-syntax"

    @pytest.mark.parametrize("segment", SEGMENTS)
    def test_so_is_a_path_in_the_code(self, segment: str) -> None:
        error = refusal({**RIGHT, "code.tar": write_code_tar({f"a/{segment}/b.py": b""})})
        assert error.code in {"package/path-syntax", "package/code"}

    @given(st.lists(names, min_size=1, max_size=6).map("/".join))
    def test_other_paths_are_read(self, path: str) -> None:
        if path.partition("/")[0] in {"weights", "more"} or re.search(
            r"\b(con|nul|prn|aux)\b", path
        ):
            return
        assert f"model/{path}" in read({**RIGHT, f"model/{path}": b"x"}).files


class TestSentence9:
    """No two layers MAY have the same path, nor paths that differ in case alone, nor paths of
    which one names a file and the other a folder.
    """

    @pytest.mark.parametrize("index", range(len(PATHS)))
    def test_a_layer_that_is_there_twice_is_refused(self, index: int) -> None:
        body = packages.body(RIGHT)
        body["layers"].append(body["layers"][index])
        refusal(RIGHT, body)

    @pytest.mark.parametrize(
        "path",
        [
            "model/Weights.bin",
            "model/WEIGHTS.BIN",
            "model/MORE/other.bin",
            "model/weights.bin/inside",
            "model/more",
            "docs/card.md/x",
            "data/Training/events.csv",
        ],
    )
    def test_a_path_that_clashes_is_refused(self, path: str) -> None:
        assert refusal({**RIGHT, path: b"x"}).code == "package/path-clash"

    @given(code_trees, st.data())
    def test_so_are_clashes_in_the_code(self, tree: dict[str, bytes], data: st.DataObject) -> None:
        tree = {**tree, "pipeline.py": b""}
        path = data.draw(st.sampled_from(sorted(tree)))
        for other in (path.upper(), f"{path}/inside.py"):
            refusal({**RIGHT, "code.tar": write_code_tar({**tree, other: b""})})


class TestSentence10:
    """A package MUST hold the layers `ketch/package.json`, `ketch/pipeline.json`,
    `ketch/params.json`, `ketch/environment.json`, `ketch/requirements.lock`,
    `ketch/schema.json`, `ketch/data.json`, `ketch/scenarios.jsonl` and `code.tar`; it MAY
    hold `ketch/traces.jsonl`, `README.md`, and files below `model/`, `docs/` and `data/`,
    and nothing else.
    """

    @pytest.mark.parametrize("path", REQUIRED)
    def test_a_missing_layer_is_refused(self, path: str) -> None:
        error = refusal({other: RIGHT[other] for other in PATHS if other != path})
        assert path in error.message

    def test_the_others_may_be_missing(self) -> None:
        contents = {path: RIGHT[path] for path in REQUIRED}
        contents["ketch/data.json"] = b'{"data":{}}\n'
        assert set(read(contents).files) == set(REQUIRED)

    @given(
        st.sampled_from(["{}", "ketch/{}", "code/{}", "models/{}", "readme/{}", "src/{}"]), names
    )
    def test_other_layers_are_refused(self, pattern: str, name: str) -> None:
        refusal({**RIGHT, pattern.format(name): b"x"})

    @pytest.mark.parametrize(
        "path", ["model", "docs", "data", "ketch/README.md", "code/pipeline.py"]
    )
    def test_so_are_names_that_look_like_those(self, path: str) -> None:
        refusal({**RIGHT, path: b"x"})


class TestSentence11:
    """`code.tar` MUST hold regular files below `code/` only, sorted by name, and MUST be the
    very bytes that those files make: time 0, owner 0, mode 0644.
    """

    @given(code_trees)
    def test_the_writer_obeys(self, tree: dict[str, bytes]) -> None:
        with tarfile.open(fileobj=io.BytesIO(write_code_tar(tree))) as tar:
            members = tar.getmembers()
            assert [member.name for member in members] == sorted(f"code/{path}" for path in tree)
            for member in members:
                assert member.isreg()
                assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644)
                assert (member.uname, member.gname, member.linkname) == ("", "", "")
                content = tar.extractfile(member)
                assert content is not None
                assert content.read() == tree[member.name.removeprefix("code/")]

    @given(code_trees.filter(lambda tree: not _clash(tree)))
    def test_reading_undoes_writing(self, tree: dict[str, bytes]) -> None:
        assert read_code_tar(write_code_tar(tree)) == tree

    @given(code_trees.filter(bool), st.data())
    def test_a_changed_byte_is_refused_or_is_another_tar(
        self, tree: dict[str, bytes], data: st.DataObject
    ) -> None:
        content = bytearray(write_code_tar(tree))
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        try:
            found = read_code_tar(bytes(content))
        except ManifestError:
            return
        assert found != tree
        assert write_code_tar(found) == content

    @given(
        st.binary(max_size=3000) | st.binary(max_size=600).map(lambda head: head.ljust(1536, b"\0"))
    )
    def test_what_is_no_such_tar_is_refused(self, content: bytes) -> None:
        with pytest.raises(ManifestError):
            read_code_tar(content)

    @pytest.mark.parametrize(
        "change",
        [
            {"mtime": 1},
            {"uid": 1},
            {"gid": 1000},
            {"mode": 0o755},
            {"uname": "root"},
            {"type": b"2"},
        ],
        ids=str,
    )
    def test_another_header_is_refused(self, change: Mapping[str, Any]) -> None:
        member = tarfile.TarInfo("code/pipeline.py")
        member.mode = 0o644
        for attribute, value in change.items():
            setattr(member, attribute, value)
        content = (member.tobuf(tarfile.PAX_FORMAT)).ljust(10240, b"\0")
        assert refusal({**RIGHT, "code.tar": content}).code == "package/code"

    def test_unsorted_members_are_refused(self) -> None:
        both = write_code_tar({"a.py": b"", "b.py": b""})
        swapped = both[512:1024] + both[:512] + both[1024:]
        assert refusal({**RIGHT, "code.tar": swapped}).code == "package/code"


class TestSentence12:
    """The components are `code`, `data`, `docs`, `environment`, `manifest`, `model`,
    `params`, `scenarios` and `schema`. The digest of a component MUST be the SHA-256
    digest of the canonical JSON list of its `[path, digest]` pairs, sorted by path.
    """

    def test_it_is(self) -> None:
        pairs: dict[str, list[list[str]]] = {}
        for path in PATHS:
            digest = "sha256:" + hashlib.sha256(RIGHT[path]).hexdigest()
            pairs.setdefault(_row(path)[0], []).append([path, digest])
        expected = {
            component: hashlib.sha256(
                json.dumps(sorted(listed), separators=(",", ":")).encode()
            ).hexdigest()
            for component, listed in pairs.items()
        }
        assert {name: each.hex for name, each in read(RIGHT).components.items()} == expected
        assert sorted(expected) == [
            "code", "data", "docs", "environment", "manifest", "model", "params", "scenarios",
            "schema",
        ]  # fmt: skip

    @given(st.sampled_from(["README.md", "docs/card.md", "model/weights.bin"]), st.binary())
    def test_a_changed_file_changes_its_component_alone(self, path: str, content: bytes) -> None:
        before, after = read(RIGHT).components, read({**RIGHT, path: content}).components
        changed = {name for name in before if before[name] != after[name]}
        assert changed == (set() if content == RIGHT[path] else {_row(path)[0]})

    def test_a_moved_file_changes_its_component(self) -> None:
        moved = {**RIGHT, "model/moved.bin": RIGHT["model/weights.bin"]}
        del moved["model/weights.bin"]
        assert read(moved).components["model"] != read(RIGHT).components["model"]


class TestSentence13:
    """`format` in `ketch/package.json` MUST be `"1"`; a reader MUST refuse any other value."""

    def test_the_writer_obeys(self) -> None:
        assert json.loads(RIGHT["ketch/package.json"])["format"] == "1"

    @given(values)
    def test_any_other_value_is_refused(self, value: object) -> None:
        changed = replaced_json(RIGHT["ketch/package.json"], "format", value=value)
        if value != "1":
            assert (
                refusal({**RIGHT, "ketch/package.json": changed}).code == "package/format-version"
            )

    def test_none_is_refused_even_when_another_file_has_one(self) -> None:
        identity = json.loads(RIGHT["ketch/package.json"])
        del identity["format"]
        data = replaced_json(RIGHT["ketch/data.json"], "format", value="1")
        refusal({**RIGHT, "ketch/package.json": canonical_json(identity), "ketch/data.json": data})


class TestSentence14:
    """`ketch/environment.json` MUST name an exact Python release, and `requirements.lock`
    MUST pin every library by version and SHA-256 hashes, without URLs or index names.
    """

    @pytest.mark.parametrize("python", ["3.11", "3", "3.11.*", ">=3.11", "3.11.7rc1", "2.7.18", ""])
    def test_another_python_is_refused(self, python: str) -> None:
        path = "ketch/environment.json"
        changed = replaced_json(RIGHT[path], "environment", "python", value=python)
        refusal({**RIGHT, path: changed})

    def test_the_writer_names_the_release_it_resolved(self, tmp_path: Path) -> None:
        _, home = _built(HELLO, tmp_path), Home(tmp_path)
        package = open_package(Digest.parse(_hello()), home.store)
        assert f"# python {package.manifest.environment.python}\n".encode() in package.lock

    @pytest.mark.parametrize(
        "line",
        [
            "six\n",
            "six==1.16.0\n",
            "six>=1.16.0 \\\n    --hash=sha256:" + "1e" * 32 + "\n",
            "six==1.16.0 \\\n    --hash=md5:" + "1e" * 16 + "\n",
            "six @ https://files.example/six.whl \\\n    --hash=sha256:" + "1e" * 32 + "\n",
            "--index-url https://packages.example/simple\n",
            "--extra-index-url https://packages.example/simple\n",
            "-r other.txt\n",
            "-e .\n",
            "./six.whl\n",
            "six==1.16.0 \\\n    --hash=sha256:" + "1e" * 32 + " --pre\n",
        ],
    )
    def test_a_lock_that_pins_less_is_refused(self, line: str) -> None:
        lock = f"# ketch lock 1\n# python 3.11.7\n{line}".encode()
        assert refusal({**RIGHT, "ketch/requirements.lock": lock}).code == "env/lock"


class TestSentence15:
    """`ketch/environment.json` MUST hold names of secrets only, never values."""

    PATH = "ketch/environment.json"

    @pytest.mark.parametrize(
        "secrets",
        [
            {"FEATURE_TOKEN": "value"},
            ["FEATURE_TOKEN=value"],
            ["not a name"],
            [["A", "b"]],
            "A",
            [1],
        ],
    )
    def test_anything_but_names_is_refused(self, secrets: object) -> None:
        changed = replaced_json(RIGHT[self.PATH], "environment", "secrets", value=secrets)
        refusal({**RIGHT, self.PATH: changed})

    @given(st.text(max_size=12))
    def test_a_value_for_a_secret_is_refused(self, value: str) -> None:
        variables = {"FEATURE_TOKEN": value}
        changed = replaced_json(RIGHT[self.PATH], "environment", "variables", value=variables)
        refusal({**RIGHT, self.PATH: changed})

    def test_the_author_is_told(self) -> None:
        text = packages.TOML.replace("secrets", 'variables = { FEATURE_TOKEN = "x" }\nsecrets')
        manifest, findings = parse_manifest_toml(text.encode())
        assert manifest is None
        assert "FEATURE_TOKEN" in findings[0].message


class TestSentence16:
    """A scenario MUST have a unique name, inputs, and either expected outputs or an expected
    error.
    """

    ONE: Body = {"name": "one", "inputs": [{"name": "Ann"}], "expected": [{"score": 1.0}]}
    PATH = "ketch/scenarios.jsonl"

    @pytest.mark.parametrize(
        "changes",
        [
            [{"name": None}], [{"name": ""}], [{"name": 3}], [{"name": "a\x1b[2J"}], [{"name": "x" * 201}],
            [{"inputs": None}], [{"inputs": []}], [{"inputs": [3]}], [{"inputs": "row"}],
            [{"expected": None}], [{"expected": []}], [{"expected_error": "schema/null"}],
            [{"expected_error": 3}], [{"draft": "no"}], [{"description": ["x"]}], [{"other": 1}],
            [{}, {}], [{}, {"name": "two"}, {}],
        ],
        ids=str,
    )  # fmt: skip
    def test_another_scenario_is_refused(self, changes: list[Body]) -> None:
        lines = [canonical_json({**self.ONE, **change}) + b"\n" for change in changes]
        error = refusal({**RIGHT, self.PATH: b"".join(lines)})
        assert error.code == "scenario/unreadable"
        assert "scenarios.jsonl:" in str(error.where)

    def test_a_scenario_that_expects_nothing_is_refused(self) -> None:
        line = canonical_json({"name": "one", "inputs": [{"name": "Ann"}]})
        refusal({**RIGHT, self.PATH: line})

    @given(
        st.lists(
            st.builds(
                Scenario,
                name=st.text("abc é☃", min_size=1, max_size=8).filter(str.strip),
                inputs=st.lists(
                    st.dictionaries(names, scalars, max_size=3), min_size=1, max_size=2
                ).map(tuple),
                expected=st.just(({"score": 0.5},)),
                description=st.text(max_size=10),
            ),
            min_size=1,
            max_size=4,
            unique_by=lambda scenario: scenario.name,
        )
    )
    def test_every_scenario_survives(self, scenarios: list[Scenario]) -> None:
        found = read(packages.files(scenarios=scenarios)).scenarios
        assert [each.to_json() for each in found] == [
            each.to_json() for each in sorted(scenarios, key=lambda each: each.name)
        ]


class TestSentence17:
    """A reader MUST check the size and the digest of every blob it uses before it uses it."""

    @pytest.mark.parametrize("index", range(len(PATHS)))
    @pytest.mark.parametrize("change", [-1, 1, 1_000_000])
    def test_another_size_is_refused(self, index: int, change: int) -> None:
        body = packages.body(RIGHT)
        body["layers"][index]["size"] += change
        refusal(RIGHT, body)

    @pytest.mark.parametrize("path", [*PATHS, "config"])
    def test_other_content_is_refused(self, path: str) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        artifact = parse_manifest(store.read(digest), where="manifest")
        blob = artifact.config.digest if path == "config" else Digest.of(RIGHT[path])
        store._blobs[blob] = store._blobs[blob][:-1] + b"!"
        with pytest.raises(DigestMismatch), _folder() as folder:
            packages.read_everything(digest, store, folder)

    @pytest.mark.parametrize("path", PATHS)
    def test_missing_content_is_told(self, path: str) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        store.delete(Digest.of(RIGHT[path]))
        with pytest.raises(KetchError) as caught, _folder() as folder:
            packages.read_everything(digest, store, folder)
        assert caught.value.code == "store/no-blob"


class TestSentence18:
    """A reader MUST refuse a manifest of more than 4 MiB, JSON nested deeper than 32, more
    than 20,000 layers, a table, a schema or a lock of more than 4 MiB, and any other file
    it reads at once of more than 64 MiB, before it reads further.
    """

    def test_a_manifest_of_more_than_4_mib(self) -> None:
        body = packages.body(RIGHT)
        body["annotations"]["padding"] = "x" * (4 << 20)
        assert refusal(RIGHT, body).code == "store/blob-too-large"
        content = canonical_json(body)
        with pytest.raises(ManifestError) as caught:
            parse_manifest(content, where="manifest")
        assert caught.value.code == "json/too-large"

    @pytest.mark.parametrize("depth", [33, 100, 200_000])
    @pytest.mark.parametrize("opening", [b"[", b'{"a":'])
    def test_json_nested_deeper_than_32(self, depth: int, opening: bytes) -> None:
        closing = b"]" if opening == b"[" else b"}"
        nested = opening * depth + b"1" + closing * depth
        for path in (path for path in PATHS if path.endswith((".json", ".jsonl"))):
            refusal({**RIGHT, path: nested})
        assert refusal(RIGHT, nested).code == "json/too-deep"

    def test_more_than_20_000_layers(self) -> None:
        body = packages.body(RIGHT)
        layer = {"mediaType": "a/b", "digest": f"sha256:{'0' * 64}", "size": 0}
        body["layers"] += [layer] * 20_000
        assert "20000 layers" in refusal(RIGHT, body).message

    @pytest.mark.parametrize("path", REQUIRED)
    def test_a_file_that_is_too_large_is_refused_unread(self, path: str) -> None:
        small = {"ketch/params.json", "ketch/data.json", "ketch/scenarios.jsonl", "code.tar"}
        most = 64 << 20 if path in small else 4 << 20
        body = packages.body(RIGHT)
        body["layers"][PATHS.index(path)]["size"] = most + 1
        store = MemoryStore()
        digest = packages.put(store, RIGHT, body)
        with pytest.raises(ManifestError, match=f"at most {most} bytes"):
            open_package(digest, _OnlyManifest(store, digest))


class _OnlyManifest(MemoryStore):
    """A store that gives out one manifest, and fails the test that reads further."""

    def __init__(self, store: MemoryStore, digest: Digest) -> None:
        super().__init__()
        self.put_bytes(store.read(digest))


class TestSentence19:
    """A reader MUST NOT import, unpickle or run anything of a package to read it."""

    def test_it_does_not(self, tmp_path: Path, audited: Callable[[], list[str]]) -> None:
        trap = f"open({str(tmp_path / 'sprung')!r}, 'w').write('x')\n"
        hostile = {
            "model/model.pkl": pickle.dumps(_Trap(trap)),
            "model/sitecustomize.py": trap.encode(),
            "code.tar": write_code_tar(
                {
                    "pipeline.py": trap.encode(),
                    "json.py": trap.encode(),
                    "conftest.py": trap.encode(),
                }
            ),
        }
        with pytest.MonkeyPatch.context() as patch, _folder() as folder:
            patch.chdir(folder)
            read(RIGHT)  # what ketch itself imports late is imported now
            events = audited()
            read({**RIGHT, **hostile})
            assert audited()[len(events) :] == []
            compile("1", "heard", "eval")
            assert len(audited()) == len(events) + 1
        assert not (tmp_path / "sprung").exists()


class _Trap:
    def __init__(self, source: str) -> None:
        self.source = source

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return exec, (self.source,)


class TestSentence20:
    """Every file below `ketch/` MUST hold its own tables only: `package.json` holds `format`,
    `package`, `evaluate` and `budget`; `pipeline.json`, `params.json`, `environment.json`
    and `data.json` hold the table of their name; `schema.json` holds `inputs` and
    `outputs`.
    """

    TABLES = {
        "ketch/package.json": {"format", "package", "evaluate", "budget"},
        "ketch/pipeline.json": {"pipeline"},
        "ketch/params.json": {"params"},
        "ketch/environment.json": {"environment"},
        "ketch/data.json": {"data"},
        "ketch/schema.json": {"inputs", "outputs"},
    }

    def test_the_writer_obeys(self) -> None:
        assert {path: set(json.loads(RIGHT[path])) for path in self.TABLES} == self.TABLES

    @pytest.mark.parametrize("path", TABLES)
    @pytest.mark.parametrize("table", [*sorted(set().union(*TABLES.values())), "other"])
    def test_a_table_of_another_file_is_refused(self, path: str, table: str) -> None:
        if table in self.TABLES[path]:
            return
        found = [json.loads(RIGHT[other]).get(table) for other in self.TABLES]
        value: object = next((each for each in found if each is not None), {})
        refusal({**RIGHT, path: replaced_json(RIGHT[path], table, value=value)})

    @pytest.mark.parametrize(
        ("path", "keys"),
        [
            ("ketch/package.json", ("package", "other")),
            ("ketch/package.json", ("budget", "other")),
            ("ketch/pipeline.json", ("pipeline", "other")),
            ("ketch/environment.json", ("environment", "other")),
            ("ketch/data.json", ("data", "training", "other")),
            ("ketch/schema.json", ("inputs", 0, "other")),
        ],
    )
    def test_an_unknown_key_is_refused(self, path: str, keys: tuple[str | int, ...]) -> None:
        refusal({**RIGHT, path: replaced_json(RIGHT[path], *keys, value=1)})


class TestSentence21:
    """A sample that `ketch/data.json` says is shipped MUST be the layer `data/NAME/FILE`, with
    the name of the data reference and the last segment of `sample`.
    """

    TABLE: Body = {"source": "s3://shop/", "sample": "samples/events.csv", "ship": True}

    @pytest.mark.parametrize(
        ("name", "sample"),
        [
            ("other", "events.csv"),
            ("training", "other.csv"),
            ("training", ".."),
            ("..", "events.csv"),
            ("../../../../etc", "passwd"),
            ("/etc", "passwd"),
            ("training/../training", "events.csv"),
            ("./training", "events.csv"),
            ("", "events.csv"),
            ("a\x1b[2J", "events.csv"),
        ],
    )
    def test_a_sample_that_is_elsewhere_is_refused(self, name: str, sample: str) -> None:
        document = {"data": {name: {**self.TABLE, "sample": sample}}}
        refusal({**RIGHT, "ketch/data.json": canonical_json(document)})

    def test_it_lies_there(self) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        with _folder() as folder:
            _, layout, _ = packages.read_everything(digest, store, folder)
            assert layout.data["training"] == folder / "data" / "training" / "events.csv"
            assert layout.data["training"].read_bytes() == RIGHT["data/training/events.csv"]


class TestSentence22:
    """An attestation MUST be a manifest of its own whose `subject` is the package and whose
    `artifactType` is `application/vnd.ketch.attestation.v1+json`; its one layer is an
    in-toto Statement 1.0. Adding one MUST NOT change the package.
    """

    def test_the_writer_obeys(self) -> None:
        store, package = _stored()
        before = {digest: store.read(digest) for digest in store.digests()}
        attach(_attestation(package), package, store)
        assert {digest: store.read(digest) for digest in before} == before
        assert open_package(package.digest, store).artifact == package.artifact
        (descriptor,) = store.referrers(package.digest)
        manifest = json.loads(store.read(descriptor.digest))
        assert manifest["subject"]["digest"] == str(package.digest)
        assert manifest["artifactType"] == "application/vnd.ketch.attestation.v1+json"
        (layer,) = manifest["layers"]
        statement = json.loads(store.read(Digest.parse(layer["digest"])))
        assert layer["mediaType"] == "application/vnd.in-toto+json"
        assert statement["_type"] == "https://in-toto.io/Statement/v1"
        assert statement["subject"] == [
            {"name": "hello:1.0.0", "digest": {"sha256": package.digest.hex}}
        ]

    def test_it_is_found_again(self) -> None:
        store, package = _stored()
        attach(_attestation(package), package, store)
        assert attestations(package.digest, store) == (_attestation(package),)

    def test_one_about_another_package_does_not_count(self) -> None:
        store, package = _stored()
        other = Attestation("hello:1.0.0", Digest.of(b"other"), True, {"started": "2026"})
        attach(other, package, store)
        assert attestations(package.digest, store) == ()

    @pytest.mark.parametrize("layers", [0, 2])
    def test_one_without_its_one_layer_is_refused(self, layers: int) -> None:
        store, package = _stored()
        content = store.put_bytes(_attestation(package).to_bytes())
        empty = store.put_bytes(b"{}")
        manifest = ImageManifest(
            config=Descriptor(EMPTY_CONFIG, empty.digest, empty.size),
            layers=(Descriptor("application/vnd.in-toto+json", content.digest, content.size),)
            * layers,
            artifact_type="application/vnd.ketch.attestation.v1+json",
            subject=package.descriptor,
        )
        kept = store.put_bytes(manifest.to_bytes())
        descriptor = Descriptor(
            "application/vnd.oci.image.manifest.v1+json",
            kept.digest,
            kept.size,
            artifact_type="application/vnd.ketch.attestation.v1+json",
        )
        store.add_referrer(package.digest, descriptor)
        with pytest.raises(PackageError):
            attestations(package.digest, store)


@pytest.fixture(scope="module")
def audited() -> Callable[[], list[str]]:
    """Returns what Python has run, imported or started since the first call."""
    events: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in _RUNS:
            events.append(f"{event} {arguments!r:.200}")

    sys.addaudithook(hook)  # one cannot be removed again; this one only remembers
    return lambda: list(events)


_RUNS = frozenset(
    [
        "import",
        "exec",
        "compile",
        "pickle.find_class",
        "marshal.loads",
        "subprocess.Popen",
        "os.system",
    ]
)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _stored() -> tuple[MemoryStore, Package]:
    store = MemoryStore()
    return store, open_package(packages.put(store, RIGHT), store)


def _attestation(package: Package) -> Attestation:
    predicate = {"started": "2026-11-01T00:00:00Z"}
    return Attestation(package.reference, package.digest, True, predicate, (packages.TRACE,))


def _rewritten(line: bytes) -> bytes:
    """Return a line of JSON as another program writes it canonically."""
    value = json.loads(line)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def _row(path: str) -> tuple[str, str]:
    """Return the component and the end of the media type that the specification gives a path."""
    rows = re.findall(
        r"^\| (`.+`) \| `(.+)` \| `(.+)` \|$", SPECIFICATION.read_text(), re.MULTILINE
    )
    for paths, component, media_type in rows:
        for pattern in re.findall(r"`(.+?)`", paths):
            if path == pattern or (pattern.endswith("…") and path.startswith(pattern[:-1])):
                return component, media_type
    raise AssertionError(path)


def _clash(tree: Mapping[str, bytes]) -> bool:
    return any(other.startswith(f"{path}/") for path in tree for other in tree) or any(
        re.search(r"(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)", path) for path in tree
    )


def _built(folder: Path, home: Path) -> str:
    """Return the digest of what a folder becomes."""
    return str(build(folder, Home(home), Options(offline=True), Silent()).package.digest)


_DIGESTS: list[str] = []


def _hello() -> str:
    if not _DIGESTS:
        with _folder() as home:
            _DIGESTS.append(_built(HELLO, home))
    return _DIGESTS[0]
