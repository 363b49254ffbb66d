"""Loads model folders with MLflow, all in one process, and asks them as its own server does.

Prints as JSON, for each folder, what was answered to the model's example and to each scenario
of its package.
"""

import json
import sys
from pathlib import Path

import mlflow
from mlflow.pyfunc.scoring_server import invocations


def answers(folder, model):
    def ask(body):
        text = json.dumps(body)
        reply = invocations(text, "application/json", model, model.metadata.get_input_schema())
        return json.loads(reply.response)["predictions"]

    lines = (folder / "package/ketch/scenarios.jsonl").read_text().splitlines()
    asked = [json.loads(line)["inputs"] for line in lines]
    return {
        "example": ask(json.loads((folder / "serving_input_example.json").read_text())),
        "scenarios": [
            ask({"dataframe_records": rows if isinstance(rows, list) else [rows]}) for rows in asked
        ],
    }


folders = [Path(one) for one in sys.argv[1:]]
models = [mlflow.pyfunc.load_model(str(folder)) for folder in folders]
print(json.dumps([answers(*pair) for pair in zip(folders, models)]))
