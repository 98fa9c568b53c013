"""Failover and recovery as Dagster's jobs, beside deploys."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from intermodal.assets.keys import endpoint_key, mirror_key
from intermodal.assets.specs import fingerprints_of
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.targets import Target
from tests.assets.conftest import World as DagsterWorld
from tests.failover_world import SPEC
from tests.memory import MemoryTarget, MemoryTargets
from tests.targets import AWS, AZURE, EKS, GCP, TARGETS


def outage_config(target: Target = AWS) -> dict[str, Any]:
    config = {"incident": f"wine-{target.dotted}-1000", "target": str(target), "onset": 1000.5}
    return {"ops": {"fail_over_wine": {"config": config}}}


def recovery_config(target: Target = AWS) -> dict[str, Any]:
    return {"ops": {"bring_back_wine": {"config": {"incident": f"wine-{target.dotted}-1000"}}}}


def job(world: DagsterWorld, name: str, config: dict[str, Any]) -> bool:
    done = world.defs.resolve_job_def(name).execute_in_process(
        instance=world.instance, raise_on_error=False, run_config=config
    )
    return bool(done.success)


def test_failover_and_recovery_jobs_observe_assets(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets[AWS].gone = True
    assert job(world, "failover_wine", outage_config())
    route = world.observed("route")
    weights = (route["weight_aws/sagemaker"], route["weight_gcp/cloud-run"])
    assert (weights, route["unavailable"], route["version"]) == ((0, 4), "aws/sagemaker", "1.0.0")
    assert world.observed("incidents")["open"] == 1
    assert "drained" in world.observed("incidents")["timeline"]
    world.targets[AWS].gone = False
    assert job(world, "recover_wine", recovery_config())
    route = world.observed("route")
    assert (route["weight_aws/sagemaker"], str(route["url"]).endswith("/v2/models/wine")) == (3, True)
    assert (route["unavailable"], world.observed("incidents")["open"]) == ("none", 0)
    endpoint = world.observed("endpoint", endpoint_key(SPEC, AWS).path[-1])
    assert (endpoint["state"], endpoint["target"], endpoint["replicas"]) == ("ready", "aws/sagemaker", 1)
    assert endpoint["name"] in endpoint["url"]
    assert endpoint["incident"] == "wine-aws.sagemaker-1000"
    assert world.observed("mirror", mirror_key(SPEC, AWS.site).path[-1])["uri"].endswith("wine/1.0.0")
    page = world.observed("timeline")["timeline"]
    assert "no traffic to aws/sagemaker" in page
    assert "aws/sagemaker has its share again" in page
    assert "is routed: aws/sagemaker 0, azure/ml 0, gcp/cloud-run 4" in page


def test_failover_and_recovery_jobs_materialize_nothing(world: DagsterWorld) -> None:
    """The sensor ``deployments`` compares the newest materializations with the spec (docs/adr/0027)."""
    assert world.run("train_and_deploy_wine").success
    keys = [
        key for key in world.defs.resolve_asset_graph().get_all_asset_keys() if key.path[1] in ("endpoint", "route")
    ]
    before = world.instance.get_latest_materialization_code_versions(keys)
    events = {key: world.instance.get_latest_materialization_event(key) for key in keys}
    world.targets[AWS].gone = True
    assert job(world, "failover_wine", outage_config())
    world.targets[AWS].gone = False
    assert job(world, "recover_wine", recovery_config())
    assert all(before.values())
    assert world.instance.get_latest_materialization_code_versions(keys) == before
    assert {key: world.instance.get_latest_materialization_event(key) for key in keys} == events


def test_incidents_page_has_one_line_for_a_failed_site(twin_world: DagsterWorld) -> None:
    world = twin_world
    for target in (AWS, EKS):
        world.incidents.open(Incident(f"wine-{target.dotted}-1000", "wine", target, 1000.5))
        world.targets[target].gone = True
    for target in (AWS, EKS):
        assert job(world, "failover_wine", outage_config(target))
    assert world.gateway.routes["wine"].weights == {AWS: 0, EKS: 0, GCP: 8, AZURE: 0}
    assert world.observed("route")["unavailable"] == "aws/eks, aws/sagemaker"
    pages = world.observed("incidents")
    assert (pages["open"], pages["incidents"]) == (2, 2)
    assert pages["table"].count("| aws/eks, aws/sagemaker |") == 1
    assert len(pages["table"].splitlines()) == 3
    assert pages["timeline"].count("| detected |") == 1


def test_recovery_job_keeps_endpoints_of_a_running_deployment(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets[AWS].gone = True
    assert job(world, "failover_wine", outage_config())
    world.targets[AWS].gone = False
    name, new = (endpoint_name("wine", version, "sandbox") for version in ("1.0.0", "1.1.0"))
    world.targets[AWS].endpoints[new] = replace(world.targets[AWS].endpoints[name], name=new, version="1.1.0")
    world.instance.add_run(dg.DagsterRun(job_name="deploy_wine", status=dg.DagsterRunStatus.STARTED))
    assert job(world, "recover_wine", recovery_config())
    assert set(world.targets[AWS].endpoints) == {name, new}


def test_recovery_job_deploys_a_version_that_skipped_the_target(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets[AWS].gone = True
    assert job(world, "failover_wine", outage_config())
    parameters: dict[str, Any] = {"wine__model": {"config": {"hyperparameters": {"max_depth": 6}}}}
    parameters["wine__route"] = {"config": {"drain_seconds": 0}}
    assert world.run("train_and_deploy_wine", {"ops": parameters}).success
    state = "not deployed: aws/sagemaker has an open incident wine-aws.sagemaker-1000"
    assert world.metadata("mirror", mirror_key(SPEC, AWS.site).path[-1])["state"] == state
    assert world.metadata("endpoint", endpoint_key(SPEC, AWS).path[-1])["state"] == state
    assert world.metadata("endpoint", endpoint_key(SPEC, GCP).path[-1])["replicas"] == 2
    assert world.gateway.routes["wine"].weights == {GCP: 4, AZURE: 0}
    world.targets[AWS].gone = False
    assert job(world, "recover_wine", recovery_config())
    new = endpoint_name("wine", "1.1.0", "sandbox")
    assert world.gateway.routes["wine"].weights == {AWS: 3, GCP: 1, AZURE: 0}
    assert [world.targets[target].replicas for target in TARGETS] == [{new: 1}] * 3
    stated = fingerprints_of(world.defs.get_repository_def())[
        "wine"
    ]  # the sensor ``deployments`` has nothing to deploy
    assert len(stated) == 4
    assert world.instance.get_latest_materialization_code_versions(list(stated)) == stated


def test_route_includes_a_target_that_recovered_meanwhile(world: DagsterWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.run("train_and_deploy_wine").success
    world.incidents.open(Incident("wine-aws.sagemaker-1000", "wine", AWS, 1000.5))
    publish = world.gateway.publish

    def closing(*route: Any) -> None:
        world.incidents.close("wine-aws.sagemaker-1000", 2000.0)
        publish(*route)

    monkeypatch.setattr(world.gateway, "publish", closing)
    assert world.run("deploy_wine").success
    (again,) = world.incidents.all("wine", open_only=True)
    assert again.target == AWS
    assert "came back while 1.0.0 was deployed without it" in again.entries[0].text


def test_route_keeps_a_cold_target_that_a_failover_started(
    cold_world: DagsterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, new = cold_world, endpoint_name("wine", "1.0.0", "sandbox")
    assert world.run("train_and_deploy_wine").success
    assert world.targets[AZURE].replicas == {}
    publish = world.gateway.publish

    def dying(*route: Any) -> None:
        publish(*route)
        world.targets[AWS].gone = True
        world.incidents.open(Incident("wine-aws.sagemaker-1000", "wine", AWS, 1000.5))

    with monkeypatch.context() as patch:
        patch.setattr(world.gateway, "publish", dying)
        assert world.run("deploy_wine", {"ops": {"wine__route": {"config": {"drain_seconds": 0}}}}).success
    assert world.gateway.routes["wine"].weights == {AWS: 0, AZURE: 3, GCP: 1}
    assert world.targets[AZURE].replicas == {new: 1}
    world.targets[AWS].gone = False
    assert job(world, "recover_wine", recovery_config())
    assert world.targets[AZURE].replicas == {}
    assert world.gateway.routes["wine"].weights == {AWS: 3, GCP: 1}


def test_failover_with_a_target_that_cannot_be_built_uses_another(
    world: DagsterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets[AWS].gone = True
    get = MemoryTargets.get

    def without_gcp(self: MemoryTargets, target: Target) -> MemoryTarget:
        if target == GCP:
            raise SpecError("INTERMODAL_GCP_PROJECT is not set.", hint="Set it.")
        return get(self, target)

    monkeypatch.setattr(MemoryTargets, "get", without_gcp)
    assert job(world, "failover_wine", outage_config())
    weights = {name: world.observed("route")[f"weight_{name}"] for name in ("aws/sagemaker", "gcp/cloud-run")}
    assert weights["aws/sagemaker"] == 0
    (incident,) = world.incidents.all(open_only=True)
    assert {"drained", "capacity"} <= {entry.step for entry in incident.entries}
