"""Failover and recovery as Dagster's jobs, beside deploys."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import Incident
from tests.assets.conftest import World as DagsterWorld


def outage_config(cloud: str = "aws") -> dict[str, Any]:
    config = {"incident": f"wine-{cloud}-1000", "cloud": cloud, "onset": 1000.5}
    return {"ops": {"fail_over_wine": {"config": config}}}


def recovery_config(cloud: str = "aws") -> dict[str, Any]:
    return {"ops": {"bring_back_wine": {"config": {"incident": f"wine-{cloud}-1000"}}}}


def job(world: DagsterWorld, name: str, config: dict[str, Any]) -> bool:
    done = world.defs.resolve_job_def(name).execute_in_process(
        instance=world.instance, raise_on_error=False, run_config=config
    )
    return bool(done.success)


def test_the_jobs_do_it_and_the_assets_say_so(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets["aws"].gone = True
    assert job(world, "failover_wine", outage_config())
    route = world.metadata("route")
    assert (route["weight_aws"], route["weight_gcp"], route["clouds_away"]) == (0, 4, "aws")
    assert world.metadata("incidents")["open"] == 1
    assert "drained" in world.metadata("incidents")["timeline"]
    world.targets["aws"].gone = False
    assert job(world, "recover_wine", recovery_config())
    route = world.metadata("route")
    assert (route["weight_aws"], str(route["url"]).endswith("/v2/models/wine")) == (3, True)
    assert world.metadata("incidents")["open"] == 0
    endpoint = world.metadata("endpoint", "aws")
    assert (endpoint["state"], endpoint["target"], endpoint["replicas"]) == ("ready", "aws/sagemaker", 1)
    assert endpoint["name"] in endpoint["url"]
    assert world.metadata("mirror", "aws")["uri"].endswith("wine/1.0.0")
    for asset, check in (("mirror", "mirror_verified"), ("endpoint", "parity")):
        proved = dg.AssetCheckKey(dg.AssetKey(["wine", asset, "aws"]), check)
        record = world.instance.event_log_storage.get_latest_asset_check_execution_by_key([proved])[proved]
        evaluation = record.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
        assert evaluation.metadata["by"].value == "the recovery of wine-aws-1000"
        newest = world.instance.get_latest_materialization_event(proved.asset_key)
        assert evaluation.target_materialization_data.timestamp == newest.timestamp  # type: ignore[union-attr]
    story = world.metadata("timeline")["timeline"]
    assert "no traffic to aws" in story
    assert "aws has its share again" in story


def test_the_job_leaves_what_a_running_deploy_makes(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets["aws"].gone = True
    assert job(world, "failover_wine", outage_config())
    world.targets["aws"].gone = False
    name, new = (endpoint_name("wine", version, "sandbox") for version in ("1.0.0", "1.1.0"))
    world.targets["aws"].endpoints[new] = replace(world.targets["aws"].endpoints[name], name=new, version="1.1.0")
    world.instance.add_run(dg.DagsterRun(job_name="deploy_wine", status=dg.DagsterRunStatus.STARTED))
    assert job(world, "recover_wine", recovery_config())
    assert set(world.targets["aws"].endpoints) == {name, new}


def test_a_new_version_is_deployed_without_the_cloud_that_is_away_and_reaches_it_later(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets["aws"].gone = True
    assert job(world, "failover_wine", outage_config())
    parameters: dict[str, Any] = {"wine__model": {"config": {"hyperparameters": {"max_depth": 6}}}}
    parameters["wine__route"] = {"config": {"drain_seconds": 0}}
    assert world.run("train_and_deploy_wine", {"ops": parameters}).success
    said = "not deployed: aws has an open incident wine-aws-1000"
    assert world.metadata("mirror", "aws")["state"] == said
    assert world.metadata("endpoint", "aws")["state"] == said
    assert world.metadata("endpoint", "gcp")["replicas"] == 2
    assert world.gateway.routes["wine"].weights == {"gcp": 4, "azure": 0}
    world.targets["aws"].gone = False
    assert job(world, "recover_wine", recovery_config())
    new = endpoint_name("wine", "1.1.0", "sandbox")
    assert world.gateway.routes["wine"].weights == {"aws": 3, "gcp": 1, "azure": 0}
    assert [place.replicas for place in world.targets.values()] == [{new: 1}] * 3


def test_a_cloud_that_came_back_during_a_deploy_is_not_forgotten(
    world: DagsterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.run("train_and_deploy_wine").success
    world.incidents.open(Incident("wine-aws-1000", "wine", "aws", 1000.5))
    publish = world.gateway.publish

    def closing(*route: Any) -> None:
        world.incidents.close("wine-aws-1000", 2000.0)
        publish(*route)

    monkeypatch.setattr(world.gateway, "publish", closing)
    assert world.run("deploy_wine").success
    (again,) = world.incidents.all("wine", open_only=True)
    assert again.cloud == "aws"
    assert "came back while 1.0.0 was deployed without it" in again.entries[0].text


def test_a_cold_cloud_that_a_deploy_has_woken_is_kept(
    cold_world: DagsterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, new = cold_world, endpoint_name("wine", "1.0.0", "sandbox")
    assert world.run("train_and_deploy_wine").success
    assert world.targets["azure"].replicas == {}
    publish = world.gateway.publish

    def dying(*route: Any) -> None:
        publish(*route)
        world.targets["aws"].gone = True
        world.incidents.open(Incident("wine-aws-1000", "wine", "aws", 1000.5))

    with monkeypatch.context() as patch:
        patch.setattr(world.gateway, "publish", dying)
        assert world.run("deploy_wine", {"ops": {"wine__route": {"config": {"drain_seconds": 0}}}}).success
    assert world.gateway.routes["wine"].weights == {"aws": 0, "azure": 3, "gcp": 1}
    assert world.targets["azure"].replicas == {new: 1}
    world.targets["aws"].gone = False
    assert job(world, "recover_wine", recovery_config())
    assert world.targets["azure"].replicas == {}
    assert world.gateway.routes["wine"].weights == {"aws": 3, "gcp": 1}
