"""Trains the recommender: counts which products are ordered together.

    python train.py --shop ../../data

Reads ``lines.parquet`` of the shop, and writes

* ``model/``: what ``pipeline.py`` loads: arrays and lists, no pickles;
* ``data/training.parquet``: the order lines it learned from, up to :data:`TRAINED_UNTIL`;
* ``data/validation.jsonl``: orders of the following two weeks. Three products of each stand
  for what the shopper viewed (the data has no views); the others are to be guessed.

Needs duckdb and numpy. Takes some seconds; the same shop gives the same bytes.
"""

import argparse
import json
from pathlib import Path

import duckdb
import numpy as np

HERE = Path(__file__).resolve().parent
TRAINED_UNTIL = "2010-11-01"  # from here on, the model has seen nothing
VALIDATED_UNTIL = "2010-11-15"
POPULAR_DAYS = 28  # what sells changes with the season
NEIGHBOURS = 50
RARE = 10  # holds back pairs of products that were hardly ever ordered
TOGETHER = 3  # orders that two products must share

TRAINING = f"""
SELECT * FROM shop WHERE invoice_date < '{TRAINED_UNTIL}'
ORDER BY invoice_date, invoice, stock_code, quantity, price
"""

PAIRS = """
WITH times AS (SELECT product, count(*) AS n FROM baskets GROUP BY product),
pairs AS (
    SELECT a.product AS one, b.product AS other, count(*) AS n
    FROM baskets AS a JOIN baskets AS b USING (invoice)
    WHERE a.product <> b.product GROUP BY ALL HAVING n >= $together
)
SELECT one, other, pairs.n / (sqrt(a.n * b.n) + $rare) AS similarity
FROM pairs JOIN times AS a ON a.product = one JOIN times AS b ON b.product = other
QUALIFY row_number() OVER (PARTITION BY one ORDER BY similarity DESC, other) <= $neighbours
ORDER BY one, similarity DESC, other
"""

# The views are picked by a hash: the same ones on every machine, in no order of the shop's.
VALIDATION = f"""
WITH picked AS (
    SELECT invoice, stock_code, any_value(customer_id) AS shopper, min(invoice_date) AS time,
        row_number() OVER (PARTITION BY invoice ORDER BY md5(invoice || stock_code)) AS place
    FROM shop WHERE invoice_date >= '{TRAINED_UNTIL}' AND invoice_date < '{VALIDATED_UNTIL}'
    GROUP BY invoice, stock_code
)
SELECT any_value(shopper)::VARCHAR AS shopper,
    list(stock_code ORDER BY place) FILTER (place <= 3) AS viewed,
    hour(min(time)) AS hour,
    strftime(min(time), '%Y-%m-%dT%H:%M:%SZ') AS "at",
    list(stock_code ORDER BY place) FILTER (place > 3) AS bought
FROM picked GROUP BY invoice HAVING count(*) > 3 ORDER BY min(time), invoice
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
    con.execute(f"CREATE TABLE lines AS {TRAINING}")
    con.table("lines").write_parquet(str(HERE / "data" / "training.parquet"), compression="zstd")
    write_validation(con)

    codes = number_products(con)
    save(**neighbours(con, len(codes)))
    save(popular=popularity(con, len(codes)))
    write_shoppers(con)


def write_validation(con):
    """Write the orders after the training time as questions with their answers."""
    con.execute(VALIDATION)
    names = [column[0] for column in con.description]
    with (HERE / "data" / "validation.jsonl").open("w") as file:
        for row in con.fetchall():
            file.write(json.dumps(dict(zip(names, row))) + "\n")


def number_products(con):
    """Number the products by stock code; make ``baskets``: each product of an order once."""
    con.execute(
        """CREATE TABLE products AS SELECT stock_code, row_number() OVER (ORDER BY stock_code) - 1
        AS product FROM (SELECT DISTINCT stock_code FROM lines)"""
    )
    con.execute(
        """CREATE TABLE baskets AS SELECT invoice, product, any_value(customer_id) AS customer_id,
        min(invoice_date) AS time FROM lines JOIN products USING (stock_code) GROUP BY ALL"""
    )
    codes = column(con, "SELECT stock_code FROM products ORDER BY product").tolist()
    write_json("products", codes)
    return codes


def neighbours(con, products):
    """Return the products most often ordered with each product; similarity 0 fills the rest."""
    con.execute(PAIRS, {"together": TOGETHER, "rare": RARE, "neighbours": NEIGHBOURS})
    pairs = con.fetchnumpy()
    one = pairs["one"]
    place = np.arange(len(one)) - np.searchsorted(one, one)
    found = np.zeros((products, NEIGHBOURS), np.int64)
    similarity = np.zeros((products, NEIGHBOURS))
    found[one, place] = pairs["other"]
    similarity[one, place] = pairs["similarity"]
    return {"neighbours": found, "similarity": similarity}


def popularity(con, products):
    """Return how popular each product was lately: a line for each hour, one for any hour.

    An hour with few orders says little, so a quarter of each line is what sells at any hour.
    """
    con.execute(
        f"""SELECT hour(time) AS hour, product, count(*) AS n FROM baskets
        WHERE time >= TIMESTAMP '{TRAINED_UNTIL}' - INTERVAL {POPULAR_DAYS} DAY GROUP BY ALL"""
    )
    sold = con.fetchnumpy()
    counts = np.zeros((25, products))
    counts[sold["hour"], sold["product"]] = sold["n"]
    counts[24] = counts[:24].sum(axis=0)
    shares = counts / np.maximum(counts.max(axis=1, keepdims=True), 1)
    return 0.25 * shares + 0.75 * shares[24]


def write_shoppers(con):
    """Write who bought what, how often, and when last; shopper 0 is nobody."""
    shoppers = "SELECT customer_id, max(time) AS last_order, count(DISTINCT product) AS n FROM baskets"
    shoppers = f"{shoppers} GROUP BY customer_id ORDER BY customer_id"
    write_json("shoppers", [str(one) for one in column(con, f"SELECT customer_id FROM ({shoppers})").tolist()])
    last = column(con, f"SELECT last_order FROM ({shoppers})").astype("datetime64[s]")
    counts = column(con, f"SELECT n FROM ({shoppers})")
    history = "SELECT customer_id, product, count(*) AS n FROM baskets GROUP BY ALL"
    history = f"({history}) ORDER BY customer_id, product"
    save(
        last_order=np.concatenate([[np.datetime64("NaT")], last]).astype("datetime64[s]"),
        starts=np.concatenate([[0, 0], np.cumsum(counts)]),
        bought=column(con, f"SELECT product FROM {history}"),
        orders=column(con, f"SELECT n FROM {history}"),
    )


def column(con, query):
    """Return the one column of a query as an array."""
    (values,) = con.execute(query).fetchnumpy().values()
    return np.asarray(values)


def write_json(name, value):
    """Write a list of the model."""
    (HERE / "model" / f"{name}.json").write_text(json.dumps(value))


def save(**arrays):
    """Write arrays of the model, half as wide: 32 bits hold every number here."""
    narrow = {"i": np.int32, "f": np.float32}
    for name, array in arrays.items():
        small = array.astype(narrow.get(array.dtype.kind, array.dtype))
        np.save(HERE / "model" / f"{name}.npy", small, allow_pickle=False)


if __name__ == "__main__":
    main()
