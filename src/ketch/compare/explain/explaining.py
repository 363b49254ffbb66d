"""The order of an explanation: ask both, mix, attribute, look inside, find the step."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.compare.explain.attribution import Attribution, attribute
from ketch.compare.explain.causes import find_cause
from ketch.compare.explain.explanation import Cause, Explanation
from ketch.compare.explain.mixing import MIXED, Mixer
from ketch.compare.explain.running import Laboratory
from ketch.compare.explain.study import Study
from ketch.compare.questions import Asked, ask_file, ask_scenarios
from ketch.errors import UsageError
from ketch.package import Package
from ketch.progress import Progress, Silent
from ketch.runtime import Home

MATTERS = 0.01
"""A component with a smaller part of the change is not looked into."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to explain.

    Attributes:
        inputs: A file with the rows to ask; without it, the scenarios of both packages.
        budget_s: How long it may take, in seconds: then nothing new is begun.
        offline: Whether only what lies on this machine may be used.
        names: What to call A and B; without it, ``name:version``.
        asked: Questions in place of those, such as decisions replayed.
    """

    inputs: Path | None = None
    budget_s: float | None = None
    offline: bool = False
    names: tuple[str, str] | None = None
    asked: Asked | None = None


def explain(
    a: Package,
    b: Package,
    home: Home,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Explanation:
    """Return why B answers otherwise than A.

    Args:
        a: What was there before.
        b: What came after.
        home: Whose environments are used, and where behaviours are kept.
        options: How to explain.
        progress: Told what is being done.

    Raises:
        UsageError: There is nothing to ask both of, or to compare.
        Unavailable: An environment of one of them cannot be built now.
        Refused: An environment of one of them cannot be built on this machine.
    """
    began = time.monotonic()
    chosen, told = options or Options(), progress or Silent()
    told.step("looking at what differs")
    asked = chosen.asked or _ask(chosen.inputs, a, b)
    mixer = Mixer(a, b)
    until = None if chosen.budget_s is None else began + chosen.budget_s
    study = Study(mixer, Laboratory(home, asked.questions, chosen.offline), told, until)
    if not study.yardstick.fields:
        raise UsageError(
            f"expected an output that `{a.reference}` and `{b.reference}` both declare, found none",
            code="compare/no-outputs",
            hint="`ketch diff` shows what each declares",
        )
    attribution, causes = _judge(study) if mixer.differing else (None, ())
    names = chosen.names or (a.reference, b.reference)
    found = _explanation(study, asked, attribution, causes, names)
    return replace(found, duration_s=time.monotonic() - began)


def _ask(inputs: Path | None, a: Package, b: Package) -> Asked:
    return ask_scenarios(a, b) if inputs is None else ask_file(inputs, a, b)


def _judge(study: Study) -> tuple[Attribution | None, tuple[Cause, ...]]:
    """Return who contributes what; nothing where B answers as A does."""
    study.run_ends()
    if not study.between(frozenset(), study.everything):
        return None, ()
    study.run_others()
    values = {one: float(len(study.between(frozenset(), one))) for one in study.behaviours}
    attribution = attribute(study.mixer.differing, values)
    shares = attribution.shares()
    ordered = sorted(shares, key=lambda name: -abs(shares[name]))
    guilty = [name for name in ordered if abs(shares[name]) >= MATTERS]
    return attribution, tuple(find_cause(study, name, shares[name]) for name in guilty)


def _explanation(
    study: Study,
    asked: Asked,
    attribution: Attribution | None,
    causes: tuple[Cause, ...],
    names: tuple[str, str],
) -> Explanation:
    a, b = study.mixer.a, study.mixer.b
    mixtures = tuple(study.tried()) if attribution is not None else ()
    return Explanation(
        *names,
        (str(a.digest), str(b.digest)),
        rows=asked.rows - len(study.noise),
        changed=mixtures[-1].rows if mixtures else 0,
        unsteady=len(study.noise),
        left_out=asked.left_out,
        differing=study.mixer.differing,
        shares=dict.fromkeys(MIXED, 0.0) | (attribution.shares() if attribution else {}),
        causes=causes,
        together=attribution.together if attribution else (),
        mixtures=mixtures,
        failures=study.failures(),
        outputs=(*study.yardstick.only_a, *study.yardstick.only_b),
        notes=asked.notes,
        fields=study.fields() if mixtures else {},
    )
