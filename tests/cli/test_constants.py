"""Constants that the command line has a copy of, because it imports no Dagster, are those of the assets."""

from importlib import import_module

import pytest

from intermodal.assets import broken, runs, specs
from intermodal.assets.resilience import drill as drill_asset
from intermodal.cli import dagster_status, diagnostics


@pytest.mark.parametrize(
    ("copy", "original"),
    [
        (diagnostics.BROKEN, broken.BROKEN),
        (diagnostics.BROKEN_GROUP, broken.GROUP),
        (dagster_status.DEPLOYING_JOBS, runs.DEPLOYING_JOBS),
        (dagster_status.SPEC, specs.SPEC),
        (import_module("intermodal.cli.drill").OBJECTIVES, drill_asset.OBJECTIVES),
    ],
)
def test_copied_constant_is_the_assets_own(copy: object, original: object) -> None:
    assert copy == original
