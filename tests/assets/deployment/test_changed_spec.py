"""What the sensor ``deployments`` asks for when a spec has changed, on real definitions and runs of them."""

import dataclasses
from collections.abc import Mapping

import dagster as dg
import pytest

from intermodal.platform.deployment.requests import deploy_request, deployment_fingerprint
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.sensors.deployments import deployments
from intermodal.sensors.toolkit.jobs import jobs_of
from tests.assets.conftest import World, another_spec
from tests.assets.resilience.test_failover_jobs import job, outage_config, recovery_config
from tests.failover_world import SPEC, spec_with
from tests.memory import MemoryDeployment, MemoryStore
from tests.targets import AWS

SERVING: list[Mapping[str, object]] = [
    {"owner": "team:others"},
    {"replicas": 2},
    {"log_sample": 0.5},
    {"log_rows_per_second": 5},
    {"features": {"function": "d.g", "target": "late", "sensitive": ["carrier"]}},
    {"tags": {"cost_centre": "x"}},
]
"""Changes of a spec, one for each part of a request that it decides."""

FEATURES = "  features: {{function: rows.features, target: grower, sensitive: {}}}\n"


def asked(world: World) -> list[str | None]:
    """The jobs that a tick without a memory asks for."""
    context = dg.build_sensor_context(
        instance=world.instance, resources=world.resources, repository_def=world.defs.get_repository_def()
    )
    result = deployments(jobs_of(world.defs.jobs or (), "deploy")).evaluate_tick(context)
    return [request.job_name for request in result.run_requests or ()]


@pytest.fixture
def serving(world: World) -> World:
    assert world.run("train_and_deploy_wine").success
    assert asked(world) == []
    return world


def test_what_a_training_made_champion_is_deployed(world: World) -> None:
    assert asked(world) == []  # nothing was ever trained
    assert world.run("train_wine").success
    assert asked(world) == ["deploy_wine"]
    assert world.run("deploy_wine").success
    assert asked(world) == []


@pytest.mark.parametrize(
    "more",
    [
        "replicas: 2",
        "failover: {cold: [azure]}",
        "route: {policy: even}",
        "route: {policy: even}\n  serve: [aws/sagemaker, gcp/cloud-run]",
    ],
)
def test_a_changed_spec_is_deployed_once(serving: World, more: str) -> None:
    with another_spec(serving, f"  {more}\n") as changed:
        assert asked(changed) == ["deploy_wine"]
        assert changed.run("deploy_wine").success
        assert asked(changed) == []


def test_a_spec_that_changes_while_something_else_is_deployed_is_deployed_after_it(
    serving: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile, deploy = list[list[str | None]](), serving.targets[AWS].deploy
    with another_spec(serving, "  replicas: 2\n") as changed:

        def reloaded(request: DeployRequest) -> Endpoint:
            meanwhile.append(asked(changed))
            return deploy(request)

        monkeypatch.setattr(serving.targets[AWS], "deploy", reloaded)
        assert serving.run("deploy_wine").success  # with the definitions that it began with
        assert meanwhile == [[]]
        assert asked(changed) == ["deploy_wine"]


def test_a_failover_and_a_recovery_are_no_change_of_the_spec(serving: World) -> None:
    serving.targets[AWS].gone = True
    assert job(serving, "failover_wine", outage_config())
    assert asked(serving) == []
    serving.targets[AWS].gone = False
    assert job(serving, "recover_wine", recovery_config())
    assert asked(serving) == []


def test_a_spec_that_changed_while_a_cloud_was_away_is_deployed_once(serving: World) -> None:
    serving.targets[AWS].gone = True
    assert job(serving, "failover_wine", outage_config())
    with another_spec(serving, "  replicas: 2\n") as changed:
        assert asked(changed) == ["deploy_wine"]
        assert changed.run("deploy_wine").success
        assert asked(changed) == []
        changed.targets[AWS].gone = False
        assert job(changed, "recover_wine", recovery_config())
        assert asked(changed) == []
        assert list(changed.targets[AWS].replicas.values()) == [2]


def test_a_route_that_was_published_alone_does_not_hide_what_its_endpoints_lack(serving: World) -> None:
    with another_spec(serving, "  replicas: 2\n") as changed:
        job = changed.defs.resolve_implicit_global_asset_job_def()
        route = [dg.AssetKey(["wine", "route"])]
        assert job.execute_in_process(instance=changed.instance, asset_selection=route).success
        assert asked(changed) == ["deploy_wine"]


def test_a_deployment_that_failed_in_the_middle_is_not_taken_for_done(
    serving: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with another_spec(serving, "  replicas: 2\n") as changed:
        with monkeypatch.context() as patch:
            patch.setattr(changed.gateway, "infer", lambda *_: 1 / 0)
            assert not changed.run("deploy_wine").success
        assert asked(changed) == ["deploy_wine"]


@pytest.mark.parametrize("more", ["failover: {order: [azure, gcp, aws]}", "stale_after_days: 3"])
def test_what_only_watches_deploys_nothing(serving: World, more: str) -> None:
    with another_spec(serving, f"  {more}\n") as changed:
        assert asked(changed) == []


def test_a_column_that_is_called_sensitive_is_said_to_every_server_without_a_retraining(serving: World) -> None:
    with another_spec(serving, FEATURES.format("[proline, alcohol]")) as changed:
        assert asked(changed) == ["deploy_wine"]
        assert changed.run("deploy_wine").success
        assert asked(changed) == []
        for target in changed.targets.values():
            assert {one.sensitive for one in target.requests.values()} == {("alcohol", "proline")}
    with another_spec(serving, FEATURES.format("[alcohol, proline, proline]")) as moved_about:
        assert asked(moved_about) == []


def test_a_field_with_its_default_written_down_is_no_change() -> None:
    assert deployment_fingerprint(spec_with(replicas=1, log_sample=1.0), AWS) == deployment_fingerprint(SPEC, AWS)


@pytest.mark.parametrize("fields", list(SERVING), ids=lambda fields: next(iter(fields)))
def test_whatever_of_a_spec_is_asked_of_a_cloud_is_in_the_code_version(fields: Mapping[str, object]) -> None:
    store, deployment = MemoryStore(AWS.site), MemoryDeployment()
    asked = [deploy_request(spec, deployment, store, "1.0.0", spec.replicas) for spec in (SPEC, spec_with(**fields))]
    assert asked[0] != asked[1]
    assert deployment_fingerprint(SPEC, AWS) != deployment_fingerprint(spec_with(**fields), AWS)


def test_every_part_of_a_request_that_a_spec_decides_is_tried() -> None:
    fixed = {"model", "version", "environment", "image", "artifacts", "predictions"}
    named = {"owner", "replicas", "sample", "rows_per_second", "sensitive", "tags"}
    assert {field.name for field in dataclasses.fields(DeployRequest)} == fixed | named
    assert len(SERVING) == len(named)
