"""What is said of an upgrade that changes answers and keeps its contract."""

from __future__ import annotations

from tests.packages import files, put

from ketch.cli.upgraded import upgraded_text
from ketch.compare.explain import Cause, Change, Explanation
from ketch.compare.upgrade import Kind, Move, Upgraded
from ketch.package import Package, open_package
from ketch.store import MemoryStore


def package() -> Package:
    store = MemoryStore()
    return open_package(put(store, files()), store)


def test_answers_that_change_with_a_library_that_was_asked_for_are_told() -> None:
    change = Change("library", "pandas", "2.2.3", "3.0.1")
    behaviour = Explanation(
        "now",
        "upgraded",
        ("a", "b"),
        rows=20,
        changed=3,
        unsteady=0,
        left_out=0,
        differing=("environment",),
        shares={"environment": 1.0},
        causes=(Cause("environment", 1.0, (change,)),),
        fields={"score": 3},
    )
    moved = (
        Move("numpy", "1.26.4", "2.3.0", Kind.UPGRADED),
        Move("pandas", "2.2.3", "3.0.1", Kind.UPGRADED),
        Move("tzdata", None, "2026.1", Kind.ADDED),
    )
    made = package()
    found = Upgraded(made, "hello:1.0.0", 5, moved, made, behaviour, named=("pandas",))
    first, second, *_ = upgraded_text(found).splitlines()
    assert f"{first} {second}" == (
        "For `pandas`, 2 libraries can be newer; 2 are now; 3 of 20 rows are answered otherwise, in"
        " `score`, from pandas 3.0.1."
    )
    (cause,) = found.to_json()["behaviour"]["causes"]  # type: ignore[index] # it is JSON
    assert cause["message"] == "changes 3 of 20 rows (output `score`)"
