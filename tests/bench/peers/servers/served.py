"""A model as the peers serve it: columns by name → a row's numbers. Imported in their environments."""

import json
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
FOLDER = Path(os.environ["MODEL_URI"])


class Served:
    """No check of what comes in: an unknown category is a KeyError. One thread, as ours. The model is loaded by the
    first prediction, so that a server can send this to its workers."""

    def __init__(self):
        self.descriptor = json.loads((FOLDER / "intermodal.json").read_text())
        self.name, self.columns = self.descriptor["model"], self.descriptor["signature"]["inputs"]
        self._predict = None

    def predict(self, given):
        """``given``: column → values. The numbers of the rows, as a list."""
        if self._predict is None:
            load = getattr(self, f"_{self.descriptor['format']}")
            self._predict = load(FOLDER / self.descriptor["file"])
        return self._predict(given)

    def v2(self, inputs):
        """V2's inputs, as they are in its JSON."""
        return self.predict({tensor["name"]: tensor["data"] for tensor in inputs})

    def _lightgbm(self, path):
        import lightgbm

        booster = lightgbm.Booster(model_file=str(path))
        codes = [{text: code for code, text in enumerate(column["categories"])} for column in self.columns]

        def predict(given):
            matrix = np.empty((len(given[self.columns[0]["name"]]), len(self.columns)))
            for i, column in enumerate(self.columns):
                values = given[column["name"]]
                matrix[:, i] = [codes[i][value] for value in values] if codes[i] else values
            return booster.predict(matrix, num_threads=1).tolist()

        return predict

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
        names = [column["name"] for column in self.columns]
        return lambda given: booster.inplace_predict(np.array([given[n] for n in names], dtype="float32").T).tolist()

    def _onnx(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (column,) = self.columns

        def predict(given):
            array = np.asarray(given[column["name"]], dtype="float32").reshape([-1, *column["shape"]])
            return session.run(None, {column["name"]: array})[0].ravel().tolist()

        return predict
