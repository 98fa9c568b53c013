"""A drill that was killed does not go on for ever."""

from collections.abc import Iterator

import dagster as dg
import pytest

from intermodal.platform.resilience.drills import DISTURBANCES
from intermodal.sensors.drills import drills
from tests.memory import MemoryGateway
from tests.targets import AWS, AWS_EU


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
    """A drill of a model that this code location does not define: the sensor judges those of the whole platform."""
    config = {"ops": {"wine__drill": {"config": {"seconds": seconds}}}}
    tags = {"intermodal/drill": "wine"}
    run = dg.DagsterRun(job_name="drill_wine", run_config=config, tags=tags, status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)


def test_drills_without_a_run_are_ended(instance: dg.DagsterInstance) -> None:
    gateway = MemoryGateway([])
    assert tick(gateway, instance) == "No drill is on."
    for target in (AWS_EU, AWS):
        gateway.disturb(target, DISTURBANCES["outage"])
    assert tick(gateway, instance) == "Ended what a drill left on: aws/sagemaker, aws/sagemaker@eu-west-1."
    assert gateway.disturbances() == {}


def test_drills_with_a_run_in_time_go_on(instance: dg.DagsterInstance) -> None:
    gateway = MemoryGateway([])
    gateway.disturb(AWS, DISTURBANCES["outage"])
    drilling(instance, 60)
    assert tick(gateway, instance) == "A drill is on: aws/sagemaker."


def test_drills_with_a_run_out_of_time_are_ended(instance: dg.DagsterInstance) -> None:
    gateway = MemoryGateway([])
    gateway.disturb(AWS, DISTURBANCES["outage"])
    drilling(instance, -120)
    assert tick(gateway, instance) == "Ended what a drill left on: aws/sagemaker."
