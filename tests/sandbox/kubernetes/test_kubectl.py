"""kubectl, which was written by others, finds a cluster that behaves as it expects."""

import pytest

from intermodal.sandbox.kubernetes.access import Refusal
from tests.sandbox.kubernetes.running import Kubectl, Running, config_map, deployment

pytestmark = pytest.mark.sandbox


def test_create_then_get_prints_a_row_and_the_defaults(kubectl: Kubectl) -> None:
    assert kubectl("create", "-f", "-", stdin=deployment()) == "deployment.apps/web created\n"
    assert "web" in kubectl("get", "deploy", "--no-headers")
    found = kubectl.json("get", "deployment", "web")
    assert found["spec"]["replicas"] == 1
    assert found["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert (container["imagePullPolicy"], container["ports"][0]["protocol"]) == ("IfNotPresent", "TCP")
    assert found["metadata"]["generation"] == 1


def test_create_of_what_exists_is_refused(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=config_map())
    error = kubectl.refused("create", "-f", "-", stdin=config_map())
    assert (
        'Error from server (AlreadyExists): error when creating "STDIN": configmaps "settings" already exists' in error
    )


def test_merge_patch_of_the_spec_counts_a_generation(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=deployment())
    kubectl("label", "deployment", "web", "team=blue")
    assert kubectl.json("get", "deployment", "web")["metadata"]["generation"] == 1
    kubectl("patch", "deployment", "web", "--type=merge", "-p", '{"spec": {"replicas": 3}}')
    found = kubectl.json("get", "deployment", "web")
    assert (found["metadata"]["generation"], found["spec"]["replicas"]) == (2, 3)
    assert found["metadata"]["labels"] == {"team": "blue"}


def test_scale_goes_through_the_subresource(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=deployment())
    assert "scaled" in kubectl("scale", "deployment/web", "--replicas=4", "--current-replicas=1")
    assert kubectl.json("get", "deployment", "web", "--subresource=scale")["spec"] == {"replicas": 4}


def test_delete_then_get_is_not_found(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=deployment())
    kubectl("delete", "deployment", "web")
    assert 'Error from server (NotFound): deployments.apps "web" not found' in kubectl.refused("get", "deploy", "web")


def test_explain_reads_the_openapi_documents(kubectl: Kubectl) -> None:
    assert "FIELD: replicas <integer>" in kubectl("explain", "deployment.spec.replicas")


def test_unknown_field_is_refused_by_validation(kubectl: Kubectl) -> None:
    error = kubectl.refused("create", "-f", "-", stdin=deployment(replicsa=2))
    assert 'strict decoding error: unknown field "spec.replicsa"' in error


def test_api_resources_have_short_names(kubectl: Kubectl) -> None:
    rows = [row.split() for row in kubectl("api-resources", "--no-headers").splitlines()]
    assert ["deployments", "deploy", "apps/v1", "true", "Deployment"] in rows


def test_permission_refused_is_forbidden_and_answered(kubectl: Kubectl, cluster: Running) -> None:
    assert kubectl("auth", "can-i", "create", "deployments").strip() == "yes"
    cluster.cluster.access.refusals = [Refusal("create", "apps", "deployments", kubectl.namespace)]
    done = kubectl.run("auth", "can-i", "create", "deployments")
    assert (done.returncode, done.stdout.split()[0]) == (1, "no")
    error = kubectl.refused("create", "-f", "-", stdin=deployment())
    why = 'User "sandbox-admin" cannot create resource "deployments" in API group "apps" in the namespace '
    assert why + f'"{kubectl.namespace}"' in error
