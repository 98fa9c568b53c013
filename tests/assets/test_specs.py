"""A wrong spec names the file, the line, the field and what to do."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import jsonschema
import pytest
import yaml
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox

from intermodal.assets.broken import VALIDATING
from intermodal.assets.component import Model
from tests.assets.conftest import WINE

GOOD = (WINE / "defs.yaml").read_text()
GATE = "metric: accuracy, better_than: rows.guess"
MONTHLY = '{monthly: {start: "2020-01"}}'


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[DefsFolderSandbox]:
    monkeypatch.setenv(VALIDATING, "1")
    with create_defs_folder_sandbox() as sandbox:
        shutil.copytree(WINE, sandbox.defs_folder_path / "wine")
        yield sandbox


def complaint(sandbox: DefsFolderSandbox, text: str) -> str:
    path: Path = sandbox.defs_folder_path / "wine" / "defs.yaml"
    path.write_text(text)
    with pytest.raises(Exception) as error, sandbox.build_all_defs():
        pass
    messages, cause = [], error.value
    while cause is not None:
        messages.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    return "\n".join(messages)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("metric: accuracy", "metric: acuracy", ["defs.yaml:10", "gate", "'roc_auc'"]),
        ("name: wine", "name: Wine!", ["defs.yaml:4", "name"]),
        ("owner: team:cellar", "owner: cellar", ["defs.yaml:5", "owner", "team:"]),
        ("window: 2", "window: 0", ["defs.yaml:9", "train", "at least 1 partition"]),
        ("azure: 0}", "azure: -1}", ["route", "negative"]),
        ("azure/ml]", "azure/vms]", ["defs.yaml:11", "serve", "azure/ml"]),
        ("policy: weighted, weights: {aws: 3, gcp: 1, azure: 0}", "policy: weighted", ["route", "name a share"]),
        ('start: "2020-01"', 'start: "January"', ["data", "write it as 2013-01"]),
        ("target: grower", "taget: grower", ["defs.yaml:8", "features", "taget"]),
        ("function: rows.fit", "function: fit", ["train", "<file>.<function>"]),
        (
            "function: rows.fit",
            "function: rows.fti",
            ["defs.yaml:9", "train.function", "rows.py has no function 'fti'", "fit"],
        ),
        ("function: rows.fit", "function: train.fit", ["train.function", "no file train.py", "rows"]),
        ("max_depth: 4", "max_depth: {a: 1}", ["defs.yaml:9", "hyperparameters", "'max_depth' holds a dict", "a list"]),
        ("max_depth: 4", "max_depth: [[1]]", ["defs.yaml:9", "'max_depth' holds a list: give a number"]),
        ("max_depth: 4", "max-depth: 4", ["defs.yaml:9", "'max-depth' is no name of an argument"]),
        ("max_depth: 4", "window: 4", ["defs.yaml:9", "'window' is the number of partitions", "another name"]),
        ("target: grower", "id: a, target: a", ["defs.yaml:8", "features", "both 'a'", "its own column"]),
        ('start: "2020-01"', 'start: "0000-01"', ["data", "write it as 2013-01"]),
        ('start: "2020-01"', 'start: "2020-01", end: "9999-12"', ["data", "write it as 2013-01"]),
        (MONTHLY, '{weekly: {start: "2020-01-01"}}', ["data", "weeks begin on Mondays: write 2019-12-30"]),
        (MONTHLY, '{daily: {start: "2020-02-31"}}', ["data", "write it as 2013-01-31"]),
        (MONTHLY, '{hourly: {start: "2020-01-31 13:00"}}', ["data", "write it as 2013-01-31-13:00"]),
        (MONTHLY, "{static: [a, b]}", ["data.partitions.static has 2 keys, and training needs 3"]),
        (MONTHLY, "{static: [a, b, a]}", ["data", "'a' is listed twice"]),
        (MONTHLY, "{yearly: {}}", ["data", "yearly"]),
        (MONTHLY, "{}", ["data", "give one of monthly, weekly"]),
        ("{max_depth: 4}", "[4]", ["defs.yaml:9", "hyperparameters", "should be an object"]),
        ("metric: accuracy", "metric: accuracy, margin: .nan", ["defs.yaml:10", "margin is nan: give 0 or more"]),
        ("metric: accuracy", "metric: rows.version", ["defs.yaml:10", "'version' is the name of other metadata"]),
        ("metric: accuracy", "metric: rows.lift", ["defs.yaml:10", "gate.metric", "has no function 'lift'"]),
        ("metric: accuracy", "metric: accuracy, goal: minimize", ["accuracy has its own, maximize: remove goal"]),
        ("metric: accuracy", "metric: accuracy, worst_slice: 0.5", ["worst_slice needs slices"]),
        ("metric: accuracy", "metric: accuracy, slices: [a, a]", ["slices names 'a' twice"]),
        ("metric: accuracy", "metric: accuracy, slices: [a], worst_slice: .inf", ["worst_slice is inf: give a number"]),
        (
            GATE,
            "metric: null, not_worse_than: champion",
            ["not_worse_than has nothing to compare"],
        ),
        (
            GATE,
            "metric: null, slices: [a]",
            ["metric is null, so slices has nothing to compare"],
        ),
        ("target: grower", "target: null", ["features.target is null, and gate.metric accuracy compares"]),
    ],
)
def test_spec_with_a_wrong_field_names_line_and_fix(
    sandbox: DefsFolderSandbox, old: str, new: str, words: list[str]
) -> None:
    assert old in GOOD
    message = complaint(sandbox, GOOD.replace(old, new))
    for word in words:
        assert word in message, message


def test_spec_without_a_required_field_names_it(sandbox: DefsFolderSandbox) -> None:
    message = complaint(sandbox, GOOD.replace("  owner: team:cellar\n", ""))
    assert "owner" in message
    assert "defs.yaml" in message


@pytest.mark.parametrize(
    ("written", "description"),
    [("Whose wine?", "Whose wine?"), ("'42'", "42"), ("\"{{ 'Whose ' ~ 'wine?' }}\"", "Whose wine?")],
)
def test_spec_text_may_be_a_template(sandbox: DefsFolderSandbox, written: str, description: str) -> None:
    path: Path = sandbox.defs_folder_path / "wine" / "defs.yaml"
    path.write_text(GOOD.replace("Which of three growers made this wine?", written))
    with sandbox.build_all_defs() as definitions:
        descriptions = {
            spec.key.to_user_string(): spec.description for made in definitions.assets or () for spec in made.specs
        }
    assert descriptions["wine/model"] == f"A candidate: {description}"


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"train": {"function": "train.fit", "hyperparamters": {}}}, "'hyperparamters' was unexpected"),
        ({"serve": ["aws/sagemaker", "gcp/cloudrun"]}, "'gcp/cloudrun' does not match '^(aws/eks|aws/lambda|aws/sagemaker|"),
        ({"budget": {"usd": 200}}, "'usd' was unexpected"),
        ({"route": {"policy": "evn"}}, "'evn' is not one of"),
        ({"train": {"function": "train.fit", "hyperparameters": {"depth": {}}}}, "{} is not valid under any"),
    ],
)
def test_spec_schema_names_the_mistake(part: dict[str, Any], words: str) -> None:
    schema = Model.get_model_cls().model_json_schema()
    attributes = yaml.safe_load(GOOD)["attributes"]
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(attributes))
    errors = jsonschema.Draft202012Validator(schema).iter_errors({**attributes, **part})
    assert words in " ".join(error.message for error in errors)


def test_spec_schema_takes_hyperparameters_of_each_kind() -> None:
    values = {"a": None, "b": [1, "x"], "c": 1, "d": 0.5, "e": True, "f": "x", "g": []}
    attributes = yaml.safe_load(GOOD)["attributes"]
    attributes["train"]["hyperparameters"] = values
    jsonschema.validate(attributes, Model.get_model_cls().model_json_schema())


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 0.001),
        ("-2E5", -200000.0),
        (".5e+1", 5.0),
        ("'1e3'", 1000.0),
        ("1.0e-3", 0.001),
        ("null", None),
        ("[100, 1e2, a]", [100, 100.0, "a"]),
        ("e3", "e3"),
        ("1e", "1e"),
        ("true", True),
        ("4", 4),
    ],
)
def test_spec_hyperparameter_has_the_value_that_is_meant(
    sandbox: DefsFolderSandbox, written: str, value: object
) -> None:
    text = GOOD.replace("max_depth: 4", f"max_depth: {written}")
    (sandbox.defs_folder_path / "wine" / "defs.yaml").write_text(text)
    with sandbox.build_all_defs() as definitions:
        key = dg.AssetKey(["wine", "model"])
        (step,) = [
            made.op for made in definitions.assets or () if isinstance(made, dg.AssetsDefinition) and made.keys == {key}
        ]
    defaults = step.config_schema.as_field().default_value["hyperparameters"]
    assert defaults == {"max_depth": value}
    assert type(defaults["max_depth"]) is type(value)


def test_spec_optional_part_may_be_null() -> None:
    attributes = {**yaml.safe_load(GOOD)["attributes"], "budget": None}
    jsonschema.validate(attributes, Model.get_model_cls().model_json_schema())
