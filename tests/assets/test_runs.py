"""What Dagster's runs say about models."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from intermodal.assets.runs import (
    ADHOC_ASSET_JOB,
    DRILL_TAG,
    MODEL_TAG,
    TRAINING_TAG,
    WATCH_TAG,
    at_work,
    deploying,
    failed_deployments,
)
from intermodal.definitions import defs

ROOT = Path(__file__).resolve().parents[2]

STATUS = dg.DagsterRunStatus
WELL, BADLY = dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE
ENDPOINT = frozenset({dg.AssetKey(["m", "endpoint", "sagemaker"])})
FEATURES = frozenset({dg.AssetKey(["m", "features"])})


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (dg.DagsterRun(job_name="deploy_m", status=STATUS.STARTED), True),
        (dg.DagsterRun(job_name="train_and_deploy_m", status=STATUS.STARTED), True),
        (dg.DagsterRun(job_name="__ASSET_JOB", status=STATUS.STARTING, asset_selection=ENDPOINT), True),
        (dg.DagsterRun(job_name="__ASSET_JOB", status=STATUS.STARTING, asset_selection=FEATURES), False),
        (dg.DagsterRun(job_name="deploy_m", status=STATUS.SUCCESS), False),
        (dg.DagsterRun(job_name="deploy_n", status=STATUS.STARTED), False),
        (dg.DagsterRun(job_name="train_m", status=STATUS.STARTED), False),
        (dg.DagsterRun(job_name="recover_m", status=STATUS.STARTED, tags={MODEL_TAG: "m"}), False),
    ],
)
def test_deploying_is_true_for_deployments_only(run: dg.DagsterRun, expected: bool) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(run)
        assert deploying(instance, "m") is expected


@pytest.mark.parametrize(
    ("again", "ended", "failed"),
    [
        (None, WELL, True),
        (dg.DagsterRun(job_name="deploy_m", tags={"model": "m"}, status=STATUS.STARTED), WELL, False),
        (dg.DagsterRun(job_name="deploy_m", tags={"model": "m"}, status=STATUS.STARTED), BADLY, True),
        (dg.DagsterRun(job_name="train_m", tags={"model": "m"}, status=STATUS.STARTED), WELL, True),
        (dg.DagsterRun(job_name=ADHOC_ASSET_JOB, asset_selection=ENDPOINT, status=STATUS.STARTED), WELL, False),
        (dg.DagsterRun(job_name=ADHOC_ASSET_JOB, asset_selection=FEATURES, status=STATUS.STARTED), WELL, True),
    ],
)
def test_failed_deployments_counts_the_last_to_end(
    again: dg.DagsterRun | None, ended: dg.DagsterEventType, failed: bool
) -> None:
    first = dg.DagsterRun(job_name="deploy_m", tags={"model": "m"}, status=STATUS.STARTED)
    with dg.DagsterInstance.ephemeral() as instance:
        for run, how in ((first, BADLY), (again, ended)):
            if run is not None:
                instance.add_run(run)
                instance.report_dagster_event(dg.DagsterEvent(how.value, run.job_name), run_id=run.run_id)
        found = failed_deployments(instance, since=0.0)
        last = again if again is not None and ended == BADLY else first
        assert {name: failure.run for name, failure in found.items()} == ({"m": last.run_id} if failed else {})
        assert failed_deployments(instance, since=4e9) == {}


def test_queue_with_hanging_trainings_has_a_slot_for_deployments() -> None:
    concurrency = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))["concurrency"]["runs"]
    limits = {each["key"]: each["limit"] for each in concurrency["tag_concurrency_limits"] if "value" not in each}
    assert limits[TRAINING_TAG] < limits["model"] < concurrency["max_concurrent_runs"]
    tags = {job.name: job.tags for job in defs().get_repository_def().get_all_jobs()}
    training = {name for name, each in tags.items() if TRAINING_TAG in each}
    assert training == {f"{verb}_flight_delay" for verb in ("data", "train", "train_and_deploy", "retrain")}
    assert "model" in tags["deploy_flight_delay"]


@pytest.mark.parametrize("tag", ["model", MODEL_TAG, WATCH_TAG, DRILL_TAG])
def test_at_work_is_a_run_of_the_model_only(tag: str) -> None:
    """A model may be named like the value of any other tag."""
    run = dg.DagsterRun(job_name="watch_m", status=STATUS.STARTED, tags={tag: "m", "intermodal/quiet": "yes"})
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(run)
        assert at_work(instance, "m") == {run.run_id}
        assert at_work(instance, "yes") == set()
