"""What the shop's products are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Products:
    """Stock code → description."""

    names: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the products of the demo's shop."""
        import duckdb  # 90 ms that only the demo needs

        query = "SELECT stock_code, description FROM read_parquet($path)"
        return cls(dict(duckdb.execute(query, {"path": str(path)}).fetchall()))

    def name(self, code: str) -> str:
        """Return a product's description, or its code when it has none."""
        return str(self.names.get(code, code)).strip().capitalize()

    def listed(self, codes: object) -> str:
        """Return the first three names of an answer, for one line."""
        known = codes if isinstance(codes, list) else []
        names = "; ".join(self.name(str(code)) for code in known[:3])
        return f"{names}; …" if len(known) > 3 else names
