"""What ``ketch serve`` does unasked can be turned off."""

from __future__ import annotations

import pytest

from ketch.cli.main import app


@pytest.mark.parametrize("flag", ["shadow", "log-decisions"])
def test_what_is_done_unasked_can_be_left_out(flag: str) -> None:
    _, bound, _ = app("serve").parse_args(["serve", f"--no-{flag}"], exit_on_error=False)

    assert bound.arguments[flag.replace("-", "_")] is False
