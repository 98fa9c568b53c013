"""What the sensor ``deployments`` asks for when a spec has changed, on real definitions and runs of them."""

import dataclasses
from collections.abc import Mapping

import dagster as dg
import pytest

from intermodal.platform.deployment.requests import deploy_request, deployment_fingerprint
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.platform.ports.registry import Identity
from intermodal.sensors.deployments import deployments
from intermodal.sensors.toolkit.jobs import jobs_of
from tests.assets.conftest import World, another_spec
from tests.assets.resilience.test_failover_jobs import job, outage_config, recovery_config
from tests.failover_world import SPEC, spec_with
from tests.memory import MemoryDeployment, MemoryStore
from tests.targets import AWS, TARGETS

SERVING: list[Mapping[str, object]] = [
    {"owner": "team:others"},
    {"replicas": 2},
    {"log_sample": 0.5},
    {"log_rows_per_second": 5},
    {"features": {"function": "d.g", "target": "late", "sensitive": ["carrier"]}},
    {"errors": "short"},
    {"tags": {"cost_centre": "x"}},
]
"""Changes of a spec, one for each part of a request that it decides."""

FEATURES = "  features: {{function: rows.features, target: grower, sensitive: {}}}\n"


def requested_jobs(world: World) -> list[str | None]:
    """The jobs that a tick without a memory asks for."""
    context = dg.build_sensor_context(
        instance=world.instance, resources=world.resources, repository_def=world.defs.get_repository_def()
    )
    result = deployments(jobs_of(world.defs.jobs or (), "deploy")).evaluate_tick(context)
    return [request.job_name for request in result.run_requests or ()]


@pytest.fixture
def serving(world: World) -> World:
    assert world.run("train_and_deploy_wine").success
    assert requested_jobs(world) == []
    return world


def test_new_champion_is_deployed(world: World) -> None:
    assert requested_jobs(world) == []  # nothing was ever trained
    assert world.run("train_wine").success
    assert requested_jobs(world) == ["deploy_wine"]
    assert world.run("deploy_wine").success
    assert requested_jobs(world) == []


@pytest.mark.parametrize(
    "more",
    [
        "replicas: 2",
        "failover: {cold: [azure]}",
        "route: {policy: even}",
        "route: {policy: even}\n  serve: [aws/sagemaker, gcp/cloud-run]",
    ],
)
def test_changed_spec_is_deployed_once(serving: World, more: str) -> None:
    with another_spec(serving, f"  {more}\n") as changed:
        assert requested_jobs(changed) == ["deploy_wine"]
        assert changed.run("deploy_wine").success
        assert requested_jobs(changed) == []


def test_changed_spec_during_a_deployment_is_deployed_after_it(serving: World, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile, deploy = list[list[str | None]](), serving.targets[AWS].deploy
    with another_spec(serving, "  replicas: 2\n") as changed:

        def reloaded(request: DeployRequest) -> Endpoint:
            meanwhile.append(requested_jobs(changed))
            return deploy(request)

        monkeypatch.setattr(serving.targets[AWS], "deploy", reloaded)
        assert serving.run("deploy_wine").success  # with the definitions that it began with
        assert meanwhile == [[]]
        assert requested_jobs(changed) == ["deploy_wine"]


def test_changed_spec_is_not_seen_in_a_failover_and_recovery(serving: World) -> None:
    serving.targets[AWS].gone = True
    assert job(serving, "failover_wine", outage_config())
    assert requested_jobs(serving) == []
    serving.targets[AWS].gone = False
    assert job(serving, "recover_wine", recovery_config())
    assert requested_jobs(serving) == []


def test_changed_spec_during_an_incident_is_deployed_once(serving: World) -> None:
    serving.targets[AWS].gone = True
    assert job(serving, "failover_wine", outage_config())
    with another_spec(serving, "  replicas: 2\n") as changed:
        assert requested_jobs(changed) == ["deploy_wine"]
        assert changed.run("deploy_wine").success
        assert requested_jobs(changed) == []
        changed.targets[AWS].gone = False
        assert job(changed, "recover_wine", recovery_config())
        assert requested_jobs(changed) == []
        assert changed.observed("endpoint", "sagemaker")["replicas"] == 2


def test_changed_spec_with_only_its_route_published_is_deployed(serving: World) -> None:
    with another_spec(serving, "  replicas: 2\n") as changed:
        job = changed.defs.resolve_implicit_global_asset_job_def()
        route = [dg.AssetKey(["wine", "route"])]
        assert job.execute_in_process(instance=changed.instance, asset_selection=route).success
        assert requested_jobs(changed) == ["deploy_wine"]


def test_changed_spec_after_a_failed_deployment_is_not_done(serving: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with another_spec(serving, "  replicas: 2\n") as changed:
        with monkeypatch.context() as patch:
            patch.setattr(changed.gateway, "infer", lambda *_: 1 / 0)
            assert not changed.run("deploy_wine").success
        assert requested_jobs(changed) == ["deploy_wine"]


@pytest.mark.parametrize("more", ["failover: {order: [azure, gcp, aws]}", "stale_after_days: 3"])
def test_changed_spec_of_monitoring_only_deploys_nothing(serving: World, more: str) -> None:
    with another_spec(serving, f"  {more}\n") as changed:
        assert requested_jobs(changed) == []


def test_changed_sensitive_column_is_deployed_without_training(serving: World) -> None:
    with another_spec(serving, FEATURES.format("[proline, alcohol]")) as changed:
        assert requested_jobs(changed) == ["deploy_wine"]
        assert changed.run("deploy_wine").success
        assert requested_jobs(changed) == []
        for target in TARGETS:
            requests = changed.targets[target].requests.values()
            assert {request.sensitive for request in requests} == {("alcohol", "proline")}
    with another_spec(serving, FEATURES.format("[alcohol, proline, proline]")) as moved_about:
        assert requested_jobs(moved_about) == []


def test_fingerprint_with_an_explicit_default_is_unchanged() -> None:
    assert deployment_fingerprint(spec_with(replicas=1, log_sample=1.0), AWS) == deployment_fingerprint(SPEC, AWS)


@pytest.mark.parametrize("fields", list(SERVING), ids=lambda fields: next(iter(fields)))
def test_fingerprint_has_every_field_of_a_deploy_request(fields: Mapping[str, object]) -> None:
    store, deployment = MemoryStore(AWS.site), MemoryDeployment()
    requested_jobs = [
        deploy_request(spec, deployment, store, Identity("1.0.0"), spec.replicas)
        for spec in (SPEC, spec_with(**fields))
    ]
    assert requested_jobs[0] != requested_jobs[1]
    assert deployment_fingerprint(SPEC, AWS) != deployment_fingerprint(spec_with(**fields), AWS)


def test_fingerprint_cases_cover_every_field_of_a_spec() -> None:
    fixed = {"model", "version", "environment", "image", "artifacts", "predictions", "digest", "trusted_keys"}
    named = {"owner", "replicas", "sample", "rows_per_second", "sensitive", "errors", "tags"}
    assert {field.name for field in dataclasses.fields(DeployRequest)} == fixed | named
    assert len(SERVING) == len(named)
