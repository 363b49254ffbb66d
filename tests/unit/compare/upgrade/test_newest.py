"""Where to look next for a library whose version changes answers."""

from __future__ import annotations

import pytest
from tests.packages import files, put

from ketch.compare.upgrade.newest import Newest
from ketch.compare.upgrade.present import Present
from ketch.env import LockedPackage, make_lock
from ketch.package import open_package
from ketch.store import MemoryStore


@pytest.mark.parametrize(
    ("now", "tried", "times", "limit"),
    [
        ("1.26.4", "3.0.1", 1, "3"),
        ("1.26.4", "2.4.0", 2, "2"),
        ("2022.1", "2025.2", 2, "2023"),
        ("2022.1", "2022.7.1", 3, "2022.2"),
        ("2.2.0", "2.2.3", 1, None),
        ("1.0", "1!0.5", 1, None),
    ],
)
def test_a_library_is_looked_for_nearer_to_its_version_each_time(
    now: str, tried: str, times: int, limit: str | None
) -> None:
    lock = make_lock("3.11.7", [LockedPackage("six", now, "", ("a" * 64,))])
    store = MemoryStore()
    package = open_package(put(store, files(lock=str(lock).encode())), store)
    found = Newest(Present(package, "hello:1.0.0")).limit("six", tried, times)
    assert (None if found is None else str(found)) == limit
