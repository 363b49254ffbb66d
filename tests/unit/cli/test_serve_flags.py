"""What ``ketch serve`` does unasked can be turned off."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from ketch.cli.main import app
from ketch.cli.serve import _where
from ketch.serving.routes.table import LiveRoute


@pytest.mark.parametrize("flag", ["shadow", "log-decisions"])
def test_what_is_done_unasked_can_be_left_out(flag: str) -> None:
    _, bound, _ = app("serve").parse_args(["serve", f"--no-{flag}"], exit_on_error=False)

    assert bound.arguments[flag.replace("-", "_")] is False


def test_a_gateway_that_serves_nothing_yet_says_so() -> None:
    assert _where("http://127.0.0.1:1", {}).splitlines() == [
        "ketch answers at http://127.0.0.1:1",
        "  no route yet: it follows the registry, and `ketch promote` makes one",
    ]


def test_the_routes_are_told_beside_the_address() -> None:
    table = MappingProxyType({"shop": LiveRoute("shop")})
    assert _where("http://127.0.0.1:1", table).splitlines()[1:] == ["  /shop  does not answer yet"]
