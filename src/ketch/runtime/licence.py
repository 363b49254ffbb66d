"""Whether rows may be answered together: what the newest verification found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ketch.package import Digest
from ketch.store import Store, newest_attestation

BATCH_INVARIANCE = "same answer alone and in a batch"
ORDER_INVARIANCE = "same answer in any order"
NOT_TRIED = "needs two rows to try"
NOT_ASKED = "not asked"


def depends_on_batch(digest: Digest, store: Store) -> bool:
    """Whether answers of a package change with the rows beside them.

    Only what its newest attestation found counts; without one, nobody has looked.
    """
    return any(map(_is_difference, _probes(digest, store)))


def may_be_batched(digest: Digest, store: Store) -> bool:
    """Whether rows of strangers may be answered together: that was tried, and it held.

    A package without an attestation is never batched, for nobody has looked.
    """
    held = {
        probe.get("name")
        for probe in _probes(digest, store)
        if isinstance(probe, Mapping) and probe.get("passed") is True
    }
    return held >= {BATCH_INVARIANCE, ORDER_INVARIANCE}


def _probes(digest: Digest, store: Store) -> Sequence[object]:
    newest = newest_attestation(digest, store)
    probes = None if newest is None else newest.predicate.get("probes")
    return probes if isinstance(probes, list) else []


def _is_difference(probe: object) -> bool:
    """Whether a probe of an attestation, which anybody may have written, found one."""
    if not isinstance(probe, Mapping) or probe.get("passed") is not False:
        return False
    detail = str(probe.get("detail", ""))
    was_tried = detail != NOT_TRIED and not detail.endswith(NOT_ASKED)
    return probe.get("name") in (BATCH_INVARIANCE, ORDER_INVARIANCE) and was_tried
