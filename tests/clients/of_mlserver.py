"""MLServer's own codecs make the request and read the answer: ``of_mlserver.py URL MODEL INPUTS``."""

import json
import sys
import urllib.request
from typing import Any

import numpy as np
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput


def encoded(tensor: dict[str, Any]) -> RequestInput:
    if tensor["datatype"] == "BYTES":
        return StringCodec.encode_input(tensor["name"], tensor["data"], use_bytes=False)
    return NumpyCodec.encode_input(tensor["name"], np.array(tensor["data"]))


def main(url: str, model: str, text: str) -> None:
    request = InferenceRequest(inputs=[encoded(tensor) for tensor in json.loads(text)])
    body = request.model_dump_json(exclude_none=True).encode()
    post = urllib.request.Request(f"{url}/v2/models/{model}/infer", body, {"content-type": "application/json"})
    with urllib.request.urlopen(post, timeout=30) as answer:
        response = InferenceResponse.model_validate_json(answer.read())
    sys.stdout.write(json.dumps(NumpyCodec.decode_output(response.outputs[0]).ravel().tolist()))


main(*sys.argv[1:])
