"""What a PyTorch file holds, takes and answers."""

from pathlib import Path

import ketch_common as common
import torch


def load(model_dir, params):
    path = Path(model_dir) / params["file"]
    if params["form"] == "torch_script":
        return params["form"], torch.jit.load(path, map_location="cpu").eval()
    if params["form"] == "torch_export":
        return params["form"], torch.export.load(path)
    return params["form"], torch.load(path, weights_only=True, map_location="cpu")


def inspect(loaded, rows):
    return common.inspected(describe, loaded, rows)


def describe(loaded, request):
    form, model = loaded
    said = {"class": common.name_of(model), "problem": None, "feeds": [], "answers": []}
    if form == "torch_state":
        return {**said, **weights_of(model)}
    try:
        said.update(script(model, request) if form == "torch_script" else exported(model))
    except Exception as error:
        said["problem"] = f"trying it failed: {type(error).__name__}: {str(error)[:300]}"
    return said


def weights_of(content):
    """Return the parameters of a state dict, which may lie inside a checkpoint."""
    key, weights = None, content
    if isinstance(content, dict) and not is_state(content):
        key = next((k for k, v in content.items() if isinstance(v, dict) and is_state(v)), None)
        weights = {} if key is None else content[key]
    if not isinstance(weights, dict) or not weights:
        return {"problem": "it holds no state dict"}
    matrices = [value for value in weights.values() if value.dim() == 2]
    return {
        "key": key if isinstance(key, str) else None,
        "parameters": [[str(name), dtype(v), list(v.shape)] for name, v in weights.items()],
        "feeds": [feed("features", "float32", [-1, matrices[0].shape[1]])] if matrices else [],
        "answers": [answer("prediction", "float32", [matrices[-1].shape[0]])] if matrices else [],
    }


def is_state(content):
    return bool(content) and all(isinstance(value, torch.Tensor) for value in content.values())


def script(model, request):
    arguments = [one for one in model.forward.schema.arguments[1:] if str(one.type) == "Tensor"]
    matrices = [value for value in model.parameters() if value.dim() == 2]
    width = matrices[0].shape[1] if matrices else len(request["columns"])
    if len(arguments) != 1 or not width:
        return {"problem": "the file does not say what shapes it takes"}
    found = asked(model, [torch.zeros(2, width)])
    answers = [answer(f"answer_{n}", dtype(v), v.shape[1:]) for n, v in enumerate(found)]
    return {"feeds": [feed(arguments[0].name, "float32", [-1, width])], "answers": answers}


def exported(program):
    arguments, named = program.example_inputs
    names = list(program.graph_signature.user_inputs)
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    values = [nodes[name].meta["val"] for name in names]
    feeds = [
        feed(name, dtype(value), [size if isinstance(size, int) else -1 for size in value.shape])
        for name, value in zip(names, values)
    ]
    if named or not all(isinstance(value, torch.Tensor) for value in arguments):
        return {"problem": "it takes more than tensors, or takes them by name"}
    found = asked(program.module(), list(arguments))
    answers = [answer(f"answer_{n}", dtype(v), v.shape[1:]) for n, v in enumerate(found)]
    return {"feeds": feeds, "answers": answers}


def asked(model, values):
    with torch.inference_mode():
        found = model(*values)
    return list(found) if isinstance(found, (tuple, list)) else [found]


def dtype(tensor):
    return str(tensor.dtype).removeprefix("torch.")


def feed(name, kind, shape):
    return {"name": name, "type": kind, "shape": list(shape)}


def answer(name, kind, shape):
    return {"name": name, "type": kind, "shape": list(shape)}
