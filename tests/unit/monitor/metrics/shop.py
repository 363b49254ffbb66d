"""Two weeks of a real shop, as decisions and outcomes: who bought what, and for how much.

A minute before each order its customer got an answer: what a plain rule says from the orders
before. Two rules take turns, as two packages, and a third of the answers has a shadow copy.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import duckdb
import msgspec
from tests.decisions import HERE

from ketch.monitor.decisions import Decision, DecisionLog, Ids, Origin, time_of
from ketch.monitor.outcomes import Outcome

ROUTE = "recommendations"
SINCE = datetime(2010, 11, 1, tzinfo=UTC)
UNTIL = datetime(2010, 11, 15, tzinfo=UTC)
NOW = datetime(2010, 12, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LARGE = 250.0
PACKAGES = {
    name: Origin(ROUTE, name, f"sha256:{digit * 64}", "prod")
    for name, digit in (("top:1.0", "a"), ("own:1.0", "b"))
}


@dataclass(frozen=True)
class Order:
    """One order of the shop."""

    invoice: int
    customer: str
    at: datetime
    items: list[str]
    total: float


@dataclass(frozen=True)
class Answer:
    """One answer, and the order that came a minute later."""

    decision: Decision
    order: Order
    items: list[str]
    spends: float
    large: float

    @property
    def at(self) -> datetime:
        return time_of(self.decision.id)

    @property
    def package(self) -> str:
        return self.decision.origin.package

    @property
    def is_shadow(self) -> bool:
        return self.decision.why == "shadow"


def orders() -> list[Order]:
    lines = str(files("ketch.demo") / "data" / "lines.parquet")
    with duckdb.connect() as con:
        found = con.execute(f"""
        SELECT invoice, customer_id::VARCHAR, min(invoice_date),
               list(stock_code ORDER BY stock_code), sum(quantity * price ORDER BY stock_code)
        FROM '{lines}' WHERE invoice_date BETWEEN '2010-10-01' AND '2010-11-14 23:59'
        GROUP BY 1, 2 ORDER BY 3, 1
    """).fetchall()
    return [Order(one, who, at.replace(tzinfo=UTC), *rest) for one, who, at, *rest in found]


def answers(all_orders: Sequence[Order]) -> Iterator[Answer]:
    """Yield the answers of the two weeks, each made of the orders before it."""
    now = SINCE
    ids = Ids(lambda: int(now.timestamp() * 1e9))
    popular: Counter[str] = Counter()
    own: defaultdict[str, list[Order]] = defaultdict(list)
    for number, order in enumerate(all_orders):
        now = order.at - MINUTE
        if now >= SINCE:
            before = own[order.customer]
            name = "own:1.0" if number % 2 else "top:1.0"
            if name == "own:1.0" and before:
                items = list(dict.fromkeys(item for one in before for item in one.items))[:10]
                spent = sum(one.total for one in before) / len(before)
            else:
                items, spent = [item for item, _ in popular.most_common(10)], 300.0
            chance = (sum(one.total > LARGE for one in before) + 1) / (len(before) + 2)
            size = "large" if chance >= 0.5 else "small"
            body = msgspec.json.encode(
                {"items": items, "spends": spent, "large": chance, "size": size}
            )
            asked = Decision(ids.new(), PACKAGES[name], b"{}", body, order.customer)
            yield Answer(asked, order, items, spent, chance)
            if number % 3 == 0:
                other = "top:1.0" if number % 2 else "own:1.0"
                copy = Decision(ids.new(), PACKAGES[other], b"{}", body, order.customer, "shadow")
                copy.shadow_of = asked.id
                yield Answer(copy, order, items, spent, chance)
        popular.update(order.items)
        own[order.customer].append(order)


def outcomes(some: Sequence[Answer]) -> Iterator[Outcome]:
    """Yield what came of the answers: by unit what was bought, by decision how large it was."""
    for one in some:
        order = one.order
        if one.is_shadow:
            continue
        key, at, who = str(order.invoice), order.at, order.customer
        of, is_large = one.decision.id, order.total > LARGE
        yield Outcome(ROUTE, "bought", at, key, label=order.items, unit=who)
        yield Outcome(ROUTE, "order", at, key, order.total, unit=who)
        yield Outcome(ROUTE, "large", at, value=float(is_large), decision=of)
        if order.invoice % 4:  # of three in four it is known
            yield Outcome(ROUTE, "size", at, label="large" if is_large else "small", decision=of)


def logged(folder: Path, some: Sequence[Answer]) -> None:
    log = DecisionLog(folder, HERE)
    for one in some:
        assert log.record(one.decision)
    log.close()
