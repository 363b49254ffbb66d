"""The chapters of the demo in words; every number comes from what has just happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from ketch.authoring import Packed
from ketch.demo.shop import NOTICE, Shop
from ketch.env import Lock
from ketch.package import Package
from ketch.tables import Profile
from ketch.verify import Report

METRICS = {
    "hit_rate_at_10": "of the orders held at least one of the ten suggested products",
    "precision_at_10": "of the suggested products were in the order",
    "recall_at_10": "of an order's products had been suggested",
}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing that happened, for a person to read; without a title it goes on with the last."""

    title: str
    lines: tuple[str, ...]


def opened(shop: Shop) -> Chapter:
    """Tell what the data is, and whose."""
    counted = f"{shop.lines:,} lines of {shop.orders:,} orders by {shop.customers:,} customers"
    return Chapter(
        "a gift shop's order lines",
        (
            f"{counted}, {shop.first} to {shop.last}",
            "from `Online Retail II` by Daqing Chen, UCI Machine Learning Repository, CC BY 4.0;",
            f"what was changed: {NOTICE}",
        ),
    )


def packed(done: Packed) -> Chapter:
    """Tell what became of a folder."""
    report, package = done.report, done.package
    training = package.profiles["training"]
    lines = [
        package.manifest.description,
        f"trained on {training.row_count:,} order lines, {_days(training)}",
        f"its digest says exactly what it is: {package.digest}",
    ]
    if report is not None:
        lines += _proved(report)
        lines.append(f"all this in an environment of its own: {_environment(package)}")
    return Chapter(f"packed {package.reference}", tuple(lines))


def _proved(report: Report) -> Iterator[str]:
    answered = sum(one.passed for one in report.scenarios)
    survived = sum(one.passed for one in report.probes)
    yield f"{answered} of {len(report.scenarios)} scenarios of its author answered as promised"
    yield f"{survived} of {len(report.probes)} probes survived, which ketch makes of its inputs:"
    yield "  fields missing, null or wrong; rows twice, alone, together, in another order"


def measured(done: Packed) -> Chapter:
    """Tell how good a package is, on data that it has not seen."""
    validation = done.package.profiles["validation"]
    metrics = {} if done.report is None else done.report.metrics
    width = max(map(len, metrics), default=0)
    orders = f"{validation.row_count:,} orders, {_days(validation)}"
    return Chapter(
        f"measured {done.package.reference} on orders that it had not seen",
        (
            f"{orders}: it sees three products of each, and suggests ten",
            *(
                f"{name:<{width}}  {value:.3f}: {value:.0%} {METRICS.get(name, '')}".rstrip()
                for name, value in sorted(metrics.items())
            ),
        ),
    )


def answered(shop: Shop, shopper: Mapping[str, object], answers: Mapping[str, object]) -> Chapter:
    """Tell what the packages suggest to one shopper."""
    looked = f"shopper {shopper['shopper']} looked at {shop.listed(shopper['viewed'])}"
    said = [f"{reference} suggests {shop.listed(items)}" for reference, items in answers.items()]
    return Chapter("asked both what the shopper may want next", (looked, *said))


def broken(report: Report, edited: str, before: str, after: str) -> Chapter:
    """Tell what verification made of a mistake."""
    failed = sum(not one.passed for one in report.scenarios)
    moved = f"{failed} of {len(report.scenarios)} scenarios give another answer"
    lines = [
        f"somebody mistakes one constant in {edited}:",
        f"  - {before}",
        f"  + {after}",
        f"nothing crashes; but {moved}: {'let through' if report.passed else 'refused'}",
    ]
    divergence = report.first_divergence
    if divergence is not None:
        lines += [
            f"they first moved at step `{divergence.step}`, field `{divergence.field}`:",
            f"  expected {_json(divergence.expected)}, found {_json(divergence.found)}",
        ]
    return Chapter(f"broke {report.name} on purpose", tuple(lines))


def _environment(package: Package) -> str:
    lock = Lock.parse(package.lock.decode())
    libraries = ", ".join(f"{one.name} {one.version}" for one in lock.packages)
    return f"Python {lock.python}, {libraries or 'no libraries'}"


def _days(profile: Profile) -> str:
    return f"{str(profile.time_from)[:10]} to {str(profile.time_to)[:10]}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
