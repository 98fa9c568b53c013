"""LitServe with one API server, without access log: ``lit.py WORKERS PORT``."""

import sys

import litserve
from served import Served


class Api(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002 LitServe gives it
        self.served = Served()

    def decode_request(self, request):
        return request["inputs"]

    def predict(self, x):
        return self.served.v2(x)

    def encode_response(self, output):
        return {"outputs": [{"data": output}]}


if __name__ == "__main__":
    workers, port = map(int, sys.argv[1:])
    server = litserve.LitServer(Api(), accelerator="cpu", devices=1, workers_per_device=workers, fast_queue=True)
    server.run(port=port, num_api_servers=1, generate_client_file=False, log_level="error", access_log=False)
