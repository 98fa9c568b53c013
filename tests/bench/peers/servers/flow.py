"""``mlflow models serve`` with one worker: a pyfunc model, as MLflow's own flavours are."""

import os
import sys
from pathlib import Path

import mlflow
from flight import Flight


class FlightModel(mlflow.pyfunc.PythonModel):
    def load_context(self, context):  # noqa: ARG002 MLflow gives it
        self.flight = Flight()

    def predict(self, context, model_input, params=None):  # noqa: ARG002 MLflow gives them
        return self.flight.predict({name: model_input[name].tolist() for name in model_input.columns})


if __name__ == "__main__":
    folder = Path(os.environ["WORK"]) / "model"
    if not folder.exists():
        from flow import FlightModel as Importable  # as a module, so that the server finds the class again

        mlflow.pyfunc.save_model(folder, python_model=Importable(), pip_requirements=["lightgbm"])
    program = Path(sys.executable).parent / "mlflow"
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"  # it looks for uvicorn there
    where = ["--env-manager", "local", "--workers", "1", "--host", "127.0.0.1", "--port", sys.argv[1]]
    os.execv(program, [str(program), "models", "serve", "-m", str(folder), *where])
