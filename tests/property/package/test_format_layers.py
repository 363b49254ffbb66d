"""The package format, sentences 10 to 17: layers, their paths, and the one tar."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import packages
from tests.property.package.agreement import (
    PATHS,
    REQUIRED,
    RIGHT,
    code_trees,
    names,
    read,
    refusal,
    with_layer,
)
from tests.property.package.second.layers import ROWS, build_tar, component_digests, row_of

from ketch.errors import ManifestError
from ketch.package import Digest
from ketch.package.built import write
from ketch.package.code_tar import read_code_tar, write_code_tar
from ketch.package.layers import COMPONENTS, place_of
from ketch.store import MemoryStore


class TestSentence10:
    """Every layer MUST carry the annotations `org.cncf.model.filepath`, its path in the package,
    and `dev.ketch.component`, and MUST have the component and the media type that the table
    gives its path; none is compressed.
    """

    def test_the_builder_obeys(self) -> None:
        for layer in packages.body(RIGHT)["layers"]:
            path = layer["annotations"]["org.cncf.model.filepath"]
            assert layer["digest"] == str(Digest.of(RIGHT[path]))
            assert layer["annotations"]["dev.ketch.component"] == row_of(path).component
            assert layer["mediaType"] == row_of(path).media_type
            assert layer["mediaType"].endswith((".raw", ".tar"))

    def test_the_table_is_the_one_of_the_code(self) -> None:
        for row in ROWS:
            place = place_of(row.path.replace("…", "x"))
            assert place is not None
            assert (place.component, place.media_type) == (row.component, row.media_type)
            assert place.max_bytes == row.most_bytes

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

    @pytest.mark.parametrize("key", ["org.cncf.model.filepath", "dev.ketch.component"])
    @pytest.mark.parametrize("index", range(len(PATHS)))
    def test_a_layer_without_an_annotation_is_refused(self, index: int, key: str) -> None:
        refusal(RIGHT, with_layer(index, lambda layer: layer["annotations"].pop(key)))

    @given(
        st.integers(0, len(PATHS) - 1),
        st.sampled_from(["model", "docs", "code", "data", "scenarios"]) | st.text(max_size=8),
    )
    def test_a_layer_of_another_component_is_refused(self, index: int, component: str) -> None:
        assume(component != row_of(PATHS[index]).component)
        changed = {"dev.ketch.component": component}
        refusal(RIGHT, with_layer(index, lambda layer: layer["annotations"].update(changed)))


class TestSentence11:
    """A package MUST hold every layer of the table that is marked as required, and no layer whose
    path is not in the table; `…` stands for one path or more.
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
        "path",
        ["model", "docs", "data", "ketch/README.md", "code/pipeline.py", "readme.md", "Model/x"],
    )
    def test_so_are_names_that_look_like_those(self, path: str) -> None:
        refusal({**RIGHT, path: b"x"})


class TestSentence12:
    """A path MUST have at most 512 characters in at most 16 segments with `/` between them; a
    segment has 1 to 128 of `A-Z a-z 0-9 _ . + @ = , -` and space, begins with a letter, a digit
    or `_`, ends in neither a dot nor a space, and is not, up to its first dot, without spaces
    before it and in any case, `con`, `prn`, `aux`, `nul`, `com0` to `com9` or `lpt0` to `lpt9`.
    """

    WRONG = (
        ".", "..", "", "a\\b", "..\\..", "C:", "a\nb", "a\0", "\x1b[31m", "nul", "CON.txt", "Aux",
        "com1", "LPT9.tar.gz", "aux .bin", "nul ", "a\x7f", "\u202egnp.exe", "\uff0e\uff0e", "~",
        "-rf", "a:stream", "a.", "a ", " a", "+a", "@a", "=a", ",a", ".git", "é", "a*", "a?", "a#b",
        "a" * 129, "a\n",
    )  # fmt: skip
    RIGHT_ONES = ("a", "_", "0", "a.b", "a b", "a+b@c=d,e-f", "a" * 128, "console", "com", "com10", "auxiliary", "x.nul", "0..1")  # fmt: skip

    @given(
        st.sampled_from(WRONG),
        st.sampled_from(
            ["model/{}", "model/{}/weights.bin", "docs/a/{}/b", "data/{}", "/model/{}"]
        ),
    )
    def test_a_path_with_a_wrong_segment_is_refused(self, segment: str, pattern: str) -> None:
        error = refusal({**RIGHT, pattern.format(segment): b"x"})
        assert error.code == "package/path-syntax"

    @pytest.mark.parametrize("segment", WRONG)
    def test_so_is_a_path_in_the_code(self, segment: str) -> None:
        error = refusal({**RIGHT, "code.tar": write_code_tar({f"a/{segment}/b.py": b""})})
        assert error.code in {"package/path-syntax", "package/code"}

    @pytest.mark.parametrize("segment", RIGHT_ONES)
    @pytest.mark.parametrize("pattern", ["model/{}", "docs/{}/x"])
    def test_a_right_segment_is_read(self, segment: str, pattern: str) -> None:
        read({**RIGHT, pattern.format(segment): b"x"})

    @pytest.mark.parametrize(
        ("path", "is_right"),
        [
            ("model" + "/a" * 15, True),
            ("model" + "/a" * 16, False),
            ("model" + ("/" + "a" * 125) * 4 + "/aa", True),
            ("model" + ("/" + "a" * 125) * 4 + "/aaa", False),
        ],
    )
    def test_lengths_count(self, path: str, is_right: bool) -> None:  # noqa: FBT001
        contents = {**RIGHT, path: b"x"}
        if is_right:
            assert path in read(contents).files
        else:
            assert refusal(contents).code == "package/path-syntax"

    @given(st.text("aZ0_.+@=,- /", max_size=12) | st.text(max_size=5))
    def test_both_readers_judge_any_path_alike(self, path: str) -> None:
        contents = {**RIGHT, f"docs/more/{path}": b"x"}
        try:
            found = read(contents)
        except AssertionError:
            refusal(contents)
        else:
            assert f"docs/more/{path}" in found.files


class TestSentence13:
    """No two layers MAY have the same path, nor paths with a segment that differs in case alone,
    nor paths of which one names a file and the other a folder.
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

    @settings(max_examples=30)
    @given(code_trees, st.data())
    def test_so_are_clashes_in_the_code(self, tree: dict[str, bytes], data: st.DataObject) -> None:
        tree = {**tree, "pipeline.py": b""}
        path = data.draw(st.sampled_from(sorted(tree)))
        for other in (path.upper(), f"{path}/inside.py"):
            refusal({**RIGHT, "code.tar": write_code_tar({**tree, other: b""})})


class TestSentence14:
    """A builder MUST list the layers sorted by path."""

    @given(st.sets(st.text("aB_-. /", min_size=1, max_size=4).map("docs/x{}x".format), max_size=5))
    def test_the_builder_obeys(self, more: set[str]) -> None:
        store, file = MemoryStore(), Path(__file__)
        sources = packages.sources(docs=dict.fromkeys(sorted(more, key=len), file))
        written = write(sources, store, files=store.put_files([file]))
        listed = [
            layer["annotations"]["org.cncf.model.filepath"]
            for layer in json.loads(store.read(written.digest))["layers"]
        ]
        assert more <= set(listed)
        assert listed == sorted(listed, key=str.encode)

    def test_a_reader_takes_any_order(self) -> None:
        body = packages.body(RIGHT)
        body["layers"].reverse()
        assert read(RIGHT, body).components == read(RIGHT).components


class TestSentence15:
    """`code.tar` MUST be, byte for byte, the tar that 16 makes of the regular files it holds, all
    below `code/`; their paths without `code/` follow 12 and 13.
    """

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
            refusal({**RIGHT, "code.tar": bytes(content)})
            return
        assert found != tree
        assert write_code_tar(found) == content

    @given(
        st.binary(max_size=3000) | st.binary(max_size=600).map(lambda head: head.ljust(1536, b"\0"))
    )
    def test_what_is_no_such_tar_is_refused(self, content: bytes) -> None:
        assert refusal({**RIGHT, "code.tar": content}).code == "package/code"

    @pytest.mark.parametrize(
        "change",
        [
            {"mtime": 1},
            {"uid": 1},
            {"gid": 1000},
            {"mode": 0o755},
            {"uname": "root"},
            {"type": tarfile.SYMTYPE},
            {"type": tarfile.LNKTYPE},
            {"type": tarfile.DIRTYPE},
            {"type": tarfile.FIFOTYPE},
            {"name": "pipeline.py"},
            {"name": "code/../pipeline.py"},
            {"name": "/code/pipeline.py"},
            {"pax_headers": {"comment": "x"}},
        ],
        ids=str,
    )
    def test_another_header_is_refused(self, change: Mapping[str, Any]) -> None:
        member = tarfile.TarInfo("code/pipeline.py")
        member.mode = 0o644
        for attribute, value in change.items():
            setattr(member, attribute, value)
        head = member.tobuf(tarfile.PAX_FORMAT)
        content = head + bytes(-(len(head) + 1024) % 10240 + 1024)
        error = refusal({**RIGHT, "code.tar": content})
        assert error.code in {"package/code", "package/path-syntax"}

    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
    def test_another_form_of_tar_is_refused(self, form: int) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
            member = tarfile.TarInfo(f"code/{'a' * 99}/{'b' * 60}.py")
            tar.addfile(member)
        refusal({**RIGHT, "code.tar": buffer.getvalue()})

    def test_unsorted_members_are_refused(self) -> None:
        both = write_code_tar({"a.py": b"", "b.py": b""})
        swapped = both[512:1024] + both[:512] + both[1024:]
        assert refusal({**RIGHT, "code.tar": swapped}).code == "package/code"

    def test_bytes_after_the_end_are_refused(self) -> None:
        content = write_code_tar({"pipeline.py": b""})
        for more in (bytes(512), bytes(10240), b"x"):
            refusal({**RIGHT, "code.tar": content + more})
        refusal({**RIGHT, "code.tar": content[:-512]})


class TestSentence16:
    """A builder MUST write `code.tar` with members sorted by path, each a POSIX ustar header with
    mode `0000644`, type `0`, uid, gid, time and all else zero or empty, the number fields octal
    with leading zeros and one NUL, the checksum six digits, NUL, space; a path longer than 100
    is cut there, after a pax header: name `././@PaxHeader`, mode zero, type `x`, body
    `LENGTH path=PATH` and a line feed; bodies are filled up with NUL to 512 bytes, and the tar,
    after 1,024 more, to 10,240.
    """

    @given(code_trees)
    def test_two_programs_write_a_tar_alike(self, tree: dict[str, bytes]) -> None:
        assert write_code_tar(tree) == build_tar(tree)

    @pytest.mark.parametrize("length", [1, 94, 95, 96, 97, 150, 507])
    @pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 8704, 8705])
    def test_lengths_at_the_borders_of_a_header_are_written_alike(
        self, length: int, size: int
    ) -> None:
        parts = ["a" * 120] * (length // 121)
        path = "/".join([*parts, "a" * (length - 121 * len(parts))])
        tree = {path: b"x" * size}
        assert write_code_tar(tree) == build_tar(tree)
        assert read({**RIGHT, "code.tar": build_tar(tree)}).code() == tree

    @given(code_trees)
    def test_any_program_reads_it(self, tree: dict[str, bytes]) -> None:
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


class TestSentence17:
    """The digest of a component MUST be the SHA-256 digest of the canonical JSON, without line
    feed, of the list of `[path, digest]` of its layers, sorted by path.
    """

    def test_it_is(self) -> None:
        pairs: dict[str, list[list[str]]] = {}
        for path in PATHS:
            digest = "sha256:" + hashlib.sha256(RIGHT[path]).hexdigest()
            pairs.setdefault(row_of(path).component, []).append([path, digest])
        expected = {
            component: hashlib.sha256(
                json.dumps(sorted(listed), separators=(",", ":")).encode()
            ).hexdigest()
            for component, listed in pairs.items()
        }
        assert {name: each.hex for name, each in read(RIGHT).components.items()} == expected
        assert sorted(expected) == sorted({row.component for row in ROWS}) == list(COMPONENTS)

    @given(st.permutations(PATHS))
    def test_the_order_of_layers_does_not_matter(self, order: list[str]) -> None:
        body = packages.body(RIGHT)
        layers = body["layers"]
        body["layers"] = [layers[PATHS.index(path)] for path in order]
        store = MemoryStore()
        packages.put(store, RIGHT, body)
        found = read(RIGHT, body).components
        assert {name: str(digest) for name, digest in found.items()} == component_digests(layers)

    @given(st.sampled_from(["README.md", "docs/card.md", "model/weights.bin"]), st.binary())
    def test_a_changed_file_changes_its_component_alone(self, path: str, content: bytes) -> None:
        before, after = read(RIGHT).components, read({**RIGHT, path: content}).components
        changed = {name for name in before if before[name] != after[name]}
        assert changed == (set() if content == RIGHT[path] else {row_of(path).component})

    def test_a_moved_file_changes_its_component(self) -> None:
        moved = {**RIGHT, "model/moved.bin": RIGHT["model/weights.bin"]}
        del moved["model/weights.bin"]
        assert read(moved).components["model"] != read(RIGHT).components["model"]


def _clash(tree: Mapping[str, bytes]) -> bool:
    return any(other.startswith(f"{path}/") for path in tree for other in tree) or any(
        re.search(r"(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)", path) for path in tree
    )
