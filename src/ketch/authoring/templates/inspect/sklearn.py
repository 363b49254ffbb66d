"""What a model with scikit-learn's interface takes and answers."""

import warnings
from pathlib import Path

import ketch_common as common

warnings.simplefilter("ignore")


def load(model_dir, params):
    path = Path(model_dir) / params["file"]
    if params["form"] == "skops":
        import skops.io

        trusted = skops.io.get_untrusted_types(file=path)
        return skops.io.load(path, trusted=trusted), trusted
    if params["form"] == "joblib":
        import joblib

        return joblib.load(path), []
    import pickle

    with open(path, "rb") as file:
        return pickle.load(file), []


def inspect(loaded, rows):
    return common.inspected(describe, loaded, rows)


def describe(loaded, request):
    model, trusted = loaded
    said = {"class": common.name_of(model), "trusted": trusted, "problem": None}
    if not any(hasattr(model, name) for name in ("predict", "transform")):
        return {**said, "problem": "it has neither `predict` nor `transform`"}
    columns = columns_of(model)
    said["takes"] = "text" if is_text(model) else "matrix" if columns is None else "frame"
    said["columns"], said["width"] = columns, width_of(model)
    try:
        said.update(tried(model, said, request))
    except Exception as error:
        said["problem"] = f"trying it failed: {type(error).__name__}: {str(error)[:300]}"
    return said


def columns_of(model):
    """Return the columns it was trained on with what is known of each, or None."""
    names = attribute(model, "feature_names_in_")
    if names is None:
        names = attribute(attribute(model, "booster_"), "feature_names")
    if names is None or [str(name) for name in names] == [f"Column_{i}" for i in range(len(names))]:
        return None  # LightGBM's own names for columns without
    known = {}
    for transformers in transformers_of(model):
        for _, transformer, chosen in transformers:
            known.update(known_of(transformer, chosen, list(names)))
    return [{"name": str(name), **known.get(str(name), {})} for name in names]


def transformers_of(model):
    """Yield the fitted transformers of every column transformer a row reaches unchanged."""
    first = model.steps[0][1] if hasattr(model, "steps") and model.steps else model
    if first is not model:
        yield from transformers_of(first)
    elif hasattr(model, "transformers_"):
        yield model.transformers_


def known_of(transformer, chosen, names):
    if isinstance(chosen, str):  # one column as a list of texts
        return {chosen: {"type": "string", "tolerant": True}}
    steps = [step for _, step in getattr(transformer, "steps", [("", transformer)])]
    encoder = next((step for step in steps if hasattr(step, "categories_")), None)
    if encoder is None or isinstance(chosen, slice) or len(encoder.categories_) != len(chosen):
        return {}
    strict = getattr(encoder, "handle_unknown", "error") == "error"
    known = {}
    for column, categories in zip(chosen, encoder.categories_):
        name = column if isinstance(column, str) else names[column]
        kind = common.dtype_name(categories)
        known[str(name)] = {
            "type": kind,
            "values": common.plain(categories) if kind in ("string", "int64") else None,
            "closed": strict,
            "tolerant": not strict,
        }
    return known


def width_of(model):
    """Return the number of columns; of a pipeline that forgot, that of its first step that knows."""
    steps = [step for _, step in getattr(model, "steps", [])]
    widths = (attribute(one, "n_features_in_") for one in (model, *steps))
    return next((int(width) for width in widths if width is not None), None)


def is_text(model):
    first = model.steps[0][1] if hasattr(model, "steps") and model.steps else model
    return hasattr(first, "build_analyzer")


def attribute(model, name):
    try:
        return getattr(model, name, None)
    except Exception:  # a property that wants to be fitted otherwise
        return None


def tried(model, said, request):
    """Ask the model, and say what came back."""
    value, count = value_for(said, request)
    found = {"prediction": None, "probabilities": None, "classes": None, "features": None}
    if not hasattr(model, "predict"):
        features = model.transform(value)
        features = features.toarray() if hasattr(features, "toarray") else features
        if hasattr(features, "to_numpy"):
            features = features.to_numpy()
        return {**found, "features": common.answer_of(features, count)}
    found["prediction"] = common.answer_of(model.predict(value), count)
    if hasattr(model, "predict_proba"):
        classes = attribute(model, "classes_")
        probabilities = model.predict_proba(value)
        if hasattr(classes, "dtype") and hasattr(probabilities, "dtype"):
            found["probabilities"] = common.answer_of(probabilities, count)
            found["classes"] = common.plain(classes)
    return found


def value_for(said, request):
    """Return rows as the model takes them: those of the example, else invented ones."""
    rows = request["rows"]
    if said["takes"] == "text":
        return ["some words to try", "others"], 2
    if said["takes"] == "frame":
        import pandas

        names = [column["name"] for column in said["columns"]]
        guess = {column["name"]: invented(column) for column in said["columns"]}
        rows = rows or [guess] * 2
        frame = pandas.DataFrame([{n: row.get(n, guess[n]) for n in names} for row in rows])
        return frame, len(frame)
    import numpy

    width = said["width"] or len(request["columns"]) or 1
    return numpy.zeros((2, width)), 2


def invented(column):
    if column.get("values"):
        return column["values"][0]
    return "a" if column.get("type") == "string" else 1.0
