"""ketch's own process unpickles nothing, and imports nothing of a package.

Unpickling runs whatever a file says, so only a package's own worker may do it, in its
sandbox. What is promised is that nothing is *unpickled*, not that no module of that name
is loaded: two libraries that ketch uses import ``pickle`` themselves, rich to copy a
style's own data, and numpy (loaded to profile data) for a format that ketch never reads.
So each verb runs here in a process where every way to unpickle raises, and where the
other libraries that do it cannot be imported at all.
"""

from __future__ import annotations

import ast
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import ketch
from ketch.runtime import Home
from ketch.schema import Field, Int
from ketch.tables.write import RowWriter

SRC = Path(__file__).parents[2] / "src" / "ketch"
WORKER = SRC / "_worker" / "worker.py"
# Code that is data to ketch: it is copied into packages, or run by the user's own Python.
NOT_KETCH = (
    SRC / "authoring" / "templates",
    SRC / "demo" / "projects",
    SRC / "export" / "templates",
)

UNPICKLERS = frozenset({"pickle", "_pickle", "joblib", "cloudpickle", "dill", "shelve", "torch"})
UNPICKLERS |= {"skops", "pandas", "sklearn", "marshal", "runpy", "imp"}

# Runs `ketch` with the arguments it is given, in a process that can unpickle nothing, and
# prints as its last line which modules were imported, and who imported pickle.
GUARD = """
import builtins, importlib.abc, json, marshal, pickle, sys

def refuse(*_, **__):
    raise AssertionError("ketch unpickled something")

class Unpickler:
    __init__ = refuse

pickle.load = pickle.loads = pickle._load = pickle._loads = refuse
pickle.Unpickler = pickle._Unpickler = Unpickler
import _pickle
_pickle.load = _pickle.loads = refuse
_pickle.Unpickler = Unpickler
unmarshal = marshal.loads

def for_imports_only(content, /):
    if sys._getframe(1).f_globals["__name__"] != "importlib._bootstrap_external":
        refuse()
    return unmarshal(content)

marshal.load, marshal.loads = refuse, for_imports_only

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is forbidden here", name=name)

ABSENT = {"joblib", "cloudpickle", "dill", "shelve", "torch", "sklearn", "skops", "pandas"}
sys.meta_path.insert(0, Absent())

importers = {}
original = builtins.__import__

def recording(name, globals=None, locals=None, fromlist=(), level=0):
    if not level:
        by = (globals or {}).get("__name__", "?")
        importers.setdefault(name.partition(".")[0], set()).add(by)
    return original(name, globals, locals, fromlist, level)

builtins.__import__ = recording
before = set(sys.modules)

from ketch.cli.main import main
try:
    status = main(sys.argv[1:])
except SystemExit as ended:
    status = ended.code or 0
builtins.__import__ = original
loaded = {n: str(getattr(m, "__file__", "")) for n, m in list(sys.modules.items()) if n not in before}
by = sorted({*importers.get("pickle", ()), *importers.get("_pickle", ())})
print()
print(json.dumps({"status": status, "pickle_by": by, "loaded": loaded}))
"""

PIPELINE = """
import pickle
from pathlib import Path

import only_this_package_has_it


def load(model_dir, params):
    with (Path(model_dir) / "model.pkl").open("rb") as file:
        return pickle.load(file)


def run(model, rows):
    return [{"price": model["factor"] * row["size"]} for row in rows]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Path:
    """A folder with a package whose model is a pickle, packed, its home, and rows."""
    place = tmp_path_factory.mktemp("place")
    folder = author(
        place / "folder",
        PIPELINE,
        inputs='size = "int64"',
        outputs='price = "float64"',
        scenarios=[{"inputs": {"size": 2}, "expected": {"price": 3.0}}],
        files={
            "only_this_package_has_it.py": "",
            "model/model.pkl": pickle.dumps({"factor": 1.5}),
            "data/sizes.csv": "size,bought\n1,true\n2,false\n",
        },
        more='[data.sizes]\nsource = "s3://sizes"\nsample = "data/sizes.csv"\n',
    )
    declared = folder / "ketch.toml"
    step = 'steps = ["pipeline:run"]'
    declared.write_text(declared.read_text().replace(step, f'load = "pipeline:load"\n{step}'))
    (place / "rows.json").write_text('[{"size": 4}]')
    packed = ketch.pack(folder, home=Home(place / "home"), archive=place / "shop.tar")
    assert packed.verified, packed.report
    return place


@pytest.fixture(params=["json", "jsonl", "csv", "parquet"])
def answers(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"answers.{request.param}"


@dataclass(frozen=True)
class Ran:
    """What a process imported: its modules with their files, and who asked for pickle."""

    loaded: dict[str, str]
    pickle_by: list[str]


def guarded(place: Path, *arguments: str, status: int = 0) -> Ran:
    """Run a verb where nothing can be unpickled."""
    done = subprocess.run(
        [sys.executable, "-c", GUARD, *arguments],
        cwd=place,
        env={**os.environ, "KETCH_HOME": str(place / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["status"] == status, done.stderr
    return Ran(said["loaded"], said["pickle_by"])


VERBS = [
    "--version",
    "--help",
    "pack --help",
    "pack folder",
    "pack folder --json -o again.tar",
    "verify folder",
    "verify shop:1.0.0",
    "verify shop.tar",
    "inspect shop:1.0.0",
    "inspect folder --json",
    "record folder",
    "list",
    "list --json",
    "predict shop:1.0.0 rows.json",
    "fsck",
    "gc",
    "env list",
    "env gc --dry-run",
    "doctor",
    "init empty",
]


@pytest.mark.parametrize("line", VERBS)
def test_a_verb_unpickles_nothing_and_imports_nothing_of_a_package(place: Path, line: str) -> None:
    ran = guarded(place, *line.split())
    theirs = {"pipeline", "only_this_package_has_it"}
    assert not theirs & set(ran.loaded)
    assert not [name for name, file in ran.loaded.items() if file.startswith(str(place))]
    importers = {name.partition(".")[0] for name in ran.pickle_by}
    assert importers <= {"rich", "numpy", "pickle"}, "and the docstring of this file says so"


def test_a_pickle_is_looked_into_without_unpickling(place: Path) -> None:
    """What it would import is read off its operations; this one imports nothing."""
    ran = guarded(place, "init", "drafted", "--from", "folder/model/model.pkl", status=2)
    assert "ketch.authoring.drafting.pickles" in ran.loaded
    assert "pickletools" not in ran.loaded


@pytest.mark.e2e
@pytest.mark.thorough
def test_the_demo_unpickles_nothing(place: Path) -> None:
    """Its training scripts are processes of their own, as a data scientist's are."""
    ran = guarded(place, "demo", "--into", "demo", "--json")
    assert not {"pipeline", "train", "evaluate"} & set(ran.loaded)


def test_every_format_is_read_and_written_without_unpickling(place: Path, answers: Path) -> None:
    """Also Parquet, for which duckdb is loaded: it looks for pandas, and need not find it."""
    fields = (Field("size", Int()),)
    rows = answers.with_name(f"rows{answers.suffix}")
    with RowWriter(rows, fields) as writer:
        writer.write([{"size": 4}])
    ran = guarded(place, "predict", "shop:1.0.0", str(rows), "-o", str(answers))
    assert answers.stat().st_size
    assert not [name for name in ran.pickle_by if name.partition(".")[0] != "rich"]


def test_a_package_loaded_in_python_is_asked_without_unpickling(place: Path) -> None:
    """In a process that can unpickle nothing, the worker still loads its pickled model."""
    asked = "import ketch; model = ketch.load('shop:1.0.0'); print(model(size=4)); status = 0"
    guard = GUARD.replace("from ketch.cli.main import main", "")
    guard = guard.replace("status = main(sys.argv[1:])", asked)
    done = subprocess.run(
        [sys.executable, "-c", guard],
        env={**os.environ, "KETCH_HOME": str(place / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    printed = done.stdout.splitlines()
    assert printed[0] == "{'price': 6.0}"
    assert json.loads(printed[-1])["pickle_by"] == []


def test_the_guard_notices_an_unpickling(place: Path) -> None:
    bad = GUARD.replace("status = main(sys.argv[1:])", "pickle.loads(b'N.')")
    done = subprocess.run([sys.executable, "-c", bad], capture_output=True, text=True, check=False)
    assert "ketch unpickled something" in done.stderr


def own_files() -> Iterator[Path]:
    for path in sorted(SRC.rglob("*.py")):
        if not any(path.is_relative_to(folder) for folder in NOT_KETCH):
            yield path


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, and those it names to an importing function."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def test_no_file_of_ketch_imports_what_unpickles() -> None:
    found = {
        f"{path.relative_to(SRC)}: {name}"
        for path in own_files()
        if path != WORKER
        for name in imported(path)
        if name.partition(".")[0] in UNPICKLERS
    }
    assert found == set()


def test_no_file_of_ketch_evaluates_text() -> None:
    """``eval``, ``exec`` and ``compile`` run what they are given, as unpickling does."""
    found = {
        f"{path.relative_to(SRC)}:{node.lineno}"
        for path in own_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"eval", "exec", "compile"}
    }
    assert found == set()


def test_the_worker_needs_the_standard_library_only() -> None:
    """And nothing of ketch: it runs in the package's environment, which has none."""
    tops = {name.partition(".")[0] for name in imported(WORKER)} - {"__future__"}
    # Named to `import_module`: what the package's environment has, used when it is there.
    optional = {"numpy", "pandas"}
    assert tops - optional <= sys.stdlib_module_names
    assert not [
        node
        for node in ast.parse(WORKER.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(alias.name in optional for alias in node.names)
    ]


def test_the_worker_stands_alone_in_its_folder() -> None:
    """What lay beside it could take the place of a module that a package imports."""
    beside = {path.name for path in WORKER.parent.iterdir()} - {"__pycache__"}
    assert beside == {"__init__.py", "worker.py"}
