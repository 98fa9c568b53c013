"""Types of Kubernetes objects, and what they refuse."""

from typing import Any

import pytest

from intermodal.sandbox.kubernetes.field_types import FieldType
from intermodal.sandbox.kubernetes.schemas import Schemas

SCHEMAS = Schemas()


def deployment(**spec: Any) -> dict[str, Any]:
    container = {"name": "a", "image": "i", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    whole = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template} | spec
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": whole}


def field(kind: FieldType | None, *names: str) -> FieldType:
    for name in names:
        assert kind is not None
        kind = kind.items if name == "[]" else kind.field(name)
    assert kind is not None
    return kind


def messages(document: dict[str, Any], strict: bool = True) -> list[str]:
    return [error.message for error in SCHEMAS.validate(document, strict)]


def test_of_known_kinds_have_merge_rules() -> None:
    container = field(SCHEMAS.of("apps/v1", "Deployment"), "spec", "template", "spec", "containers", "[]")
    assert field(container, "ports").list_keys == ("containerPort", "protocol")
    assert field(container, "ports").merge_key == "containerPort"
    assert field(container, "command").list_type == "atomic"
    assert field(SCHEMAS.of("v1", "Pod"), "metadata", "finalizers").list_type == "set"
    assert field(SCHEMAS.of("apps/v1", "Deployment"), "spec", "selector").atomic
    assert not field(SCHEMAS.of("apps/v1", "Deployment"), "spec", "strategy").atomic


def test_of_unknown_kind_is_none() -> None:
    assert SCHEMAS.of("serving.kserve.io/v1beta1", "InferenceService") is None
    assert field(SCHEMAS.custom, "metadata", "finalizers").list_type == "set"
    assert field(SCHEMAS.custom, "spec", "anything", "[]").list_type == "atomic"


def test_validate_sound_object_has_no_errors() -> None:
    assert SCHEMAS.version == "1.37"
    assert messages(deployment()) == []
    assert messages(deployment(strategy={"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}})) == []
    assert messages({"apiVersion": "example.org/v1", "kind": "Any", "spec": {"a": [1]}}) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"replicas": "2"},
            'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
        ),
        ({"replicas": 2**31}, f"spec.replicas: Invalid value: {2**31}: "),
        ({"paused": 1}, 'spec.paused: Invalid value: "integer": spec.paused in body must be of type boolean'),
        ({"selector": None}, "spec.selector: Required value"),
        ({"foo": 1}, 'unknown field "spec.foo"'),
        ({"template": {"spec": {"containers": [{"image": "i"}]}}}, "spec.template.spec.containers[0].name: Required"),
        ({"strategy": {"rollingUpdate": {"maxSurge": 1.5}}}, 'spec.strategy.rollingUpdate.maxSurge: Invalid value: "n'),
    ],
)
def test_validate_wrong_field_is_named(spec: dict[str, Any], expected: str) -> None:
    [message] = messages(deployment(**spec))
    assert message.startswith(expected)


def test_validate_unknown_field_only_when_strict() -> None:
    assert messages(deployment(foo=1), strict=False) == []


def test_validate_quantity_refuses_free_text() -> None:
    document = deployment()
    document["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "much"}}
    [message] = messages(document)
    assert message.startswith('spec.template.spec.containers[0].resources.limits.cpu: Invalid value: "much": quantit')


def test_validate_time_refuses_a_date() -> None:
    document = deployment()
    document["metadata"]["creationTimestamp"] = "2026-01-01"
    [message] = messages(document)
    assert message.startswith('metadata.creationTimestamp: Invalid value: "2026-01-01"')
