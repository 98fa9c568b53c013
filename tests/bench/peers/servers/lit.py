"""LitServe with one worker and one API server, without access log."""

import sys

import litserve
from flight import Flight


class Api(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002 LitServe gives it
        self.flight = Flight()

    def decode_request(self, request):
        return request["inputs"]

    def predict(self, x):
        return self.flight.v2(x)

    def encode_response(self, output):
        return {"outputs": [{"data": output}]}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True)
    server.run(
        port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level="error", access_log=False
    )
