"""What happened, for the on-call engineer."""

import time

import dagster as dg

from intermodal.platform.ports.incidents import Entry, Incident
from tests.assets.conftest import World
from tests.assets.monitoring.watching_world import look
from tests.targets import AWS


def test_timeline_has_versions_routes_incidents_and_notes(deployed: World) -> None:
    deployed.incidents.open(Incident("wine-aws-1", "wine", AWS, time.time()))
    deployed.incidents.note("wine-aws-1", Entry(time.time(), "detected", "0", "aws/sagemaker cannot serve wine"))
    noted = dg.AssetObservation(dg.AssetKey(["wine", "timeline"]), metadata={"note": "a person was here"})
    deployed.instance.report_runless_asset_event(noted)
    page = look(deployed, "timeline")["timeline"]
    for words in (
        "1.0.0 is the champion",
        "is routed: aws/sagemaker 3, azure/ml 0, gcp/cloud-run 1",
        "aws/sagemaker cannot serve wine",
        "a person was here",
    ):
        assert words in page


def test_timeline_names_a_materialization_reported_by_hand(deployed: World) -> None:
    for stage in ("model", "version", "route", "drift", "drill"):
        deployed.instance.report_runless_asset_event(dg.AssetMaterialization(["wine", stage]))
    page = look(deployed, "timeline")["timeline"]
    assert page.count("marked as materialized by hand") == 5
    assert "1.0.0 is the champion" in page
