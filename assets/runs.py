"""Dagster's runs by model. The model is in a run's tags, or in the assets that a person selected."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import dagster as dg

from intermodal.platform.deployment.redeployment import DeploymentFailure

MODEL_TAG, INCIDENT_TAG, EVENT_TAG = "intermodal/failover", "intermodal/incident", "intermodal/event"
"""Tags of runs of ``failover_<model>`` and ``recover_<model>``. They have no tag ``model``: Dagster's queue starts one
run of a ``model`` at a time, and a failover must not wait for a training, or for a deployment that hangs on the cloud
that failed."""
TRAINING_TAG = "intermodal/training"
"""Tag of a run that calls a model's own functions; its value is the model. Such runs never take all slots of the queue
(``concurrency`` in dagster.yaml): a function that hangs must not stop the deployments of other models."""
RUNNING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Runs that have not ended. ``NOT_STARTED`` is not among them: a run keeps that status if Dagster was killed between
creating and queueing it."""
UNSUCCESSFUL = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
DEPLOYED_STAGES = {"mirror", "endpoint", "route"}
DEPLOYING_JOBS = ("deploy_", "train_and_deploy_", "retrain_")
ADHOC_ASSET_JOB = "__ASSET_JOB"
"""Dagster's own job for materializations that a person starts in the UI."""
MAX_RUN_RECORDS = 1000
WATCH_TAG = "intermodal/watch"
"""Tag of a run that only observes. Its value is the model."""
DRILL_TAG = "intermodal/drill"
"""Tag of a drill's run. Its value is the model."""
REAP = "reap"
"""The job that removes orphans."""


def models_of(run: dg.DagsterRun) -> set[str]:
    """The models of a run. A materialization in the UI has an asset selection and no tag."""
    chosen = {key.path[0] for key in run.asset_selection or ()}
    return chosen | {run.tags[tag] for tag in ("model", MODEL_TAG) if tag in run.tags}


def busy_models(instance: dg.DagsterInstance) -> set[str]:
    """Models with a queued or running run, except runs that only remove orphans."""
    runs = instance.get_runs(dg.RunsFilter(statuses=RUNNING))
    return set[str]().union(*(models_of(run) for run in runs if run.job_name != REAP))


def at_work(instance: dg.DagsterInstance, model: str) -> set[str]:
    """Ids of the runs of the model, also of those that only observe or drill it, that have started and not ended."""
    runs_filter = dg.RunsFilter(statuses=[status for status in RUNNING if status != dg.DagsterRunStatus.QUEUED])
    return {
        run.run_id
        for run in instance.get_runs(runs_filter)
        if model in models_of(run) | {run.tags.get(tag) for tag in (WATCH_TAG, DRILL_TAG)}
    }


def deploying(instance: dg.DagsterInstance, model: str) -> bool:
    """Whether a deployment of the model is queued or running. Failovers and recoveries are not deployments."""
    return any(_is_deployment(run, model) for run in instance.get_runs(dg.RunsFilter(statuses=RUNNING)))


def moving(instance: dg.DagsterInstance) -> set[str]:
    """Models with a queued or running deployment, failover or recovery."""
    runs = instance.get_runs(dg.RunsFilter(statuses=RUNNING))
    return {model for run in runs for model in models_of(run) if MODEL_TAG in run.tags or _is_deployment(run, model)}


def moved(instance: dg.DagsterInstance, models: Collection[str], since: float) -> dict[str, float]:
    """When a failover or recovery of each model last succeeded, if after ``since``. Both in Unix seconds."""
    tags, after = {MODEL_TAG: sorted(models)}, datetime.fromtimestamp(since - 1, UTC)
    runs_filter = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS], tags=tags, updated_after=after)
    found: dict[str, float] = {}
    for record in instance.get_run_records(runs_filter, limit=MAX_RUN_RECORDS):
        model = record.dagster_run.tags[MODEL_TAG]
        found[model] = max(found.get(model, since), ended_at(record))
    return found


def failed_deployments(instance: dg.DagsterInstance, since: float) -> dict[str, DeploymentFailure]:
    """Models whose newest deployment failed or was cancelled, if it ended after ``since`` (Unix seconds)."""
    after = datetime.fromtimestamp(since - 1, UTC)
    failed = _ended(instance, dg.RunsFilter(statuses=UNSUCCESSFUL, updated_after=after))
    if not failed:
        return {}
    succeeded, tags = [dg.DagsterRunStatus.SUCCESS], {"model": sorted(failed)}
    tagged = _ended(instance, dg.RunsFilter(statuses=succeeded, updated_after=after, tags=tags))
    by_hand = _ended(instance, dg.RunsFilter(statuses=succeeded, updated_after=after, job_name=ADHOC_ASSET_JOB))
    succeeded_at = {name: max(record.get(name, (0.0, ""))[0] for record in (tagged, by_hand)) for name in failed}
    return {
        name: DeploymentFailure(run, ended)
        for name, (ended, run) in failed.items()
        if ended >= since and succeeded_at[name] < ended
    }


def _ended(instance: dg.DagsterInstance, runs_filter: dg.RunsFilter) -> dict[str, tuple[float, str]]:
    """The newest deployment of each model: when it ended (Unix seconds) and its run id."""
    found: dict[str, tuple[float, str]] = {}
    for record in instance.get_run_records(runs_filter, limit=MAX_RUN_RECORDS):
        run = record.dagster_run
        for model in models_of(run):
            if _is_deployment(run, model):
                found[model] = max(found.get(model, (0.0, "")), (ended_at(record), run.run_id))
    return found


def crashed_at(instance: dg.DagsterInstance, jobs: Sequence[str]) -> float | None:
    """When the newest run of these jobs failed, Unix seconds. None if it did not, or if a blocking check failed."""
    newest = [found[0] for job in jobs if (found := instance.get_run_records(dg.RunsFilter(job_name=job), limit=1))]
    last = max(newest, key=created_at, default=None)
    if last is None or last.dagster_run.status != dg.DagsterRunStatus.FAILURE:
        return None
    runs_filter = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for record in instance.get_records_for_run(last.dagster_run.run_id, of_type=runs_filter).records:
        event = record.event_log_entry.dagster_event
        check = event.asset_check_evaluation_data if event else None
        if check is not None and check.blocking and not check.passed:
            return None
    return ended_at(last)


def created_at(record: dg.RunRecord) -> float:
    """Unix seconds."""
    return _unix(record.create_timestamp)


def ended_at(record: dg.RunRecord) -> float:
    """Unix seconds. A run that was cancelled before it started has no end time: then its last update."""
    return record.end_time or _unix(record.update_timestamp)


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _is_deployment(run: dg.DagsterRun, model: str) -> bool:
    if run.asset_selection:
        return any(
            key.path[0] == model and key.path[1] in DEPLOYED_STAGES for key in run.asset_selection if key.path[1:]
        )
    return run.job_name in [f"{job}{model}" for job in DEPLOYING_JOBS]
