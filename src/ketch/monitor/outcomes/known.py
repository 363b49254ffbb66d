"""Which routes outcomes may be told of: those that ever answered here, also if they are gone."""

from __future__ import annotations

import mmap
from contextlib import suppress
from pathlib import Path

from ketch.monitor.decisions import hot, segments
from ketch.monitor.outcomes.ledger import Outcomes


def has_answered(log: Path, route: str) -> bool:
    """Whether the decision log knows a route, or outcomes of it were told before."""
    return (
        route in segments.routes(log)
        or any(_names(path, route) for path in (log / hot.FOLDER).glob(f"*{hot.LOG}"))
        or _has_outcomes(log, route)
    )


def _names(path: Path, route: str) -> bool:
    """Whether some decision of a hot file is of a route; the grammar of routes needs no escapes."""
    needle = f'"route":"{route}","package":'.encode()
    with (
        suppress(FileNotFoundError, ValueError),  # it was sealed meanwhile; it is empty
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content,
    ):
        return content.find(needle) >= 0
    return False


def _has_outcomes(log: Path, route: str) -> bool:
    with Outcomes(log) as outcomes:
        return route in outcomes.names()
