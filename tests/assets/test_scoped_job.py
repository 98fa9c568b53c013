"""A job of one model is what Dagster itself would make of it, without what it does not need."""

import dagster as dg
import pytest

from intermodal.assets.ports import TABLES
from intermodal.assets.scoped_job import model_scoped_job


def _assets(model: str) -> list[dg.AssetsDefinition]:
    @dg.asset(key=[model, "rows"], group_name=model, required_resource_keys={TABLES})
    def _rows() -> None: ...

    @dg.asset(key=[model, "fitted"], group_name=model, deps=[[model, "rows"]])
    def _fitted() -> None: ...

    return [_rows, _fitted]


@dg.asset_check(asset=dg.AssetKey(["tea", "fitted"]))
def good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def jobs(*made: object) -> dict[str, dg.JobDefinition]:
    definitions = dg.Definitions(
        assets=[*_assets("tea"), *_assets("wine")],
        asset_checks=[good],
        jobs=made,  # type: ignore[arg-type]
        resources={TABLES: dg.ResourceDefinition.hardcoded_resource(1), "other": dg.ResourceDefinition.none_resource()},
    )
    repository = definitions.get_repository_def()
    return {job.name: job for job in repository.get_all_jobs()}


@pytest.mark.parametrize(
    "selection",
    [dg.AssetSelection.groups("tea"), dg.AssetSelection.groups("tea") - dg.AssetSelection.assets(["tea", "rows"])],
)
def test_scoped_job_has_the_assets_and_checks_of_dagsters_own(selection: dg.AssetSelection) -> None:
    tags = {"model": "tea"}
    found = jobs(
        model_scoped_job("own", "tea", selection=selection, tags=tags),
        dg.define_asset_job("dagsters", selection=selection, tags=tags),
    )
    own, dagsters = found["own"].asset_layer.asset_graph, found["dagsters"].asset_layer.asset_graph
    assert own.executable_asset_keys == dagsters.executable_asset_keys != set()
    assert own.asset_check_keys == dagsters.asset_check_keys != set()
    assert found["own"].run_tags == found["dagsters"].run_tags == tags
    assert found["own"].graph.dependencies == found["dagsters"].graph.dependencies


def test_scoped_job_has_only_required_resources_and_runs() -> None:
    job = jobs(model_scoped_job("own", "tea", selection=dg.AssetSelection.groups("tea")))["own"]
    assert TABLES in job.resource_defs
    assert "other" not in job.resource_defs
    done = job.execute_in_process()
    assert done.success
    assert {event.asset_key.path[-1] for event in done.get_asset_materialization_events()} == {"rows", "fitted"}


def test_scoped_job_with_an_asset_of_another_model_is_refused() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="own"):
        jobs(model_scoped_job("own", "tea", selection=dg.AssetSelection.assets(["wine", "rows"])))
