"""Ten products a shopper is likely to put into this order.

What goes with the products just viewed, what the shopper orders again and again, and a
little of what everybody buys at this hour. Four steps, each readable on its own:

``features``     look the shopper and the viewed products up in the model
``preprocess``   how long ago was the last order, and is the shopper restocked?
``predict``      one score for every product of the shop
``postprocess``  the best ten, by their stock codes
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

ANY_HOUR = 24
HIDDEN = -1.0
NANOSECONDS_A_DAY = 24 * 3600 * 10**9


class Model(NamedTuple):
    """What ``train.py`` learned. Shopper 0 is everybody we do not know."""

    params: dict
    codes: list  # product number -> stock code
    products: dict  # stock code -> product number
    shoppers: dict  # shopper -> shopper number
    last_order: np.ndarray  # of each shopper; NaT for shopper 0
    starts: np.ndarray  # where each shopper's products begin in the next two
    bought: np.ndarray  # product numbers
    orders: np.ndarray  # in how many orders the shopper had that product
    neighbours: np.ndarray  # of each product: the products most often ordered with it
    similarity: np.ndarray  # and how often, 0 to 1
    popular: np.ndarray  # of each hour, and of any hour: share of orders, best product = 1


def load(model_dir, params):
    """Read the model; ``params`` are those of ``ketch.toml``."""
    folder = Path(model_dir)
    codes = json.loads((folder / "products.json").read_text())
    shoppers = json.loads((folder / "shoppers.json").read_text())
    arrays = {path.stem: np.load(path, allow_pickle=False) for path in folder.glob("*.npy")}
    return Model(
        params=params,
        codes=codes,
        products={code: number for number, code in enumerate(codes)},
        shoppers={shopper: number for number, shopper in enumerate(shoppers, start=1)},
        **arrays,
    )


def features(model, rows):
    """Look everything up: one line for each request."""
    shopper = [model.shoppers.get(row["shopper"], 0) for row in rows]
    return pd.DataFrame(
        {
            "shopper": shopper,
            "viewed": [known_products(model, row["viewed"]) for row in rows],
            "hour": [ANY_HOUR if row["hour"] is None else row["hour"] for row in rows],
            "at": [row["at"] for row in rows],
            "last_order": model.last_order[shopper],
        }
    )


def known_products(model, codes):
    """Return the numbers of the stock codes that were on sale when the model was trained."""
    return [model.products[code] for code in dict.fromkeys(codes) if code in model.products]


def preprocess(model, frame):
    """Work out ``days_since`` the last order; a shopper who ordered this week is restocked."""
    # A time beyond what pandas can hold (the year 9999) says nothing about recency.
    at = pd.to_datetime(frame["at"], format="ISO8601", utc=True, errors="coerce")
    age = at.dt.tz_localize(None) - frame["last_order"]
    days = age.astype("int64") / NANOSECONDS_A_DAY
    frame["days_since"] = days.where(age.notna()).clip(lower=0)
    frame["restocked"] = frame["days_since"] < model.params["restock_days"]
    return frame.drop(columns=["at", "last_order"])


def predict(model, frame):
    """Return a score for every product: one line for each request, one column a product."""
    scores = model.params["popular"] * model.popular[frame["hour"].to_numpy()]
    for line, request in zip(scores, frame.itertuples(index=False)):
        near = model.neighbours[request.viewed].ravel()
        line += np.bincount(near, model.similarity[request.viewed].ravel(), len(line))
        own = slice(*model.starts[request.shopper : request.shopper + 2])
        if request.restocked:
            line[model.bought[own]] = HIDDEN
        else:
            line[model.bought[own]] += model.params["again"] * model.orders[own]
        line[request.viewed] = HIDDEN
    return scores


def postprocess(model, scores):
    """Return the best products; of equals, the first by stock code."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, : model.params["shown"]]
    return [
        {
            "items": [model.codes[product] for product in products],
            "scores": [round(float(line[product]), 6) for product in products],
        }
        for line, products in zip(scores, best)
    ]
