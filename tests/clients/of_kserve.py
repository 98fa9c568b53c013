"""KServe's own client sends rows to a model and prints the first output: ``of_kserve.py URL MODEL INPUTS``.

Numbers go as binary tensors."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

DTYPES = {"INT32": "int32", "INT64": "int64", "FP64": "float64", "BYTES": "object"}


async def main(url: str, model: str, text: str) -> None:
    inputs = []
    for tensor in json.loads(text):
        given = InferInput(tensor["name"], tensor["shape"], tensor["datatype"])
        array = np.array(tensor["data"], dtype=DTYPES[tensor["datatype"]])
        given.set_data_from_numpy(array, binary_data=tensor["datatype"] != "BYTES")
        inputs.append(given)
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    answer = await client.infer(url, InferRequest(model_name=model, infer_inputs=inputs), model_name=model)
    sys.stdout.write(json.dumps(answer.outputs[0].data))


asyncio.run(main(*sys.argv[1:]))
