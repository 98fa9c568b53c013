"""What the figures of a platform's own monitor promise. An adapter's test inherits the class and gives the fixtures.

    class TestCloudWatch(MonitorConformance):
        adapter: ClassVar[str] = "aws/sagemaker"    # its entry point
        source: ClassVar[str] = "cloudwatch"

        @pytest.fixture(scope="class")
        def make_target(self, sandbox): ...         # (environment) -> an EndpointTarget whose figures are of that
                                                    # environment; about four tries a call, no delay of the monitor

        @pytest.fixture(scope="class")
        def upload(self, sandbox): ...              # (folder, prefix) -> URI that a DeployRequest takes

        @pytest.fixture(scope="class")
        def image(self, sandbox): ...               # an image reference that the cloud holds

``grain`` is the resolution of the monitor's time: the span of a rate may differ from the requested one by so many
seconds. ``throttles`` is whether the monitor counts the requests that the cloud throttled.
``percentiles`` is whether it has latencies beyond a mean, which is no figure.
``instances`` is whether it knows how many instances run; a platform that runs none without requests has no number.

The cloud's front end is measured: an error made with ``Faults(scope="endpoints")`` is counted (in the
sandbox's ``Server.fault``) as the cloud would count it.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from intermodal.platform.errors import IntermodalError, Refused, Throttled, Unavailable
from intermodal.platform.ports import EndpointTarget
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.targets import Cloud
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.conformance.callers import send
from tests.conformance.endpoint_target import REGION, Upload, eventually
from tests.conformance.provider import Provider, SandboxCloud

ENVIRONMENT = "monitored"
SPAN_SECONDS = 3000.0
"""Long in relation to every ``grain``, so that a rate gives the exact number of the few requests."""

MakeTarget = Callable[[str], EndpointTarget]


@dataclass(frozen=True)
class Sent:
    """The requests of the endpoint. ``wrong`` bodies are refused by the model, which is no failure of its cloud."""

    good: int = 10
    wrong: int = 2
    failed: int = 3
    throttled: int = 0

    @property
    def total(self) -> int:
        return self.good + self.wrong + self.failed + self.throttled


class MonitorConformance:
    """Tests share two endpoints: version 1.2.0 has requests, version 1.3.0 has none."""

    adapter: ClassVar[str]
    source: ClassVar[str]
    grain: ClassVar[float] = 60
    throttles: ClassVar[bool] = False
    percentiles: ClassVar[bool] = True
    instances: ClassVar[bool] = True

    @property
    def cloud(self) -> Cloud:
        return self.adapter.partition("/")[0]

    @pytest.fixture(scope="class")
    def provider(self, request: pytest.FixtureRequest) -> Provider:
        return SandboxCloud(request.getfixturevalue("sandbox"), self.cloud)

    @pytest.fixture(scope="class")
    def target(self, make_target: MakeTarget) -> EndpointTarget:
        return make_target(ENVIRONMENT)

    @pytest.fixture(scope="class")
    def package(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tiny_package.build(tmp_path_factory.mktemp("monitored"), seed=1)

    @pytest.fixture(scope="class")
    def request_(self, upload: Upload, package: Path, image: str) -> DeployRequest:
        artifacts = upload(package, "monitored/1.2.0")
        return DeployRequest("flight_delay", "1.2.0", ENVIRONMENT, "team:airline-operations", image, artifacts)

    @pytest.fixture(scope="class")
    def endpoint(self, target: EndpointTarget, request_: DeployRequest) -> Iterator[Endpoint]:
        yield target.deploy(request_)
        target.delete(request_.name)

    @pytest.fixture(scope="class")
    def idle(self, target: EndpointTarget, request_: DeployRequest) -> Iterator[Endpoint]:
        unused = replace(request_, version="1.3.0")
        yield target.deploy(unused)
        target.delete(unused.name)

    @pytest.fixture(scope="class")
    def sent(self, target: EndpointTarget, endpoint: Endpoint, package: Path, provider: Provider) -> Sent:
        """Sent without retries, so that the cloud counts each once."""
        sent, upstream = Sent(throttled=3 if self.throttles else 0), target.upstream(endpoint)
        body = v2.request_body(Package.read(package).signature, Golden.read(package).rows)
        assert [send(upstream, body).status_code for _ in range(sent.good)] == [200] * sent.good
        assert all(400 <= send(upstream, b"[").status_code < 500 for _ in range(sent.wrong))
        with provider.faults(Faults(error_rate=1, scope="endpoints")):
            assert all(send(upstream, body).status_code >= 500 for _ in range(sent.failed))
        with provider.faults(Faults(throttle_rate=1, scope="endpoints")):
            assert all(send(upstream, body).status_code in (400, 429) for _ in range(sent.throttled))
        return sent

    @pytest.fixture(scope="class")
    def figures(self, target: EndpointTarget, sent: Sent, idle: Endpoint) -> Figures:
        """Of version 1.2.0."""
        assert sent.total > 0
        assert idle.state == "ready"
        found = target.figures(SPAN_SECONDS, "flight_delay")
        assert sorted(row.version for row in found) == ["1.2.0", "1.3.0"]
        return next(row for row in found if row.version == "1.2.0")

    def test_figures_carry_source_target_and_model(self, target: EndpointTarget, figures: Figures) -> None:
        assert (figures.source, figures.target) == (self.source, target.target)
        assert figures.model == "flight_delay"

    def test_figures_of_a_named_region_carry_it(self, make_target: MakeTarget, figures: Figures) -> None:
        assert figures.target.region == ""
        named = make_target(ENVIRONMENT).model_copy(update={"named_region": REGION})  # type: ignore[attr-defined]
        assert {row.target.region for row in named.figures(SPAN_SECONDS)} == {REGION}

    def test_figures_count_each_request_once(self, figures: Figures, sent: Sent) -> None:
        assert sent.total / (SPAN_SECONDS + self.grain) <= figures.requests <= sent.total / (SPAN_SECONDS - self.grain)

    def test_figures_error_rate_is_the_clouds_failures(self, figures: Figures, sent: Sent) -> None:
        assert figures.error_rate == pytest.approx(sent.failed / sent.total)

    def test_figures_throttled_is_a_share_or_unknown(self, figures: Figures, sent: Sent) -> None:
        assert figures.throttled == (pytest.approx(sent.throttled / sent.total) if self.throttles else None)

    def test_figures_latencies_are_milliseconds_in_order(self, figures: Figures) -> None:
        if not self.percentiles:
            assert (figures.p50_ms, figures.p95_ms, figures.p99_ms) == (None, None, None)
            return
        assert figures.p50_ms is not None
        assert figures.p95_ms is not None
        assert figures.p99_ms is not None
        assert 0.05 < figures.p50_ms <= figures.p95_ms <= figures.p99_ms < 20_000

    def test_figures_saturation_is_a_share_and_instances_run(self, figures: Figures) -> None:
        assert figures.saturation is None or 0 <= figures.saturation <= 1
        assert figures.instances == (1 if self.instances else None)

    def test_figures_of_an_idle_endpoint_have_no_requests(self, target: EndpointTarget, figures: Figures) -> None:
        assert figures.requests > 0
        idle = next(row for row in target.figures(SPAN_SECONDS) if row.version == "1.3.0")
        assert (idle.requests, idle.error_rate) == (0, 0)
        assert (idle.p50_ms, idle.p95_ms, idle.p99_ms) == (None, None, None)
        assert idle.instances == (1 if self.instances else None)

    def test_figures_of_all_models_equal_those_of_each(self, target: EndpointTarget, figures: Figures) -> None:
        everything = target.figures(SPAN_SECONDS)
        assert {(row.model, row.version) for row in everything} == {
            ("flight_delay", "1.2.0"),
            ("flight_delay", "1.3.0"),
        }
        again = next(row for row in everything if row.version == figures.version)
        assert again.error_rate == figures.error_rate

    def test_figures_of_another_model_or_environment_are_none(
        self, target: EndpointTarget, figures: Figures, make_target: MakeTarget
    ) -> None:
        assert figures.requests > 0
        assert list(target.figures(SPAN_SECONDS, "another")) == []
        assert list(make_target("production").figures(SPAN_SECONDS)) == []

    def test_figures_throttled_read_is_retried(
        self, target: EndpointTarget, figures: Figures, provider: Provider
    ) -> None:
        target.figures(SPAN_SECONDS)  # so that the first attempt is made at once
        with provider.faults(Faults(throttle_rate=1, scope="api")):
            with _Delayed(lambda: _end_faults(provider)):
                assert figures.model in {row.model for row in target.figures(SPAN_SECONDS)}

    @pytest.mark.parametrize(
        ("faults", "error"),
        [
            (Faults(refuse=True, scope="api"), Refused),
            (Faults(throttle_rate=1, scope="api"), Throttled),
            (Faults(error_rate=1, scope="api"), Unavailable),
        ],
        ids=["refused", "throttled", "unavailable"],
    )
    def test_fault(
        self,
        target: EndpointTarget,
        provider: Provider,
        endpoint: Endpoint,
        faults: Faults,
        error: type[IntermodalError],
    ) -> None:
        assert endpoint.state == "ready"
        with provider.faults(faults):
            with pytest.raises(error) as caught:
                target.figures(SPAN_SECONDS)
        assert caught.value.hint

    def test_figures_without_cloud_are_unavailable(
        self, target: EndpointTarget, endpoint: Endpoint, provider: Provider
    ) -> None:
        assert endpoint.state == "ready"
        provider.outage()
        try:
            with pytest.raises(Unavailable) as caught:
                target.figures(SPAN_SECONDS)
            assert caught.value.hint
        finally:
            provider.start()
        upstream = target.upstream(endpoint)  # the tests after this one send requests
        eventually(lambda: 400 <= send(upstream, b"[").status_code < 500)


def _end_faults(provider: Provider) -> None:
    with provider.faults(Faults()):
        return


class _Delayed:
    """Make a call after a short delay, on another thread, while the block runs."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._thread = threading.Timer(0.15, call)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()
