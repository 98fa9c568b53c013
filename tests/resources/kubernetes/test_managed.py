"""Tokens of a cloud's cluster are kept while they are valid, and renewed before they expire."""

from collections.abc import Callable

import pytest

from intermodal.platform.errors import SpecError, Unavailable
from intermodal.platform.ports.endpoints import BearerToken
from intermodal.platform.targets import Target
from intermodal.resources.aws.targets.eks.target import CLUSTER, GATEWAY_CIDRS, EksTarget
from intermodal.resources.kubernetes import managed
from intermodal.resources.kubernetes.managed import EARLY_SECONDS, Cluster, configuration

LIFE = 840.0


class Issuer:
    """Gives ``token-1``, ``token-2``, ... at a time of the test's own."""

    def __init__(self) -> None:
        self.now, self.given, self.fails = 1000.0, 0, False

    def token(self) -> BearerToken:
        if self.fails:
            raise Unavailable("no token")
        self.given += 1
        return BearerToken(f"token-{self.given}", self.now + LIFE)


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Issuer:
    found = Issuer()
    monkeypatch.setattr(managed.time, "time", lambda: found.now)
    return found


@pytest.fixture
def header(issuer: Issuer) -> Callable[[], str]:
    from kubernetes.client import ApiClient

    client = ApiClient(configuration(Cluster("https://cluster.example"), issuer.token))

    def read() -> str:
        headers: dict[str, str] = {}
        client.update_params_for_auth(headers, [], ["BearerToken"])
        return headers["authorization"]

    return read


def test_token_is_kept_until_shortly_before_it_expires(issuer: Issuer, header: Callable[[], str]) -> None:
    assert header() == header() == "Bearer token-1"
    issuer.now += LIFE - EARLY_SECONDS
    assert header() == "Bearer token-1"
    issuer.now += 1
    assert header() == header() == "Bearer token-2"


def test_token_that_cannot_be_renewed_is_not_sent(issuer: Issuer, header: Callable[[], str]) -> None:
    issuer.now, issuer.fails = issuer.now + LIFE, True
    with pytest.raises(Unavailable):
        header()
    issuer.fails = False
    assert header() == "Bearer token-2"


def test_configuration_has_the_authority_of_the_cluster(issuer: Issuer) -> None:
    found = configuration(Cluster("https://cluster.example", "Q0E="), issuer.token)
    assert found.host == "https://cluster.example"
    with open(found.ssl_ca_cert, "rb") as file:
        assert file.read() == b"CA"
    assert configuration(Cluster("https://cluster.example"), issuer.token).ssl_ca_cert is None


@pytest.mark.parametrize("region", ["", "eu-west-1"])
def test_cluster_that_is_not_named_is_refused_with_its_variables(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    suffix = "_EU_WEST_1" if region else ""
    for name in (CLUSTER, GATEWAY_CIDRS):
        monkeypatch.delenv(f"{name}{suffix}", raising=False)
    with pytest.raises(SpecError, match=f"{CLUSTER}{suffix}, {GATEWAY_CIDRS}{suffix} not set"):
        EksTarget.require(Target("aws", "eks", region))
