"""The registry on a real MLflow store, and what MLflow displays."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from mlflow.tracking import MlflowClient
from requests import HTTPError

from intermodal.platform.errors import NumberTaken, Unavailable
from intermodal.platform.ports.registry import Candidate, Identity, RegisteredVersion
from intermodal.resources.mlflow.registry import CHAMPION, VERSION_TAG, MlflowRegistry
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

    def delete_version(self, registry: MlflowRegistry, version: RegisteredVersion) -> None:  # type: ignore[override]
        MlflowClient(registry.tracking_uri).delete_model_version(version.model, version.number)

    def delete_model(self, registry: MlflowRegistry, model: str) -> None:  # type: ignore[override]
        MlflowClient(registry.tracking_uri).delete_registered_model(model)

    def lose_run(self, registry: MlflowRegistry, candidate: Candidate) -> None:  # type: ignore[override]
        """What ``mlflow gc`` does after the artifacts are deleted."""
        client = MlflowClient(registry.tracking_uri)
        shutil.rmtree(self.artifacts(registry, candidate))
        client.delete_run(candidate.record.run_id)
        client._tracking_client.store._hard_delete_run(candidate.record.run_id)

    def damage_manifest(self, registry: MlflowRegistry, candidate: Candidate) -> None:  # type: ignore[override]
        (self.artifacts(registry, candidate) / "manifest.json").write_text("{}")

    def lose_artifact(self, registry: MlflowRegistry, candidate: Candidate, path: str) -> None:  # type: ignore[override]
        (self.artifacts(registry, candidate) / "package" / path).unlink()

    @staticmethod
    def artifacts(registry: MlflowRegistry, candidate: Candidate) -> Path:
        run = MlflowClient(registry.tracking_uri).get_run(candidate.record.run_id)
        return Path(urlsplit(run.info.artifact_uri).path)

    def test_duplicate_left_by_a_killed_registration_is_no_version(
        self, registry: MlflowRegistry, candidate: Candidate, start_run: Callable[[], str], tmp_path: Path
    ) -> None:
        """Killed between the creation of its entry, whose number another had, and the deletion."""
        first = registry.register(candidate, "1.0.0")
        other = self.recorded(registry, start_run, tmp_path / "two")
        client = MlflowClient(registry.tracking_uri)
        client.create_model_version(candidate.model, "s", other.record.run_id, tags={VERSION_TAG: "1.0.0"})
        assert registry.versions(candidate.model) == [first]
        assert registry.register(other, "1.0.1").version == "1.0.1"

    def test_register_in_an_upgraded_registry_is_above_its_versions(
        self, registry: MlflowRegistry, candidate: Candidate, start_run: Callable[[], str], tmp_path: Path
    ) -> None:
        """One of a release that remembered no number and kept no digest."""
        client, other = MlflowClient(registry.tracking_uri), self.recorded(registry, start_run, tmp_path / "two")
        client.create_registered_model(candidate.model)
        entry = client.create_model_version(
            candidate.model, candidate.artifacts, candidate.record.run_id, tags={VERSION_TAG: "1.4.0"}
        )
        client.set_registered_model_alias(candidate.model, CHAMPION, entry.version)
        assert registry.history(candidate.model).newest == "1.4.0"
        assert registry.champions() == {candidate.model: Identity("1.4.0")}
        with pytest.raises(NumberTaken):
            registry.register(other, "1.4.0")

    def test_record_has_parameters_metrics_and_signature_in_mlflow(
        self, registry: MlflowRegistry, candidate: Candidate, tmp_path: Path
    ) -> None:
        run = MlflowClient(registry.tracking_uri).get_run(candidate.record.run_id)
        assert run.data.params == {"depth": "3", "rate": "0.5"}
        assert run.data.metrics == {"roc_auc": 0.7, "baseline_roc_auc": 0.6}
        assert run.info.status == "FINISHED"
        text = (registry.download(candidate, tmp_path / "down") / "MLmodel").read_text()
        assert "intermodal.serving.pyfunc" in text
        assert all(column.name in text for column in candidate.record.signature.inputs)

    def test_register_version_has_its_time(self, registry: MlflowRegistry, candidate: Candidate) -> None:
        before = time.time()
        version = registry.register(candidate, "1.0.0")
        assert version.registered_at == pytest.approx(before, abs=60)
        assert registry.versions(candidate.model)[0].registered_at == version.registered_at

    def test_champions_of_many_models_take_two_calls(
        self, registry: MlflowRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also when a champion is not the newest version, and with a foreign model."""
        client = MlflowClient(registry.tracking_uri)
        for number in range(130):
            client.create_registered_model(f"m{number:03}")
            for version in ("1.0.0", "1.1.0"):
                client.create_model_version(f"m{number:03}", "s", tags={VERSION_TAG: version})
            client.set_registered_model_alias(f"m{number:03}", CHAMPION, "1" if number % 13 == 0 else "2")
        client.create_registered_model("it's theirs")
        client.create_model_version("it's theirs", "s")
        client.set_registered_model_alias("it's theirs", CHAMPION, "1")
        calls: list[str] = []
        for name in ("search_registered_models", "search_model_versions", "get_model_version_by_alias"):
            real = getattr(MlflowClient, name)
            monkeypatch.setattr(
                MlflowClient, name, lambda *a, _name=name, _real=real, **k: (calls.append(_name), _real(*a, **k))[1]
            )
        expected = {f"m{number:03}": Identity("1.0.0" if number % 13 == 0 else "1.1.0") for number in range(130)}
        assert registry.champions() == expected
        assert calls == ["search_registered_models", "search_model_versions"]


class TestMemoryRegistry(ModelRegistryConformance):
    """The fake registry that other tests use."""

    @pytest.fixture
    def registry(self, tmp_path: Path) -> MemoryRegistry:
        return MemoryRegistry(tmp_path / "registry")

    @pytest.fixture
    def start_run(self) -> Callable[[], str]:
        return lambda: uuid4().hex

    def delete_version(self, registry: MemoryRegistry, version: RegisteredVersion) -> None:  # type: ignore[override]
        registry.registered.remove(version)

    def delete_model(self, registry: MemoryRegistry, model: str) -> None:  # type: ignore[override]
        registry.registered = [version for version in registry.registered if version.model != model]
        registry.champions_by_model.pop(model, None)

    def lose_run(self, registry: MemoryRegistry, candidate: Candidate) -> None:  # type: ignore[override]
        registry.lost[candidate.record.run_id] = "it was deleted."

    def damage_manifest(self, registry: MemoryRegistry, candidate: Candidate) -> None:  # type: ignore[override]
        registry.lost[candidate.record.run_id] = "its manifest is damaged."

    def lose_artifact(self, registry: MemoryRegistry, candidate: Candidate, path: str) -> None:  # type: ignore[override]
        registry.lost[candidate.record.run_id] = f"{path} is missing."

    test_read_record_without_its_run_is_not_found = None  # its packages have no run behind them


def test_registry_without_answer_names_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        MlflowRegistry(tracking_uri="http://127.0.0.1:1").champion("m")


def test_registry_errors_contain_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither MLflow's own, nor one of requests that a download raises, nor their causes."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    url = "http://me:hunter2@127.0.0.1:1"

    def download(*_: object) -> str:
        raise HTTPError(f"500 Server Error for url: {url}/api/2.0/mlflow-artifacts")

    monkeypatch.setattr(MlflowClient, "download_artifacts", download)
    registry = MlflowRegistry(tracking_uri=url)
    for call in (lambda: registry.champion("m"), lambda: registry._read("run", "record.json")):
        with pytest.raises(Unavailable, match=r"MLflow at http://127\.0\.0\.1:1: .*//127\.0\.0\.1:1/api") as caught:
            call()
        assert "hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__
        assert caught.value.__cause__ is None
