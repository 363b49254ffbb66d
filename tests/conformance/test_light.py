"""What an installed ketch weighs: few distributions, and not many megabytes.

Counted here are the distributions that ketch asks for, and that they ask for, as they are
installed beside these tests; `bench/size.py` weighs an installation of its own.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ketch

MOST_DISTRIBUTIONS = 45
MOST_BYTES = 300_000_000


def asked_for(name: str) -> dict[str, Distribution]:
    """Return a distribution and all that it needs here, without any extra of its own."""
    found: dict[str, Distribution] = {}
    waiting = [(canonicalize_name(name), frozenset[str]())]
    seen = set(waiting)
    while waiting:
        wanted, extras = waiting.pop()
        found[wanted] = distribution(wanted)
        for line in found[wanted].requires or ():
            needs = Requirement(line)
            marker = needs.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                continue
            next_one = (canonicalize_name(needs.name), frozenset(needs.extras))
            if next_one not in seen:
                seen.add(next_one)
                waiting.append(next_one)
    return found


def size_of(installed: Distribution) -> int:
    files = [Path(str(installed.locate_file(file))) for file in installed.files or ()]
    return sum(file.stat().st_size for file in files if file.is_file())


def test_ketch_brings_few_distributions() -> None:
    found = asked_for("ketch")
    assert {"duckdb", "numpy", "uv"} <= set(found)  # the walk walks
    assert not {"pandas", "torch", "starlette"} & set(found)  # heavy things are extras, or nobody's
    assert len(found) <= MOST_DISTRIBUTIONS, sorted(found)


def test_ketch_and_what_it_brings_stay_small() -> None:
    sizes = {name: size_of(one) for name, one in asked_for("ketch").items() if name != "ketch"}
    assert all(sizes.values()), [name for name, size in sizes.items() if not size]
    own = [file for file in Path(ketch.__file__).parent.rglob("*") if file.is_file()]
    sizes["ketch"] = sum(file.stat().st_size for file in own if file.suffix != ".pyc")
    heaviest = sorted(sizes.items(), key=lambda one: -one[1])
    assert sum(sizes.values()) <= MOST_BYTES, heaviest
