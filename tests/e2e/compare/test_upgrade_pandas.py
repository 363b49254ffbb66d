"""An upgrade of the demo's package: what a newer pandas does is seen, and an older one is safe."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from ketch.authoring import pack
from ketch.compare.upgrade import Kind, Reason, upgrade
from ketch.demo.making import set_the_stage, training
from ketch.runtime import Home

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]


def test_the_library_that_counts_otherwise_is_held_back_and_all_others_move(tmp_path: Path) -> None:
    set_the_stage(tmp_path / "demo")
    folder = tmp_path / "demo" / "recommender"
    with training(folder) as train:
        train()
    home = Home(tmp_path / "home")
    packed = pack(folder, home=home)
    assert packed.verified
    found = upgrade(packed.package.reference, home=home)
    named = {one.name: one for one in found.changes}
    held = named["pandas"].held
    assert held is not None
    assert (held.reason, Version(held.version or "").major) == (Reason.ANSWERS, 3)
    assert Version(named["pandas"].after or "").major == 2
    assert found.candidate is not None
    assert found.behaviour is not None
    assert found.behaviour.changed == 0
    assert named["numpy"].kind is Kind.UPGRADED
