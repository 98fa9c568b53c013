"""What is seen of a model that serves: drift, health, drills, and the page that tells all of it."""

import time
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from intermodal.assets import drift
from intermodal.platform.clouds import CLOUDS
from intermodal.platform.drift import Verdict
from intermodal.platform.figures import Figures
from intermodal.platform.incidents import Entry, Incident
from intermodal.platform.predictions import part_of
from intermodal.platform.profile import ColumnProfile, Profile
from intermodal.platform.signature import Column
from tests.assets.conftest import World


@pytest.fixture
def deployed(world: World) -> World:
    assert world.run("train_and_deploy_wine").success
    return world


def asked(world: World, rows: int, shift: float = 0.0, cloud: str = "", certain: str = "") -> None:
    """Predictions as they are gathered: training rows again, moved by ``shift`` standard deviations; those of one cloud
    only, when it is given. The cloud ``certain`` says the first class of every row."""
    frame = pd.concat([world.tables.read("wine", "features", f"2020-0{m}-01") for m in (1, 2)])
    frame = frame.drop(columns=["grower", "proline"]).sample(rows, replace=True, random_state=1).reset_index(drop=True)
    numbers = frame.select_dtypes("number")
    clouds = np.array(CLOUDS)[np.arange(rows) % 3]
    moved = np.full(rows, True) if not cloud else clouds == cloud
    frame[numbers.columns] = numbers + np.outer(moved, shift * numbers.std())
    outputs = np.eye(3)[np.where(clouds == certain, 0, np.arange(rows) // 3 % 3)]
    at = time.time()
    whole = frame.assign(
        _id=[f"r{number}" for number in range(rows)],
        _row=0,
        _at=at,
        _cloud=clouds,
        _target="x",
        _version="1.0.0",
        **{f"prediction_{k}": outputs[:, k] for k in range(3)},
    )
    world.tables.write("wine", "predictions", part_of(at), whole)


def look(world: World, *stages: str) -> dict[str, Any]:
    keys = [dg.AssetKey(["wine", stage]) for stage in stages]
    result = world.run("watch_wine", asset_selection=keys)
    assert result.success, [e for e in result.all_events if e.is_failure]
    return world.metadata(stages[-1])


def checked(world: World, stage: str, name: str) -> bool:
    key = dg.AssetCheckKey(dg.AssetKey(["wine", stage]), name)
    records = world.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return bool(records[0].status.value == "SUCCEEDED")


def test_nothing_is_decided_on_few_rows(deployed: World) -> None:
    asked(deployed, 50)
    assert look(deployed, "drift")["state"] == "too few rows"


def test_what_was_trained_on_has_not_drifted(deployed: World) -> None:
    asked(deployed, 3000)
    found = look(deployed, "drift")
    assert found["rows"] == 3000
    assert found["rows_aws"] == 1000
    assert found["drifted_share"] == 0  # of the inputs; the outputs above are not the model's
    pushed = {(name, labels["cloud"]) for name, labels, _ in deployed.gauges.pushed["drift-wine"] if "cloud" in labels}
    assert ("intermodal_drift_psi", "") in pushed
    assert ("intermodal_drift_psi", "gcp") in pushed


def drifted(world: World) -> dict[str, float]:
    gauges = world.gauges.pushed["drift-wine"]
    return {labels["what"]: value for name, labels, value in gauges if name == "intermodal_drifted"}


def test_what_was_decided_is_pushed_for_the_alert(deployed: World) -> None:
    asked(deployed, 3000)  # the outputs are not the model's, and the inputs are
    assert look(deployed, "drift")["state"] == "drifted"
    assert drifted(deployed) == {"inputs": 0, "predictions": 1}
    asked(deployed, 3000, shift=3)
    look(deployed, "drift")
    assert drifted(deployed) == {"inputs": 1, "predictions": 1}
    asked(deployed, 50, shift=3)
    look(deployed, "drift")
    assert drifted(deployed) == {"inputs": 0, "predictions": 0}


def test_inputs_that_are_wrong_are_a_warning_of_their_own(deployed: World) -> None:
    asked(deployed, 3000)
    assert look(deployed, "drift")["quality_findings"] == 0
    assert checked(deployed, "drift", "no_quality_findings")
    assert not checked(deployed, "drift", "no_drift")
    (part,) = deployed.tables.partitions("wine", "predictions")
    rows = deployed.tables.read("wine", "predictions", part)
    deployed.tables.write("wine", "predictions", part, rows.drop(columns=["alcohol"]))
    found = look(deployed, "drift")
    assert "alcohol is not there at all in 100% of the rows." in found["quality"]
    assert not checked(deployed, "drift", "no_quality_findings")
    key = dg.AssetCheckKey(dg.AssetKey(["wine", "drift"]), "no_quality_findings")
    (record,) = deployed.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.evaluation is not None
    assert record.evaluation.severity == dg.AssetCheckSeverity.WARN


def test_moved_inputs_are_drift_and_a_warning(deployed: World) -> None:
    asked(deployed, 3000, shift=3)
    found = look(deployed, "drift")
    assert found["state"] == "drifted"
    assert found["drifted_share"] > 0.5
    assert "drifted" in found["columns"]
    assert not checked(deployed, "drift", "no_drift")


def test_clouds_that_see_and_say_the_same_are_no_finding(deployed: World) -> None:
    asked(deployed, 3000)
    found = look(deployed, "drift")
    assert found["findings"] == "None."
    assert found["psi_aws"] == pytest.approx(found["largest_psi"], rel=0.2)


def test_a_cloud_that_sees_another_population_is_a_finding(deployed: World) -> None:
    asked(deployed, 3000, shift=3, cloud="gcp")
    found = look(deployed, "drift")
    assert "gcp sees another population than the other clouds" in found["findings"]
    assert "aws" not in found["findings"]
    assert "azure" not in found["findings"]
    assert found["psi_gcp"] > max(found["psi_aws"], found["psi_azure"]) + 0.5


def test_a_cloud_that_predicts_otherwise_is_a_finding(deployed: World) -> None:
    asked(deployed, 3000, certain="azure")
    found = look(deployed, "drift")
    assert found["findings"].startswith(
        "- azure predicts otherwise than the other clouds: PSI over 0.25 in prediction_"
    )
    assert found["finding_count"] == 1
    assert found["quality_findings"] == 0


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wine's model as if it had been trained with a text, too, which was always red."""
    colour, known, trained = Column("colour", "BYTES", categories=("red",)), drift.logged_columns, Profile.from_json

    def profile(text: bytes) -> Profile:
        bare = trained(text)
        return Profile(bare.rows, (ColumnProfile("colour", (), ("red",), (bare.rows,), 0), *bare.columns))

    monkeypatch.setattr(drift, "logged_columns", lambda spec, champion: [*known(spec, champion), colour])
    monkeypatch.setattr(drift, "Profile", SimpleNamespace(from_json=profile))


@pytest.mark.usefixtures("coloured")
def test_a_new_category_is_a_finding_and_only_text(deployed: World) -> None:
    asked(deployed, 3000)
    (part,) = deployed.tables.partitions("wine", "predictions")
    rows = deployed.tables.read("wine", "predictions", part)
    colours = np.where(np.arange(3000) % 10, "red", "![x](http://example/x)<b>\nnew")
    deployed.tables.write("wine", "predictions", part, rows.assign(colour=colours))
    found = look(deployed, "drift")
    assert "10.0% of the rows have a value of colour that training did not: " in found["quality"]
    assert r"!\[x\](http: //example/x)\<b\> new." in found["quality"]
    assert "missing" not in found["quality"]


def test_evidently_draws_a_page_beside_the_version(deployed: World) -> None:
    asked(deployed, 1200, shift=3)
    found = look(deployed, "drift", "drift_report")
    (page,) = deployed.registry.attached.values()
    assert found["report"].startswith("http://registry.example/wine/1.0.0/drift/")
    assert b"1.0.0: training and now" in page


def test_a_page_is_drawn_again_after_an_hour_or_when_drift_is_decided_otherwise(
    deployed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[bytes] = []
    monkeypatch.setattr(deployed.registry, "attach", lambda *given: drawn.append(given[-1]) or "http://page")
    clock = SimpleNamespace(now=time.time(), time=lambda: clock.now)
    monkeypatch.setattr(import_module("intermodal.assets.report"), "time", clock)

    asked(deployed, 1200)

    def pages(state: str) -> int:
        verdict = Verdict(state, 0.0, (), ())  # type: ignore[arg-type]
        monkeypatch.setattr(import_module("intermodal.assets.drift"), "judge", lambda *_: verdict)
        assert look(deployed, "drift", "drift_report")["report"] == "http://page"
        return len(drawn)

    assert [pages("none"), pages("none"), pages("drifted"), pages("drifted")] == [1, 1, 2, 2]
    clock.now += 3600
    assert pages("drifted") == 3


def test_gauges_that_nobody_takes_do_not_stop_the_decision(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from intermodal.platform.errors import Unavailable

    def refuse(*_: object) -> None:
        raise Unavailable("the Pushgateway is down")

    monkeypatch.setattr(deployed.gauges, "push", refuse)
    asked(deployed, 3000, shift=3)
    assert look(deployed, "drift")["state"] == "drifted"
    assert "the Pushgateway is down" in look(deployed, "health")["not_read"]


def test_health_puts_callers_and_clouds_side_by_side(deployed: World) -> None:
    for key, source in deployed.metrics.items():
        cloud = key.split("_")[0] if key.split("_")[0] in CLOUDS else "aws"
        source.figures = [Figures(source.source, "wine", cloud, version="1.0.0", requests=3.0, p95_ms=12.0)]  # type: ignore[arg-type]
    found = look(deployed, "health")
    assert found["source"] == "prometheus"
    assert found["aws_p95_ms"] == 12.0
    assert all(name in found["side_by_side"] for name in ("aws-monitor", "gcp-monitor", "azure-monitor", "prometheus"))
    names = {name for name, _, _ in deployed.gauges.pushed["monitor-wine"]}
    assert "intermodal_monitor_p95_seconds" in names


def test_what_only_the_clouds_see_is_plotted_too(deployed: World) -> None:
    prometheus = [Figures("prometheus", "wine", cloud, requests=3.0, throttled=0.5) for cloud in CLOUDS]
    deployed.metrics["metrics"].figures = prometheus
    busy = Figures("cloudwatch", "wine", "aws", version="1.0.0", requests=2.0, instances=2)
    left = Figures("cloudwatch", "wine", "aws", version="0.9.0", requests=0.1, instances=1, throttled=0.3)
    deployed.metrics["aws_metrics"].figures = [busy, left]
    run = Figures("cloud-monitoring", "wine", "gcp", requests=1.0, throttled=0.12345, instances=0, cold_starts=4)
    deployed.metrics["gcp_metrics"].figures = [run]
    found = look(deployed, "health")
    names = ("throttled", "instances", "cold_starts")
    assert {name: value for name, value in found.items() if name.endswith(names)} == {
        "aws_instances": 2,
        "aws_throttled": 0.3,
        "gcp_throttled": 0.1235,
        "gcp_instances": 0,
        "gcp_cold_starts": 4,
    }


@pytest.mark.parametrize("source", ["prometheus", "gateway"])
def test_the_target_that_the_gateway_does_not_know_is_the_specs(deployed: World, source: str) -> None:
    deployed.metrics["metrics"].down = source == "gateway"
    figures = [Figures(source, "wine", "gcp", requests=7.0), Figures(source, "wine", "aws", target="aws/other")]
    deployed.metrics["metrics" if source == "prometheus" else "gateway_metrics"].figures = figures
    table = look(deployed, "health")["side_by_side"]
    assert f"| gcp | gcp/cloud-run |  | {source} | 7 |" in table
    assert f"| aws | aws/other |  | {source} | 0 |" in table


def test_without_prometheus_the_gateway_is_asked(deployed: World) -> None:
    deployed.metrics["metrics"].down = True
    deployed.metrics["gateway_metrics"].figures = [Figures("gateway", "wine", "gcp", requests=7.0)]
    found = look(deployed, "health")
    assert found["source"] == "gateway"
    assert found["gcp_requests"] == 7.0
    assert "prometheus does not answer" in found["not_read"]


def test_the_timeline_tells_versions_routes_incidents_and_notes(deployed: World) -> None:
    deployed.incidents.open(Incident("wine-aws-1", "wine", "aws", time.time()))
    deployed.incidents.note("wine-aws-1", Entry(time.time(), "detected", "0", "aws cannot serve wine"))
    noted = dg.AssetObservation(dg.AssetKey(["wine", "timeline"]), metadata={"note": "a person was here"})
    deployed.instance.report_runless_asset_event(noted)
    page = look(deployed, "timeline")["timeline"]
    for words in (
        "1.0.0 is the champion",
        "is routed: aws 3, azure 0, gcp 1",
        "aws cannot serve wine",
        "a person was here",
    ):
        assert words in page


def drill(world: World, **config: Any) -> dg.ExecuteInProcessResult:
    job = world.defs.resolve_job_def("drill_wine")
    run_config = {"ops": {"wine__drill": {"config": {"seconds": 0.3, "rate": 20.0, **config}}}}
    return job.execute_in_process(instance=world.instance, run_config=run_config, raise_on_error=False)


def test_a_drill_ends_what_it_began_and_says_what_was_missing(deployed: World) -> None:
    result = drill(deployed, kind="outage", cloud="aws")
    assert result.success
    found = deployed.metadata("drill")
    assert found["drained_seconds"] < 0.3
    assert "capacity_seconds" not in found
    assert not found["passed"]
    assert "full capacity" in found["reasons"]
    assert deployed.gateway.disturbances() == {}
    assert not checked(deployed, "drill", "objectives")


def test_a_corrupt_mirror_is_found_and_mended(deployed: World) -> None:
    before = dict(deployed.stores["gcp"].objects)
    assert drill(deployed, kind="corrupt", cloud="gcp").success
    found = deployed.metadata("drill")
    assert found["detected_seconds"] >= 0
    assert {k: v for k, v in deployed.stores["gcp"].objects.items() if "manifest" not in k} == {
        k: v for k, v in before.items() if "manifest" not in k
    }


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"kind": "outage", "cloud": "azure"}, "gets no traffic"),
        ({"kind": "flood", "cloud": "aws"}, "Known drills"),
    ],
)
def test_a_drill_that_makes_no_sense_is_refused(deployed: World, config: dict[str, str], words: str) -> None:
    result = drill(deployed, **config)
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert words in failure.step_failure_data.error.to_string()  # type: ignore[union-attr]


def test_production_wants_to_be_asked_explicitly(deployed: World) -> None:
    deployed.deployment.environment = "production"
    assert not drill(deployed, kind="throttle", cloud="aws").success
    assert drill(deployed, kind="throttle", cloud="aws", allow_production=True).success
