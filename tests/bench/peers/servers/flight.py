"""The flight model as the peers serve it: columns by name → predictions. Imported in their environments."""

import json
import os
from pathlib import Path

import lightgbm
import numpy as np

FOLDER = Path(os.environ["MODEL_URI"])


class Flight:
    """No check of what comes in: an unknown category is a KeyError. One thread, as ours."""

    def __init__(self):
        descriptor = json.loads((FOLDER / "intermodal.json").read_text())
        columns = descriptor["signature"]["inputs"]
        self.columns = [(c["name"], {text: code for code, text in enumerate(c["categories"])}) for c in columns]
        self.booster = lightgbm.Booster(model_file=str(FOLDER / descriptor["file"]))

    def predict(self, given):
        """``given``: column → values. One prediction a row, as a list."""
        matrix = np.empty((len(given[self.columns[0][0]]), len(self.columns)))
        for i, (name, codes) in enumerate(self.columns):
            matrix[:, i] = [codes[value] for value in given[name]] if codes else given[name]
        return self.booster.predict(matrix, num_threads=1).tolist()

    def v2(self, inputs):
        """V2's inputs, as they are in its JSON."""
        return self.predict({tensor["name"]: tensor["data"] for tensor in inputs})
