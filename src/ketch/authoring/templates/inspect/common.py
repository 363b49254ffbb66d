"""What every inspection says: the types of arrays, in Arrow's names.

Inspections run inside the model's own environment and sandbox. They load the model, try
it, and answer with one JSON text; ketch itself never loads anything.
"""

import json

LONGEST = 200  # classes or categories that are worth naming


def dtype_name(array):
    """Return Arrow's name of what an array holds; None when it has none."""
    kind = array.dtype.kind
    if kind in "iuf":
        return array.dtype.name
    if kind == "b":
        return "bool"
    if kind in "UT":
        return "string"
    kinds = {type(value) for value in array.ravel()[:1000].tolist()}
    return {str: "string", bool: "bool", int: "int64", float: "float64"}.get(
        kinds.pop() if len(kinds) == 1 else None
    )


def answer_of(array, count):
    """Describe what a model answered for ``count`` rows: type, and shape of one row."""
    if not hasattr(array, "dtype") or len(array.shape) == 0 or array.shape[0] != count:
        return None
    return {"type": dtype_name(array), "shape": list(array.shape[1:])}


def plain(values):
    """Return labels or categories as JSON values, or None when they are not."""
    values = values.tolist() if hasattr(values, "tolist") else list(values)
    if len(values) > LONGEST or not all(type(v) in (str, int, float, bool) for v in values):
        return None
    return None if any(v != v for v in values) else values


def name_of(model):
    """Return the class of an object, as a person would look it up."""
    kind = type(model)
    return f"{kind.__module__}.{kind.__qualname__}"


def inspected(describe, model, rows):
    """Answer each request with what ``describe`` says of the model."""
    return [{"reply": json.dumps(describe(model, json.loads(r["request"])))} for r in rows]
