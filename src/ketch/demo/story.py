"""The story that ``ketch demo`` plays: from order lines to a package that is taken back by itself.

Nothing is staged. The models are trained on the purchases in ``data/``, the packages are
built and verified in environments of their own, and shoppers who came later are replayed
against a gateway over HTTP. Both mistakes are real ones: somebody believes that pandas counts
time in another unit, which verification catches; and somebody takes a newer pandas, which does
count in another unit, and accepts the new answers, which the guard catches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ketch.authoring import Packed, Progress, pack, prove, record
from ketch.client import Client
from ketch.demo import telling, telling_live
from ketch.demo.acts import PAGE, Experiment, Shopping, desk_of, is_ready, is_taken_back
from ketch.demo.making import POLICY, PROJECTS, another, set_the_stage, training
from ketch.demo.people import ANA, BEN, Shell, Typed
from ketch.demo.replay import ROUTE, visits
from ketch.demo.served import serving
from ketch.demo.shop import NOTICE, Shop
from ketch.demo.telling import Chapter
from ketch.runtime import Home, Predictor
from ketch.schema import Row
from ketch.verify import Report

BROKEN = "recommender-broken"
NEWER = "recommender-newer"
REQUEST = "shopper.json"

RIGHT_UNIT = "NANOSECONDS_A_DAY = 24 * 3600 * 10**9"
WRONG_UNIT = "NANOSECONDS_A_DAY = 24 * 3600 * 10**12"
OLD_PANDAS, NEW_PANDAS = "pandas==2.2.3", "pandas==3.0.1"

SHOPPER: Mapping[str, object] = {
    "shopper": "12748",
    "viewed": ["85123A", "22423"],
    "hour": 12,
    "at": "2010-11-03T12:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Live:
    """What happened on the route.

    Attributes:
        shadow: What ``ketch report`` said of the copies.
        won: The experiment of the recommender against the top sellers.
        refused: Its promotion without an approval.
        lost: The experiment of its successor.
        explained: What ``ketch explain`` said of the difference between the two.
        trace: What ``ketch trace --rerun`` said of one decision of the successor.
    """

    shadow: Mapping[str, object]
    won: Experiment
    refused: Typed
    lost: Experiment
    explained: Mapping[str, object]
    trace: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Told:
    """The story, as it went.

    Attributes:
        folder: Where everything lies, to look at and go on with.
        packed: Package reference → what packing did.
        answers: Package reference → what it answered the shopper.
        broken: What verification found in the package with the mistake.
        live: What happened on the route.
        duration_s: How long it took.
    """

    folder: Path
    packed: Mapping[str, Packed]
    answers: Mapping[str, Row]
    broken: Report
    live: Live
    duration_s: float

    @property
    def went_well(self) -> bool:
        """Whether the good packages passed, and both mistakes were found where they are."""
        divergence = self.broken.first_divergence
        rerun, cause = self.live.trace["rerun"], self.live.explained["cause"]
        return (
            all(one.verified for one in self.packed.values())
            and not self.broken.passed
            and divergence is not None
            and divergence.step == "pipeline:preprocess"
            and is_ready(self.live.won.event)
            and is_taken_back(self.live.lost.event)
            and isinstance(cause, Mapping)
            and cause["name"] == "pandas"
            and isinstance(rerun, Mapping)
            and rerun["identical"] is True
        )

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch demo --json``."""
        live = self.live
        return {
            "path": str(self.folder),
            "home": str(self.folder / "home"),
            "notice": str(NOTICE),
            "packages": {name: one.to_json() for name, one in self.packed.items()},
            "asked": dict(SHOPPER),
            "answers": dict(self.answers),
            "broken": self.broken.to_json(),
            "shadow": live.shadow,
            "won": live.won.to_json(),
            "refused": dict(live.refused.value),
            "lost": live.lost.to_json(),
            "explained": live.explained,
            "trace": live.trace,
            "page": str(self.folder / PAGE),
            "passed": self.went_well,
            "duration_s": round(self.duration_s, 3),
        }


@dataclass(frozen=True)
class Teller:
    """Plays the story in a folder, and tells it.

    Attributes:
        folder: Where it is played.
        tell: Gets each chapter as it ends.
        progress: Told what is being done.
    """

    folder: Path
    tell: Callable[[Chapter], None]
    progress: Progress

    @property
    def home(self) -> Home:
        """The demo's own home."""
        return Home(self.folder / "home")

    def packed(self, name: str) -> Packed:
        """Pack a project, and tell of it."""
        done = pack(self.folder / name, home=self.home, progress=self.progress)
        self.tell(telling.packed(done))
        return done

    def made(self) -> dict[str, Packed]:
        """Train and pack the packages of the demo."""
        made = {}
        with ExitStack() as stack:
            trained = {one: stack.enter_context(training(self.folder / one)) for one in PROJECTS}
            for name in PROJECTS:
                self.progress.step(f"training {name}")
                trained[name]()
                made[name] = self.packed(name)
        self.tell(telling.measured(made["recommender"]))
        return made

    def broken(self) -> Report:
        """Make a subtle mistake in one step of a copy, and verify it."""
        edits = (
            ("ketch.toml", 'version = "1.0.0"', 'version = "1.0.1"'),
            ("pipeline.py", RIGHT_UNIT, WRONG_UNIT),
        )
        another(self.folder / "recommender", self.folder / BROKEN, *edits)
        report = prove(str(self.folder / BROKEN), home=self.home, progress=self.progress)
        self.tell(telling.broken(report, f"{BROKEN}/pipeline.py", RIGHT_UNIT, WRONG_UNIT))
        return report

    def newer(self) -> Packed:
        """Take a newer pandas, and accept what the scenarios answer with it."""
        edits = (
            ("ketch.toml", 'version = "1.0.0"', 'version = "1.1.0"'),
            ("requirements.txt", OLD_PANDAS, NEW_PANDAS),
        )
        another(self.folder / "recommender", self.folder / NEWER, *edits)
        recorded = record(self.folder / NEWER, home=self.home, progress=self.progress)
        self.tell(telling_live.accepted(recorded, OLD_PANDAS, NEW_PANDAS))
        return self.packed(NEWER)

    def live(self) -> Live:
        """Open the route to shoppers, and try two packages on them."""
        shell = Shell(self.home.path, self.folder, lambda one: self.tell(telling_live.typed(one)))
        shell.type(ANA, "route", "set", ROUTE, POLICY)
        shell.type(ANA, "push", "top-sellers:1.0.0")
        shell.type(BEN, "approve", "top-sellers:1.0.0")
        shell.type(ANA, "promote", "top-sellers:1.0.0", "prod")
        with (
            serving(self.home.path, self.folder) as url,
            Client(url) as client,
            desk_of(self.home) as desk,
        ):
            coming = visits()
            self.tell(telling_live.opens(url, coming))
            shopping = Shopping(shell, desk, client, coming, self.progress)
            shadow = shopping.shadow("recommender:1.0.0")
            self.tell(telling_live.shadowed(shadow))
            won = shopping.rollout("recommender:1.0.0", "10%", is_ready, len(coming) // 2)
            self.tell(telling_live.judged(won))
            refused, _ = shopping.approved("recommender:1.0.0")
            self.tell(telling_live.gated(refused))
            shell.type(ANA, "push", "recommender:1.1.0")
            lost = shopping.rollout("recommender:1.1.0", "50%", is_taken_back, len(coming) // 2)
            self.tell(telling_live.taken_back(lost))
            explained = shell.type(BEN, "explain", "recommender:1.0.0", "recommender:1.1.0").value
            self.tell(telling_live.explained(explained))
            trace = shell.type(BEN, "trace", lost.decision, "--rerun").value
            self.tell(telling_live.traced(trace))
        return Live(shadow, won, refused, lost, explained, trace)


def play(folder: Path, *, tell: Callable[[Chapter], None], progress: Progress) -> Told:
    """Play the story in a folder.

    Args:
        folder: Made; or, when an earlier demo made it, its projects are made anew, and its
            route is begun anew. What the earlier demo packed and locked stays, so that playing
            again is quicker and needs no network.
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
    set_the_stage(folder)
    (folder / REQUEST).write_bytes(msgspec.json.format(msgspec.json.encode(SHOPPER)) + b"\n")
    teller = Teller(folder, tell, progress)
    packed = teller.made()
    progress.step("answering a shopper")
    answers = dict(_answers(packed, teller.home))
    tell(telling.answered(shop, SHOPPER, {name: row["items"] for name, row in answers.items()}))
    broken = teller.broken()
    packed[NEWER] = teller.newer()
    live = teller.live()
    return Told(folder, packed, answers, broken, live, time.monotonic() - began)


def _answers(packed: Mapping[str, Packed], home: Home) -> Iterator[tuple[str, Row]]:
    for one in packed.values():
        with Predictor(one.package, home) as predictor:
            yield str(one.package.reference), predictor(SHOPPER)
