"""What a pipeline whose outputs nobody has declared yet returns, as JSON text.

Stands after the last step of a package in the making, in its own environment and sandbox.
"""

import datetime
import json
import math

VALUES = "values"  # one value a row, not a row of names and values
ROWS = "rows"


def reply(model, value):
    """Answer each row with what the last step returned for it, and in which shape."""
    shape, rows, narrow = described(value)
    if isinstance(value, dict) and shape == ROWS and rows is None:  # one record
        return {"reply": json.dumps([ROWS, plain(value), narrow])}
    return [{"reply": json.dumps([shape, row, narrow])} for row in rows]


def described(value):
    """Return the shape of an answer, its rows as plain values, and whether floats are narrow."""
    narrow = "float32" in dtypes_of(value) or "float16" in dtypes_of(value)
    if hasattr(value, "columns") and hasattr(value, "dtypes"):
        names = [str(name) for name in value.columns]
        columns = [value[name] for name in value.columns]
        return ROWS, transposed(names, columns), narrow
    if isinstance(value, dict):
        if value and all(hasattr(one, "__len__") and not isinstance(one, (str, dict)) for one in value.values()):
            return ROWS, transposed(list(value), list(value.values())), narrow
        return ROWS, None, narrow
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        rows = [plain(one) for one in value]
        if all(isinstance(one, dict) for one in rows):
            return ROWS, rows, narrow
        return VALUES, rows, narrow
    raise TypeError(
        "expected a list of dicts, a DataFrame, a dict of columns or one value a row, found "
        + type(value).__name__
    )


def transposed(names, columns):
    """Return columns as rows."""
    cells = [column.tolist() if hasattr(column, "tolist") else list(column) for column in columns]
    return [dict(zip(names, map(plain, row))) for row in zip(*cells)]


def dtypes_of(value):
    """Return the names of the dtypes that a value holds, of numpy's kind."""
    if hasattr(value, "columns") and hasattr(value, "dtypes"):
        return {str(kind) for kind in value.dtypes}
    parts = value.values() if isinstance(value, dict) else [value]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        parts = value[0].values()
    return {str(getattr(part, "dtype", "")) for part in parts}


def plain(value):
    """Return a value as JSON holds it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value if isinstance(value, (bool, int, str)) else str(value)
