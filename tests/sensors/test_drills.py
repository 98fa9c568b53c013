"""A drill that was killed does not go on for ever."""

from collections.abc import Iterator

import dagster as dg
import pytest

from intermodal.platform.resilience.drills import DISTURBANCES
from intermodal.sensors.drills import drills
from tests.memory import MemoryGateway


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(gateway: MemoryGateway, instance: dg.DagsterInstance) -> str:
    resources = {"gateway": gateway}
    context = dg.build_sensor_context(
        instance=instance, resources=resources, definitions=dg.Definitions(sensors=[drills], resources=resources)
    )
    return drills.evaluate_tick(context).skip_message or ""


def drilling(instance: dg.DagsterInstance, seconds: float) -> None:
    config = {"ops": {"wine__drill": {"config": {"seconds": seconds}}}}
    tags = {"intermodal/drill": "wine"}
    run = dg.DagsterRun(job_name="drill_wine", run_config=config, tags=tags, status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)


def test_what_a_dead_drill_left_on_is_ended(instance: dg.DagsterInstance) -> None:
    gateway = MemoryGateway([])
    assert tick(gateway, instance) == "No drill is on."
    gateway.disturb("aws", DISTURBANCES["outage"])
    assert tick(gateway, instance) == "Ended what a drill left on: aws."
    assert gateway.disturbances() == {}


def test_a_drill_whose_time_is_not_over_goes_on(instance: dg.DagsterInstance) -> None:
    gateway = MemoryGateway([])
    gateway.disturb("aws", DISTURBANCES["outage"])
    drilling(instance, 60)
    assert tick(gateway, instance) == "A drill is on: aws."


def test_a_run_that_is_started_for_ever_does_not_keep_it_on(instance: dg.DagsterInstance) -> None:
    gateway = MemoryGateway([])
    gateway.disturb("aws", DISTURBANCES["outage"])
    drilling(instance, -120)
    assert tick(gateway, instance) == "Ended what a drill left on: aws."
