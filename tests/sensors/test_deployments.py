"""What the sensor deployments asked for and what became of it."""

import dagster as dg
import pytest

from intermodal.sensors.deployments import DEPLOYS, failed_deployments
from tests.memory import MemoryNotifier


@dg.asset(key=["wine", "route"])
def route() -> None:
    raise ValueError("the cloud says 500")


@pytest.mark.parametrize(("tags", "told"), [({DEPLOYS: "yes"}, 1), ({"model": "wine"}, 0)])
def test_people_are_told_of_a_run_that_nobody_started_and_that_failed(tags: dict[str, str], told: int) -> None:
    notifier, defs = MemoryNotifier(), dg.Definitions([route])
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, tags=tags, raise_on_error=False, asset_selection=[dg.AssetKey(["wine", "route"])]
        )
        context = dg.build_run_status_sensor_context(
            "failed_deployments",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()
        failed_deployments(context, notifier=notifier)
    assert [notice.title for notice in notifier.told] == ["wine: what is new was not deployed"] * told
    assert all(result.run_id in notice.text and "What served goes on" in notice.text for notice in notifier.told)
