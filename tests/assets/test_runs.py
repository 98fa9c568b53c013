"""What Dagster's runs say about models."""

import dagster as dg
import pytest

from intermodal.assets.runs import MODEL_TAG, deploying

STATUS = dg.DagsterRunStatus
ENDPOINT = frozenset({dg.AssetKey(["m", "endpoint", "aws"])})
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
def test_who_deploys(run: dg.DagsterRun, expected: bool) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(run)
        assert deploying(instance, "m") is expected
