"""Who and what a charge is for, read from its tags and provider: columns beside FOCUS's own.

What the tags do not say is null. It is displayed as unattributed, and never spread over others.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from intermodal.platform.ports.findings import Finding, Lack

SOURCE, CLOUD, SITE, MODEL, TEAM, ENVIRONMENT, TARGET, STAGE = ATTRIBUTES = (
    "x_Source",
    "x_Cloud",
    "x_Site",
    "x_Model",
    "x_Team",
    "x_Environment",
    "x_Target",
    "x_Stage",
)
STAGES = ("training", "serving", "storage", "egress", "shared")
_CLOUDS = {"aws": "aws", "amazon": "aws", "google": "gcp", "gcp": "gcp", "microsoft": "azure", "azure": "azure"}
_KEY_PREFIXES = ("resourcetags/", "user:", "user_", "label:")
"""AWS writes the tags of users as ``user:<key>`` or ``user_<key>``."""
_SHARED = ("Tax", "Credit", "Adjustment", "Purchase")
_STAGE_OF_SERVICE = {"Storage": "storage", "Networking": "egress"}


@cache
def cloud_of(provider: str) -> str:
    """``Amazon Web Services`` → ``aws``. A provider that is none of the three keeps its name, in lower case."""
    lower = provider.lower()
    return next((cloud for word, cloud in _CLOUDS.items() if word in lower), lower)


@cache
def tags_of(text: str | None) -> Mapping[str, str]:
    """``{"user:intermodal-model": "m"}`` → ``{"intermodal-model": "m"}``. Keys are in lower case with hyphens, since
    labels of Google and Prometheus have no others. Text that is no JSON object has no tags."""
    try:
        read = json.loads(text) if text else {}
    except ValueError:
        return {}
    return {_key(key): str(value) for key, value in read.items()} if isinstance(read, dict) else {}


def _key(key: str) -> str:
    plain = key.lower()
    for prefix in _KEY_PREFIXES:
        plain = plain.removeprefix(prefix)
    return plain.replace("_", "-")


def _tag(tags: Mapping[str, str], name: str) -> str | None:
    return tags.get(f"intermodal-{name}") or tags.get(name) or None


def team_of(tags: Mapping[str, str]) -> str | None:
    """The tag is the spec's owner, ``team:<name>``; as Google's label it is ``team_<name>``."""
    owner = _tag(tags, "team")
    return owner.removeprefix("team:").removeprefix("team_") or None if owner else None


def stage_of(tags: Mapping[str, str], category: str | None, service: str | None) -> str | None:
    """The tag ``intermodal-stage``; else by FOCUS's categories; else serving for what has a version."""
    if (stage := _tag(tags, "stage")) in STAGES:
        return stage
    if category in _SHARED:
        return "shared"
    if service in _STAGE_OF_SERVICE:
        return _STAGE_OF_SERVICE[service]
    return "serving" if tags.get("intermodal-version") else None


def attributed(table: pa.Table, source: str) -> pa.Table:
    """The table with ATTRIBUTES as its last columns. AllocatedTags, whose charge was split, win over Tags."""
    tags = [tags_of(text) for text in pc.coalesce(table["AllocatedTags"], table["Tags"]).to_pylist()]
    providers = pc.coalesce(table["HostProviderName"], table["ServiceProviderName"]).to_pylist()
    clouds = [cloud_of(provider) if provider else None for provider in providers]
    regions = table["RegionId"].to_pylist()
    categories, services = table["ChargeCategory"].to_pylist(), table["ServiceCategory"].to_pylist()
    values: Mapping[str, list[str | None]] = {
        SOURCE: [source] * table.num_rows,
        CLOUD: clouds,
        SITE: [
            f"{cloud}@{region}" if cloud and region else cloud for cloud, region in zip(clouds, regions, strict=True)
        ],
        MODEL: [_tag(each, "model") for each in tags],
        TEAM: [team_of(each) for each in tags],
        ENVIRONMENT: [_tag(each, "environment") for each in tags],
        TARGET: [_tag(each, "target") for each in tags],
        STAGE: [stage_of(*each) for each in zip(tags, categories, services, strict=True)],
    }
    kept = table.drop_columns([name for name in ATTRIBUTES if name in table.column_names])
    for name, column in values.items():
        kept = kept.append_column(name, pa.array(column, pa.string()))
    return kept


def unattributed(table: pa.Table, where: str) -> Iterator[Finding]:
    """What no tag says, counted."""
    untagged = pc.or_(pc.fill_null(pc.equal(table["Tags"], "{}"), True), table["Tags"].is_null())
    for lack, column, missing in (
        (Lack.TAGS, "Tags", untagged),
        (Lack.MODEL, MODEL, table[MODEL].is_null()),
        (Lack.TEAM, TEAM, table[TEAM].is_null()),
    ):
        if rows := pc.sum(missing).as_py():
            yield Finding(lack, where, column, rows)
