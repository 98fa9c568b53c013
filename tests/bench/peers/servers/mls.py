"""MLServer with a runtime of one's own: ``mls.py PARALLEL_WORKERS PORT``."""

import json
import os
import sys
from pathlib import Path

from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput
from ports import free_port
from served import Served


class ServedModel(MLModel):
    async def load(self):
        self.served = Served()
        return True

    async def predict(self, payload):
        found = self.served.predict({tensor.name: tensor.data.root for tensor in payload.inputs})
        output = ResponseOutput(name="output", shape=[len(found)], datatype="FP64", data=found)
        return InferenceResponse(model_name=self.name, outputs=[output])


if __name__ == "__main__":
    workers, port = map(int, sys.argv[1:])
    folder = Path(os.environ["WORK"])
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    settings |= {"parallel_workers": workers, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": Served().name, "implementation": "mls.ServedModel"}
    (folder / "model-settings.json").write_text(json.dumps(model))
    program = Path(sys.executable).parent / "mlserver"
    os.execv(program, [str(program), "start", str(folder)])
