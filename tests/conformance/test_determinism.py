"""One folder, one digest: whoever packs it, wherever, whenever, and on which Python."""

from __future__ import annotations

import json
import os
import platform
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ketch.testing.workers import interpreters

SRC = Path(__file__).parents[2] / "src"
PACK = "import sys; from ketch.cli.main import main; sys.exit(main(sys.argv[1:]))"
SORTED = """
import os

class Sorted:
    def __init__(self, path="."):
        with scandir(path) as entries:
            self.entries = sorted(entries, key=lambda entry: entry.name, reverse=BACKWARDS)
    def __enter__(self):
        return self
    def __exit__(self, *exc_info):
        self.close()
    def __iter__(self):
        return self
    def __next__(self):
        if not self.entries:
            raise StopIteration
        return self.entries.pop()
    def close(self):
        self.entries.clear()

scandir, os.scandir = os.scandir, Sorted
os.listdir = lambda path=".": [entry.name for entry in Sorted(path)]
"""
"""A filesystem that lists its files in order, or the other way round."""
NOBODY = "nobody"

PIPELINE = """
import json
from pathlib import Path
from typing import Any

from prices.rounding import whole


def load(model_dir, params):
    return json.loads((Path(model_dir) / "weights.json").read_text())


def run(model, rows):
    return [{"price": whole(model["factor"] * row["size"])} for row in rows]
"""
ROUNDING = "def whole(value):\n    return float(round(value))\n"
TABLE = """
SELECT
    i AS id,
    i * 0.1 AS price,
    sin(i) * 1e300 AS wide,
    CASE WHEN i % 7 = 0 THEN NULL ELSE 'Zoë ' || (i % 13) END AS name,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL 1 MINUTE * i AS at,
    i % 2 = 0 AS even
FROM range(25000) t(i)
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Path:
    """A package folder with its lock, model files, documents and a data sample."""
    folder = tmp_path_factory.mktemp("original")
    author(
        folder,
        PIPELINE,
        inputs='size = "int64"',
        outputs='price = "float64"',
        scenarios=[{"inputs": {"size": 3}, "expected": {"price": 6.0}}],
        more="""
[data.training]
source = "s3://prices/2026.parquet"
sample = "data/training.parquet"
time_column = "at"
ship = true
""",
        files={
            "prices/__init__.py": "",
            "prices/rounding.py": ROUNDING,
            "model/weights.json": '{"factor": 2.1}',
            "model/deep/weights.bin": bytes(range(256)) * 1024,
            "docs/how-it-works.md": "It multiplies.\n",
        },
    )
    declared = folder / "ketch.toml"
    step = 'steps = ["pipeline:run"]'
    declared.write_text(declared.read_text().replace(step, f'load = "pipeline:load"\n{step}'))
    write_sample(folder, TABLE)
    packed(folder)  # writes the lock, which belongs to the folder from now on
    return folder


def write_sample(folder: Path, query: str) -> None:
    (folder / "data").mkdir(exist_ok=True)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET threads = 1")
        con.execute(f"COPY ({query}) TO '{folder}/data/training.parquet' (FORMAT parquet)")


def packed(
    folder: Path,
    *,
    python: Path | str = sys.executable,
    variables: Mapping[str, str] | None = None,
    home: Path | None = None,
    verify: bool = False,
    before: str = "",
    **how: object,
) -> dict[str, object]:
    """Pack a folder in a process of its own; return the digests of it and of its parts."""
    arguments = ["pack", str(folder), "--json", *([] if verify else ["--no-verify"])]
    with tempfile.TemporaryDirectory() as fresh:
        chosen = str(home or fresh)
        done = subprocess.run(  # type: ignore[call-overload] # `how` is what Popen takes
            [python, "-c", before + PACK, *arguments],
            env={**os.environ, "KETCH_HOME": chosen, **(variables or {})},
            capture_output=True,
            text=True,
            check=False,
            **how,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    return {"digest": said["digest"], **said["components"]}


@pytest.fixture(scope="module")
def expected(original: Path) -> dict[str, object]:
    return packed(original)


@pytest.fixture
def copied(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "a copy")


def test_every_part_counts(expected: dict[str, object]) -> None:
    assert set(expected) == {"digest", "manifest"} | {
        *("code", "data", "docs", "environment", "model", "params", "scenarios", "schema")
    }


def test_digest_is_the_same_after_the_folder_moved(
    copied: Path, expected: dict[str, object]
) -> None:
    assert packed(copied) == expected


def test_digest_is_the_same_whatever_the_folder_is_called(
    original: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    assert packed(shutil.copytree(original, tmp_path / "Größe [2] *, ø")) == expected


def test_digest_is_the_same_from_inside_the_folder(
    copied: Path, expected: dict[str, object]
) -> None:
    assert packed(Path(), cwd=copied) == expected


@pytest.mark.parametrize(
    "variables",
    [
        {"TZ": "Asia/Kathmandu"},
        {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
        {"LANG": "de_DE", "LC_NUMERIC": "de_DE", "TZ": "America/St_Johns"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "USER": "somebody", "HOSTNAME": "elsewhere"},
        {"SOURCE_DATE_EPOCH": "1", "PYTHONOPTIMIZE": "2"},
    ],
    ids=",".join,
)
def test_digest_is_the_same_with_other_variables(
    copied: Path, expected: dict[str, object], variables: dict[str, str]
) -> None:
    assert packed(copied, variables=variables) == expected


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_digest_is_the_same_under_another_umask(
    copied: Path, expected: dict[str, object], umask: int
) -> None:
    assert packed(copied, umask=umask) == expected


def test_digest_is_the_same_with_other_modification_times(
    copied: Path, expected: dict[str, object]
) -> None:
    for at, path in enumerate(sorted(copied.rglob("*"))):
        os.utime(path, (at * 86_400, 1_000_000_000 + at))
    assert packed(copied) == expected


def test_digest_is_the_same_with_other_modes(copied: Path, expected: dict[str, object]) -> None:
    for at, path in enumerate(sorted(copied.rglob("*"))):
        path.chmod(0o755 if path.is_dir() else (0o600, 0o755, 0o444)[at % 3])
    assert packed(copied) == expected


def test_digest_is_the_same_whatever_file_was_made_first(
    original: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    for path in sorted(original.rglob("*"), reverse=True):
        if path.is_file():
            target = tmp_path / "backwards" / path.relative_to(original)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    assert packed(tmp_path / "backwards") == expected


@pytest.mark.parametrize("backwards", [True, False])
def test_digest_is_the_same_whatever_order_the_filesystem_lists(
    copied: Path, expected: dict[str, object], *, backwards: bool
) -> None:
    before = SORTED.replace("BACKWARDS", str(backwards))
    assert packed(copied, before=before) == expected


def test_digest_is_the_same_on_one_processor(copied: Path, expected: dict[str, object]) -> None:
    one = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})\n"
    assert packed(copied, before=one) == expected


def test_digest_is_the_same_through_a_link(
    copied: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    (tmp_path / "link").symlink_to(copied)
    assert packed(tmp_path / "link") == expected


def test_digest_is_the_same_verified_or_not(copied: Path, expected: dict[str, object]) -> None:
    assert packed(copied, verify=True) == expected


def test_digest_is_the_same_when_ketch_remembers_the_files(
    copied: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    """Files that lie still are neither hashed nor profiled again."""
    for path in copied.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    home = tmp_path / "home"
    assert packed(copied, home=home) == expected
    assert list((home / "profiles").iterdir())
    assert packed(copied, home=home) == expected


def test_digest_is_the_same_in_a_store_that_holds_other_packages(
    copied: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    code = copied / "prices" / "rounding.py"
    before = code.read_text()
    code.write_text(before.replace("round(value)", "int(value)"))
    other = packed(copied, home=tmp_path / "home")
    code.write_text(before)
    assert packed(copied, home=tmp_path / "home") == expected
    assert {part for part in expected if expected[part] != other[part]} == {"digest", "code"}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_digest_is_the_same_for_another_user(
    original: Path,
    open_folder: Path,
    expected: dict[str, object],
    missing: Callable[[str], None],
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    python = python_for(NOBODY)
    if python is None:
        minor = f"{sys.version_info.major}.{sys.version_info.minor}"
        missing(f"no Python {minor} that `{NOBODY}` may run: install the Debian package `python3`")
    user = pwd.getpwnam(NOBODY)
    folder = shutil.copytree(original, open_folder / "copy")
    for path in (open_folder, folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid)
    variables = {"PYTHONPATH": os.pathsep.join([str(SRC), *site_folders()]), "HOME": "/nonexistent"}
    variables["TMPDIR"] = str(open_folder)
    as_user: dict[str, Any] = {"user": NOBODY, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
    home = open_folder / "home"
    found = packed(folder, python=python or "", variables=variables, home=home, **as_user)
    assert found == expected
    assert (home / "store").stat().st_uid == user.pw_uid


def python_for(user: str) -> Path | None:
    """Return an interpreter like this one, which another user may run."""
    wanted = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in (Path(sys.executable).parent, Path("/usr/local/bin"), Path("/usr/bin")):
        try:
            subprocess.run([folder / wanted, "-c", ""], user=user, cwd="/", check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return folder / wanted
    return None


def site_folders() -> Sequence[str]:
    return [path for path in sys.path if path.endswith("site-packages")]


@pytest.mark.e2e
def test_digest_is_the_same_on_another_python(
    copied: Path, expected: dict[str, object], another_python: Path
) -> None:
    """ketch's own Python, and the numpy beside it, leave no mark on a package."""
    found = packed(copied, python=another_python, variables={"PYTHONPATH": str(SRC)})
    assert found == expected
    ran = subprocess.check_output([another_python, "-V"], text=True)
    assert platform.python_version() not in ran
    assert len(interpreters()) > 1


@pytest.mark.parametrize(
    "change",
    ["CASE WHEN i = 24000 THEN -1.5 ELSE i * 0.1 END", "TIMESTAMPTZ '2027-01-01 00:00:00+00'"],
    ids=["one number in row 24,001", "a column of times"],
)
def test_data_that_differs_anywhere_has_another_digest(
    copied: Path, expected: dict[str, object], change: str
) -> None:
    """Not the first rows only, and not the numbers and texts only."""
    old = (
        "i * 0.1" if "CASE" in change else TABLE.partition("AS name,\n    ")[2].partition(" AS")[0]
    )
    write_sample(copied, TABLE.replace(old, change))
    found = packed(copied)
    assert {part for part in expected if expected[part] != found[part]} == {"digest", "data"}
