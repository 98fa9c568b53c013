"""Drift and data quality of a model that serves, of all targets together and of each."""

from types import SimpleNamespace

import dagster as dg
import numpy as np
import pytest

from intermodal.assets.monitoring import drift
from intermodal.platform.monitoring.drift_result import latest_drift
from intermodal.platform.protocol.signature import Column
from intermodal.platform.training.profile import ColumnProfile, Profile
from tests.assets.conftest import World, another_spec
from tests.assets.monitoring.watching_world import checked, log_predictions, look
from tests.targets import AWS, EKS, GCP, TARGETS


def test_drift_with_few_rows_decides_nothing(deployed: World) -> None:
    log_predictions(deployed, 50)
    assert look(deployed, "drift")["state"] == "too few rows"


def test_drift_of_training_rows_is_none(deployed: World) -> None:
    log_predictions(deployed, 3000)
    found = look(deployed, "drift")
    assert found["rows"] == 3000
    assert found["rows_aws/sagemaker"] == 1000
    assert found["drifted_share"] == 0  # of the inputs; the outputs above are not the model's
    gauges = [labels for name, labels, _ in deployed.gauges.pushed["drift-wine"] if name == "intermodal_drift_psi"]
    assert {(labels["target"], labels["cloud"]) for labels in gauges} == {
        ("", ""),
        *((str(target), target.cloud) for target in TARGETS),
    }


def drifted(world: World) -> dict[str, float]:
    gauges = world.gauges.pushed["drift-wine"]
    return {labels["what"]: value for name, labels, value in gauges if name == "intermodal_drifted"}


def test_drift_decision_is_pushed_as_gauges(deployed: World) -> None:
    log_predictions(deployed, 3000)  # the outputs are not the model's, and the inputs are
    assert look(deployed, "drift")["state"] == "drifted"
    assert drifted(deployed) == {"inputs": 0, "predictions": 1}
    log_predictions(deployed, 3000, shift=3)
    look(deployed, "drift")
    assert drifted(deployed) == {"inputs": 1, "predictions": 1}
    log_predictions(deployed, 50, shift=3)
    look(deployed, "drift")
    assert drifted(deployed) == {"inputs": 0, "predictions": 0}


def test_quality_check_with_wrong_inputs_warns(deployed: World) -> None:
    log_predictions(deployed, 3000)
    assert look(deployed, "drift")["quality_findings"] == 0
    assert checked(deployed, "drift", "no_quality_findings")
    assert not checked(deployed, "drift", "no_drift")
    (part,) = deployed.tables.partitions("wine", "predictions")
    rows = deployed.tables.read("wine", "predictions", part)
    deployed.tables.write("wine", "predictions", part, rows.drop(columns=["alcohol"]))
    found = look(deployed, "drift")
    assert "alcohol is absent from 100% of the rows." in found["quality"]
    assert not checked(deployed, "drift", "no_quality_findings")
    key = dg.AssetCheckKey(dg.AssetKey(["wine", "drift"]), "no_quality_findings")
    (record,) = deployed.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.evaluation is not None
    assert record.evaluation.severity == dg.AssetCheckSeverity.WARN


def test_drift_check_with_moved_inputs_warns(deployed: World) -> None:
    log_predictions(deployed, 3000, shift=3)
    found = look(deployed, "drift")
    assert found["state"] == "drifted"
    assert found["drifted_share"] > 0.5
    assert "drifted" in found["columns"]
    assert not checked(deployed, "drift", "no_drift")


def test_target_check_with_equal_targets_has_no_finding(deployed: World) -> None:
    log_predictions(deployed, 3000)
    found = look(deployed, "drift")
    assert found["findings"] == "None."
    assert checked(deployed, "drift", "no_target_findings")
    assert found["psi_aws/sagemaker"] == pytest.approx(found["largest_psi"], rel=0.2)


def test_target_check_with_another_population_has_a_finding(deployed: World) -> None:
    log_predictions(deployed, 3000, shift=3, only="gcp")
    found = look(deployed, "drift")
    assert "gcp/cloud-run gets another population of requests than the other targets" in found["findings"]
    assert "aws" not in found["findings"]
    assert "azure" not in found["findings"]
    assert not checked(deployed, "drift", "no_target_findings")
    assert found["psi_gcp/cloud-run"] > max(found["psi_aws/sagemaker"], found["psi_azure/ml"]) + 0.5


def test_target_check_with_other_predictions_has_a_finding(deployed: World) -> None:
    log_predictions(deployed, 3000, certain="azure")
    found = look(deployed, "drift")
    assert found["findings"].startswith(
        "- azure/ml predicts differently than the other targets: PSI over 0.25 in prediction_"
    )
    assert found["finding_count"] == 1
    assert found["quality_findings"] == 0
    assert not checked(deployed, "drift", "no_target_findings")
    assert checked(deployed, "drift", "no_quality_findings")


def test_target_check_compares_targets_of_one_site(deployed: World) -> None:
    log_predictions(deployed, 3000, shift=3, only="aws/eks", targets=(AWS, EKS, GCP))
    found = look(deployed, "drift")
    assert "aws/eks gets another population of requests than the other targets" in found["findings"]
    assert "aws/sagemaker" not in found["findings"]
    assert (found["rows_aws/sagemaker"], found["rows_aws/eks"], found["target_findings"]) == (1000, 1000, 1)


def test_drift_decision_is_stored_as_a_typed_value(deployed: World) -> None:
    assert latest_drift(deployed.tables, "wine") is None
    log_predictions(deployed, 3000, shift=3)
    found = look(deployed, "drift")
    result = latest_drift(deployed.tables, "wine")
    assert result is not None
    assert (result.version, result.state, result.drifted, result.rows) == ("1.0.0", "drifted", True, 3000)
    assert " ".join(result.reasons) == found["reasons"]
    assert result.share == pytest.approx(found["drifted_share"], abs=1e-4)


def test_checks_without_a_measurement_warn(deployed: World) -> None:
    key = dg.AssetKey(["wine", "drift"])
    deployed.instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata={"state": "none"}))
    job = deployed.defs.resolve_implicit_global_asset_job_def()
    names = ("no_drift", "no_target_findings", "no_quality_findings")
    selected = job.get_subset(asset_check_selection={dg.AssetCheckKey(key, name) for name in names})
    selected.execute_in_process(instance=deployed.instance, raise_on_error=False)
    assert not any(checked(deployed, "drift", name) for name in names)


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
def test_finding_with_a_new_category_is_escaped(deployed: World) -> None:
    log_predictions(deployed, 3000)
    (part,) = deployed.tables.partitions("wine", "predictions")
    rows = deployed.tables.read("wine", "predictions", part)
    colours = np.where(np.arange(3000) % 10, "red", "![x](http://example/x)<b>\nnew")
    deployed.tables.write("wine", "predictions", part, rows.assign(colour=colours))
    found = look(deployed, "drift")
    assert "10.0% of the rows have a value of colour that training did not have: " in found["quality"]
    assert r"!\[x\](http: //example/x)\<b\> new." in found["quality"]
    assert "missing" not in found["quality"]


@pytest.mark.parametrize("sensitive", ["[]", "[proline, alcohol]"])
def test_drift_with_other_sensitive_columns_than_in_training_works(deployed: World, sensitive: str) -> None:
    """What it was trained without is in no log yet; what was logged until now is not looked at any more."""
    log_predictions(deployed, 3000)
    features = f"  features: {{function: rows.features, target: grower, sensitive: {sensitive}}}\n"
    with another_spec(deployed, features) as changed:
        found = look(changed, "drift")
    assert found["quality"] == "None."
    assert "proline" not in found["columns"]
    assert ("alcohol" in found["columns"]) == ("alcohol" not in sensitive)


def test_drift_without_gauges_still_decides(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from intermodal.platform.errors import Unavailable

    def refuse(*_: object) -> None:
        raise Unavailable("the Pushgateway is down")

    monkeypatch.setattr(deployed.gauges, "push", refuse)
    log_predictions(deployed, 3000, shift=3)
    assert look(deployed, "drift")["state"] == "drifted"
    assert "the Pushgateway is down" in look(deployed, "health")["not_read"]
