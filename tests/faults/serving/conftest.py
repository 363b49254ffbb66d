"""A home with the packages that fail, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.serving.places import MODE, ROUTE, pack, promote
from tests.remotes import variables
from tests.shop import run_ketch

from ketch.runtime import Home


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Iterator[Home]:
    """A home with `shop` in two versions, `other` and `leaky`; the first shop is in prod."""
    folder = tmp_path_factory.mktemp("faults")
    home = Home(folder / "home")
    with variables(**{MODE: "well"}):
        for name, version in (
            ("shop", "1.0.0"),
            ("shop", "1.1.0"),
            ("other", "1.0.0"),
            ("leaky", "1.0.0"),
        ):
            pack(author, home, folder / f"{name}-{version}", name, version)
        (folder / "route.toml").write_text(ROUTE)
        for version in ("1.0.0", "1.1.0"):
            run_ketch(home, "push", f"shop:{version}")
        run_ketch(home, "route", "set", "shop", folder / "route.toml", "--reason", "begin")
        promote(home, "1.0.0", "staging", "prod")
        promote(home, "1.1.0", "staging")
        yield home
