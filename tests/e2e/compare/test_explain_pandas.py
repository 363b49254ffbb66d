"""The change that the demo is about: a newer pandas counts time in another unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketch.authoring import Options as Building
from ketch.authoring.build import build
from ketch.compare.explain import Change, explain, sentence
from ketch.demo.making import another, set_the_stage, training
from ketch.demo.story import NEW_PANDAS, OLD_PANDAS
from ketch.progress import Silent
from ketch.runtime import Home

pytestmark = pytest.mark.e2e


def test_the_library_the_step_and_the_column_are_named(tmp_path: Path) -> None:
    set_the_stage(tmp_path / "demo")
    old, new = tmp_path / "demo" / "recommender", tmp_path / "demo" / "newer"
    with training(old) as train:
        train()
    another(old, new, ("requirements.txt", OLD_PANDAS, NEW_PANDAS))
    home = Home(tmp_path / "home")
    a, b = (build(one, home, Building(), Silent()).package for one in (old, new))
    found = explain(a, b, home)
    assert found.shares == {"code": 0.0, "model": 0.0, "params": 0.0, "environment": 1.0}
    (cause,) = found.causes
    assert cause.changes == (Change("library", "pandas", "2.2.3", "3.0.1"),)
    assert cause.of > 1
    assert cause.entry is not None
    assert cause.entry.divergence.step == "pipeline:preprocess"
    assert cause.entry.divergence.field == "days_since"
    assert sentence(found) == (
        "100 % of the change comes from the environment, from pandas 2.2.3 → 3.0.1, and it enters"
        " at step `pipeline:preprocess`, field `days_since`."
    )
