"""The mean of some measurements: put your own model here.

A package is plain Python and imports nothing of ketch. What `load` returns is handed to
every step; the last step returns one answer for each row.
"""

import json
from pathlib import Path

MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


def load(model_dir, params):
    """Return the model: here the scale of each unit, and how many digits to answer with."""
    calibration = json.loads((Path(model_dir) / "calibration.json").read_text())
    return {"factor": calibration["factor"], "digits": params["digits"]}


def features(model, rows):
    """Turn what was asked into what the model takes: millimetres."""
    return [
        {"millimetres": [value * MILLIMETRES[row["unit"]] for value in row["values"]]}
        for row in rows
    ]


def predict(model, rows):
    """Return one answer for each row; a row's answer depends on that row alone."""
    return [answer(model, row["millimetres"]) for row in rows]


def answer(model, values):
    """Return the mean and the spread of some values, or nulls when there are none."""
    if not values:
        return {"mean": None, "spread": None}
    mean = model["factor"] * sum(values) / len(values)
    spread = model["factor"] * (max(values) - min(values))
    return {"mean": round(mean, model["digits"]), "spread": round(spread, model["digits"])}
