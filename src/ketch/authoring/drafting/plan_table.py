"""Plans for models that take a table: scikit-learn's interface, and the two boosters."""

from __future__ import annotations

from collections.abc import Sequence

from ketch.authoring.drafting import literals
from ketch.authoring.drafting.columns import Columns, columns_of
from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.model_file import Form, ModelFile
from ketch.authoring.drafting.plan import Piece, Plan, output, shown
from ketch.authoring.drafting.said import Said, SaidArray
from ketch.errors import Finding
from ketch.schema import Field, Float, Int, List, String

_LABELS_LOST = Finding(
    "init/class-numbers",
    "the file holds numbers for the classes, not their names",
    "ketch.toml: outputs",
    "turn the number into a name in `predict`, if callers should see names",
    blocks=False,
)


def plan_sklearn(model: ModelFile, said: Said, examples: Examples) -> Plan:
    """Plan the package of a model with scikit-learn's interface."""
    columns = _text_columns() if said.takes == "text" else columns_of(said, examples)
    load = Piece(
        f"load_{model.form.value}.py",
        {"file": literals.python(model.name), "trusted": literals.python(list(said.trusted))}
        if model.form is Form.SKOPS
        else {"file": literals.python(model.name)},
    )
    predict, outputs = _answers(said)
    return Plan(
        pieces=(load, _preprocess(said, columns), predict),
        steps=("preprocess", "predict"),
        inputs=columns.fields,
        outputs=outputs,
        takes="dataframe" if said.takes == "frame" else "records",
        findings=(*columns.findings, *_trust(said)),
        columns=columns.names,
    )


def plan_xgboost(model: ModelFile, said: Said, examples: Examples) -> Plan:
    """Plan the package of an XGBoost booster."""
    rounds = Piece("xgboost_run.py", {"rounds": f"(0, {said.rounds or 0})"})
    kind = said.objective
    is_classes = kind == "multi:softprob"
    is_binary = kind == "binary:logistic"
    pieces, outputs = _booster(
        "run(model, matrix)", said, is_binary=is_binary, is_classes=is_classes
    )
    columns = columns_of(said, examples)
    return _booster_plan(model, said, columns, (rounds, pieces), outputs)


def plan_lightgbm(model: ModelFile, said: Said, examples: Examples) -> Plan:
    """Plan the package of a LightGBM booster."""
    is_classes = said.objective in ("multiclass", "multiclassova")
    is_binary = said.objective == "binary"
    piece, outputs = _booster(
        "model.predict(matrix)", said, is_binary=is_binary, is_classes=is_classes
    )
    columns = columns_of(said, examples)
    return _booster_plan(model, said, columns, (piece,), outputs)


def _booster_plan(
    model: ModelFile,
    said: Said,
    columns: Columns,
    pieces: Sequence[Piece],
    outputs: tuple[Field, ...],
) -> Plan:
    load = Piece(f"load_{model.form.value}.py", {"file": literals.python(model.name)})
    is_labelled = len(outputs) > 1 or outputs[0].name == "probability"
    typical = {
        name: column.example
        for name, column in zip(columns.names, said.columns or (), strict=False)
        if column.example is not None
    }
    return Plan(
        pieces=(load, _preprocess(said, columns), *pieces),
        steps=("preprocess", "predict"),
        inputs=columns.fields,
        outputs=outputs,
        findings=(*columns.findings, *((_LABELS_LOST,) if is_labelled else ())),
        columns=columns.names,
        typical=typical,
    )


def _preprocess(said: Said, columns: Columns) -> Piece:
    if said.takes == "text":
        return Piece("text.py")
    if columns.is_tensor:
        return Piece("matrix_tensor.py")
    if said.takes == "frame":
        names = {"columns": literals.python(dict(columns.names))}
        if not columns.floats:
            return Piece("frame.py", names)
        types = dict.fromkeys(columns.floats, "float64")
        return Piece("frame_typed.py", {**names, "types": literals.python(types)})
    names = {"columns": literals.python(list(columns.names))}
    if not columns.codes:
        return Piece("matrix.py", names)
    codes = {name: list(values) for name, values in columns.codes.items()}
    return Piece("matrix_coded.py", {**names, "categories": literals.python(codes)})


def _answers(said: Said) -> tuple[Piece, tuple[Field, ...]]:
    if said.prediction is None and said.features is not None:
        return Piece("predict_transform.py"), (output("features", said.features),)
    prediction = output("prediction", said.prediction)
    if said.probabilities is None or said.classes is None:
        return Piece("predict_value.py"), (prediction,)
    kind = said.probabilities.type or Float(64)
    order = ", ".join(shown(one) for one in said.classes)[:400]
    if len(said.classes) == 2:
        positive = shown(said.classes[1])
        one = output("probability", SaidArray("", kind, ()), f"Of the class {positive}")
        piece = Piece("predict_binary.py", {"positive": positive})
        return piece, (prediction, one)
    many = output("probabilities", said.probabilities, f"Of the classes {order}")
    return Piece("predict_classes.py"), (prediction, many)


def _booster(
    run: str, said: Said, *, is_binary: bool, is_classes: bool
) -> tuple[Piece, tuple[Field, ...]]:
    if is_classes:
        number = Field("prediction", Int(64), description="Number of the likeliest class")
        each = output("probabilities", said.prediction, "Of each class, by its number")
        return Piece("booster_classes.py", {"run": run}), (number, each)
    name = "probability" if is_binary else "prediction"
    about = "Of class 1" if is_binary else ""
    found = output(name, said.prediction, about)
    if isinstance(found.type, List):
        run = f"{run}.tolist()"
    return Piece("booster_value.py", {"output": f'"{name}"', "run": run}), (found,)


def _text_columns() -> Columns:
    return Columns({"text": "text"}, (Field("text", String(), max_length=10_000),))


def _trust(said: Said) -> tuple[Finding, ...]:
    if not said.trusted:
        return ()
    named = ", ".join(f"`{one}`" for one in said.trusted[:8])
    return (
        Finding(
            "init/trusted-types",
            f"skops does not trust {named}",
            "pipeline.py: TRUSTED",
            "loading may run their code: strike out what you do not know",
            blocks=False,
        ),
    )
