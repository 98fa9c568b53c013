"""Every object is valid in the four newest minor versions, and a server gets no more than it needs."""

from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.resources.kubernetes.manifests.endpoint import objects
from intermodal.resources.kubernetes.manifests.options import Options
from intermodal.resources.kubernetes.manifests.pod import GRACE_SECONDS, PRE_STOP_SECONDS, template
from intermodal.serving.contract import STOP
from tests.resources.kubernetes.documents import NAME, OPTIONS, REQUEST, TARGET

VERSIONS = sorted({tuple(map(int, each.split("."))) for each in kubernetes_validate.utils.all_versions()})[-4:]
NEWEST = [".".join(map(str, version[:2])) for version in VERSIONS]
BARE = Options(namespace="models", gateway_cidrs=("10.0.0.0/8",))


def by_kind(options: Options = OPTIONS) -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in objects(REQUEST, TARGET, options)}


def container(options: Options = OPTIONS) -> dict[str, Any]:
    found: dict[str, Any] = template(REQUEST, TARGET, options)["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("empty", [{"gateway_cidrs": ()}, {"egress_ports": ()}])
def test_options_without_networks_or_ports_are_refused(empty: dict[str, Any]) -> None:
    """An empty list in a NetworkPolicy or a Service allows everything."""
    with pytest.raises(SpecError, match="no networks"):
        replace(OPTIONS, **empty)


@pytest.mark.parametrize("version", NEWEST)
@pytest.mark.parametrize("options", [OPTIONS, BARE], ids=["all", "bare"])
def test_objects_are_valid_in_newest_versions(version: str, options: Options) -> None:
    found = objects(REQUEST, TARGET, options)
    assert len(found) == 5
    for each in found:
        kubernetes_validate.validate(each, version, strict=True)


def test_validation_refuses_an_unknown_field() -> None:
    wrong = by_kind()["Deployment"]
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePolicy"):
        kubernetes_validate.validate(wrong, NEWEST[-1], strict=True)


def test_selectors_depend_on_the_name_only() -> None:
    other = replace(REQUEST, owner="team:other", digest="1" * 64, image=REQUEST.image.replace("ab", "cd"), replicas=5)
    for before, after in zip(objects(REQUEST, TARGET, OPTIONS), objects(other, TARGET, BARE), strict=True):
        for path in ("selector", "podSelector"):
            assert before["spec"].get(path) == after["spec"].get(path)
    labels = by_kind()["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert by_kind()["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert by_kind()["Service"]["spec"]["selector"].items() <= labels.items()


def test_deployment_leaves_replicas_to_the_autoscaler() -> None:
    found = by_kind()
    assert "replicas" not in found["Deployment"]["spec"]
    assert found["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == 2
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == NAME


def test_pod_is_restricted() -> None:
    pod = template(REQUEST, TARGET, OPTIONS)["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [mount["mountPath"] for mount in container()["volumeMounts"]] == ["/tmp"]


def test_pod_has_time_to_drain() -> None:
    assert template(REQUEST, TARGET, OPTIONS)["spec"]["terminationGracePeriodSeconds"] == GRACE_SECONDS
    assert PRE_STOP_SECONDS + STOP.seconds < GRACE_SECONDS


def test_container_has_the_requests_variables() -> None:
    found = {each["name"]: each["value"] for each in container()["env"]}
    assert found["MODEL_URI"] == REQUEST.artifacts
    assert found["INTERMODAL_TARGET"] == "onprem/kubernetes"
    assert REQUEST.variables.items() <= found.items()
    assert container()["envFrom"] == [{"secretRef": {"name": "object-store"}}]
    assert "envFrom" not in container(BARE)


def test_network_is_open_to_the_gateway_only() -> None:
    found = by_kind()
    rules = found["NetworkPolicy"]["spec"]["ingress"]
    assert [source["ipBlock"]["cidr"] for rule in rules for source in rule["from"]] == list(OPTIONS.gateway_cidrs)
    assert found["Service"]["spec"]["loadBalancerSourceRanges"] == list(OPTIONS.gateway_cidrs)
    assert found["Service"]["spec"]["externalTrafficPolicy"] == "Local"
    assert OPTIONS.service_annotations.items() <= found["Service"]["metadata"]["annotations"].items()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "registry.example/server:1"}, "by its tag"),
        ({"artifacts": "/mnt/models/wine"}, "S3, Cloud Storage or Blob storage"),
    ],
)
def test_request_that_cannot_serve_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        objects(replace(REQUEST, **change), TARGET, OPTIONS)
    assert caught.value.hint


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=4))
def test_objects_with_any_tags_are_valid(tags: dict[str, str]) -> None:
    found = objects(replace(REQUEST, tags=tags), TARGET, OPTIONS)[2]
    kubernetes_validate.validate(found, NEWEST[-1], strict=True)
