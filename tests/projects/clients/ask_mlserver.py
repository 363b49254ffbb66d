"""Asks a gateway with MLServer's own codecs and types; prints what it understood as JSON."""

import datetime as dt
import json
import sys

import httpx
import pandas as pd
from mlserver.codecs import DatetimeCodec, NumpyCodec, PandasCodec, StringCodec
from mlserver.types import (
    InferenceErrorResponse,
    InferenceRequest,
    InferenceResponse,
    MetadataModelResponse,
    MetadataServerResponse,
)

import numpy as np

client = httpx.Client(base_url=f"http://{sys.argv[1]}")


def post(request):
    reply = client.post("/v2/models/shop/infer", content=request.model_dump_json(exclude_none=True))
    return reply


frame = pd.DataFrame({"name": ["a", "Zoë"], "size": [3, 5]})
ragged = pd.DataFrame({"name": ["a", "b"], "size": [3, 1], "weights": [[1.0], [1.0, 2.0]]})
table = PandasCodec.decode_response(
    InferenceResponse.model_validate_json(post(PandasCodec.encode_request(frame, use_bytes=False)).text)
)
lists = PandasCodec.decode_response(
    InferenceResponse.model_validate_json(
        post(PandasCodec.encode_request(ragged, use_bytes=False)).text
    )
)
single = InferenceResponse.model_validate_json(
    post(
        InferenceRequest(
            id="42",
            inputs=[
                StringCodec.encode_input("name", ["a"], use_bytes=False),
                NumpyCodec.encode_input("size", np.array([3])),
                NumpyCodec.encode_input("image", np.ones((1, 2, 2), dtype=np.float32)),
                DatetimeCodec.encode_input("at", [dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)], use_bytes=False),
            ],
        )
    ).text
)
found = {one.name: one for one in single.outputs}
seen = DatetimeCodec.decode_output(found["seen"])
image = NumpyCodec.decode_output(found["image"])
refused = post(PandasCodec.encode_request(pd.DataFrame({"name": ["a"], "size": [1.5]}), use_bytes=False))
metadata = MetadataModelResponse.model_validate_json(client.get("/v2/models/shop").text)
print(
    json.dumps(
        {
            "table": table[["price", "label", "tags", "image"]].to_dict("records"),
            "types": {name: str(kind) for name, kind in table.dtypes.items()},
            "lists": lists["price"].tolist(),
            "single": [single.id, found["price"].data.root, seen[0].isoformat(), image.tolist()],
            "server": MetadataServerResponse.model_validate_json(client.get("/v2").text).name,
            "outputs": [one.name for one in metadata.outputs],
            "refused": [refused.status_code, InferenceErrorResponse.model_validate_json(refused.text).error],
        }
    )
)
