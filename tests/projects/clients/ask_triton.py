"""Asks a gateway with Triton's own HTTP client; prints what it understood as JSON."""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(sys.argv[1])


def tensor(name, array, datatype, *, binary):
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def ask(*, binary, **more):
    inputs = [
        tensor("name", np.array(["a", "Zoë"], dtype=object), "BYTES", binary=binary),
        tensor("size", np.array([3, 5], dtype=np.int64), "INT64", binary=binary),
        tensor("weights", np.array([[1, 2], [3, 4]], dtype=np.float64), "FP64", binary=binary),
        tensor("image", np.ones((2, 2, 2), dtype=np.float32), "FP32", binary=binary),
    ]
    return client.infer("shop", inputs, request_id="42", **more)


def lists(result, *names):
    return {name: [text(one) for one in result.as_numpy(name).tolist()] for name in names}


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def refusal():
    try:
        client.infer("shop", [tensor("size", np.array([1.5]), "FP64", binary=False)])
    except InferenceServerException as error:
        return error.message()


wanted = [triton.InferRequestedOutput("price", binary_data=False)]
metadata = client.get_model_metadata("shop")
print(
    json.dumps(
        {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model_ready": client.is_model_ready("shop"),
            "version_ready": client.is_model_ready("shop", "1.0.0"),
            "absent": client.is_model_ready("shpo"),
            "extensions": client.get_server_metadata()["extensions"],
            "inputs": {one["name"]: one["datatype"] for one in metadata["inputs"]},
            "binary": lists(ask(binary=True), "price", "label", "image"),
            "json": lists(ask(binary=False), "price", "label", "image"),
            "one": [one["name"] for one in ask(binary=True, outputs=wanted).get_response()["outputs"]],
            "id": ask(binary=True).get_response()["id"],
            "version": ask(binary=True, model_version="1.0.0").get_response()["model_version"],
            "refusal": refusal(),
        }
    )
)
