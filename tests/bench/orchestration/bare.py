"""Dagster alone: as many assets, checks, jobs and schedules as our models have, with nothing in them."""

from collections.abc import Sequence

import dagster as dg

ASSETS, CHECKS, JOBS, SCHEDULES = 18, 12, 10, 2
"""Of each model on three clouds; the bench looks that it is so."""


def definitions(models: int, jobs: bool = True) -> dg.Definitions:
    """Jobs as ``dg.define_asset_job`` makes them, each of its model's assets."""
    names = [f"model_{number:04}" for number in range(models)]
    assets = [_asset(name, number) for name in names for number in range(ASSETS)]
    checks = [_check(name, number) for name in names for number in range(CHECKS)]
    made = {name: _jobs(name) for name in names} if jobs else {}
    schedules = [
        dg.ScheduleDefinition(f"{name}_{number}", job=own[number], cron_schedule="0 0 2 * *")
        for name, own in made.items()
        for number in range(SCHEDULES)
    ]
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[job for own in made.values() for job in own],
        schedules=schedules,
        executor=dg.in_process_executor,
    )


def _asset(model: str, number: int) -> dg.AssetsDefinition:
    @dg.asset(key=[model, f"asset_{number}"], group_name=model, deps=[[model, f"asset_{number - 1}"]] if number else [])
    def _nothing() -> None: ...

    return _nothing


def _check(model: str, number: int) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=dg.AssetKey([model, f"asset_{number}"]), name=f"check_{number}")
    def _fine() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return _fine


def _jobs(model: str) -> Sequence[object]:
    selection = dg.AssetSelection.groups(model)
    return [dg.define_asset_job(f"{model}_job_{number}", selection=selection) for number in range(JOBS)]
