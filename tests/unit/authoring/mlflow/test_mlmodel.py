"""``MLmodel`` is read with distrust: anybody can have written it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ketch.authoring.mlflow import read_mlmodel
from ketch.authoring.mlflow.asking import Answered, Table, files_of
from ketch.authoring.mlflow.environment import wanted_by
from ketch.authoring.mlflow.fields import inputs_of, outputs_of
from ketch.authoring.mlflow.signature import Column, Signature, read_signature
from ketch.errors import KetchError, NotFound, UsageError
from ketch.schema import parse_type

MODELS = Path(__file__).parents[3] / "projects" / "mlflow"
PYFUNC = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"


def written(folder: Path, content: str) -> Path:
    (folder / "MLmodel").write_text(content)
    return folder


def test_a_model_says_what_it_is() -> None:
    model = read_mlmodel(MODELS / "3.17/sklearn")
    assert (model.mlflow, model.python, model.has_example) == ("3.17.2", "3.11", True)
    assert model.created is not None
    assert model.file("sklearn", "pickled_model", "data") == "model.skops"
    assert model.signature.inputs == (
        Column("age", parse_type("int64")),
        Column("income", parse_type("float64")),
        Column("city", parse_type("string")),
    )


def test_a_folder_without_a_model_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="found no `MLmodel`"):
        read_mlmodel(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1, 2]",
        "flavors: 7",
        "flavors: {sklearn: {pickled_model: model.pkl}}",
        "a: &a [*a, *a]\nflavors: [",
        f"{PYFUNC}signature: {{inputs: '7'}}",
        f"{PYFUNC}signature: {{inputs: '[7]'}}",
        f"{PYFUNC}signature: {{inputs: 'nonsense'}}",
        "!!python/object/apply:os.system ['true']",
    ],
)
def test_what_mlflow_would_not_write_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_mlmodel(written(tmp_path, content))


@pytest.mark.parametrize("path", ["/etc/passwd", "../other.pkl", "missing.pkl", "out/passwd"])
def test_a_model_names_no_file_outside_its_folder(path: str, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    model = read_mlmodel(written(tmp_path, f"{PYFUNC}  sklearn: {{pickled_model: {path}}}"))
    with pytest.raises(UsageError):
        model.file("sklearn", "pickled_model")
    assert set(files_of(model)) == {"MLmodel"}


def test_requirements_come_without_mlflow_and_tell_what_they_cannot_say(tmp_path: Path) -> None:
    text = "mlflow==2.9.2\nscikit-learn==1.3.2\n-i https://elsewhere.example/simple\n"
    (tmp_path / "requirements.txt").write_text(text)
    wanted = wanted_by(read_mlmodel(written(tmp_path, PYFUNC)))
    assert wanted.lines == ("scikit-learn==1.3.2",)
    assert [one.blocks for one in wanted.findings] == [False]
    assert wanted.with_lines("pandas", "scikit-learn==9").lines == (
        "scikit-learn==1.3.2",
        "pandas",
    )


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"type": "integer"}, "int32"),
        ({"type": "datetime"}, "timestamp[us]"),
        ({"type": "array", "items": {"type": "double"}}, "list<float64>"),
        (
            {"type": "object", "properties": {"a": {"type": "long", "required": False}}},
            "struct<a: int64?>",
        ),
        (
            {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}},
            "tensor<float32, [2]>",
        ),
        ({"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}, "float64"),
    ],
)
def test_types_of_a_signature(said: dict[str, object], kind: str) -> None:
    signature = read_signature({"inputs": json.dumps([{**said, "name": "x"}])})
    assert signature.inputs is not None
    assert str(signature.inputs[0].type) == kind


@pytest.mark.parametrize("said", [{"type": "map"}, {"type": "any"}, {"type": "sparkml_vector"}])
def test_a_type_that_ketch_has_not_is_told_by_name(said: dict[str, object]) -> None:
    signature = read_signature({"inputs": [{**said, "name": "x"}]})
    with pytest.raises(KetchError, match="`x`"):
        inputs_of(signature, None)


def test_a_gap_in_the_example_makes_a_field_nullable() -> None:
    kind = parse_type("float64")
    seen = Table("frame", (Answered("a b!", kind, (1.0, None)),))
    found = inputs_of(Signature((Column("a b!", kind),)), seen)
    assert [one.code for one in found.findings] == ["import/gaps", "init/renamed"]
    assert found.fields[0].nullable
    assert dict(found.names) == {found.fields[0].name: "a b!"}


def test_an_answer_of_several_numbers_is_a_list_with_a_tolerance() -> None:
    seen = Table("array", (Answered("", parse_type("tensor<float64, [2]>"), ([0.1, 0.9],), (2,)),))
    [output] = outputs_of(Signature(), seen)
    assert (output.name, str(output.type), output.rtol) == ("prediction", "list<float64>", 1e-6)
