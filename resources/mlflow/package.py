"""The MLmodel file in a package, so that MLflow's tools show its signature and load it with our runtime."""

from pathlib import Path

from intermodal.platform.ports.registry import TrainingRecord
from intermodal.platform.protocol.signature import Datatype

LOADER = "intermodal.serving.pyfunc"
TYPES: dict[Datatype, str] = {
    "BOOL": "boolean",
    **dict.fromkeys(("INT8", "INT16", "INT32", "UINT8", "UINT16"), "integer"),
    **dict.fromkeys(("INT64", "UINT32", "UINT64"), "long"),
    **dict.fromkeys(("FP16", "FP32"), "float"),
    "FP64": "double",
    "BYTES": "string",
}


def write_mlmodel(folder: Path, record: TrainingRecord) -> None:
    """Write ``MLmodel`` with the python_function flavor. The loader's packages are the image's own."""
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    inputs = Schema(
        [
            ColSpec(TYPES[column.datatype], column.name, required=not column.nullable)
            for column in record.signature.inputs
        ]
    )
    model = Model(run_id=record.run_id, signature=ModelSignature(inputs=inputs))
    model.add_flavor(
        "python_function", loader_module=LOADER, python_version=record.environment["python"], data=".", env={}
    )
    model.save(str(folder / "MLmodel"))
