"""From rows to a route, with every port in memory: what each stage does and what stops it."""

import json

import dagster as dg
import numpy as np
import pytest

from intermodal.platform.errors import Refused
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.training.fit import Fitted
from tests.assets.conftest import World
from tests.targets import AWS, AZURE, GCP, TARGETS


@pytest.fixture
def deployed(world: World) -> World:
    assert world.run("train_and_deploy_wine").success
    return world


def test_train_and_deploy_makes_every_asset(deployed: World) -> None:
    assert deployed.metadata("version")["version"] == "1.0.0"
    assert {target: deployed.targets[target].deploys[0].artifacts for target in TARGETS} == {
        target: f"memory-{target.site}://bucket/wine/1.0.0" for target in TARGETS
    }
    route = deployed.gateway.route("wine")
    assert route is not None
    assert route.weights == {AWS: 3, GCP: 1, AZURE: 0}
    output, label = route.metadata["outputs"]
    assert (label["name"], label["datatype"], label["shape"]) == ("label", "BYTES", [-1])
    assert (output["name"], output["datatype"], output["shape"]) == ("probabilities", "FP64", [-1, 3])
    assert list(output["parameters"]) == ["class_0", "class_1", "class_2"]


def test_gateway_has_no_value_of_a_sensitive_column(deployed: World) -> None:
    route = deployed.gateway.route("wine")
    assert route is not None
    golden = {tensor["name"]: tensor["data"] for tensor in json.loads(route.golden_body)["inputs"]}
    values = deployed.tables.read("wine", "features", "2020-03-01")
    assert not set(golden["proline"]) & set(values["proline"])
    assert set(golden["alcohol"]) <= set(values["alcohol"])


def test_train_and_deploy_passes_every_check(deployed: World) -> None:
    checks = deployed.defs.resolve_asset_graph().asset_check_keys
    apart = {"drift", "drill"}
    checks = {key for key in checks if key.asset_key.path[-1] not in apart}
    assert len(checks) == 13
    for key in checks:
        records = deployed.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert records[0].status.value == "SUCCEEDED", key


def test_deploy_again_changes_nothing(deployed: World) -> None:
    assert deployed.run("deploy_wine").success
    assert deployed.metadata("route")["changed"] is False
    assert deployed.metadata("mirror", "s3")["copied"] == 0


def test_candidate_below_the_baseline_gets_no_version(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fitted, "predict", lambda _, rows: np.tile(np.roll(np.eye(3)[0], 1), (len(rows), 1)))
    result = world.run("train_and_deploy_wine")
    evaluations = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert evaluations == {"quality_gate": False, "servable": False}  # the package predicts otherwise
    assert world.registry.versions("wine") == []
    version = world.run("train_wine", asset_selection=[dg.AssetKey(["wine", "version"])])
    failure = next(event for event in version.all_events if event.is_step_failure)
    assert "did not pass its gate" in failure.step_failure_data.error.to_string()  # type: ignore[union-attr]
    assert world.registry.versions("wine") == []


def _hyperparameters(**values: int) -> dict[str, object]:
    return {"ops": {"wine__model": {"config": {"hyperparameters": values}}}}


def test_train_with_other_parameters_makes_a_minor_version(deployed: World) -> None:
    config = _hyperparameters(max_depth=6) | {}
    config["ops"]["wine__route"] = {"config": {"drain_seconds": 0}}  # type: ignore[index]
    assert deployed.run("train_and_deploy_wine", config).success
    assert deployed.metadata("version")["version"] == "1.1.0"
    assert deployed.metadata("version")["why"] == "new parameters"
    for target in map(deployed.targets.get, TARGETS):
        assert target is not None
        assert list(target.endpoints) == [endpoint_name("wine", "1.1.0", "sandbox")]


def test_deploy_with_a_failing_target_keeps_the_route(deployed: World) -> None:
    before = deployed.gateway.route("wine")
    deployed.targets[GCP].broken = "quota exceeded"
    result = deployed.run("train_and_deploy_wine", _hyperparameters(max_depth=6))
    assert not result.success
    assert deployed.gateway.route("wine") == before
    assert endpoint_name("wine", "1.0.0", "sandbox") in deployed.targets[AWS].endpoints


def test_route_that_does_not_verify_keeps_the_old_endpoints(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = deployed.gateway.route("wine")
    wrong = (deployed.gateway.infer("wine", _golden(deployed))[0], AWS, "0.9.0")
    monkeypatch.setattr(deployed.gateway, "infer", lambda *_: wrong)
    assert not deployed.run("train_and_deploy_wine", _hyperparameters(max_depth=6)).success
    assert deployed.gateway.route("wine") == before
    for target in map(deployed.targets.get, TARGETS):
        assert target is not None
        assert endpoint_name("wine", "1.0.0", "sandbox") in target.endpoints


def test_route_names_an_endpoint_that_cannot_be_deleted(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise Refused(f"not allowed to delete {name}")

    monkeypatch.setattr(deployed.targets[AZURE], "delete", refuse)
    config = _hyperparameters(max_depth=6)
    config["ops"]["wine__route"] = {"config": {"drain_seconds": 0}}  # type: ignore[index]
    assert deployed.run("train_and_deploy_wine", config).success
    assert deployed.metadata("route")["left_running"] == "wine-1-0-0-sandbox on azure/ml"


def test_mirror_that_is_damaged_blocks_its_endpoint(deployed: World) -> None:
    objects = deployed.stores[AZURE.site].objects
    (model,) = (key for key in objects if key.startswith("wine/1.0.0/model."))
    objects |= {model: b"damaged", "wine/1.0.0/manifest.json": b"{}"}
    result = deployed.run("deploy_wine")
    assert not result.success
    assert len(deployed.targets[AZURE].deploys) == 1
    assert "wine/1.0.0/manifest.json" not in deployed.stores[AZURE.site].objects  # so that the next run reads it all


def test_parity_with_other_predictions_blocks_the_route(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = deployed.targets[GCP].invoke(endpoint_name("wine", "1.0.0", "sandbox"), _golden(deployed))
    other = wrong.replace(b"0.", b"0.1")
    monkeypatch.setattr(deployed.targets[GCP], "invoke", lambda *_: other)
    deployed.gateway.withdraw("wine")
    assert not deployed.run("deploy_wine").success
    assert deployed.gateway.route("wine") is None


def _golden(world: World) -> bytes:
    route = world.gateway.route("wine")
    assert route is not None
    return route.golden_body.encode()


def test_deploy_without_a_champion_names_the_job_to_run(world: World) -> None:
    result = world.run("deploy_wine")
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert failure.step_failure_data.error is not None
    assert "train_wine" in failure.step_failure_data.error.to_string()


def test_model_trains_on_two_months_and_holds_out_the_third(deployed: World) -> None:
    metadata = deployed.metadata("model")
    assert (metadata["trained_on"], metadata["held_out"]) == ("2020-01, 2020-02", "2020-03")
    record = deployed.registry.candidate("wine").record
    assert list(record.partitions) == ["2020-01-01", "2020-02-01"]
    assert record.environment["scikit-learn"]
    assert record.metrics["accuracy"] > record.metrics["baseline_accuracy"]
