"""Settings of a site by its kubeconfig."""

import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Target
from intermodal.resources.onprem.targets.kubernetes import OnpremKubernetesTarget

TARGET = Target("onprem", "kubernetes")


@pytest.fixture(autouse=True)
def _site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_ONPREM_KUBECONFIG", "/etc/kube")
    monkeypatch.setenv("INTERMODAL_ONPREM_GATEWAY_CIDRS", "10.0.0.0/24, fd00::/64")


def test_of_settings_is_what_manifests_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_ONPREM_STORE_PORTS", "443,9000")
    found = OnpremKubernetesTarget.of(TARGET)
    assert str(found.target) == "onprem/kubernetes"
    assert found.options.namespace == "intermodal"
    assert found.options.gateway_cidrs == ("10.0.0.0/24", "fd00::/64")
    assert found.options.egress_ports == (443, 9000)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("INTERMODAL_ONPREM_KUBECONFIG", "", "INTERMODAL_ONPREM_KUBECONFIG not set"),
        ("INTERMODAL_ONPREM_GATEWAY_CIDRS", "", "INTERMODAL_ONPREM_GATEWAY_CIDRS not set"),
        ("INTERMODAL_ONPREM_GATEWAY_CIDRS", "10.0.0.1/24", "INTERMODAL_ONPREM_GATEWAY_CIDRS is wrong.*host bits"),
        ("INTERMODAL_ONPREM_GATEWAY_CIDRS", " , ", "no network"),
        ("INTERMODAL_ONPREM_STORE_PORTS", "http", "INTERMODAL_ONPREM_STORE_PORTS is 'http'"),
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
    found = OnpremKubernetesTarget.of(regional)
    assert (found.kubeconfig, found.target) == ("/etc/berlin", regional)
