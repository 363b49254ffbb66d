"""The model as MLflow asks it: the package in `package/`, called as ketch calls it.

`worker.py` is the file that runs packages in ketch; it needs only Python's own library. It
loads the pipeline, calls its steps and converts values. `call.json` holds what it is told.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pandas
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

HERE = Path(__file__).resolve().parent
CODE = HERE / "code"
CALL = json.loads((HERE / "call.json").read_text(encoding="utf-8"))


def load_worker():
    spec = importlib.util.spec_from_file_location("ketch_worker", HERE / "worker.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


worker = load_worker()


def cells_of(frame, field):
    """Return a column in JSON form, which a worker takes; what does not fit is refused."""
    name, wire = field["name"], field["type"]
    read, write = worker.reader(wire), worker.writer(wire, nullable=field["nullable"])

    def cell_of(cell):
        if "int" in wire["kind"] and isinstance(cell, float) and abs(cell) >= 2**53:
            raise worker.OutputError(f"{cell:.0f} came as a float, which may not be what was sent")
        if read is None or worker.is_missing(cell):
            return write(cell)
        return cell if isinstance(cell, str) else write(read(cell))

    cells = frame[name] if name in frame.columns else [None] * len(frame)
    try:
        return [cell_of(cell) for cell in cells]
    except worker.OutputError as problem:
        raise ValueError(f"input `{name}`: {problem}") from None


def rows_of(frame):
    names = [field["name"] for field in CALL["inputs"]]
    columns = [cells_of(frame, field) for field in CALL["inputs"]]
    return [dict(zip(names, cells)) for cells in zip(*columns)]


def frame_of(rows):
    """Return answers as a DataFrame; a column with gaps keeps its values as they are."""
    columns = {field["name"]: [row[field["name"]] for row in rows] for field in CALL["outputs"]}
    return pandas.DataFrame(
        {
            name: pandas.Series(cells, dtype=object if None in cells else None)
            for name, cells in columns.items()
        }
    )


class KetchPackage(PythonModel):
    def load_context(self, context):
        os.environ.update(CALL["variables"])
        own = {path.stem for path in CODE.iterdir()}
        for name in list(sys.modules):
            if name.partition(".")[0] in own:
                del sys.modules[name]  # of another package, loaded before in this process
        sys.path.insert(0, str(CODE))
        request = {**CALL, "model_dir": str(HERE / "package" / "model")}
        self.package = worker.Package(request, lambda function: None)

    def predict(self, context, model_input, params=None):
        frame = pandas.DataFrame(model_input)
        return frame_of(self.package.predict(rows_of(frame))["rows"])


set_model(KetchPackage())
