"""Plans for models that take tensors: ONNX graphs and PyTorch networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ketch.authoring.drafting import literals
from ketch.authoring.drafting.columns import field_names
from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.model_file import Form, ModelFile
from ketch.authoring.drafting.plan import Piece, Plan, flat_shape, output, shown
from ketch.authoring.drafting.said import Said, SaidArray
from ketch.errors import Finding
from ketch.schema import Bool, Field, Float, Int, Tensor


@dataclass(frozen=True, slots=True)
class _Feed:
    """One thing a model takes, and the inputs it is made of."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    fields: tuple[Field, ...]

    def literal(self) -> tuple[str, tuple[int, ...], list[str]]:
        return self.dtype, self.shape, [field.name for field in self.fields]


@dataclass(frozen=True, slots=True)
class _Feeds:
    """Everything a model takes, and what was assumed about it."""

    feeds: tuple[_Feed, ...]
    findings: tuple[Finding, ...] = ()


def plan_onnx(model: ModelFile, said: Said, examples: Examples) -> Plan:
    """Plan the package of an ONNX graph."""
    feeds = _feeds(said, examples)
    names = _answer_names(said.answers)
    answers = {
        one.name: (name, flat_shape(one)) for one, name in zip(said.answers, names, strict=True)
    }
    values = {"answers": literals.python(answers)}
    piece = Piece("onnx.py", values)
    zipped = {one.name: list(one.classes) for one in said.answers if one.classes}
    if zipped:
        piece = Piece("onnx_zipmap.py", {**values, "classes": literals.python(zipped)})
    return _plan(model, said, feeds, piece, examples)


def plan_torch(model: ModelFile, said: Said, examples: Examples) -> Plan:
    """Plan the package of a PyTorch network."""
    feeds = _feeds(said, examples)
    answers = said.answers or (SaidArray("prediction", Float(32), (-1,)),)
    names = _answer_names(answers)
    shapes = {name: flat_shape(one) for one, name in zip(answers, names, strict=True)}
    is_single = any(one.shape[:1] == (1,) for one in said.feeds)
    values = {"answers": literals.python(shapes)}
    piece = Piece("torch_single.py" if is_single else "torch.py", values)
    said = replace(said, answers=answers)
    return _plan(model, said, feeds, piece, examples)


def _plan(model: ModelFile, said: Said, feeds: _Feeds, predict: Piece, examples: Examples) -> Plan:
    columns, findings = field_names(examples.columns), feeds.findings
    values = {"file": literals.python(model.name)}
    is_state = model.form is Form.TORCH_STATE
    if is_state:
        lines = said.parameters[:40] or ("nothing that could be read",)
        values["parameters"] = "\n".join(f"        {literals.docstring(line)}" for line in lines)
        values["key"] = f"[{literals.python(said.key)}]" if said.key else ""
        findings = (*findings, _no_class(model))
    fed = {feed.name: feed.literal() for feed in feeds.feeds}
    return Plan(
        pieces=(
            Piece(f"load_{model.form.value}.py", values),
            Piece("feeds.py", {"feeds": literals.python(fed)}),
            predict,
        ),
        steps=("preprocess", "predict", "postprocess"),
        inputs=tuple(field for feed in feeds.feeds for field in feed.fields),
        outputs=tuple(_outputs(said.answers)),
        findings=findings,
        columns={name: column for column, name in columns.items()},
        is_runnable=not is_state and said.problem is None and bool(feeds.feeds),
    )


def _feeds(said: Said, examples: Examples) -> _Feeds:
    """Return what a model takes, made of the example's columns where they fit."""
    if not said.feeds:
        hint = "write the schema and `FEEDS` in pipeline.py"
        message = "the file does not say what the network takes"
        finding = Finding("init/inputs-unknown", message, "ketch.toml: inputs", hint)
        field = Field("features", Tensor(Float(32), (-1,)))
        return _Feeds((_Feed("features", "float32", (-1,), (field,)),), (finding,))
    scalars = all(flat(one) == () for one in said.feeds)
    if len(said.feeds) == 1 and not scalars and examples.rows:
        spread = _spread(said.feeds[0], examples)
        if spread is not None:
            return spread
    names = field_names(one.name for one in said.feeds)
    feeds = tuple(_feed(one, names[one.name], examples) for one in said.feeds)
    return _Feeds(feeds, (*_odd_shapes(said.feeds), *_closed(said.feeds, names)))


def flat(one: SaidArray) -> tuple[int, ...]:
    """Return the shape of one row of what a model takes; ``()`` for a single number."""
    shape = one.shape[1:]
    return () if shape in ((), (1,)) else shape


def _feed(one: SaidArray, name: str, examples: Examples) -> _Feed:
    kind = one.type or Float(32)
    shape = one.shape[1:]
    if flat(one) == () or not isinstance(kind, (Bool, Int, Float)):
        values = {row.get(one.name) for row in examples.rows} if one.closed else set()
        texts = tuple(sorted(value for value in values if isinstance(value, str)))
        return _Feed(one.name, _numpy(one), shape, (Field(name, kind, values=texts or None),))
    return _Feed(one.name, _numpy(one), shape, (Field(name, Tensor(kind, flat(one))),))


def _spread(one: SaidArray, examples: Examples) -> _Feeds | None:
    """Return one input for each column of the example, when there are as many."""
    width = len(examples.columns)
    if len(one.shape) != 2 or one.shape[1] not in (width, -1):
        return None
    names = field_names(examples.columns)
    known, unsure = examples.fields(names)
    kind = one.type or Float(32)
    fields = tuple(
        Field(names[column], kind, nullable=column in known and known[column].nullable)
        for column in examples.columns
    )
    message = "the model does not name its columns; they are those of the example, by place"
    hint = "check their order against training"
    note = Finding("init/no-feature-names", message, examples.where, hint, blocks=False)
    return _Feeds((_Feed(one.name, _numpy(one), (width,), fields),), (note, *unsure))


def _outputs(answers: Sequence[SaidArray]) -> Iterator[Field]:
    for one, name in zip(answers, _answer_names(answers), strict=True):
        order = ", ".join(map(shown, one.classes or ()))[:400]
        yield output(name, one, f"Of the classes {order}" if order else "")


def _answer_names(answers: Sequence[SaidArray]) -> list[str]:
    """Return what the answers are called: in the words of the schema where they are known."""
    if len(answers) == 1:
        return ["prediction"]
    known = {
        "output_label": "prediction",
        "label": "prediction",
        "output_probability": "probabilities",
        "probabilities": "probabilities",
    }
    chosen = field_names(known.get(one.name, one.name) for one in answers)
    return [chosen[known.get(one.name, one.name)] for one in answers]


def _odd_shapes(feeds: Sequence[SaidArray]) -> Iterator[Finding]:
    for one in feeds:
        if one.shape[:1] and one.shape[0] > 1:
            message = f"`{one.name}` takes exactly {one.shape[0]} rows at a time"
            hint = "export the model with a batch of any size, or of one"
            yield Finding("init/fixed-batch", message, "pipeline.py", hint)
        if one.shape[1:].count(-1) > 1:
            message = f"`{one.name}` has more than one length that may vary"
            yield Finding("init/shape-unknown", message, "pipeline.py: FEEDS")


def _closed(feeds: Sequence[SaidArray], names: Mapping[str, str]) -> Iterator[Finding]:
    for one in feeds:
        if one.closed:
            message = f"the model refuses texts it has never seen; these of `{one.name}` are known"
            where = f"ketch.toml: inputs.{names[one.name]}.values"
            hint = "add the others that it was trained on"
            yield Finding("init/categories-of-example", message, where, hint, blocks=False)


def _numpy(one: SaidArray) -> str:
    kind = str(one.type or Float(32))
    return {"string": "object"}.get(kind, kind)


def _no_class(model: ModelFile) -> Finding:
    return Finding(
        "init/no-network-class",
        "the file holds weights only; the class of the network is code that it does not have",
        "pipeline.py: Network",
        f"write or import the class, then `ketch record`; or export `{model.path.stem}` whole "
        "with `torch.export.save`",
    )
