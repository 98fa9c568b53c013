"""BentoML with one worker, without access log and traces; the prediction in the event loop, which is its fastest."""

import os
import sys
from pathlib import Path
from typing import Any

import bentoml
from flight import Flight


@bentoml.service(name="flight_delay", workers=1, logging={"access": {"enabled": False}})
class Service:
    def __init__(self):
        self.flight = Flight()

    @bentoml.api(route="/infer")
    async def infer(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        return {"outputs": [{"data": self.flight.v2(inputs)}]}


if __name__ == "__main__":
    os.environ["BENTOML_DO_NOT_TRACK"] = "true"
    program = Path(sys.executable).parent / "bentoml"
    options = ["--host", "127.0.0.1", "--port", sys.argv[1], "--working-dir", str(Path(__file__).parent)]
    os.execv(program, [str(program), "serve", "bento:Service", *options])
