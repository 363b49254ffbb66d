"""What an ONNX graph takes and answers."""

import re
from pathlib import Path

import ketch_common as common
import numpy
import onnxruntime

TYPES = {"float": "float32", "double": "float64", "float16": "float16", "string": "string"}


def load(model_dir, params):
    path = Path(model_dir) / params["file"]
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def inspect(session, rows):
    return common.inspected(describe, session, rows)


def describe(session, request):
    said = {"class": "onnx.ModelProto", "problem": None}
    said["feeds"] = [feed_of(one) for one in session.get_inputs()]
    said["answers"] = [declared(one) for one in session.get_outputs()]
    try:
        found = session.run(None, {one["name"]: tried(one, request) for one in said["feeds"]})
    except Exception as error:
        said["problem"] = f"trying it failed: {type(error).__name__}: {str(error)[:300]}"
        return said
    for answer, value in zip(said["answers"], found):
        answer.update(described(value, said["feeds"]))
    for one in said["feeds"]:
        one["closed"] = one["type"] == "string" and not takes_any(session, one, said, request)
    return said


def takes_any(session, one, said, request):
    """Whether the graph answers a text it has never seen."""
    feeds = {feed["name"]: tried(feed, request) for feed in said["feeds"]}
    feeds[one["name"]] = numpy.full(feeds[one["name"]].shape, "never seen", dtype=object)
    try:
        session.run(None, feeds)
    except Exception:
        return False
    return True


def feed_of(one):
    """Return name, type and shape of an input; a length that may vary is -1."""
    kind = re.fullmatch(r"tensor\((\w+)\)", one.type)
    name = kind[1] if kind else None
    shape = [size if isinstance(size, int) and size > 0 else -1 for size in one.shape]
    return {"name": one.name, "type": TYPES.get(name, name), "shape": shape}


def declared(one):
    """Return what the graph itself says of an answer."""
    said = feed_of(one)
    return {**said, "shape": said["shape"][1:]}


def tried(feed, request):
    rows = request["rows"]
    if rows and feed["name"] in rows[0] and feed["shape"] in ([-1], [-1, 1]):
        dtype = object if feed["type"] == "string" else feed["type"]
        values = [row[feed["name"]] for row in rows[:2] + rows[:1]][:2]
        return numpy.array(values, dtype=dtype).reshape([2, *feed["shape"][1:]])
    shape = [2 if feed["shape"][:1] == [-1] else 1]
    free = len(request["columns"]) or 1
    shape += [free if size == -1 else size for size in feed["shape"][1:]]
    if feed["type"] == "string":
        return numpy.full(shape, "a", dtype=object)
    return numpy.zeros(shape, dtype=feed["type"])


def described(value, feeds):
    count = 1 if any(feed["shape"][:1] == [1] for feed in feeds) else 2
    if isinstance(value, list) and value and isinstance(value[0], dict):
        classes = list(value[0])
        kind = {float: "float32"}.get(type(value[0][classes[0]]))
        return {"type": kind, "shape": [len(classes)], "classes": common.plain(classes)}
    return common.answer_of(value, count) or {"type": None, "shape": []}
