"""Traffic of the demo: what shoppers really bought, replayed as if it happened now.

The data has orders and no views. So three products of each order stand for what the
shopper viewed; and an answer is right when at least :data:`RIGHT` of the ten products that it
suggests are among the others, which the shopper did buy. That is the outcome ``purchase``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ketch.client import Client
from ketch.demo.shop import DATA
from ketch.tables.engine import engine

ROUTE = "recommendations"
PURCHASE = "purchase"
RIGHT = 3
"""One alone is no merit: every second order holds one of the ten top sellers."""
SINCE = "2010-11-01"
"""The models were trained on what happened before."""

# The views are picked by a hash, as for validation: see ``projects/recommender/train.py``.
_VISITS = """
WITH picked AS (
    SELECT invoice, stock_code, any_value(customer_id) AS shopper, min(invoice_date) AS time,
        row_number() OVER (PARTITION BY invoice ORDER BY md5(invoice || stock_code)) AS place
    FROM read_parquet($lines) WHERE invoice_date >= $since::TIMESTAMP
    GROUP BY invoice, stock_code
)
SELECT any_value(shopper)::VARCHAR, list(stock_code ORDER BY place) FILTER (place <= 3),
    hour(min(time)), strftime(min(time), '%Y-%m-%dT%H:%M:%SZ'),
    list(stock_code ORDER BY place) FILTER (place > 3)
FROM picked GROUP BY invoice HAVING count(*) > 3 ORDER BY min(time), invoice
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One order, as the visit before it.

    Attributes:
        shopper: Who.
        viewed: What was looked at.
        hour: When, at the shop.
        at: When, in UTC.
        bought: What else was bought then.
    """

    shopper: str
    viewed: tuple[str, ...]
    hour: int
    at: str
    bought: frozenset[str]

    @property
    def row(self) -> dict[str, object]:
        """What the packages are asked."""
        return {
            "shopper": self.shopper,
            "viewed": list(self.viewed),
            "hour": self.hour,
            "at": self.at,
        }


def visits(folder: Path = DATA) -> list[Visit]:
    """Return every visit that no model was trained on, the first first."""
    with engine(folder) as con:
        asked = {"lines": str(folder / "lines.parquet"), "since": SINCE}
        found = con.execute(_VISITS, asked).fetchall()
    return [
        Visit(shopper, tuple(viewed), hour, at, frozenset(bought))
        for shopper, viewed, hour, at, bought in found
    ]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a visit.

    Attributes:
        visit: The visit.
        package: Who answered, ``name:version``.
        decision: Under what identity the decision log has it.
        is_right: Whether the answer suggested something that was bought.
    """

    visit: Visit
    package: str
    decision: str
    is_right: bool


def play(client: Client, visits: Iterable[Visit]) -> Iterator[Answered]:
    """Ask the gateway for each visit, one after another, and tell it the outcome."""
    for visit in visits:
        answer = client.predict(ROUTE, visit.row)
        is_right = len(visit.bought.intersection(answer["items"])) >= RIGHT
        if is_right:
            client.outcome(ROUTE, PURCHASE, decision=answer.decision)
        yield Answered(visit, answer.package, answer.decision, is_right)
