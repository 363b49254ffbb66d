"""The shop of the demo: what its data holds, and what its products are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from ketch.tables.engine import engine

DATA = Path(__file__).parent / "data"
NOTICE = DATA / "NOTICE.md"

_LINES = """
SELECT count(*), count(DISTINCT invoice), count(DISTINCT customer_id),
    min(invoice_date)::DATE, max(invoice_date)::DATE
FROM read_parquet($path)
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """A gift wholesaler.

    Attributes:
        lines, orders, customers: How many there are.
        first, last: The days of the first order and of the last.
        names: Stock code → description.
    """

    lines: int
    orders: int
    customers: int
    first: date
    last: date
    names: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path = DATA) -> Self:
        """Read the shop's data."""
        query = "SELECT stock_code, description FROM read_parquet($path)"
        with engine(folder) as con:
            [(lines, orders, customers, first, last)] = con.execute(
                _LINES, {"path": str(folder / "lines.parquet")}
            ).fetchall()
            names = con.execute(query, {"path": str(folder / "products.parquet")}).fetchall()
        return cls(lines, orders, customers, first, last, dict(names))

    def name(self, code: str) -> str:
        """Return a product's description, or its code when it has none."""
        return str(self.names.get(code, code)).strip().capitalize()

    def listed(self, codes: object) -> str:
        """Return the first three names of an answer, for one line."""
        known = codes if isinstance(codes, list) else []
        names = "; ".join(self.name(str(code)) for code in known[:3])
        return f"{names}; …" if len(known) > 3 else names
