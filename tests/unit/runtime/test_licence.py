"""Rows of strangers are answered together only where that was tried and held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from tests.packages import files, put

from ketch.package import Attestation, open_package
from ketch.runtime.licence import (
    BATCH_INVARIANCE,
    NOT_TRIED,
    ORDER_INVARIANCE,
    depends_on_batch,
    may_be_batched,
)
from ketch.store import MemoryStore, attach

HELD = {"name": BATCH_INVARIANCE, "passed": True, "detail": "3 rows"}
IN_ORDER = {"name": ORDER_INVARIANCE, "passed": True, "detail": "3 rows"}


def attested(*probes: Sequence[object]) -> tuple[bool, bool]:
    """Attest a package so many times; return whether it may be batched, and must not."""
    store = MemoryStore()
    digest = put(store, files())
    package = open_package(digest, store)
    for day, found in enumerate(probes):
        predicate: Mapping[str, object] = {
            "probes": found,
            "started": f"2026-01-0{day + 1}T00:00:00Z",
        }
        attach(Attestation(str(package.reference), digest, True, predicate), package, store)
    return may_be_batched(digest, store), depends_on_batch(digest, store)


def test_a_package_that_nobody_looked_at_is_never_batched() -> None:
    assert attested() == (False, False)
    assert attested([]) == (False, False)


def test_a_package_whose_rows_were_tried_together_in_any_order_may_be_batched() -> None:
    assert attested([HELD, IN_ORDER]) == (True, False)


@pytest.mark.parametrize(
    "probes",
    [
        [HELD],
        [IN_ORDER],
        [HELD, {**IN_ORDER, "passed": False}],
        [{**HELD, "passed": False, "detail": NOT_TRIED}, IN_ORDER],
        [{**HELD, "passed": "true"}, IN_ORDER],
        ["no probe", None, 3],
    ],
)
def test_less_than_that_is_no_licence(probes: list[object]) -> None:
    assert not attested(probes)[0]


def test_the_newest_verification_counts() -> None:
    broken = [{**HELD, "passed": False, "detail": "row 1"}, IN_ORDER]
    assert attested([HELD, IN_ORDER], broken) == (False, True)
    assert attested(broken, [HELD, IN_ORDER]) == (True, False)
