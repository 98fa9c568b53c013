"""Triton's own client sends rows to a model and prints the first output: ``of_triton.py URL MODEL INPUTS``. All inputs
go as binary tensors, texts too."""

import json
import sys

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput

DTYPES = {"INT32": "int32", "INT64": "int64", "FP64": "float64", "BYTES": "object"}


def main(url: str, model: str, text: str) -> None:
    inputs = []
    for tensor in json.loads(text):
        given = InferInput(tensor["name"], tensor["shape"], tensor["datatype"])
        given.set_data_from_numpy(np.array(tensor["data"], dtype=DTYPES[tensor["datatype"]]))
        inputs.append(given)
    client = InferenceServerClient(url.removeprefix("http://"))
    assert client.is_server_ready()
    assert client.is_model_ready(model)
    answer = client.infer(model, inputs)
    name = client.get_model_metadata(model)["outputs"][0]["name"]
    sys.stdout.write(json.dumps(answer.as_numpy(name).tolist()))


main(*sys.argv[1:])
