"""The KServe SDK, without gRPC, access log and latency log: ``kind_kserve.py WORKERS PORT``."""

import sys

from kserve import InferOutput, InferResponse, Model, ModelServer
from model import Served


class KindModel(Model):
    def __init__(self):
        super().__init__("kind")
        self.load()

    def load(self):
        self.served = Served()
        self.ready = True
        return True

    def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002 KServe gives them
        given = {t.name: t.as_numpy() if t.datatype == "FP32" else t.data for t in payload.inputs}
        found = self.served.predict(given)
        output = InferOutput(name="probability", shape=[1, len(found)], datatype="FP64", data=found)
        return InferResponse(response_id=payload.id or "none", model_name=self.name, infer_outputs=[output])


if __name__ == "__main__":
    workers, port = map(int, sys.argv[1:])
    server = ModelServer(
        http_port=port, workers=workers, enable_grpc=False, enable_latency_logging=False, access_log_format=None
    )
    server.start([KindModel()])
