"""Packages read twice: by ketch and by the second reader, who must agree.

``read`` and ``refusal`` put a package into a store and let both judge it. So each sentence
of the format is proved twice: ketch keeps it, and the page alone says so.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st
from tests import packages
from tests.packages import Body
from tests.property.package.second.layers import row_of
from tests.property.package.second.reader import Blob, read_package
from tests.property.package.second.texts import Broken

from ketch.authoring.build import Options, build
from ketch.env import Lock
from ketch.errors import KetchError, PackageError
from ketch.package import Digest, Package, open_package
from ketch.progress import Silent
from ketch.runtime import Home
from ketch.store import MemoryStore, Store, attestations

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SPECIFICATION = ROOT / "docs" / "reference" / "format.md"
HELLO = ROOT / "tests" / "projects" / "hello"

RIGHT = packages.files()
PATHS = sorted(RIGHT)
REQUIRED = [path for path in PATHS if row_of(path).is_required]
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
    """Store a package and return it, read by ketch as far as its code could run, and by both."""
    package, error = judged(contents, body)
    assert error is None
    assert package is not None
    return package


def refusal(contents: Mapping[str, bytes], body: Body | bytes | None = None) -> PackageError:
    """Return how ketch refuses a package that the second reader refuses, too."""
    _, error = judged(contents, body)
    assert isinstance(error, PackageError)
    return error


def judged(
    contents: Mapping[str, bytes], body: Body | bytes | None = None
) -> tuple[Package | None, KetchError | None]:
    """Store a package and let both readers judge it; they must agree."""
    store = MemoryStore()
    digest = packages.put(store, contents, body)
    package, error = None, None
    try:
        package = everything_of(digest, store)
    except KetchError as refused:
        error = refused
    assert second_opinion(digest, store) == (error is None), error
    return package, error


def everything_of(digest: Digest, store: Store) -> Package:
    """Return a package after all that ketch does before its code runs, but for writing files."""
    package = open_package(digest, store)
    package.verify_bytes()
    Lock.parse(package.lock.decode())
    parts = (package.scenarios, package.traces, package.profiles, package.code())
    assert all(part is not None for part in parts)
    attestations(digest, store)
    return package


def second_opinion(digest: Digest, store: Store) -> bool:
    """Return whether the second reader takes a package."""
    try:
        files = read_package(str(digest), raw(store))
    except Broken:
        return False
    return bool(files)


def raw(store: Store) -> Blob:
    """Return what gets a blob as it lies in a store, unchecked."""

    def blob(digest: str) -> bytes:
        try:
            with store.open(Digest.parse(digest)) as file:
                return file.read()
        except KetchError as problem:
            raise Broken(str(problem)) from problem

    return blob


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


def quotations() -> Iterator[tuple[int, str, list[str]]]:
    """Yield, of each class of these tests, the number it names, its quotation and its tests."""
    for file in sorted(HERE.glob("test_format*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("TestSentence"):
                tests = [
                    one.name
                    for one in node.body
                    if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
                ]
                quoted = " ".join((ast.get_docstring(node) or "").split())
                yield int(node.name.removeprefix("TestSentence")), quoted, tests


def built(folder: Path, home: Path) -> str:
    """Return the digest of what a folder becomes."""
    return str(build(folder, Home(home), Options(offline=True), Silent()).package.digest)


_DIGESTS: list[str] = []


def hello() -> str:
    """Return the digest of what ``tests/projects/hello`` becomes."""
    if not _DIGESTS:
        with a_folder() as home:
            _DIGESTS.append(built(HELLO, home))
    return _DIGESTS[0]


@contextmanager
def a_folder() -> Iterator[Path]:
    """Yield a folder for a moment; tests of Hypothesis can't use ``tmp_path``."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
