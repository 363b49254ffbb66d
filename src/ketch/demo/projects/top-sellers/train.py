"""Counts what sold best in the four weeks before the training time.

    python train.py --shop ../../data

Reads ``lines.parquet`` of the shop; writes ``model/top_sellers.json`` and
``data/training.parquet``, the order lines it counted. Needs duckdb.
"""

import argparse
import json
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
TRAINED_UNTIL = "2010-11-01"
DAYS = 28
KEPT = 60  # ten to show, and as many more as a shopper may have viewed

LINES = f"""
SELECT * FROM shop WHERE invoice_date < '{TRAINED_UNTIL}'
AND invoice_date >= TIMESTAMP '{TRAINED_UNTIL}' - INTERVAL {DAYS} DAY
ORDER BY invoice_date, invoice, stock_code, quantity, price
"""

BEST = f"""
SELECT stock_code AS item, round(count(DISTINCT invoice)
    / (SELECT count(DISTINCT invoice) FROM lines), 6) AS score
FROM lines GROUP BY stock_code ORDER BY score DESC, item LIMIT {KEPT}
"""


def main():
    """Read the shop's order lines and write the model and its data."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--shop", type=Path, default=HERE.parents[1] / "data")
    shop = arguments.parse_args().shop
    for folder in ("model", "data"):
        (HERE / folder).mkdir(exist_ok=True)

    con = duckdb.connect(config={"threads": 1})
    con.read_parquet(str(shop / "lines.parquet")).create_view("shop")
    con.execute(f"CREATE TABLE lines AS {LINES}")
    con.table("lines").write_parquet(str(HERE / "data" / "training.parquet"), compression="zstd")
    best = [{"item": item, "score": score} for item, score in con.execute(BEST).fetchall()]
    (HERE / "model" / "top_sellers.json").write_text(json.dumps(best, indent=1) + "\n")


if __name__ == "__main__":
    main()
