"""The package format, sentences 26 to 28: what a reader checks, and what it never does."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import packages
from tests.property.package.agreement import (
    PATHS,
    REQUIRED,
    RIGHT,
    a_folder,
    everything_of,
    refusal,
    second_opinion,
)
from tests.property.package.second.layers import row_of

from ketch.errors import DigestMismatch, KetchError, ManifestError
from ketch.package import Digest, open_package
from ketch.package.code_tar import write_code_tar
from ketch.package.oci import parse_manifest
from ketch.schema.parse import canonical_json
from ketch.store import MemoryStore


class TestSentence26:
    """A reader MUST check the size and the digest of every blob it uses before it uses it."""

    @pytest.mark.parametrize("index", range(len(PATHS)))
    @pytest.mark.parametrize("change", [-1, 1, 1_000_000])
    def test_another_size_is_refused(self, index: int, change: int) -> None:
        body = packages.body(RIGHT)
        body["layers"][index]["size"] += change
        refusal(RIGHT, body)

    @pytest.mark.parametrize("path", PATHS)
    def test_a_file_of_another_size_is_not_even_read_alone(self, path: str) -> None:
        body = packages.body(RIGHT)
        body["layers"][PATHS.index(path)]["size"] += 1
        store = MemoryStore()
        digest = packages.put(store, RIGHT, body)
        with pytest.raises(DigestMismatch):
            open_package(digest, store).read(path)

    def test_so_is_another_size_of_the_config(self) -> None:
        body = packages.body(RIGHT)
        body["config"]["size"] += 1
        refusal(RIGHT, body)

    @pytest.mark.parametrize("path", [*PATHS, "config"])
    def test_other_content_is_refused(self, path: str) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        artifact = parse_manifest(store.read(digest), where="manifest")
        blob = artifact.config.digest if path == "config" else Digest.of(RIGHT[path])
        store._blobs[blob] = store._blobs[blob][:-1] + b"!"
        with pytest.raises(DigestMismatch):
            everything_of(digest, store)
        assert not second_opinion(digest, store)

    @pytest.mark.parametrize("path", PATHS)
    def test_missing_content_is_told(self, path: str) -> None:
        store = MemoryStore()
        digest = packages.put(store, RIGHT)
        store.delete(Digest.of(RIGHT[path]))
        with pytest.raises(KetchError) as caught:
            everything_of(digest, store)
        assert caught.value.code == "store/no-blob"
        assert not second_opinion(digest, store)


class TestSentence27:
    """A reader MUST refuse a manifest of more than 4 MiB or 20,000 layers, JSON nested deeper than
    32, and a layer larger than the table says, before it reads further.
    """

    def test_a_manifest_of_more_than_4_mib(self) -> None:
        body = packages.body(RIGHT)
        body["annotations"]["padding"] = "x" * (4 << 20)
        assert refusal(RIGHT, body).code == "store/blob-too-large"
        content = canonical_json(body)
        with pytest.raises(ManifestError) as caught:
            parse_manifest(content, where="manifest")
        assert caught.value.code == "json/too-large"

    @pytest.mark.parametrize("depth", [33, 100, 50_000])
    @pytest.mark.parametrize("opening", [b"[", b'{"a":'])
    def test_json_nested_deeper_than_32(self, depth: int, opening: bytes) -> None:
        closing = b"]" if opening == b"[" else b"}"
        nested = opening * depth + b"1" + closing * depth
        for path in (path for path in PATHS if path.endswith((".json", ".jsonl"))):
            refusal({**RIGHT, path: nested})
        assert refusal(RIGHT, nested).code == "json/too-deep"

    @pytest.mark.parametrize(("depth", "is_right"), [(30, True), (31, False)])
    def test_the_file_counts_with_what_is_in_it(self, depth: int, is_right: bool) -> None:  # noqa: FBT001
        nested = b"[" * depth + b"]" * depth
        contents = {**RIGHT, "ketch/params.json": b'{"params":{"a":%b}}' % nested}
        if is_right:
            store = MemoryStore()
            everything_of(packages.put(store, contents), store)
        else:
            assert refusal(contents).code == "json/too-deep"

    def test_more_than_20_000_layers(self) -> None:
        body = packages.body(RIGHT)
        layer = {"mediaType": "a/b", "digest": f"sha256:{'0' * 64}", "size": 0}
        body["layers"] += [layer] * 20_000
        assert "20000 layers" in refusal(RIGHT, body).message

    @pytest.mark.parametrize("path", [*REQUIRED, "README.md", "ketch/traces.jsonl"])
    def test_a_file_that_is_too_large_is_refused_unread(self, path: str) -> None:
        most = row_of(path).most_bytes
        assert most is not None
        body = packages.body(RIGHT)
        body["layers"][PATHS.index(path)]["size"] = most + 1
        store = MemoryStore()
        digest = packages.put(store, RIGHT, body)
        only = MemoryStore()
        only.put_bytes(store.read(digest))  # whoever reads further does not find it
        with pytest.raises(ManifestError, match=f"at most {most} bytes"):
            open_package(digest, only)
        assert not second_opinion(digest, only)


class TestSentence28:
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
        store = MemoryStore()
        right, trapped = packages.put(store, RIGHT), packages.put(store, {**RIGHT, **hostile})
        with pytest.MonkeyPatch.context() as patch, a_folder() as one, a_folder() as other:
            patch.chdir(one)
            packages.read_everything(right, store, one)  # what ketch imports late comes now
            events = audited()
            packages.read_everything(trapped, store, other)
            assert audited()[len(events) :] == []
            compile("1", "heard", "eval")
            assert len(audited()) == len(events) + 1
        assert not (tmp_path / "sprung").exists()


class _Trap:
    def __init__(self, source: str) -> None:
        self.source = source

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return exec, (self.source,)


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
