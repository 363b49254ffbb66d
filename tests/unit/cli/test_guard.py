"""``ketch guard`` as a person and a supervisor meet it."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest
from tests.shop import KETCH, in_home

from ketch.cli.main import main
from ketch.runtime import Home


def test_where_nothing_is_tried_it_says_so_and_is_done(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["guard", "--once"]) == 0
    assert capsys.readouterr().out == "no rollout is under way\n"

    assert main(["guard", "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"changes": [], "rollouts": []}


def test_a_route_that_is_not_there_is_told(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guard", "recommendatoins"]) == 2
    assert "no route `recommendatoins`" in capsys.readouterr().err


def test_a_bucket_is_refused_for_it_gets_decisions_too_late(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["guard", "--log", "s3://shop/decisions"]) == 2
    assert "found `s3://shop/decisions`" in capsys.readouterr().err


def test_it_ends_well_when_it_is_told_to_or_who_started_it_has_gone(home: Home) -> None:
    with subprocess.Popen([KETCH, "guard"], env=in_home(home), stderr=subprocess.PIPE) as told:
        assert told.stderr is not None
        assert b"the guard watches" in told.stderr.readline()
        told.send_signal(signal.SIGTERM)
        assert told.wait(20) == 0
    with subprocess.Popen(
        [KETCH, "guard", "--attached"], env=in_home(home), stdin=subprocess.PIPE
    ) as attached:
        assert attached.stdin is not None
        attached.stdin.close()
        assert attached.wait(20) == 0
