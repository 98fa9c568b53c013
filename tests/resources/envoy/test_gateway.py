"""The conformance suite of gateways with a real Envoy before fake endpoints."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.targets import Target
from intermodal.resources.envoy.gateway import EnvoyGateway
from tests.conformance.gateway import OUT, GatewayConformance
from tests.resources.envoy.conftest import GOLDEN, running
from tests.resources.envoy.upstreams import FakeUpstream
from tests.targets import AWS, AWS_EU, AZURE, GCP


class TestEnvoyGateway(GatewayConformance):
    @pytest.fixture(scope="class")
    def envoy(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvoyGateway]:
        with running(tmp_path_factory.mktemp("conformance")) as gateway:
            yield gateway

    @pytest.fixture
    def gateway(self, envoy: EnvoyGateway) -> Iterator[EnvoyGateway]:
        yield envoy
        envoy.withdraw("m")
        for target in envoy.disturbances():
            envoy.disturb(target, None)

    @pytest.fixture
    def fakes(self) -> Iterator[Mapping[Target, FakeUpstream]]:
        found = {target: FakeUpstream() for target in (AWS, AWS_EU, GCP, AZURE)}
        yield found
        for fake in found.values():
            fake.close()

    @pytest.fixture
    def upstreams(self, fakes: Mapping[Target, FakeUpstream]) -> Mapping[Target, Upstream]:
        return {target: Upstream(target, "1.0.0", fake.url) for target, fake in fakes.items()}

    @pytest.fixture
    def body(self) -> bytes:
        return GOLDEN.encode()

    @pytest.fixture
    def stop(self, fakes: Mapping[Target, FakeUpstream]) -> Callable[[Target], None]:
        return lambda target: fakes[target].kill()

    def test_disturbances_end_with_the_test(self, gateway: EnvoyGateway) -> None:
        gateway.disturb(AWS, OUT)
        assert gateway.disturbances() == {AWS: OUT}
