"""The KServe SDK, without gRPC, access log and latency log: ``kserver.py WORKERS PORT``."""

import sys

from kserve import InferOutput, InferResponse, Model, ModelServer
from served import Served


class ServedModel(Model):
    def __init__(self):
        self.served = Served()
        super().__init__(self.served.name)
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002 KServe gives them
        found = self.served.predict({tensor.name: tensor.data for tensor in payload.inputs})
        output = InferOutput(name="output", shape=[len(found)], datatype="FP64", data=found)
        return InferResponse(response_id=payload.id or "none", model_name=self.name, infer_outputs=[output])


if __name__ == "__main__":
    workers, port = map(int, sys.argv[1:])
    server = ModelServer(
        http_port=port, workers=workers, enable_grpc=False, enable_latency_logging=False, access_log_format=None
    )
    server.start([ServedModel()])
