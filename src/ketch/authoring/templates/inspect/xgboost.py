"""What an XGBoost booster takes and answers."""

import json
from pathlib import Path

import ketch_common as common
import numpy
import xgboost


def load(model_dir, params):
    return xgboost.Booster(model_file=Path(model_dir) / params["file"])


def inspect(booster, rows):
    return common.inspected(describe, booster, rows)


def describe(booster, request):
    learner = json.loads(booster.save_raw("json"))["learner"]
    width = booster.num_features()
    types = booster.feature_types or [None] * width
    categories = categories_of(learner)
    said = {"class": common.name_of(booster), "width": width, "problem": None, "columns": None}
    if booster.feature_names is not None:
        said["columns"] = [
            {"name": name, **column_of(kind, categories.get(index))}
            for index, (name, kind) in enumerate(zip(booster.feature_names, types))
        ]
    said["objective"] = learner["objective"]["name"]
    best = booster.attr("best_iteration")
    said["rounds"] = None if best is None else int(best) + 1
    data = xgboost.DMatrix(
        numpy.zeros((2, width)),
        feature_names=booster.feature_names,
        feature_types=booster.feature_types,
        enable_categorical=True,
    )
    said["prediction"] = common.answer_of(booster.predict(data), 2)
    return said


def column_of(kind, categories):
    if kind == "c":
        is_text = bool(categories) and type(categories[0]) is str
        known = {"values": categories, "closed": True, "coded": True}
        return {"type": "string" if is_text else "int64", **known}
    return {"type": {"int": "int64", "i": "bool"}.get(kind, "float64")}


def categories_of(learner):
    """Return the categories of each column by its place; XGBoost 3.1 and later keep them."""
    model = learner["gradient_booster"].get("model", {})
    found = {}
    for index, column in enumerate(model.get("cats", {}).get("enc", [])):
        offsets, values = column.get("offsets"), column.get("values")
        if offsets and values:
            text = bytes(value % 256 for value in values)
            pairs = zip(offsets, offsets[1:])
            found[index] = [text[start:end].decode("utf-8", "replace") for start, end in pairs]
        elif values and all(type(value) is int for value in values):
            found[index] = values
    return found
