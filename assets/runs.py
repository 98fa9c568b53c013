"""What Dagster's runs say about models: by their tags, or by the assets that a person chose."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import dagster as dg

from intermodal.platform.deployment.redeployment import Failure

MODEL_TAG, INCIDENT_TAG, EVENT_TAG = "intermodal/failover", "intermodal/incident", "intermodal/event"
"""On runs of ``failover_<model>`` and ``recover_<model>``. Not ``model``: the queue holds back a second run of one
``model``, and a failover must not wait for a training, or for a deploy that hangs on the very cloud that died."""
RUNNING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Not ``NOT_STARTED``: a run stays so for ever when Dagster was killed between making it and queueing it."""
ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
DEPLOYED = {"mirror", "endpoint", "route"}
DEPLOYING_JOBS = ("deploy_", "train_and_deploy_", "retrain_")
BY_HAND = "__ASSET_JOB"
"""Dagster's own job, by which people materialize assets in the UI."""
LIMIT = 1000
REAP = "reap"
"""The name of the job that removes orphans."""


def models_of(run: dg.DagsterRun) -> set[str]:
    """The models that a run is about; who materializes assets in the UI gives a selection and no tag."""
    chosen = {key.path[0] for key in run.asset_selection or ()}
    return chosen | {run.tags[tag] for tag in ("model", MODEL_TAG) if tag in run.tags}


def busy_models(instance: dg.DagsterInstance) -> set[str]:
    """Those with a run that waits or runs, other than one that only removes what nobody uses."""
    runs = instance.get_runs(dg.RunsFilter(statuses=RUNNING))
    return set[str]().union(*(models_of(run) for run in runs if run.job_name != REAP))


def at_work(instance: dg.DagsterInstance, model: str) -> set[str]:
    """The ids of the model's runs, by any tag, that were begun and have not ended."""
    wanted = dg.RunsFilter(statuses=[status for status in RUNNING if status != dg.DagsterRunStatus.QUEUED])
    return {run.run_id for run in instance.get_runs(wanted) if model in {*models_of(run), *run.tags.values()}}


def deploying(instance: dg.DagsterInstance, model: str) -> bool:
    """Whether a run that deploys the model waits or runs; failovers and recoveries do not count."""
    return any(_deploys(run, model) for run in instance.get_runs(dg.RunsFilter(statuses=RUNNING)))


def moving(instance: dg.DagsterInstance) -> set[str]:
    """Models that a run which waits or runs deploys, or moves the traffic of: failovers and recoveries."""
    runs = instance.get_runs(dg.RunsFilter(statuses=RUNNING))
    return {model for run in runs for model in models_of(run) if MODEL_TAG in run.tags or _deploys(run, model)}


def moved(instance: dg.DagsterInstance, models: Collection[str], since: float) -> dict[str, float]:
    """When a failover or a recovery of these models last ended well, if that was after ``since`` (Unix seconds)."""
    tags, after = {MODEL_TAG: sorted(models)}, datetime.fromtimestamp(since - 1, UTC)
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS], tags=tags, updated_after=after)
    found: dict[str, float] = {}
    for record in instance.get_run_records(wanted, limit=LIMIT):
        model = record.dagster_run.tags[MODEL_TAG]
        found[model] = max(found.get(model, since), ended_at(record))
    return found


def failed_deployments(instance: dg.DagsterInstance, since: float) -> dict[str, Failure]:
    """Models whose newest deployment that ended after ``since`` (Unix seconds) failed or was stopped."""
    after = datetime.fromtimestamp(since - 1, UTC)
    badly = _ended(instance, dg.RunsFilter(statuses=ENDED_BADLY, updated_after=after))
    if not badly:
        return {}
    well, tags = [dg.DagsterRunStatus.SUCCESS], {"model": sorted(badly)}
    tagged = _ended(instance, dg.RunsFilter(statuses=well, updated_after=after, tags=tags))
    by_hand = _ended(instance, dg.RunsFilter(statuses=well, updated_after=after, job_name=BY_HAND))
    mended = {name: max(one.get(name, (0.0, ""))[0] for one in (tagged, by_hand)) for name in badly}
    return {name: Failure(run, at) for name, (at, run) in badly.items() if at >= since and mended[name] < at}


def _ended(instance: dg.DagsterInstance, wanted: dg.RunsFilter) -> dict[str, tuple[float, str]]:
    """When the newest run that deployed each model ended (Unix seconds), and its id."""
    found: dict[str, tuple[float, str]] = {}
    for record in instance.get_run_records(wanted, limit=LIMIT):
        run = record.dagster_run
        for model in models_of(run):
            if _deploys(run, model):
                found[model] = max(found.get(model, (0.0, "")), (ended_at(record), run.run_id))
    return found


def crashed_at(instance: dg.DagsterInstance, jobs: Sequence[str]) -> float | None:
    """When the newest run of these jobs failed (Unix seconds); None when it did not, or when a blocking check refused
    what it had made."""
    newest = [found[0] for job in jobs if (found := instance.get_run_records(dg.RunsFilter(job_name=job), limit=1))]
    last = max(newest, key=created_at, default=None)
    if last is None or last.dagster_run.status != dg.DagsterRunStatus.FAILURE:
        return None
    wanted = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for one in instance.get_records_for_run(last.dagster_run.run_id, of_type=wanted).records:
        event = one.event_log_entry.dagster_event
        check = event.asset_check_evaluation_data if event else None
        if check is not None and check.blocking and not check.passed:
            return None
    return ended_at(last)


def created_at(record: dg.RunRecord) -> float:
    """Unix seconds."""
    return _unix(record.create_timestamp)


def ended_at(record: dg.RunRecord) -> float:
    """Unix seconds; of a run that was stopped before it began, when that was noted."""
    return record.end_time or _unix(record.update_timestamp)


def _unix(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _deploys(run: dg.DagsterRun, model: str) -> bool:
    if run.asset_selection:
        return any(key.path[0] == model and key.path[1] in DEPLOYED for key in run.asset_selection if key.path[1:])
    return run.job_name in [f"{job}{model}" for job in DEPLOYING_JOBS]
