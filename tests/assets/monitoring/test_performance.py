"""How well a champion predicts in real life: its logged answers, joined with the labels that came in since."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from intermodal.platform.monitoring.performance import MIN_LABELLED_ROWS, live
from intermodal.platform.monitoring.predictions import part_of
from intermodal.platform.ports.registry import Candidate, Fingerprint, RegisteredVersion, TrainingRecord
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.protocol.package import Task
from intermodal.platform.protocol.signature import Column, Signature
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.dataframes import outputs_of
from tests.assets.conftest import World, another_spec
from tests.assets.monitoring.watching_world import look
from tests.failover_world import MODEL, spec_with
from tests.memory import MemoryTables

MONTHS = ("2013-01-01", "2013-02-01", "2013-03-01", "2013-04-01")


def spec(metric: str, **train: Any) -> ModelSpec:
    return spec_with(
        features={"function": "d.g", "target": "late", "id": "flight"},
        train={"function": "t.f", **train},
        gate={"metric": metric},
    )


def champion(task: Task, classes: list[Any]) -> RegisteredVersion:
    signature, mark = Signature((Column("x", "FP64"),), outputs_of(task, classes)), Fingerprint("s", "d", "c", "p", "e")
    record = TrainingRecord(MODEL, "run", task, signature, mark, {}, MONTHS[-1], {}, {}, {}, "c")
    return RegisteredVersion("1.0.0", "1", Candidate(record, "", Manifest({})))


def predictions_of(outputs: Any, ids: Any = None) -> pd.DataFrame:
    """One-row requests of this version, ``outputs`` one a row; their ids are 0, 1, 2 ... as text."""
    table = np.asarray(outputs, dtype=float).reshape(len(outputs), -1)
    columns = {f"prediction_{k}": column for k, column in enumerate(table.T)}
    ids = [str(number) for number in range(len(table))] if ids is None else ids
    return pd.DataFrame({"_label_id": ids, "_row": 0, "x": 0.5, **columns})


def labelled(truth: Any, month: str = MONTHS[-1], tables: MemoryTables | None = None, start: int = 0) -> MemoryTables:
    """The features of a month, where ids are numbers, as a flight's is."""
    tables = tables or MemoryTables()
    ids = range(start, start + len(truth))
    tables.write(MODEL, "features", month, pd.DataFrame({"flight": ids, "x": 0.5, "late": truth}))
    return tables


def test_live_compares_a_probability_with_the_label_of_its_row() -> None:
    probabilities = [0.9] * 70 + [0.2] * 30  # 60 of the 70 and 25 of the 30 are right
    truth = [1] * 60 + [0] * 10 + [0] * 25 + [1] * 5
    found = live(spec("accuracy"), champion("binary", [0, 1]), labelled(truth), predictions_of(probabilities))
    assert found == {"labelled_rows": 100, "live_accuracy": 0.85}


def test_live_ranks_a_binary_model_by_its_second_class() -> None:
    truth = [False] * 100 + [True] * 100
    outputs = [0.1] * 100 + [0.05] * 25 + [0.8] * 75
    found = live(spec("roc_auc"), champion("binary", [False, True]), labelled(truth), predictions_of(outputs))
    assert found == {"labelled_rows": 200, "live_roc_auc": 0.75}


def test_live_compares_the_likeliest_class_with_the_label() -> None:
    outputs = np.tile([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]], (30, 1))
    truth = ["a", "b", "c", "a"] * 30
    found = live(spec("accuracy"), champion("multiclass", ["a", "b", "c"]), labelled(truth), predictions_of(outputs))
    assert found == {"labelled_rows": 120, "live_accuracy": 0.75}


def test_live_compares_a_number_with_its_label() -> None:
    truth = np.arange(150.0)
    found = live(spec("mae"), champion("regression", []), labelled(truth), predictions_of(truth + 2.5))
    assert found == {"labelled_rows": 150, "live_mae": 2.5}


def test_live_leaves_out_rows_and_labels_without_a_match() -> None:
    tables = labelled(np.full(400, 7.0), start=50)  # flights 50 to 449; 0 to 199 were predicted
    found = live(spec("rmse"), champion("regression", []), tables, predictions_of(np.full(200, 8.0)))
    assert found == {"labelled_rows": 150, "live_rmse": 1.0}


def test_live_with_missing_labels_counts_fewer_rows() -> None:
    truth = np.where(np.arange(300) < 120, 1.0, np.nan)
    found = live(spec("mae"), champion("regression", []), labelled(truth), predictions_of(np.zeros(300)))
    assert found == {"labelled_rows": 120, "live_mae": 1.0}


@pytest.mark.parametrize(("rows", "known"), [(MIN_LABELLED_ROWS - 1, False), (MIN_LABELLED_ROWS, True)])
def test_live_with_few_labels_has_no_metric(rows: int, known: bool) -> None:
    found = live(spec("mae"), champion("regression", []), labelled(np.zeros(rows)), predictions_of(np.ones(500)))
    assert found == {"labelled_rows": rows} | ({"live_mae": 1.0} if known else {})


def test_live_leaves_out_requests_of_several_rows() -> None:
    several = predictions_of(np.full(300, 99.0), ids=[str(100 + number // 3) for number in range(300)])
    several["_row"] = [number % 3 for number in range(300)]
    rows = pd.concat([predictions_of(np.ones(100)), several])
    found = live(spec("mae"), champion("regression", []), labelled(np.zeros(200)), rows)
    assert found == {"labelled_rows": 100, "live_mae": 1.0}


def test_live_of_a_repeated_request_counts_its_last_answer() -> None:
    rows = pd.concat([predictions_of(np.full(100, 9.0)), predictions_of(np.ones(100))])
    found = live(spec("mae"), champion("regression", []), labelled(np.zeros(100)), rows)
    assert found == {"labelled_rows": 100, "live_mae": 1.0}


def test_live_reads_labels_of_the_training_window_and_holdout() -> None:
    tables = MemoryTables()
    for number, month in enumerate(MONTHS):
        labelled(np.full(100, float(number)), month, tables, start=100 * number)
    found = live(spec("mae", window=2), champion("regression", []), tables, predictions_of(np.zeros(400)))
    assert found == {"labelled_rows": 300, "live_mae": 2.0}  # of the last three months: 1, 2 and 3


def test_live_with_labels_of_one_class_has_no_metric() -> None:
    found = live(spec("roc_auc"), champion("binary", [0, 1]), labelled([0] * 200), predictions_of([0.3] * 200))
    assert found == {"labelled_rows": 200}


@pytest.mark.parametrize(("metric", "figure"), [("roc_auc", 0.5), ("log_loss", 1.0986)])
def test_live_leaves_out_labels_that_the_model_cannot_predict(metric: str, figure: float) -> None:
    truth, outputs = ["a", "b", "c", "d"] * 50, np.full((200, 3), 1 / 3)
    found = live(spec(metric), champion("multiclass", ["a", "b", "c"]), labelled(truth), predictions_of(outputs))
    assert found == {"labelled_rows": 150, f"live_{metric}": figure}


@pytest.mark.parametrize("classes", [[0, 1], [False, True]])
def test_live_matches_labels_that_became_floats(classes: list[Any]) -> None:
    truth = pd.Series([*([classes[0]] * 60), *([classes[1]] * 60), None])
    tables = labelled(truth.astype(float) if classes[0] is not False else truth)
    found = live(spec("accuracy"), champion("binary", classes), tables, predictions_of([0.2] * 60 + [0.9] * 61))
    assert found == {"labelled_rows": 120, "live_accuracy": 1.0}


def test_live_without_requests_has_no_labelled_row() -> None:
    nothing = pd.DataFrame({"_label_id": [], "_row": []})
    assert live(spec("mae"), champion("regression", []), labelled([1.0]), nothing) == {"labelled_rows": 0}


def test_live_without_months_has_no_labelled_row() -> None:
    found = live(spec("mae"), champion("regression", []), MemoryTables(), predictions_of(np.ones(200)))
    assert found == {"labelled_rows": 0}


def test_live_without_an_id_is_empty() -> None:
    without = spec_with(gate={"metric": "mae"})
    assert live(without, champion("regression", []), labelled(np.zeros(200)), predictions_of(np.ones(200))) == {}


def test_drift_metadata_has_the_live_metric(world: World) -> None:
    """The labels come with the fourth month; three answers of four were right."""
    assert world.run("train_and_deploy_wine").success
    months = [world.tables.read("wine", "features", f"2020-0{month}-01") for month in (1, 2, 3)]
    rows = pd.concat(months).sample(400, replace=True, random_state=1).reset_index(drop=True)
    rows["bottle"] = [f"bottle-{number}" for number in range(400)]
    right, wrong = rows["grower"].map(dict(zip("abc", range(3), strict=True))), np.arange(400) % 4 == 0
    answers = predictions_of(np.eye(3)[(right + wrong) % 3], ids=rows["bottle"])
    meta = {"_id": answers["_label_id"], "_cloud": "aws", "_target": "aws/sagemaker", "_version": "1.0.0"}
    now = pd.Timestamp.now().timestamp()
    whole = pd.concat([rows[["alcohol", "color_intensity"]], answers.drop(columns="x")], axis=1).assign(**meta, _at=now)
    world.tables.write("wine", "predictions", part_of(now), whole)
    features = "  features: {function: rows.features, target: grower, sensitive: [proline], id: bottle}\n"
    with another_spec(world, features) as at_fourth_month:
        for month in (1, 2, 3):
            world.tables.write("wine", "features", f"2020-0{month}-01", months[month - 1].assign(bottle="old"))
        assert look(at_fourth_month, "drift")["labelled_rows"] == 0
        world.tables.write("wine", "features", "2020-04-01", rows)
        found = look(at_fourth_month, "drift")
    assert (found["labelled_rows"], found["live_accuracy"]) == (400, 0.75)
