"""The registry on a real MLflow store, and what people see of it in MLflow."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from mlflow.tracking import MlflowClient

from intermodal.platform.errors import Unavailable
from intermodal.platform.registry import Candidate
from intermodal.resources.mlflow import MlflowRegistry
from tests.conformance.model_registry import ModelRegistryConformance
from tests.memory import MemoryRegistry


class TestMlflowRegistry(ModelRegistryConformance):
    @pytest.fixture(scope="class")
    def store(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("mlflow")

    @pytest.fixture
    def registry(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowRegistry:
        monkeypatch.chdir(store)
        return MlflowRegistry(tracking_uri=f"sqlite:///{store / f'{uuid4()}.db'}")

    @pytest.fixture
    def start_run(self, registry: MlflowRegistry, store: Path) -> Callable[[], str]:
        client = MlflowClient(registry.tracking_uri)
        experiment = client.create_experiment(f"e-{uuid4()}", artifact_location=(store / "artifacts").as_uri())
        return lambda: client.create_run(experiment).info.run_id

    def test_mlflow_shows_parameters_metrics_and_the_signature(
        self, registry: MlflowRegistry, candidate: Candidate, tmp_path: Path
    ) -> None:
        run = MlflowClient(registry.tracking_uri).get_run(candidate.record.run_id)
        assert run.data.params == {"depth": "3", "rate": "0.5"}
        assert run.data.metrics == {"roc_auc": 0.7, "baseline_roc_auc": 0.6}
        assert run.info.status == "FINISHED"
        text = (registry.download(candidate, tmp_path / "down") / "MLmodel").read_text()
        assert "intermodal.serving.pyfunc" in text
        assert all(column.name in text for column in candidate.record.signature.inputs)


class TestMemoryRegistry(ModelRegistryConformance):
    """The stand-in that other tests rely on keeps the same promises."""

    @pytest.fixture
    def registry(self, tmp_path: Path) -> MemoryRegistry:
        return MemoryRegistry(tmp_path / "registry")

    @pytest.fixture
    def start_run(self) -> Callable[[], str]:
        return lambda: uuid4().hex

    test_a_record_without_its_run_is_no_candidate = None  # its packages have no run behind them


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        MlflowRegistry(tracking_uri="http://127.0.0.1:1").champion("m")
