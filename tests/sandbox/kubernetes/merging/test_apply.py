"""Server-side apply and tracking: properties, and what the API server adds to its merge library."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intermodal.sandbox.kubernetes.merging.apply import server_side_apply, track_update
from intermodal.sandbox.kubernetes.merging.errors import Conflicts, MalformedItem
from intermodal.sandbox.kubernetes.schemas import Schemas

Json = dict[str, Any]
SCHEMAS = Schemas()


def deployment(spec: Json | None = None, **metadata: Any) -> Json:
    whole = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"} | metadata}
    return whole if spec is None else whole | {"spec": spec}


def apply(live: Json | None, config: Json, manager: str = "a", now: str = "1", **options: Any) -> Json:
    return server_side_apply(live, config, manager, SCHEMAS, **({"force": False, "now": now} | options))


def owners(document: Json) -> dict[str, Any]:
    entries = document["metadata"].get("managedFields", [])
    return {f"{entry['manager']}/{entry['operation']}": entry["fieldsV1"] for entry in entries}


def times(document: Json) -> dict[str, str]:
    return {entry["manager"]: entry["time"] for entry in document["metadata"]["managedFields"]}


def bare(document: Json) -> Json:
    metadata = {name: value for name, value in document["metadata"].items() if name != "managedFields"}
    return document | {"metadata": metadata}


def test_apply_conflict_names_owner_and_field() -> None:
    live = track_update({}, deployment({"replicas": 1, "paused": True}), "kubectl", SCHEMAS, now="1")
    live = track_update(live, live | {"spec": {"replicas": 2, "paused": True}}, "hpa", SCHEMAS, now="2")
    with pytest.raises(Conflicts) as refused:
        apply(live, deployment({"replicas": 3, "paused": True}))
    [cause] = refused.value.causes
    assert (cause.manager, cause.field, cause.reason) == ("hpa", ".spec.replicas", "FieldManagerConflict")
    message = 'Apply failed with 1 conflict: conflict with "hpa" using apps/v1: .spec.replicas'
    assert str(refused.value) == message


def test_apply_several_conflicts_are_listed_by_owner() -> None:
    live = apply(apply(None, deployment({"replicas": 1, "paused": True})), deployment({"minReadySeconds": 1}), "b")
    with pytest.raises(Conflicts) as refused:
        apply(live, deployment({"replicas": 2, "paused": False, "minReadySeconds": 2}), "c")
    assert str(refused.value).splitlines() == [
        'Apply failed with 3 conflicts: conflicts with "a":',
        "- .spec.paused",
        "- .spec.replicas",
        'conflicts with "b":',
        "- .spec.minReadySeconds",
    ]


def test_apply_time_is_kept_where_nothing_changed() -> None:
    config = deployment({"replicas": 1})
    live = apply(apply(None, config), config, now="2")
    assert times(live) == {"a": "1"}
    live = apply(live, config, "b", now="3")
    assert times(live) == {"a": "1", "b": "3"}
    assert times(apply(live, deployment({"paused": True}), "b", now="4")) == {"a": "1", "b": "4"}


def test_apply_never_owns_what_the_server_sets() -> None:
    live = deployment({"replicas": 1}, uid="u", resourceVersion="1", creationTimestamp="2026-01-01T00:00:00Z")
    config = deployment({"replicas": 1}, uid="u", creationTimestamp=None, labels={"a": "b"})
    applied = apply(live, config)
    assert applied["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert owners(applied)["a/Apply"] == {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:replicas": {}}}


def test_apply_to_unowned_object_keeps_its_fields() -> None:
    live = deployment({"replicas": 1, "paused": True}, uid="u")
    with pytest.raises(Conflicts, match=r'"before-first-apply" using apps/v1: [.]spec[.]replicas'):
        apply(live, deployment({"replicas": 2}))
    applied = apply(live, deployment({"replicas": 2}), force=True)
    assert applied["spec"] == {"replicas": 2, "paused": True}
    assert owners(applied)["before-first-apply/Update"]["f:spec"] == {".": {}, "f:paused": {}}


def test_apply_reaches_status_only_by_its_subresource() -> None:
    config = deployment({"replicas": 1}) | {"status": {"replicas": 1}}
    applied = apply(None, config)
    assert "status" not in applied
    applied = apply(applied, config | {"spec": {"replicas": 5}}, subresource="status")
    assert (applied["spec"], applied["status"]) == ({"replicas": 1}, {"replicas": 1})
    assert [entry.get("subresource") for entry in applied["metadata"]["managedFields"]] == [None, "status"]


def test_apply_list_without_keys_is_refused() -> None:
    template = {"spec": {"containers": [{"image": "i"}]}}
    with pytest.raises(MalformedItem, match='omits key field "name"'):
        apply(None, deployment({"template": template}))
    template = {"spec": {"containers": [{"name": "x"}, {"name": "x"}]}}
    with pytest.raises(MalformedItem, match="duplicate entries"):
        apply(None, deployment({"template": template}))


def test_track_update_takes_what_it_changed() -> None:
    live = apply(None, deployment({"replicas": 1, "paused": True}))
    live = track_update(live, bare(live) | {"spec": {"replicas": 2}}, "hpa", SCHEMAS, now="2")
    assert owners(live) == {"hpa/Update": {"f:spec": {"f:replicas": {}}}}


def test_track_update_unchanged_object_keeps_owners() -> None:
    live = apply(None, deployment({"replicas": 1}))
    assert track_update(live, bare(live), "b", SCHEMAS, now="2") == live


def test_track_update_empty_entry_clears_owners() -> None:
    live = apply(None, deployment({"replicas": 1}, uid="u"))
    cleared = bare(live)
    cleared["metadata"] = cleared["metadata"] | {"managedFields": [{}]}
    live = track_update(live, cleared, "b", SCHEMAS, now="2")
    assert "managedFields" not in live["metadata"]


def test_track_update_of_a_subresource_has_its_own_entry() -> None:
    live = apply(None, deployment({"replicas": 1}))
    after = bare(live) | {"spec": {"replicas": 3}}
    live = track_update(live, after, "hpa", SCHEMAS, now="2", subresource="scale")
    with pytest.raises(Conflicts, match=r'"hpa" with subresource "scale" using apps/v1: [.]spec[.]replicas'):
        apply(live, deployment({"replicas": 1}))


SCALARS = {"replicas": st.integers(0, 3), "paused": st.booleans()}
PORTS = st.fixed_dictionaries(
    {"containerPort": st.integers(1, 2)}, optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": st.just("p")}
)
CONTAINERS = st.fixed_dictionaries(
    {"name": st.sampled_from("xyz")},
    optional={
        "image": st.sampled_from("ij"),
        "command": st.lists(st.sampled_from("ab"), max_size=2),
        "ports": st.lists(
            PORTS, unique_by=lambda p: (p["containerPort"], p.get("protocol", "TCP")), min_size=1, max_size=3
        ),
    },
)
"""Objects and lists that are merged are not empty: the library leaves those, and the API server drops them."""
SPECS = st.fixed_dictionaries(
    {"minReadySeconds": st.integers(1, 2)},
    optional=SCALARS
    | {
        "template": st.lists(CONTAINERS, unique_by=lambda c: c["name"], min_size=1, max_size=3).map(
            lambda found: {"spec": {"containers": found}}
        )
    },
)
LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), min_size=1, max_size=3)
CONFIGS = st.builds(lambda spec, labels: deployment(spec, labels=labels), SPECS, LABELS)


@settings(max_examples=60, deadline=None)
@given(CONFIGS, CONFIGS)
def test_apply_twice_changes_nothing(first: Json, second: Json) -> None:
    live = apply(apply(None, first), second, "b", force=True)
    assert apply(live, second, "b", now="2") == live


@settings(max_examples=60, deadline=None)
@given(CONFIGS)
def test_apply_nothing_removes_what_was_owned_alone(config: Json) -> None:
    emptied = apply(apply(None, config), deployment())
    assert bare(emptied) == deployment()
    assert owners(emptied) == {}


@settings(max_examples=60, deadline=None)
@given(CONFIGS, CONFIGS)
def test_apply_nothing_leaves_what_another_owns(first: Json, second: Json) -> None:
    live = apply(apply(None, first), second, "b", force=True)
    left = apply(live, deployment(), "a")
    assert owners(left).get("b/Apply") == owners(live).get("b/Apply")
    assert apply(left, second, "b") == left


@settings(max_examples=60, deadline=None)
@given(CONFIGS, CONFIGS, CONFIGS)
def test_apply_never_changes_what_others_own_without_force(first: Json, second: Json, third: Json) -> None:
    live = track_update({}, first, "u", SCHEMAS, now="1")
    live = apply(live, second, "a", force=True)
    before = owners(live)
    with suppress(Conflicts):
        after = owners(apply(live, third, "b"))
        assert all(after.get(name) == fields for name, fields in before.items())
