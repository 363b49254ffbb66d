"""What an MLflow model takes and answers: MLflow itself loads it and asks it."""

import base64
import contextlib
import math
from pathlib import Path

import ketch_common as common

MOST_ROWS = 20


def load(model_dir, params):
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(model_dir)), Path(model_dir), params


def inspect(loaded, rows):
    return common.inspected(describe, loaded, rows)


def describe(loaded, request):
    model, folder, params = loaded
    said = {"class": common.name_of(model), "trusted": untrusted(folder, params), "problem": None}
    try:
        example = example_of(model, folder, request)
        if example is None:
            return {**said, "problem": "nothing to ask it: it brings no example of its input"}
        said["inputs"] = table_of(example)
        said["outputs"] = table_of(model.predict(example))
    except Exception as error:
        said["problem"] = f"asking it failed: {type(error).__name__}: {str(error)[:300]}"
    return said


def untrusted(folder, params):
    """Return the types in a skops file that skops does not trust by itself."""
    if not params.get("skops"):
        return []
    import skops.io

    return skops.io.get_untrusted_types(file=folder / params["skops"])


def example_of(model, folder, request):
    """Return rows as MLflow takes them: those that were given, else the model's own example."""
    if request["rows"]:
        import pandas

        return pandas.DataFrame(request["rows"]).astype(request["dtypes"])
    found = model.metadata.load_input_example(str(folder))
    if isinstance(found, tuple):  # the input, and parameters, which stay at their defaults
        found = found[0]
    if hasattr(found, "head"):
        return found.head(MOST_ROWS)
    return found[:MOST_ROWS] if hasattr(found, "shape") or isinstance(found, list) else found


def table_of(value):
    """Describe a table, an array, lists or arrays by name: type, shape and values of each."""
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        columns = [column_of(str(name), value[name].to_numpy()) for name in value.columns]
        return {"kind": "frame", "columns": columns}
    if hasattr(value, "to_numpy"):
        return {"kind": "series", "columns": [column_of("", value.to_numpy())]}
    if isinstance(value, dict):
        columns = [column_of(str(name), array_of(one)) for name, one in value.items()]
        return {"kind": "dict", "columns": columns}
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        names = list(dict.fromkeys(name for one in value for name in one))
        rows = {name: array_of([one.get(name) for one in value]) for name in names}
        return {"kind": "records", "columns": [column_of(str(n), rows[n]) for n in names]}
    kind = "list" if isinstance(value, list) else "array"
    return {"kind": kind, "columns": [column_of("", array_of(value))]}


def array_of(value):
    import numpy

    value = value.toarray() if hasattr(value, "toarray") else value
    if hasattr(value, "dtype"):
        return value
    with contextlib.suppress(ValueError):
        found = numpy.array(value)
        if found.dtype.kind in "biufU":
            return found
    return numpy.array([*value, None], dtype=object)[:-1]  # never a table of the lists in it


def column_of(name, array):
    kind = "timestamp[us]" if array.dtype.kind == "M" else common.dtype_name(array)
    values = [plain(one) for one in array]
    if kind is None and all(one is None or isinstance(one, str) for one in values):
        kind = "string"
    return {"name": name, "type": kind, "shape": list(array.shape[1:]), "values": values}


def plain(value):
    """Return a value as JSON has it; what is missing is null."""
    if hasattr(value, "tolist") and getattr(getattr(value, "dtype", None), "kind", "") != "M":
        value = value.tolist()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":
        return None if str(value) == "NaT" else str(value.astype("datetime64[us]"))
    return value if isinstance(value, (str, int, bool)) else str(value)
