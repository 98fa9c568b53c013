"""Who and what a charge is for."""

import pytest

from intermodal.platform.cost.attribution import ATTRIBUTES, attributed, unattributed
from intermodal.platform.cost.focus.reading import canonical
from intermodal.platform.ports.findings import Lack
from tests.platform.cost.bills import raw, row


def attributes(**others: str | None) -> dict[str, str | None]:
    (found,) = attributed(canonical(raw([row("1", **others)]), "a").table, "acme").select(list(ATTRIBUTES)).to_pylist()
    return {name.removeprefix("x_"): value for name, value in found.items()}


def test_charge_with_our_tags_is_attributed() -> None:
    assert attributes() == {
        "Source": "acme",
        "Cloud": "aws",
        "Site": "aws@us-east-1",
        "Model": "m",
        "Team": "ops",
        "Environment": None,
        "Target": None,
        "Stage": "serving",
    }


@pytest.mark.parametrize(
    "tags",
    [
        '{"user:intermodal-team": "team:ops", "user:intermodal-model": "m"}',
        '{"user_intermodal_team": "team:ops", "user_intermodal_model": "m"}',
        '{"intermodal-team": "team_ops", "intermodal-model": "m"}',
        '{"Team": "ops", "Model": "m"}',
    ],
)
def test_tags_are_read_as_each_cloud_writes_them(tags: str) -> None:
    found = attributes(Tags=tags)
    assert (found["Team"], found["Model"]) == ("ops", "m")


@pytest.mark.parametrize("tags", [None, "", "{}", "[1]", "no JSON"])
def test_charge_without_tags_is_unattributed(tags: str | None) -> None:
    found = attributes(Tags=tags)
    assert (found["Team"], found["Model"], found["Stage"]) == (None, None, None)


@pytest.mark.parametrize(
    ("others", "stage"),
    [
        ({"ServiceCategory": "Storage"}, "storage"),
        ({"ServiceCategory": "Networking"}, "egress"),
        ({"ChargeCategory": "Tax"}, "shared"),
        ({"Tags": '{"intermodal-stage": "training"}'}, "training"),
        ({"Tags": '{"intermodal-stage": "lunch"}'}, None),
    ],
)
def test_stage_is_of_the_tag_or_the_category(others: dict[str, str], stage: str | None) -> None:
    assert attributes(**others)["Stage"] == stage


@pytest.mark.parametrize(
    ("provider", "cloud"), [("Google Cloud", "gcp"), ("Microsoft", "azure"), ("AWS", "aws"), ("Acme GPUs", "acme gpus")]
)
def test_cloud_is_of_the_provider(provider: str, cloud: str) -> None:
    assert attributes(ProviderName=provider)["Cloud"] == cloud


def test_unattributed_charges_are_counted() -> None:
    table = attributed(canonical(raw([row("1"), row("2", Tags=None), row("3", Tags="{}")]), "a").table, "acme")
    assert {(each.lack, each.rows) for each in unattributed(table, "acme")} == {
        (Lack.TAGS, 2),
        (Lack.MODEL, 2),
        (Lack.TEAM, 2),
    }
