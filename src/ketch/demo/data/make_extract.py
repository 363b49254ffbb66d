# ruff: noqa: INP001, S608 - a script that stands alone; its queries are its own
"""Makes the demo's shop data from the published *Online Retail II* sheet.

``NOTICE.md`` beside this file names the source, the licence and every change.
The sheet itself is not shipped; with a copy of it, anybody can make the extract again::

    python make_extract.py online_retail_2009_2010.parquet

It needs duckdb 2 and nothing else. The rows do not depend on the machine; the bytes of the
Parquet files may, because another version of duckdb may compress differently.
"""

import argparse
import hashlib
from pathlib import Path

import duckdb

ORIGINAL_SHA256 = "e92bcbbce1b7a1041ad79462879d4774bf050c7b8fee9f4eef89f09fb6330664"

# Each rule, in this order, with what it leaves out.
RULES = {
    "no known customer": '"Customer ID" IS NULL',
    "cancelled (the invoice starts with C)": "Invoice LIKE 'C%'",
    "nothing sold (quantity not above 0)": "Quantity <= 0",
    "no price (price not above 0)": "Price <= 0",
    "not a product (postage, fees, tests)": "NOT regexp_matches(StockCode, '^[0-9]{5}')",
}

LINES = """
SELECT DISTINCT
    CAST(Invoice AS INTEGER) AS invoice,
    upper(trim(StockCode)) AS stock_code,
    CAST(Quantity AS INTEGER) AS quantity,
    CAST(InvoiceDate AS TIMESTAMP) AS invoice_date,
    CAST(Price AS DOUBLE) AS price,
    CAST("Customer ID" AS INTEGER) AS customer_id,
    Country AS country
FROM kept
ORDER BY invoice_date, invoice, stock_code, quantity, price, customer_id, country
"""

# A code is described in several ways over a year: the most frequent one wins, then the alphabet.
PRODUCTS = """
SELECT stock_code, description
FROM (
    SELECT upper(trim(StockCode)) AS stock_code, trim(Description) AS description, count(*) AS uses
    FROM kept WHERE trim(Description) <> '' GROUP BY ALL
)
QUALIFY row_number() OVER (PARTITION BY stock_code ORDER BY uses DESC, description) = 1
ORDER BY stock_code
"""


def main() -> None:
    """Read the original named on the command line; write two Parquet files beside this one."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("original", type=Path, help="online_retail_2009_2010.parquet")
    arguments.add_argument("--to", type=Path, default=Path(__file__).resolve().parent)
    given = arguments.parse_args()
    check_original(given.original)
    con = duckdb.connect(config={"threads": 1})
    keep_sold_lines(con, given.original)
    write(con, LINES, given.to / "lines.parquet")
    write(con, PRODUCTS, given.to / "products.parquet")


def check_original(path: Path) -> None:
    """Stop unless the file is, byte for byte, the one that NOTICE.md names."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != ORIGINAL_SHA256:
        raise SystemExit(f"expected the original `sha256:{ORIGINAL_SHA256}`, found `{found}`")


def keep_sold_lines(con: duckdb.DuckDBPyConnection, original: Path) -> None:
    """Make the table ``kept``: the original without what the rules leave out."""
    con.execute("CREATE TABLE kept AS SELECT * FROM read_parquet(?)", [str(original)])
    for reason, condition in RULES.items():
        gone = con.execute(f"DELETE FROM kept WHERE {condition}").fetchall()[0][0]
        print(f"{gone:>8,} lines left out: {reason}")


def write(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write the rows of a query as one Parquet file, as small as zstd makes it."""
    options = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19"
    rows = con.execute(f"COPY ({query}) TO '{path}' ({options})").fetchall()[0][0]
    print(f"{rows:>8,} rows, {path.stat().st_size:,} bytes: {path.name}")


if __name__ == "__main__":
    main()
