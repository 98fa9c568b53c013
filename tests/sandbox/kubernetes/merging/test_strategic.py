"""Strategic merge patches, with the examples of Kubernetes' own document where it has one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.sandbox.kubernetes.merging.errors import PatchRefused
from intermodal.sandbox.kubernetes.merging.patches import strategic_merge
from intermodal.sandbox.kubernetes.schemas import Schemas

POD = Schemas().named("io.k8s.api.core.v1.PodSpec")
DEPLOYMENT = Schemas().named("io.k8s.api.apps.v1.DeploymentSpec")
METADATA = Schemas().named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")


def containers(*names: str, **remaining: Any) -> dict[str, Any]:
    return {"containers": [{"name": name} | remaining for name in names]}


def names(spec: dict[str, Any]) -> list[str]:
    return [container["name"] for container in spec["containers"]]


@pytest.mark.parametrize(
    ("live", "patch", "merged"),
    [
        (containers("a", image="i"), containers("b"), {"containers": [{"name": "b"}, {"name": "a", "image": "i"}]}),
        (containers("a", image="i"), containers("a", image="j"), containers("a", image="j")),
        (containers("a", "b"), {"containers": [{"$patch": "delete", "name": "a"}]}, containers("b")),
        (containers("a", "b"), {"containers": [{"$patch": "replace"}, {"name": "c"}]}, containers("c")),
        (containers("a", tty=True), containers("a", tty=None), containers("a")),
        ({"nodeSelector": {"a": "b"}}, {"nodeSelector": {"$patch": "replace", "c": "d"}}, {"nodeSelector": {"c": "d"}}),
        ({"nodeSelector": {"a": "b"}}, {"nodeSelector": {"$patch": "delete"}}, {"nodeSelector": {}}),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        ({}, {"containers": [{"$patch": "delete", "name": "a"}, {"name": "b", "tty": None}]}, containers("b")),
    ],
)
def test_strategic_merge_follows_the_type(live: Any, patch: Any, merged: Any) -> None:
    assert strategic_merge(live, patch, POD) == merged


def test_strategic_merge_leaves_its_arguments_alone() -> None:
    live, patch = containers("a", image="i"), {"containers": [{"$patch": "delete", "name": "a"}]}
    strategic_merge(live, patch, POD)
    assert live == containers("a", image="i")
    assert patch == {"containers": [{"$patch": "delete", "name": "a"}]}


def test_set_element_order_moves_items() -> None:
    order = [{"name": "c"}, {"name": "a"}]
    patch = {"$setElementOrder/containers": order, "containers": [{"name": "a", "image": "i"}]}
    merged = strategic_merge(containers("a", "b", "c"), patch, POD)
    assert names(merged) == ["b", "c", "a"]
    assert merged["containers"][2] == {"name": "a", "image": "i"}


def test_delete_from_primitive_list_removes_items() -> None:
    live = {"finalizers": ["a", "b", "c"]}
    patch = {"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["c", "b"]}
    assert strategic_merge(live, patch, METADATA) == {"finalizers": ["c", "b"]}
    assert strategic_merge(live, {"finalizers": ["d", "a"]}, METADATA) == {"finalizers": ["d", "a", "b", "c"]}


def test_retain_keys_clears_the_other_member() -> None:
    live = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}
    patch = {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
    assert strategic_merge(live, patch, DEPLOYMENT) == {"strategy": {"type": "Recreate"}}
    assert strategic_merge({}, patch, DEPLOYMENT) == {"strategy": {"type": "Recreate"}}


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        ({"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}, "retainKeys"),
        ({"template": {"metadata": {"$setElementOrder/finalizers": ["a"], "finalizers": []}}}, "no elements in any"),
        ({"strategy": {"$patch": "merge"}}, "unknown patch type: merge"),
        ({"template": {"spec": {"containers": [{"image": "i"}]}}}, "does not contain declared merge key: name"),
        ({"template": {"spec": {"$setElementOrder/containers": [{"name": "b"}], **containers("a")}}}, "doesn't match"),
    ],
)
def test_strategic_merge_malformed_patch_is_refused(patch: dict[str, Any], text: str) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": containers("a", "b")}
    live = {"strategy": {"type": "Recreate"}, "template": template}
    with pytest.raises(PatchRefused, match=text):
        strategic_merge(live, patch, DEPLOYMENT)


ITEMS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcd")}, optional={"image": st.sampled_from("ij")}),
    unique_by=lambda item: item["name"],
    max_size=4,
)


@given(ITEMS, ITEMS)
def test_strategic_merge_twice_changes_nothing(live: list[Any], patch: list[Any]) -> None:
    merged = strategic_merge({"containers": live}, {"containers": patch}, POD)
    assert strategic_merge(merged, {"containers": patch}, POD) == merged
    assert {item["name"] for item in merged["containers"]} == {item["name"] for item in [*live, *patch]}
