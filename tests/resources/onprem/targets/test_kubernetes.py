"""Settings of a site by its kubeconfig."""

import json

import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Target
from intermodal.resources.kubernetes.manifests.endpoint import objects
from intermodal.resources.onprem.object_store import KEY, SECRET
from intermodal.resources.onprem.targets.kubernetes import OnpremKubernetesTarget
from tests.resources.kubernetes.documents import REQUEST
from tests.resources.onprem.site import SETTINGS

TARGET = Target("onprem", "kubernetes")


@pytest.fixture(autouse=True)
def _site(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"GATEWAY_CIDRS": "10.0.0.0/24, fd00::/64", "STORE_URL": "http://minio:9000"}
    for name, value in {**SETTINGS, **{f"INTERMODAL_ONPREM_{name}": value for name, value in own.items()}}.items():
        monkeypatch.setenv(name, value)


def test_of_settings_is_what_manifests_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_ONPREM_STORE_PORTS", "443,9000")
    found = OnpremKubernetesTarget.of(TARGET)
    assert str(found.target) == "onprem/kubernetes"
    assert found.options.namespace == "intermodal"
    assert found.options.gateway_cidrs == ("10.0.0.0/24", "fd00::/64")
    assert found.options.egress_ports == (443, 9000)
    assert found.options.variables == {"AWS_ENDPOINT_URL_S3": "http://minio:9000", "AWS_REGION": "us-east-1"}


@pytest.mark.parametrize(
    ("url", "port"), [("http://minio:9000", 9000), ("https://s3.acme.example", 443), ("http://[fd00::1]/", 80)]
)
def test_port_of_the_store_is_that_of_its_address(monkeypatch: pytest.MonkeyPatch, url: str, port: int) -> None:
    monkeypatch.setenv("INTERMODAL_ONPREM_STORE_URL", url)
    assert OnpremKubernetesTarget.of(TARGET).options.egress_ports == (port,)


def test_password_in_the_address_is_refused_also_with_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_ONPREM_STORE_PORTS", "9000")
    monkeypatch.setenv("INTERMODAL_ONPREM_STORE_URL", "http://u:secret@minio:9000")
    with pytest.raises(SpecError, match="is no address") as caught:
        OnpremKubernetesTarget.of(TARGET)
    assert "secret" not in str(caught.value)


def test_pod_has_keys_of_the_store_by_a_secret_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_ONPREM_SECRET", "object-store")
    for name in (KEY, SECRET):
        monkeypatch.setenv(name, f"the-{name}")
    target = OnpremKubernetesTarget.of(TARGET)
    documents = json.dumps(list(objects(REQUEST, target.target, target.options)))
    assert '"secretRef": {"name": "object-store"}' in documents
    assert '{"name": "AWS_ENDPOINT_URL_S3", "value": "http://minio:9000"}' in documents
    assert not any(text in documents for text in ("ACCESS_KEY", "the-"))


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("INTERMODAL_ONPREM_KUBECONFIG", "", "INTERMODAL_ONPREM_KUBECONFIG not set"),
        ("INTERMODAL_ONPREM_GATEWAY_CIDRS", "", "INTERMODAL_ONPREM_GATEWAY_CIDRS not set"),
        ("INTERMODAL_ONPREM_GATEWAY_CIDRS", "10.0.0.1/24", "INTERMODAL_ONPREM_GATEWAY_CIDRS is wrong.*host bits"),
        ("INTERMODAL_ONPREM_GATEWAY_CIDRS", " , ", "no network"),
        ("INTERMODAL_ONPREM_STORE_PORTS", "http", "INTERMODAL_ONPREM_STORE_PORTS is 'http'"),
        ("INTERMODAL_ONPREM_STORE_URL", "", "INTERMODAL_ONPREM_STORE_URL not set"),
        ("INTERMODAL_ONPREM_STORE_URL", "minio:9000", "INTERMODAL_ONPREM_STORE_URL is no address"),
        ("INTERMODAL_ONPREM_STORE_URL", "http://minio:x", "INTERMODAL_ONPREM_STORE_URL is no address"),
        ("INTERMODAL_ONPREM_STORE_URL", "http://u:p@minio", "INTERMODAL_ONPREM_STORE_URL is no address"),
    ],
)
def test_of_wrong_settings_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SpecError, match=words) as caught:
        OnpremKubernetesTarget.of(TARGET)
    assert caught.value.hint


def test_of_a_region_needs_its_own_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    regional = Target("onprem", "kubernetes", "berlin")
    with pytest.raises(SpecError, match="INTERMODAL_ONPREM_KUBECONFIG_BERLIN"):
        OnpremKubernetesTarget.of(regional)
    monkeypatch.setenv("INTERMODAL_ONPREM_KUBECONFIG_BERLIN", "/etc/berlin")
    monkeypatch.setenv("INTERMODAL_ONPREM_GATEWAY_CIDRS_BERLIN", "10.9.0.0/24")
    monkeypatch.setenv("INTERMODAL_ONPREM_STORE_URL_BERLIN", "https://berlin")
    monkeypatch.setenv("INTERMODAL_ONPREM_BUCKET_BERLIN", "models-berlin")
    found = OnpremKubernetesTarget.of(regional)
    assert (found.kubeconfig, found.target) == ("/etc/berlin", regional)
