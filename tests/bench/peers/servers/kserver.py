"""The KServe SDK with one worker, without gRPC, access log and latency log."""

import sys

from flight import Flight
from kserve import InferOutput, InferResponse, Model, ModelServer


class FlightModel(Model):
    def __init__(self):
        super().__init__("flight_delay")
        self.flight = Flight()
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002 KServe gives them
        found = self.flight.predict({tensor.name: tensor.data for tensor in payload.inputs})
        output = InferOutput(name="probability", shape=[len(found)], datatype="FP64", data=found)
        return InferResponse(response_id=payload.id or "none", model_name=self.name, infer_outputs=[output])


if __name__ == "__main__":
    server = ModelServer(
        http_port=int(sys.argv[1]), workers=1, enable_grpc=False, enable_latency_logging=False, access_log_format=None
    )
    server.start([FlightModel()])
