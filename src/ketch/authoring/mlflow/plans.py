"""From an MLflow model to the code of a package.

scikit-learn, XGBoost and LightGBM models are loaded by their own libraries, and the package
needs no MLflow. Every other model, and classes and scripts that a person wrote for MLflow,
are loaded and asked by MLflow's own path, which then is one of the package's libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ketch.authoring.drafting import literals
from ketch.authoring.drafting.identify import identify
from ketch.authoring.drafting.plan import Piece, Plan
from ketch.authoring.drafting.project import own_code
from ketch.authoring.mlflow.asking import Reply, Table, files_of
from ketch.authoring.mlflow.fields import ALONE, Inputs, inputs_of, outputs_of
from ketch.authoring.mlflow.mlmodel import FILE, PYFUNC, MLmodel
from ketch.errors import Finding
from ketch.schema import Field, List

_LOADERS = {f"mlflow.{name}": name for name in ("sklearn", "xgboost", "lightgbm")}
_NOT_SHIPPED = frozenset(
    {"requirements.txt", "conda.yaml", "python_env.yaml", "input_example.json"}
    | {"serving_input_example.json", "environment_variables.txt", "registered_model_meta"}
)


@dataclass(frozen=True, slots=True)
class Road:
    """How a package gets an MLflow model to answer.

    Attributes:
        plan: Its code and schema.
        files: Files to copy, by path in the folder.
        imports: Libraries that its code imports.
        is_native: Whether it does without MLflow.
    """

    plan: Plan
    files: Mapping[str, Path]
    imports: tuple[str, ...]
    is_native: bool


def road_of(model: MLmodel, reply: Reply) -> Road:
    """Return how a package of the model answers.

    Raises:
        UsageError: Its inputs or outputs are nothing that ketch has types for.
    """
    inputs = inputs_of(model.signature, reply.inputs)
    outputs = outputs_of(model.signature, reply.outputs)
    native = _native(model, reply, inputs, outputs)
    return native if native is not None else _by_mlflow(model, reply, inputs, outputs)


def _native(
    model: MLmodel, reply: Reply, inputs: Inputs, outputs: tuple[Field, ...]
) -> Road | None:
    """Return the road without MLflow, where the answer is one that its library gives as it is."""
    flavor = _LOADERS.get(str(model.flavor(PYFUNC).get("loader_module")))
    kind = reply.outputs.kind if reply.outputs is not None else "array"
    if flavor is None or kind != "array" or inputs.form == "arrays" or model.signature.params:
        return None
    data = model.file(flavor, "pickled_model", "data")
    load = None if data is None else _load(model, flavor, data, reply)
    if load is None or data is None:
        return None
    method = str(model.flavor(PYFUNC).get("predict_fn") or "predict")
    is_booster = load.name == "load_xgboost.py"
    if not method.isidentifier() or (is_booster and inputs.form == "array"):
        return None
    run = "model.predict(xgboost.DMatrix(frame))" if is_booster else f"model.{method}(value)"
    values = {"output": f'"{outputs[0].name}"', "run": run + _listed(outputs[0])}
    predict = Piece("predict_xgboost_frame.py" if is_booster else "predict_call.py", values)
    own = own_code(model.folder / _code(model), _modules(model.folder / data))
    kept = {f"model/{name}": model.folder / name for name in (data, FILE)}
    plan = _plan((load, *_first(inputs), predict), inputs, outputs, imports=own.modules)
    imports = [flavor.replace("sklearn", "scikit-learn"), "numpy", *_libraries(inputs)]
    imports += ["skops"] if data.endswith(".skops") else []
    return Road(plan, {**kept, **own.files}, tuple(imports), is_native=True)


def _by_mlflow(model: MLmodel, reply: Reply, inputs: Inputs, outputs: tuple[Field, ...]) -> Road:
    params = model.signature.params or {}
    end = "_params.py" if params else ".py"
    columns = _columns(reply.outputs, outputs)
    pieces = (
        Piece(f"load_mlflow{end}"),
        *_first(inputs),
        Piece(f"predict_mlflow{end}", {"columns": literals.python_code(columns, 4)}),
    )
    files = {
        f"model/{name}": path
        for name, path in files_of(model).items()
        if name.partition("/")[0] not in _NOT_SHIPPED
    }
    plan = _plan(pieces, inputs, outputs, params=params)
    return Road(plan, files, ("numpy", *_libraries(inputs)), is_native=False)


def _plan(
    pieces: tuple[Piece, ...],
    inputs: Inputs,
    outputs: tuple[Field, ...],
    *,
    imports: tuple[str, ...] = (),
    params: Mapping[str, object] | None = None,
) -> Plan:
    steps = ("preprocess", "predict") if len(pieces) == 3 else ("predict",)
    return Plan(
        pieces=pieces,
        steps=steps,
        inputs=inputs.fields,
        outputs=outputs,
        takes="dataframe" if inputs.form in ("frame", "unnamed") else "records",
        findings=(*inputs.findings, *_of_params(params)),
        columns=inputs.names,
        imports=imports,
        params=params or {},
    )


def _load(model: MLmodel, flavor: str, data: str, reply: Reply) -> Piece | None:
    said = model.flavor(flavor)
    file = {"file": literals.python(data)}
    class_name = str(said.get("model_class", ""))
    if data.endswith(".skops"):
        return Piece("load_skops.py", {**file, "trusted": literals.python(list(reply.trusted))})
    if data.endswith(".pkl") or (flavor == "sklearn" and not data.endswith(".json")):
        return Piece("load_pickle.py", file)
    if flavor == "lightgbm":
        return Piece("load_lightgbm.py", file)
    if class_name.startswith("xgboost.sklearn."):
        name = class_name.rpartition(".")[2]
        return (
            Piece("load_xgboost_class.py", {**file, "class_name": name})
            if name.isidentifier()
            else None
        )
    return Piece("load_xgboost.py", file) if flavor == "xgboost" else None


def _first(inputs: Inputs) -> tuple[Piece, ...]:
    """Return the step before the model, where what comes in is not what it takes."""
    if inputs.form == "array":
        return (Piece("matrix_tensor.py"),)
    if inputs.form == "arrays":
        named = {model: field for field, model in inputs.names.items()}
        return (Piece("tensors.py", {"tensors": literals.python(named)}),)
    if inputs.form == "unnamed":
        return (Piece("frame_unnamed.py"),)
    if any(field != model for field, model in inputs.names.items()):
        return (Piece("frame.py", {"columns": literals.python(dict(inputs.names))}),)
    return ()


def _columns(seen: Table | None, outputs: tuple[Field, ...]) -> dict[str, str]:
    """Return the code that takes each output from an answer."""
    is_alone = len(outputs) == 1 and outputs[0].name == ALONE
    kind = seen.kind if seen is not None else "array" if is_alone else "frame"
    if kind in ("series", "array"):
        return {outputs[0].name: "answer.tolist()"}
    if kind == "list":
        return {outputs[0].name: "list(answer)"}
    labels = [literals.python(one.name) for one in (seen.columns if seen is not None else ())]
    labels = labels or [literals.python(field.name) for field in outputs]
    code = {
        "frame": "answer[{}].tolist()",
        "dict": "list(answer[{}])",
        "records": "[row.get({}) for row in answer]",
    }[kind]
    return {f.name: code.format(label) for f, label in zip(outputs, labels, strict=True)}


def _listed(output: Field) -> str:
    return ".tolist()" if isinstance(output.type, List) else ""


def _libraries(inputs: Inputs) -> tuple[str, ...]:
    return ("pandas",) if inputs.form in ("frame", "unnamed") else ()


def _code(model: MLmodel) -> str:
    return str(model.file(PYFUNC, "code") or ".")


def _modules(data: Path) -> tuple[str, ...]:
    """Return the modules that a pickle names; of other files, none."""
    return tuple(identify(data).seen.modules) if data.suffix in (".pkl", ".skops") else ()


def _of_params(params: Mapping[str, object] | None) -> tuple[Finding, ...]:
    if not params:
        return ()
    named = ", ".join(f"`{name[:40]}`" for name in list(params)[:5])
    message = f"{named} could be sent with each request; a package fixes them in `[params]`"
    hint = "make an input of what callers have to choose"
    return (Finding("import/params", message, "ketch.toml: params", hint, blocks=False),)
