"""The story that ``ketch demo`` plays: from order lines to a package one can trust.

Nothing is staged. The models are trained on the purchases in ``data/``, the packages
are built and verified in environments of their own, and the mistake at the end is a
real one: somebody believes that pandas counts time in another unit.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ketch.authoring import Packed, Progress, pack, prove
from ketch.demo.products import Products
from ketch.errors import Unavailable, UsageError
from ketch.package import Reference
from ketch.runtime import Home, Predictor
from ketch.verify import Report

HERE = Path(__file__).parent
MARK = ".ketch-demo"
BROKEN = "recommender-broken"

RIGHT_UNIT = "NANOSECONDS_A_DAY = 24 * 3600 * 10**9"
WRONG_UNIT = "NANOSECONDS_A_DAY = 24 * 3600 * 10**12"

SHOPPER: Mapping[str, object] = {
    "shopper": "12748",
    "viewed": ["85123A", "22423"],
    "hour": 12,
    "at": "2010-11-03T12:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing that happened, for a person to read."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """The story, as it went.

    Attributes:
        folder: Where everything lies, to look at and go on with.
        packed: Package name → what packing did.
        broken: What verification found in the package with the mistake.
    """

    folder: Path
    packed: Mapping[str, Packed]
    broken: Report

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
            "packages": {name: one.to_json() for name, one in self.packed.items()},
            "broken": self.broken.to_json(),
            "passed": self.went_well,
        }


def play(folder: Path, *, tell: Callable[[Chapter], None], progress: Progress) -> Told:
    """Play the story in a folder.

    Args:
        folder: Made, or emptied when an earlier demo made it.
        tell: Gets each chapter as it ends.
        progress: Told what is being done.

    Raises:
        UsageError: The folder holds something that no demo made.
        Unavailable: The package index cannot be reached and its cache is empty.
    """
    _set_the_stage(folder)
    home = Home(folder / "home")
    for project in ("top-sellers", "recommender"):
        progress.step(f"training {project}")
        _train(folder / project)
    packed = {}
    for project in ("top-sellers", "recommender"):
        packed[project] = pack(folder / project, home=home, progress=progress)
        tell(_packed(packed[project]))
    progress.step("answering a shopper")
    tell(_answers(packed, home))
    broken = _break(folder, home, progress)
    tell(_broken(broken))
    return Told(folder, packed, broken)


def _set_the_stage(folder: Path) -> None:
    if folder.exists() and not (folder / MARK).exists() and any(folder.iterdir()):
        raise UsageError(
            f"expected an empty folder, found files in `{folder}`",
            code="demo/folder",
            hint="name another folder: `ketch demo --into FOLDER`",
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    unshipped = shutil.ignore_patterns("__pycache__", "model", "data")
    for project in (HERE / "projects").iterdir():
        shutil.copytree(project, folder / project.name, ignore=unshipped)


def _train(project: Path) -> None:
    """Run the project's own training script; it is no part of the package."""
    command = [sys.executable, "train.py", "--shop", str(HERE / "data")]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(
            f"training stopped: {done.stderr.strip().splitlines()[-1:]}", code="demo/training"
        )


def _break(folder: Path, home: Home, progress: Progress) -> Report:
    """Make a subtle mistake in one step of a copy, and verify it."""
    project = folder / BROKEN
    shutil.copytree(folder / "recommender", project)
    _edit(project / "ketch.toml", 'version = "1.0.0"', 'version = "1.0.1"')
    _edit(project / "pipeline.py", RIGHT_UNIT, WRONG_UNIT)
    return prove(str(project), home=home, progress=progress)


def _edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    if before not in text:
        raise UsageError(f"expected `{before}` in `{file}`", code="demo/project")
    file.write_text(text.replace(before, after))


def _packed(packed: Packed) -> Chapter:
    report = packed.report
    lines = [f"digest {packed.package.digest}"]
    if report is not None:
        probes = sum(probe.passed for probe in report.probes)
        lines.append(
            f"{sum(one.passed for one in report.scenarios)} scenarios and {probes} probes "
            f"passed in its own environment, Python {report.setting.get('python')}"
        )
        lines += [f"{name} {value:.3f}" for name, value in sorted(report.metrics.items())]
    return Chapter(f"packed {packed.package.reference}", tuple(lines))


def _answers(packed: Mapping[str, Packed], home: Home) -> Chapter:
    products = Products.read(HERE / "data" / "products.parquet")
    lines = [f"shopper {SHOPPER['shopper']} looked at {products.listed(SHOPPER['viewed'])}"]
    for one in packed.values():
        package = home.open(Reference.parse(one.package.reference))
        with Predictor(package, home) as predictor:
            answer = predictor(SHOPPER)
        lines.append(f"{one.package.reference}: {products.listed(answer['items'])}")
    return Chapter("asked both for the next order", tuple(lines))


def _broken(report: Report) -> Chapter:
    failed = [one.name for one in report.scenarios if not one.passed]
    divergence = report.first_divergence
    mistake = "one constant of one step: a thousand times too many nanoseconds in a day"
    lines = [
        f"in a copy, somebody changed {mistake}",
        f"verify refuses it: {len(failed)} of {len(report.scenarios)} scenarios broke",
    ]
    if divergence is not None:
        expected = msgspec.json.encode(divergence.expected).decode()
        found = msgspec.json.encode(divergence.found).decode()
        lines.append(
            f"it first moved at step `{divergence.step}`, field `{divergence.field}`: "
            f"expected {expected}, found {found}"
        )
    return Chapter(f"broke {report.name} on purpose", tuple(lines))
