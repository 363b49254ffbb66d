"""What the parts of ``ketch hub`` share: the hub of a folder, and lists of what it has."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ketch.errors import KetchError, UsageError
from ketch.runtime import Home
from ketch.store.home import REGISTRY

if TYPE_CHECKING:
    from ketch.hub.inside import Inside

Names = Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)]


@contextmanager
def opened(home: Path | None) -> Iterator[Inside]:
    """Yield the parts of the hub in a folder."""
    from ketch.hub.inside import opened as open_parts

    folder = Home.default().path / "hub" if home is None else home.absolute()
    url = os.environ.get(REGISTRY)
    if url is not None and not url.startswith(("postgresql://", "postgres://", "sqlite:///")):
        raise UsageError(
            f"expected a database in {REGISTRY} of a hub, found `{url[:60]}`",
            code="registry/address",
            hint=f"unset {REGISTRY}, or name a `postgresql://…`",
        )
    with open_parts(folder, url) as inside:
        yield inside


def needed(module: str) -> None:
    """Return when a library of the extra is there.

    Raises:
        KetchError: ``hub/not-installed``.
    """
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise KetchError(
            f"a hub needs {module}", code="hub/not-installed", hint="pip install 'ketch[hub]'"
        )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as columns; nothing when there are none."""
    if not rows:
        return ""
    from ketch.cli.columns import columns  # which wants rich

    return columns(rows)
