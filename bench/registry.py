"""The registry at 1,000, 10,000 and 100,000 versions, beside MLflow's on the same counts.

    python bench/registry.py [--sizes 1000,10000,100000] [--mlflow PYTHON] [--url URL]

Each operation is timed alone, in process, 200 times, or fewer where it is slow; the median
is printed in milliseconds, and its ratio to the same at 1,000 versions. ``--mlflow`` is the
Python of an environment that has MLflow, which is measured by the same script.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPEATS = 200
NAMES = 50
OPERATIONS = ("register", "resolve stage", "first page", "list all", "history at a time")


@dataclass
class Fake:
    """What the registry reads of a package when it is published."""

    digest: object
    manifest: object
    size_bytes: int = 1_000_000


def filled(size: int, url: str) -> tuple[Any, Callable[[int], Any]]:
    """Return a registry with so many versions, and what makes one more package.

    Each of its routes has a package in prod.
    """
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.registries import TRIED

    from ketch.package import Digest, PackageName, PackageVersion, Reference, Stage
    from ketch.package.manifest import Manifest, Pipeline
    from ketch.registry import Registry, open_database
    from ketch.schema import Schema

    def package(number: int) -> Fake:
        manifest = Manifest(
            PackageName(f"shop-{number % NAMES}"),
            PackageVersion(f"1.{number // NAMES}.0"),
            "growth@shop.example",
            Pipeline(("pipeline:predict",)),
            Schema((), ()),
            route=f"route-{number % NAMES}",
            description="One of very many packages of a shop.",
        )
        return Fake(Digest.of(str(number).encode()), manifest)

    opened: dict[object, Fake] = {}
    registry = Registry(open_database(url), lambda digest: opened[digest])  # type: ignore[arg-type, return-value]
    for number in range(size):
        made = package(number)
        if number < NAMES:
            opened[made.digest] = made
        registry.publish(made, actor="ana")  # type: ignore[arg-type]
    for number in range(NAMES):
        reference = Reference.parse(f"shop-{number}:1.0.0")
        registry.promote(
            reference, Stage.PROD, actor="otto", evidence=TRIED, override=True, reason="set up"
        )
    return registry, package


def ketch(size: int, url: str) -> dict[str, float]:
    """Return the medians of ketch, in milliseconds."""
    from datetime import UTC, datetime

    from ketch.package import Reference

    registry, package = filled(size, url)
    fresh = iter(range(size, size + REPEATS))
    noon = datetime.now(UTC)
    found = {
        "register": median(lambda: registry.publish(package(next(fresh)), actor="ana")),
        "resolve stage": median(lambda: registry.resolve(Reference.parse("shop-7@prod"))),
        "first page": median(lambda: registry.versions(limit=50)),
        "list all": median(lambda: registry.versions(limit=10_000_000), 5),
        "history at a time": median(lambda: registry.arms_at("route-7", noon)),
    }
    registry.database.close()
    return found


def mlflow(size: int, folder: str) -> dict[str, float]:
    """Return the medians of MLflow's registry in one file of SQLite, in milliseconds."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore  # type: ignore[import-not-found]

    store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db")
    for name in range(NAMES):
        store.create_registered_model(f"shop-{name}")
    for number in range(size):
        store.create_model_version(f"shop-{number % NAMES}", source=f"s3://shop/{number}")
    for name in range(NAMES):
        store.set_registered_model_alias(f"shop-{name}", "prod", "1")
    fresh = iter(range(size, size + REPEATS))

    def everything() -> None:
        token = None
        while True:
            page = store.search_model_versions("", max_results=10_000, page_token=token)
            token = page.token
            if not token:
                return

    return {
        "register": median(
            lambda: store.create_model_version(f"shop-{next(fresh) % NAMES}", source="s3://shop")
        ),
        "resolve stage": median(lambda: store.get_model_version_by_alias("shop-7", "prod")),
        "first page": median(lambda: store.search_model_versions("", max_results=50), 20),
        "list all": median(everything, 3),
    }


def median(act: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median time of an operation, in milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--mlflow")
    parser.add_argument("--url")
    parser.add_argument("--peer", type=int)
    given = parser.parse_args()
    if given.peer:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(mlflow(given.peer, folder)))
        return
    sizes = [int(size) for size in given.sizes.split(",")]
    rows: dict[tuple[str, int], dict[str, float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows["ketch", size] = ketch(size, given.url or f"sqlite:///{folder}/registry.db")
        if given.mlflow:
            argv = [given.mlflow, __file__, "--peer", str(size)]
            ran = subprocess.run(argv, check=True, capture_output=True, text=True)
            rows["MLflow", size] = json.loads(ran.stdout.splitlines()[-1])
    print("| who | versions | " + " | ".join(f"{one}, ms" for one in OPERATIONS) + " |")
    print("|---|" + "---|" * (len(OPERATIONS) + 1))
    for (who, size), found in rows.items():
        base = rows[who, sizes[0]]
        cells = [
            f"{found[one]:.2f} ({found[one] / base[one]:.1f}x)" if one in found else "-"
            for one in OPERATIONS
        ]
        print(f"| {who} | {size:,} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
