"""``mlflow models serve`` with one worker: a pyfunc model, as MLflow's own flavours are. ``flow.py save`` first."""

import os
import shutil
import sys
from pathlib import Path

import mlflow
from flight import Flight


class FlightModel(mlflow.pyfunc.PythonModel):
    def load_context(self, context):  # noqa: ARG002 MLflow gives it
        self.flight = Flight()

    def predict(self, context, model_input, params=None):  # noqa: ARG002 MLflow gives them
        return self.flight.predict({name: model_input[name].tolist() for name in model_input.columns})


FOLDER = Path(sys.prefix) / "flight-model"


def save():
    from flow import FlightModel as Importable  # as a module, so that the server finds the class again

    shutil.rmtree(FOLDER, ignore_errors=True)
    mlflow.pyfunc.save_model(FOLDER, python_model=Importable(), pip_requirements=["lightgbm"])


def serve(port):
    program = Path(sys.executable).parent / "mlflow"
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"  # it looks for uvicorn there
    where = ["--env-manager", "local", "--workers", "1", "--host", "127.0.0.1", "--port", port]
    os.execv(program, [str(program), "models", "serve", "-m", str(FOLDER), *where])


if __name__ == "__main__":
    save() if sys.argv[1] == "save" else serve(sys.argv[1])
