"""The package format, sentences 1 to 5: bytes and their digests."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import packages
from tests.property.package.agreement import (
    HELLO,
    JSON_FILES,
    PATHS,
    RIGHT,
    a_folder,
    built,
    hello,
    names,
    read,
    refusal,
    values,
    with_layer,
)
from tests.property.package.second.texts import canonical

from ketch.errors import DigestMismatch, ManifestError
from ketch.package import Digest, open_package
from ketch.package.built import write
from ketch.package.manifest_reader import parse_manifest_toml
from ketch.schema.parse import canonical_json
from ketch.store import MemoryStore


class TestSentence1:
    """A digest MUST be written `sha256:` and 64 lowercase hex digits, and MUST be the SHA-256
    digest of the bytes it names; the digest of a package is that of its manifest.
    """

    def test_it_is(self) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        content = store.read(digest)
        assert str(digest) == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert open_package(digest, store).digest == digest
        for layer in (json.loads(content)["config"], *json.loads(content)["layers"]):
            blob = store.read(Digest.parse(layer["digest"]))
            assert layer["digest"] == f"sha256:{hashlib.sha256(blob).hexdigest()}"

    @given(st.data())
    def test_other_bytes_under_that_digest_are_refused(self, data: st.DataObject) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        content = bytearray(store.read(digest))
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        store._blobs[digest] = bytes(content)
        with pytest.raises(DigestMismatch):
            open_package(digest, store)

    @pytest.mark.parametrize("index", [0, len(PATHS) - 1])
    @pytest.mark.parametrize(
        "spell",
        [
            str.upper,
            lambda text: f"sha256:{text.removeprefix('sha256:').upper()}",
            lambda text: text.removeprefix("sha256:"),
            lambda text: text.replace(":", "-"),
            lambda text: text[:-1],
            lambda text: f"{text}0",
            lambda text: f" {text}",
            lambda text: f"sha256:{hashlib.sha1(text.encode()).hexdigest()}",
            lambda text: text.replace("sha256", "sha512"),
            lambda text: f"{text}\n",
            lambda _: None,
        ],
    )
    def test_one_that_is_written_otherwise_is_refused(
        self, index: int, spell: Callable[[str], object]
    ) -> None:
        error = refusal(
            RIGHT, with_layer(index, lambda one: one.update(digest=spell(one["digest"])))
        )
        assert f"layers[{index}].digest" in str(error.where)


class TestSentence2:
    """JSON MUST be RFC 8259 text in UTF-8 without byte order mark, and MUST NOT hold a member
    twice, a lone surrogate, or a number beyond the finite doubles.
    """

    BROKEN: Mapping[str, Callable[[bytes], bytes]] = {
        "twice": lambda content: content.replace(b"{", b'{"again":1,"again":2,', 1),
        "twice-inside": lambda content: content.replace(b"{", b'{"a":{"b":1,"b":1},', 1),
        "not-a-number": lambda content: content.replace(b"{", b'{"nan":NaN,', 1),
        "infinite": lambda content: content.replace(b"{", b'{"far":-Infinity,', 1),
        "beyond-doubles": lambda content: content.replace(b"{", b'{"big":1e999,', 1),
        "integer-beyond": lambda content: content.replace(b"{", b'{"big":1%b,' % (b"0" * 309), 1),
        "not-utf-8": lambda content: content.replace(b"{", b'{"text":"\xff",', 1),
        "utf-16": lambda content: content.decode().encode("utf-16"),
        "surrogate": lambda content: content.replace(b"{", b'{"text":"\\ud800",', 1),
        "surrogate-bytes": lambda content: content.replace(b"{", b'{"text":"\xed\xa0\x80",', 1),
        "surrogate-inside": lambda content: content.replace(b"{", b'{"t":[["\\udfff"]],', 1),
        "byte-order-mark": lambda content: b"\xef\xbb\xbf" + content,
        "comment": lambda content: content.replace(b"{", b"{/* a */", 1),
        "trailing-comma": lambda content: content.replace(b"}", b",}", 1),
        "single-quotes": lambda content: content.replace(b'"', b"'"),
        "control": lambda content: content.replace(b"{", b'{"text":"\n",', 1),
        "leading-zero": lambda content: content.replace(b"{", b'{"n":01,', 1),
        "no-end": lambda content: content.rstrip()[:-1],
        "more": lambda content: content + b"{}",
        "empty": lambda _: b"",
    }

    @pytest.mark.parametrize("path", JSON_FILES)
    @pytest.mark.parametrize("how", BROKEN)
    def test_a_file_that_is_not_is_refused(self, path: str, how: str) -> None:
        if path.endswith(".jsonl") and how in {"empty", "more", "no-end"}:
            return  # another number of lines, or broken further on
        error = refusal({**RIGHT, path: self.BROKEN[how](RIGHT[path])})
        assert error.code.startswith(("json/", "scenario/", "package/trace"))

    @pytest.mark.parametrize("how", BROKEN)
    def test_so_is_a_manifest(self, how: str) -> None:
        content = canonical_json(packages.body(RIGHT))
        assert refusal(RIGHT, self.BROKEN[how](content)).code.startswith("json/")

    @given(values)
    def test_the_largest_numbers_are_read(self, value: object) -> None:
        params = {"far": [1.7976931348623157e308, 10**308, -(10**308), 5e-324, 2**64], "any": value}
        contents = {**RIGHT, "ketch/params.json": canonical_json({"params": params}) + b"\n"}
        assert read(contents).manifest.params == params


class TestSentence3:
    """A builder MUST write JSON canonically: members sorted by code point; no white space outside
    strings; `\\"`, `\\\\`, `\\b`, `\\t`, `\\n`, `\\f`, `\\r` and, for other characters below U+0020,
    `\\u00xx` with lowercase digits as the only escapes; an integer as its digits; any other number
    as the fewest digits that read back as the same double, the nearest of those, the even of two
    as near, with a fraction (`1.0`) or, below 1e-4 and from 1e16 on, an exponent of a sign and at
    least two digits (`1e-05`, `1.5e+16`).
    """

    @given(values)
    def test_two_programs_write_a_value_alike(self, value: object) -> None:
        assert canonical_json(value) == canonical(value)

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_no_shorter_number_is_the_same_double(self, value: float) -> None:
        written = canonical_json(value).decode()
        assert written == canonical(value).decode()
        assert float(written) == value
        digits = written.partition("e")[0].replace(".", "").replace("-", "").strip("0")
        if len(digits) > 1:
            assert float(f"{value:.{len(digits) - 2}e}") != value

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1e15, "1000000000000000.0"),
            (1.5e16, "1.5e+16"),
            (1e16, "1e+16"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (5e-324, "5e-324"),
            (2**-24, "5.960464477539063e-08"),
            (1.5 * 2**-23, "1.7881393432617188e-07"),
            (2**-44, "5.684341886080802e-14"),
            (2**70, str(2**70)),
            ({"é": "\x7f\u2028", "\U0001f600": "\x00\x1f\b", "z": []}, '{"z":[],"é":"\x7f\u2028","\U0001f600":"\\u0000\\u001f\\b"}'),
            ({"\ufffd": 1, "\U00010000": 2}, '{"\ufffd":1,"\U00010000":2}'),
        ],
    )  # fmt: skip
    def test_some_values_as_they_are_written(self, value: object, text: str) -> None:
        assert canonical_json(value).decode() == text
        assert canonical(value).decode() == text

    @given(st.dictionaries(st.text(max_size=5), values, max_size=4), st.text(max_size=20))
    def test_the_builder_obeys(self, params: dict[str, object], text: str) -> None:
        declared = packages.manifest(params={**params, "text": text})
        contents = packages.files(manifest=declared)
        manifest = canonical_json(packages.body(contents, of=declared))
        lines = [line for path in JSON_FILES for line in contents[path].splitlines(keepends=True)]
        for line in (*lines, manifest + b"\n"):
            assert canonical(json.loads(line)) + b"\n" == line

    @pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, "\ud800"])
    def test_what_has_no_canonical_form_is_not_written(self, wrong: object) -> None:
        with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
            packages.files(manifest=packages.manifest(params={"wrong": wrong}))


class TestSentence4:
    """A builder MUST end each line of a layer of JSON, one value a line, with a line feed, and a
    manifest or config with none.
    """

    def test_the_builder_obeys(self) -> None:
        store = MemoryStore()
        manifest = store.read(write(packages.sources(), store, files={}).digest)
        config = store.read(Digest.parse(json.loads(manifest)["config"]["digest"]))
        for content in (manifest, config):
            assert b"\n" not in content
        for path in JSON_FILES:
            lines = RIGHT[path].split(b"\n")
            assert lines.pop() == b""
            assert all(json.loads(line) for line in lines)
            assert len(lines) == 1 or path.endswith(".jsonl")

    def test_a_reader_does_not_mind_other_white_space(self) -> None:
        spaced = {
            path: b"\n".join(json.dumps(json.loads(line), indent=None).encode() + b" \r"
                             for line in RIGHT[path].splitlines())
            for path in JSON_FILES
        }  # fmt: skip
        assert read({**RIGHT, **spaced}).manifest == read(RIGHT).manifest


class TestSentence5:
    """The bytes that a builder makes of a folder MUST NOT depend on the time, host, user, locale or
    path, nor on the order, modes or modification times of the files.
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
        with a_folder() as temporary, pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", zone)
            patch.setenv("LC_ALL", locale)
            patch.setenv("USER", folder)
            patch.setenv("HOSTNAME", folder)
            copy = temporary / folder / "hello"
            shutil.copytree(HELLO, copy)
            for path in copy.rglob("*"):
                if path.is_file():
                    path.chmod(mode)
                    os.utime(path, (moment, moment))
            assert built(copy, temporary / "home") == hello()

    def test_on_a_changed_byte_it_does_depend(self, tmp_path: Path) -> None:
        copy = tmp_path / "hello"
        shutil.copytree(HELLO, copy)
        (copy / "README.md").write_text("# hello, again\n")
        assert built(copy, tmp_path / "home") != hello()

    def test_the_order_of_tables_and_keys_does_not_matter(self) -> None:
        blocks = packages.TOML.strip().split("\n\n")
        turned = "\n\n".join(reversed(blocks))
        same, _ = parse_manifest_toml(turned.encode())
        assert same is not None
        assert packages.files(manifest=same) == RIGHT


def test_an_error_of_a_digest_is_one_of_the_format() -> None:
    with pytest.raises(ManifestError):
        Digest.parse("sha256:")
