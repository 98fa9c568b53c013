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
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from intermodal.platform.resilience.run_heartbeat import SILENT_SECONDS
from intermodal.sensors.toolkit.zombie_runs import CODE_SERVER_TAG, SILENT_PROCESS_SECONDS, fail_zombie_runs

STATUS = dg.DagsterRunStatus


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as temporary:
        yield temporary


def started(instance: dg.DagsterInstance, path: str | None, status: STATUS = STATUS.STARTED, location: str = "") -> str:
    tags = {CODE_SERVER_TAG: json.dumps({"host": "localhost", "socket": path})} if path else {}
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(origin_of(location), "all"), "deploy_m") if location else None
    run = dg.DagsterRun(job_name="deploy_m", status=status, tags={"model": "m", **tags}, remote_job_origin=origin)
    return instance.add_run(run).run_id


def origin_of(location: str) -> GrpcServerCodeLocationOrigin:
    return GrpcServerCodeLocationOrigin(host="localhost", port=4000, location_name=location)


def test_code_server_tag_is_dagsters() -> None:
    from dagster._core.storage.tags import GRPC_INFO_TAG

    assert CODE_SERVER_TAG == GRPC_INFO_TAG


def test_zombie_run_without_code_server_is_failed(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    now, refused = time.time(), tmp_path / "refused"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(refused))
    lost = [started(instance, str(tmp_path / "gone")), started(instance, str(refused), STATUS.STARTING)]
    assert fail_zombie_runs(instance, now + SILENT_SECONDS - 1) == []
    assert sorted(fail_zombie_runs(instance, now + SILENT_SECONDS + 5)) == sorted(lost)
    assert {instance.get_run_by_id(run).status for run in lost} == {STATUS.FAILURE}  # type: ignore[union-attr]
    assert fail_zombie_runs(instance, now + SILENT_SECONDS + 5) == []


def test_zombie_run_with_code_server_is_left_alone(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    later = time.time() + SILENT_SECONDS + 5
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(tmp_path / "alive"))
        alive.listen()
        for run in (started(instance, str(tmp_path / "alive")), started(instance, None)):
            assert fail_zombie_runs(instance, later) == []
            assert instance.get_run_by_id(run).status == STATUS.STARTED  # type: ignore[union-attr]


def test_zombie_run_that_ended_stays_as_it_is(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    ended = started(instance, str(tmp_path / "gone"), STATUS.SUCCESS)
    assert fail_zombie_runs(instance, time.time() + SILENT_SECONDS + 5) == []
    assert instance.get_run_by_id(ended).status == STATUS.SUCCESS  # type: ignore[union-attr]


def test_zombie_run_with_process_is_left_alone_for_longer(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    id_ = started(instance, str(tmp_path / "gone"))
    run = instance.get_run_by_id(id_)
    assert run is not None
    instance.report_engine_event("Started process for run.", run, EngineEventData.in_process(os.getpid()))
    now = time.time()
    assert fail_zombie_runs(instance, now + SILENT_PROCESS_SECONDS - 5) == []
    assert fail_zombie_runs(instance, now + SILENT_PROCESS_SECONDS + 5) == [id_]


def test_zombie_run_of_another_location_is_left_alone(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Its code server may be on another machine, where its socket is."""
    ours, theirs = (started(instance, str(tmp_path / "gone"), location=name) for name in ("ours", "theirs"))
    assert fail_zombie_runs(instance, time.time() + SILENT_SECONDS + 5, "ours") == [ours]
    assert instance.get_run_by_id(theirs).status == STATUS.STARTED  # type: ignore[union-attr]
