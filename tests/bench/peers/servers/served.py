"""A typical model as the peers serve it: columns by name → the first row's numbers. Imported in their environments."""

import json
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
FOLDER = Path(os.environ["MODEL_URI"])


class Served:
    """No check of what comes in. One thread, as ours."""

    def __init__(self):
        descriptor = json.loads((FOLDER / "intermodal.json").read_text())
        self.names = [column["name"] for column in descriptor["signature"]["inputs"]]
        self.shape = descriptor["signature"]["inputs"][0]["shape"]
        self.predict = getattr(self, f"_{descriptor['format']}")(FOLDER / descriptor["file"])

    def _sklearn(self, path):
        import pickle

        import pandas as pd

        with path.open("rb") as file:
            model = pickle.load(file)
        return lambda given: model.predict_proba(pd.DataFrame(given))[:, 1].tolist()

    def _xgboost(self, path):
        from xgboost import Booster

        booster = Booster(model_file=str(path))
        booster.set_param({"nthread": 1})

        def predict(given):
            matrix = np.array([given[name] for name in self.names], dtype="float32").T
            return booster.inplace_predict(matrix).tolist()

        return predict

    def _onnx(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (name,) = self.names

        def predict(given):
            array = np.asarray(given[name], dtype="float32").reshape([-1, *self.shape])
            return session.run(None, {name: array})[0].ravel().tolist()

        return predict
