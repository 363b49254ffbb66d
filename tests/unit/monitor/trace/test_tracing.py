from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.decisions import HERE, ORIGIN, decision

from ketch.monitor.decisions import DecisionLog
from ketch.monitor.decisions.sharing import share_key
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.monitor.trace import trace
from ketch.runtime import Home


@pytest.mark.parametrize("shared", [True, False])
def test_what_another_gateway_was_told_of_the_unit_is_found_with_one_key(
    tmp_path: Path, *, shared: bool
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    log, made = DecisionLog(here, HERE), decision("ana")
    assert log.record(made)
    log.close()
    if shared:
        share_key(there, here / "key")
    bought = Outcome(ORIGIN.route, "purchase", key="7", unit="ana")
    with Outcomes(there, clock=lambda: datetime.now(UTC) + timedelta(seconds=1)) as outcomes:
        outcomes.record([bought])

    found = trace(made.id, Home(tmp_path / "home"), [here, there])

    assert [one.key for one in found.outcomes] == (["7"] if shared else [])
    assert (there / "outcomes.db").stat().st_mode & 0o777 == 0o600
