"""Keeping what a comparison found beside each package, as evidence for a promotion.

Recorded are numbers: no row, no answer, and nothing that a package said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ketch.compare.trial.trial import Beside, Measured, Trial
from ketch.package import Comparison, Package
from ketch.registry.events import write_time
from ketch.store import Store, attach_comparison


def record(
    found: Trial, packages: Sequence[Package], store: Store, *, started: datetime
) -> tuple[Comparison, ...]:
    """Keep a comparison of each other package with the first; return them.

    Args:
        found: What was found.
        packages: Those that were compared, in that order; the store has them.
        store: Where they are.
        started: When the comparison began, in UTC.
    """
    made = []
    for one in found.beside:
        package = packages[one.at]
        statement = Comparison(
            package.reference,
            package.digest,
            packages[0].digest,
            one.passed,
            _predicate(found, one, packages[0].reference, started),
        )
        attach_comparison(statement, package, store)
        made.append(statement)
    return tuple(made)


def _predicate(found: Trial, one: Beside, beside: str, started: datetime) -> dict[str, object]:
    ran = found.ran[one.at]
    return {
        "beside": beside,
        "rows": found.rows,
        "left_out": found.left_out,
        "notes": list(found.notes),
        "lost": one.lost,
        "differing": len(one.differences.moved),
        "metrics": [_metric(each, one.at) for each in found.metrics],
        "tolerance": found.tolerance,
        "speaks_against": list(one.speaks_against),
        "latency_ratio": None if ran.row is None else ran.row.ratio,
        "memory_mb": ran.memory_bytes / 1e6,
        "started": write_time(started),
        "duration_s": found.duration_s,
    }


def _metric(each: Measured, at: int) -> dict[str, object]:
    difference = each.differences[at]
    return {
        **each.wanted.to_json(),
        "rows": difference.n,
        "value": each.values[at].value,
        "beside": each.values[0].value,
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "says": each.says[at],
    }
