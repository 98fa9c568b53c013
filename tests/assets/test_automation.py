"""What the sensor ``deployments`` asks for by itself, with Dagster's own evaluation of the conditions."""

import dataclasses
from collections.abc import Mapping

import dagster as dg
import pytest

from intermodal.assets.deploying import deploy_request, stated
from intermodal.platform.endpoints import DeployRequest, Endpoint
from tests.assets.conftest import World, another_spec
from tests.assets.failover_world import SPEC, spec_with
from tests.memory import MemoryDeployment, MemoryStore

SERVING: list[Mapping[str, object]] = [
    {"owner": "team:others"},
    {"replicas": 2},
    {"log_sample": 0.5},
    {"log_rows_per_second": 5},
    {"tags": {"cost_centre": "x"}},
]
"""Changes of a spec, one for each part of a request that it decides."""
ENDPOINTS = {f"wine/endpoint/{cloud}" for cloud in ("aws", "gcp", "azure")}


def asked(world: World, result: dg.EvaluateAutomationConditionsResult | None) -> dg.EvaluateAutomationConditionsResult:
    cursor = None if result is None else result.cursor
    return dg.evaluate_automation_conditions(world.defs, world.instance, cursor=cursor)


def names(result: dg.EvaluateAutomationConditionsResult) -> set[str]:
    return {one.key.to_user_string() for one in result.results if result.get_num_requested(one.key)}


def test_a_changed_spec_is_deployed_once(world: World) -> None:
    assert world.run("train_and_deploy_wine").success
    settled = asked(world, asked(world, None))
    assert names(settled) == set()
    with another_spec(world, "  replicas: 2\n") as changed:
        first = asked(changed, settled)
        assert names(first) == {*ENDPOINTS, "wine/route"}
        assert changed.run("deploy_wine").success
        assert names(asked(changed, asked(changed, first))) == set()


def test_a_spec_that_changes_while_something_else_is_deployed_is_deployed_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.run("train_and_deploy_wine").success
    settled = asked(world, asked(world, None))
    meanwhile, deploy = list[dg.EvaluateAutomationConditionsResult](), world.targets["aws"].deploy
    with another_spec(world, "  replicas: 2\n") as changed:

        def reloaded(request: DeployRequest) -> Endpoint:
            meanwhile.append(asked(changed, settled))
            return deploy(request)

        monkeypatch.setattr(world.targets["aws"], "deploy", reloaded)
        assert world.run("deploy_wine").success  # with the definitions that it began with
        (during,) = meanwhile
        assert names(during) == set()
        assert names(asked(changed, during)) == ENDPOINTS  # the route follows them


def test_a_second_change_before_the_first_is_deployed_is_deployed_too(world: World) -> None:
    assert world.run("train_and_deploy_wine").success
    settled = asked(world, asked(world, None))
    with another_spec(world, "  replicas: 2\n") as first, another_spec(world, "  replicas: 3\n") as second:
        again = asked(second, asked(first, settled))
        assert names(again) == ENDPOINTS
        assert second.run("deploy_wine").success
        assert names(asked(second, asked(second, again))) == set()


def test_the_order_of_failing_over_deploys_no_route(world: World) -> None:
    assert world.run("train_and_deploy_wine").success
    settled = asked(world, asked(world, None))
    with another_spec(world, "  failover: {order: [azure, gcp, aws]}\n") as changed:
        assert names(asked(changed, settled)) == set()


def test_a_field_with_its_default_written_down_is_no_change() -> None:
    assert stated(spec_with(replicas=1, log_sample=1.0), "aws") == stated(SPEC, "aws")


def test_only_what_the_change_is_about_is_deployed(world: World) -> None:
    assert world.run("train_and_deploy_wine").success
    settled = asked(world, asked(world, None))
    with another_spec(world, "  failover: {cold: [azure]}\n") as changed:
        assert names(asked(changed, settled)) == {"wine/endpoint/azure", "wine/route"}
    with another_spec(world, "  stale_after_days: 3\n") as changed:
        assert names(asked(changed, settled)) == set()


@pytest.mark.parametrize("fields", list(SERVING), ids=lambda fields: next(iter(fields)))
def test_whatever_of_a_spec_is_asked_of_a_cloud_is_in_the_code_version(fields: Mapping[str, object]) -> None:
    store, deployment = MemoryStore("aws"), MemoryDeployment()
    asked = [deploy_request(spec, deployment, store, "1.0.0", spec.replicas) for spec in (SPEC, spec_with(**fields))]
    assert asked[0] != asked[1]
    assert stated(SPEC, "aws") != stated(spec_with(**fields), "aws")


def test_every_part_of_a_request_that_a_spec_decides_is_tried() -> None:
    fixed = {"model", "version", "environment", "image", "artifacts", "predictions"}
    named = {"owner", "replicas", "sample", "rows_per_second", "tags"}
    assert {field.name for field in dataclasses.fields(DeployRequest)} == fixed | named
    assert len(SERVING) == len(named)
