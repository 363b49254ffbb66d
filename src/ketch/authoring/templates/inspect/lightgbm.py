"""What a LightGBM booster takes and answers."""

from pathlib import Path

import ketch_common as common
import lightgbm
import numpy


def load(model_dir, params):
    return lightgbm.Booster(model_file=Path(model_dir) / params["file"])


def inspect(booster, rows):
    return common.inspected(describe, booster, rows)


def describe(booster, request):
    dumped = booster.dump_model(num_iteration=1)
    names, infos = booster.feature_name(), dumped["feature_infos"]
    coded = [name for name in names if infos.get(name, {}).get("values")]
    stored = booster.pandas_categorical or []
    categories = dict(zip(coded, stored)) if len(coded) == len(stored) else {}
    named = names != [f"Column_{index}" for index in range(len(names))]
    said = {"class": common.name_of(booster), "width": len(names), "problem": None}
    said["columns"] = (
        [column_of(name, infos.get(name, {}), coded, categories) for name in names]
        if named
        else None
    )
    said["objective"] = dumped.get("objective", "").split(" ")[0]
    said["prediction"] = common.answer_of(booster.predict(numpy.zeros((2, len(names)))), 2)
    return said


def column_of(name, info, coded, categories):
    if name in coded:
        values = common.plain(categories.get(name, []))
        is_text = bool(values) and all(type(value) is str for value in values)
        kind = "string" if is_text else "int64"
        return {"name": name, "type": kind, "values": values, "closed": True, "coded": True}
    low, high = info.get("min_value"), info.get("max_value")
    return {"name": name, "type": "float64", "example": None if low is None else (low + high) / 2}
