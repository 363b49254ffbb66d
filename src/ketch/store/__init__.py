"""Bytes by digest, in an OCI image layout that every registry tool can read.

A blob is whole or absent, whatever is killed and whenever the power goes; content never
changes under its digest; a tag never names a package of which a part is missing. Damage
by others is found by hashing, before the bytes are used.
"""

from ketch.store.archive import write_archive
from ketch.store.archive_reader import Imported, read_archive
from ketch.store.attested import (
    Standing,
    attach,
    attestations,
    newest_attestation,
    newest_passing,
    standing,
)
from ketch.store.base import Incoming, Progress, Store, put_stream
from ketch.store.compared import attach_comparison, comparisons
from ketch.store.fsck import Report, fsck
from ketch.store.gc import Collected, gc
from ketch.store.home import ketch_home
from ketch.store.local import LocalStore
from ketch.store.memory import MemoryStore
from ketch.store.repair import Repaired, quarantine, repair
from ketch.store.transfer import Copied, copy_graph

__all__ = [
    "Collected",
    "Copied",
    "Imported",
    "Incoming",
    "LocalStore",
    "MemoryStore",
    "Progress",
    "Repaired",
    "Report",
    "Standing",
    "Store",
    "attach",
    "attach_comparison",
    "attestations",
    "comparisons",
    "copy_graph",
    "fsck",
    "gc",
    "ketch_home",
    "newest_attestation",
    "newest_passing",
    "put_stream",
    "quarantine",
    "read_archive",
    "repair",
    "standing",
    "write_archive",
]
