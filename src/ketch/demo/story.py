"""The story that ``ketch demo`` plays: from order lines to a package one can trust.

Nothing is staged. The models are trained on the purchases in ``data/``, the packages
are built and verified in environments of their own, and the mistake at the end is a
real one: somebody believes that pandas counts time in another unit.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ketch.authoring import Packed, Progress, pack, prove
from ketch.demo import telling
from ketch.demo.shop import DATA, NOTICE, Shop
from ketch.demo.telling import Chapter
from ketch.errors import PackageCodeError, UsageError
from ketch.files import explained
from ketch.runtime import Home, Predictor
from ketch.schema import Row
from ketch.verify import Report

PROJECTS = ("top-sellers", "recommender")
MARK = ".ketch-demo"
BROKEN = "recommender-broken"
REQUEST = "shopper.json"

RIGHT_UNIT = "NANOSECONDS_A_DAY = 24 * 3600 * 10**9"
WRONG_UNIT = "NANOSECONDS_A_DAY = 24 * 3600 * 10**12"

SHOPPER: Mapping[str, object] = {
    "shopper": "12748",
    "viewed": ["85123A", "22423"],
    "hour": 12,
    "at": "2010-11-03T12:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Told:
    """The story, as it went.

    Attributes:
        folder: Where everything lies, to look at and go on with.
        packed: Package name → what packing did.
        answers: Package reference → what it answered the shopper.
        broken: What verification found in the package with the mistake.
        duration_s: How long it took.
    """

    folder: Path
    packed: Mapping[str, Packed]
    answers: Mapping[str, Row]
    broken: Report
    duration_s: float

    @property
    def went_well(self) -> bool:
        """Whether the good packages passed and the mistake was found where it is."""
        divergence = self.broken.first_divergence
        return (
            all(one.verified for one in self.packed.values())
            and not self.broken.passed
            and divergence is not None
            and divergence.step == "pipeline:preprocess"
        )

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch demo --json``."""
        return {
            "path": str(self.folder),
            "home": str(self.folder / "home"),
            "notice": str(NOTICE),
            "packages": {name: one.to_json() for name, one in self.packed.items()},
            "asked": dict(SHOPPER),
            "answers": dict(self.answers),
            "broken": self.broken.to_json(),
            "passed": self.went_well,
            "duration_s": round(self.duration_s, 3),
        }


def play(folder: Path, *, tell: Callable[[Chapter], None], progress: Progress) -> Told:
    """Play the story in a folder.

    Args:
        folder: Made; or, when an earlier demo made it, its projects are made anew. What
            the earlier demo packed and locked stays, so that playing again is quicker and
            needs no network.
        tell: Gets each chapter as it ends.
        progress: Told what is being done.

    Raises:
        UsageError: The folder holds something that no demo made.
        Unavailable: The package index cannot be reached and its cache is empty; or a disk
            refused.
    """
    began = time.monotonic()
    shop = Shop.read()
    tell(telling.opened(shop))
    _set_the_stage(folder)
    home = Home(folder / "home")
    packed = {}
    with ExitStack() as trainings:
        trained = {name: trainings.enter_context(_training(folder / name)) for name in PROJECTS}
        for name in PROJECTS:
            progress.step(f"training {name}")
            trained[name]()
            packed[name] = pack(folder / name, home=home, progress=progress)
            tell(telling.packed(packed[name]))
    tell(telling.measured(packed["recommender"]))
    progress.step("answering a shopper")
    answers = dict(_answers(packed, home))
    tell(telling.answered(shop, SHOPPER, {name: row["items"] for name, row in answers.items()}))
    broken = _break(folder, home, progress)
    tell(telling.broken(broken, f"{BROKEN}/pipeline.py", RIGHT_UNIT, WRONG_UNIT))
    return Told(folder, packed, answers, broken, time.monotonic() - began)


def _set_the_stage(folder: Path) -> None:
    with explained(folder):
        if folder.exists() and not (folder / MARK).exists() and any(folder.iterdir()):
            raise UsageError(
                f"expected an empty folder, found files in `{folder}`",
                code="demo/folder",
                hint="name another folder: `ketch demo --into FOLDER`",
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
        (folder / REQUEST).write_bytes(msgspec.json.format(msgspec.json.encode(SHOPPER)) + b"\n")
        for name in PROJECTS:
            _copy_project(name, folder / name)


def _copy_project(name: str, project: Path) -> None:
    """Copy a project as it is shipped; the lock of an earlier demo stays."""
    lock = project / "requirements.lock"
    locked = lock.read_bytes() if lock.exists() else None
    shutil.rmtree(project, ignore_errors=True)
    unshipped = shutil.ignore_patterns("__pycache__", "model", "data")
    shutil.copytree(DATA.parent / "projects" / name, project, ignore=unshipped)
    if locked is not None:
        lock.write_bytes(locked)


@contextmanager
def _training(project: Path) -> Iterator[Callable[[], None]]:
    """Run the project's own training script, which is no part of the package.

    Yields what waits for its end.
    """
    command = [sys.executable, "train.py", "--shop", str(DATA)]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) as process:

        def wait() -> None:
            said = process.communicate()[1]
            if process.returncode != 0:
                raise PackageCodeError(
                    f"training stopped: {' '.join(said.strip().splitlines()[-1:])}",
                    code="demo/training",
                    where=str(project / "train.py"),
                    traceback=said,
                )

        try:
            yield wait
        finally:
            process.kill()


def _answers(packed: Mapping[str, Packed], home: Home) -> Iterator[tuple[str, Row]]:
    for one in packed.values():
        with Predictor(one.package, home) as predictor:
            yield str(one.package.reference), predictor(SHOPPER)


def _break(folder: Path, home: Home, progress: Progress) -> Report:
    """Make a subtle mistake in one step of a copy, and verify it."""
    project = folder / BROKEN
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(folder / "recommender", project)
    _edit(project / "ketch.toml", 'version = "1.0.0"', 'version = "1.0.1"')
    _edit(project / "pipeline.py", RIGHT_UNIT, WRONG_UNIT)
    return prove(str(project), home=home, progress=progress)


def _edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    if before not in text:
        raise UsageError(f"expected `{before}` in `{file}`", code="demo/project")
    file.write_text(text.replace(before, after))
