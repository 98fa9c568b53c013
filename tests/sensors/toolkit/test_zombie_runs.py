"""Runs whose machine was restarted under them do not count as in progress for ever."""

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from intermodal.platform.resilience.run_heartbeat import SILENT_SECONDS
from intermodal.sensors.toolkit.zombie_runs import CODE_SERVER_TAG, SILENT_PROCESS_SECONDS, fail_zombie_runs

STATUS = dg.DagsterRunStatus


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as one:
        yield one


def started(instance: dg.DagsterInstance, place: str | None, status: STATUS = STATUS.STARTED) -> str:
    tags = {CODE_SERVER_TAG: json.dumps({"host": "localhost", "socket": place})} if place else {}
    return instance.add_run(dg.DagsterRun(job_name="deploy_m", status=status, tags={"model": "m", **tags})).run_id


def test_the_tag_is_the_one_that_dagster_writes() -> None:
    from dagster._core.storage.tags import GRPC_INFO_TAG

    assert CODE_SERVER_TAG == GRPC_INFO_TAG


def test_a_run_is_lost_when_its_code_server_is_gone_and_it_is_silent(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    now, refused = time.time(), tmp_path / "refused"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(refused))
    lost = [started(instance, str(tmp_path / "gone")), started(instance, str(refused), STATUS.STARTING)]
    assert fail_zombie_runs(instance, now + SILENT_SECONDS - 1) == []
    assert sorted(fail_zombie_runs(instance, now + SILENT_SECONDS + 5)) == sorted(lost)
    assert {instance.get_run_by_id(run).status for run in lost} == {STATUS.FAILURE}  # type: ignore[union-attr]
    assert fail_zombie_runs(instance, now + SILENT_SECONDS + 5) == []


def test_a_run_is_left_alone_while_its_code_server_listens_or_is_not_known(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    later = time.time() + SILENT_SECONDS + 5
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(tmp_path / "alive"))
        alive.listen()
        for run in (started(instance, str(tmp_path / "alive")), started(instance, None)):
            assert fail_zombie_runs(instance, later) == []
            assert instance.get_run_by_id(run).status == STATUS.STARTED  # type: ignore[union-attr]


def test_a_run_that_ended_stays_as_it_is(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    ended = started(instance, str(tmp_path / "gone"), STATUS.SUCCESS)
    assert fail_zombie_runs(instance, time.time() + SILENT_SECONDS + 5) == []
    assert instance.get_run_by_id(ended).status == STATUS.SUCCESS  # type: ignore[union-attr]


def test_a_silent_run_whose_process_is_there_is_left_alone_for_longer(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    id_ = started(instance, str(tmp_path / "gone"))
    run = instance.get_run_by_id(id_)
    assert run is not None
    instance.report_engine_event("Started process for run.", run, EngineEventData.in_process(os.getpid()))
    now = time.time()
    assert fail_zombie_runs(instance, now + SILENT_PROCESS_SECONDS - 5) == []
    assert fail_zombie_runs(instance, now + SILENT_PROCESS_SECONDS + 5) == [id_]
