"""Asks a gateway with MLflow's own scoring client; prints what it understood as JSON."""

import json
import sys

import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

host, _, port = sys.argv[1].rpartition(":")
client = ScoringServerClient(host, port)
client.wait_server_ready(timeout=5)
frame = pd.DataFrame({"name": ["a", "Zoë"], "size": [3, 5]})
answers = client.invoke(frame)


def refusal():
    try:
        client.invoke(pd.DataFrame({"name": ["a"], "size": [np.nan]}))
    except Exception as error:
        return str(error)


print(
    json.dumps(
        {
            "version": client.get_version(),
            "frame": answers.get_predictions(predictions_format="dataframe")[["price", "label"]].to_dict("records"),
            "rows": client.invoke([{"name": "a", "size": 3}]).get_predictions("ndarray").shape,
            "refusal": refusal(),
        }
    )
)
