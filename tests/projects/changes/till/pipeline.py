"""An order becomes a price, a label and a day."""

import csv
import json
import os
from datetime import datetime
from math import ceil as whole
from pathlib import Path

import dates
import money
import words

FEATURES = ("quantity", "kilos", "far")
EXPRESS_G = 2_000
LIMITS: dict = {"heavy": 5.0, "many": 10}
RULES = []

if os.environ["SHOP"] == "north":
    PACKING = 0.35
else:
    PACKING = 0.5


def rule(judge):
    RULES.append(judge)
    return judge


@rule
def heavy(row):
    return "heavy" if row["kilos"] > LIMITS["heavy"] else None


@rule
def many(row):
    return "many" if row["quantity"] >= LIMITS["many"] else None


def positive(step):
    def checked(model, rows):
        return [{**row, "effort": max(row["effort"], 0.0)} for row in step(model, rows)]

    return checked


def zones():
    with open(Path(__file__).parent / "zones.csv") as file:
        return {row["zone"]: row for row in csv.DictReader(file)}


def load(model_dir, params):
    folder = Path(model_dir)
    models = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {**params, **models, "zones": zones()}


def cleaned(model, rows):
    return [{**row, "item": words.slug(row["item"]), "zone": row["zone"].strip()} for row in rows]


def features(model, rows):
    return [{**row, **measured(model, row)} for row in rows]


def measured(model, row):
    zone = model["zones"].get(row["zone"], model["zones"]["other"])
    return {
        "kind": words.kind(row["item"]),
        "kilos": round(row["weight_g"] * row["quantity"] / 1000, 3),
        "far": int(zone["days"]) - 1,
        "days": int(zone["days"]),
        "fee": float(zone["fee"]),
    }


@positive
def scored(model, rows):
    """Minutes of work, from the trained weights; and how often such items come back."""
    *slopes, start = model["weights"]
    return [
        {
            **row,
            "effort": start + sum(k * row[name] for k, name in zip(slopes, FEATURES)),
            "returns": model["returns"].get(row["kind"], 0.0),
        }
        for row in rows
    ]


def priced(model, rows):
    return [{**row, "price": price(model, row)} for row in rows]


def price(model, row):
    work = row["effort"] * 0.6 + PACKING * row["quantity"]
    goods = work * (1 + row["returns"]) * (1 - money.discount(row["quantity"], model["tiers"]))
    sent = money.shipping(goods, row["kilos"], model["shipping"]) + row["fee"]
    return money.rounded(goods + sent, model["digits"])


def told(model, rows):
    return [answer(model, row) for row in rows]


def answer(model, row):
    calendar = dates.Calendar(model.get("holidays", []), model["cutoff_hour"])
    ordered = datetime.fromtimestamp(row["ordered"])
    parcels = whole(row["kilos"] / 20)
    return {
        "price": row["price"],
        "label": f"{row['item']} x{row['quantity']} ({parcels}) {model['currency']}",
        "arrives": calendar.arrival(ordered, row["days"]).date().isoformat(),
        "express": row["weight_g"] * row["quantity"] <= EXPRESS_G,
        "notes": ",".join(note for note in (judge(row) for judge in RULES) if note),
    }
