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

``grain`` is how coarse the monitor's time is: the span that a rate is over may differ by so many seconds from what was
asked for. ``throttles`` says whether the monitor counts the requests that the cloud throttled.

What is measured is what the cloud's front saw: an error made with ``Faults(scope="endpoints")`` is counted (in the
sandbox's ``Server.fault``) as the cloud would count it.
"""

import threading
import time
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
from tests.conformance.endpoint_target import REGION, Upload
from tests.conformance.provider import Provider, SandboxCloud

ENVIRONMENT = "monitored"
SECONDS = 3000.0
"""So long against every ``grain``, and so few requests, that a rate gives their number: one more or less is seen."""

MakeTarget = Callable[[str], EndpointTarget]


@dataclass(frozen=True)
class Sent:
    """What was sent to the endpoint: ``wrong`` are bodies that the model refuses, which is no failure of its cloud."""

    good: int = 10
    wrong: int = 2
    failed: int = 3
    throttled: int = 0

    @property
    def total(self) -> int:
        return self.good + self.wrong + self.failed + self.throttled


class MonitorConformance:
    """Tests share two endpoints: version 1.2.0 that was called, and version 1.3.0 that nobody called."""

    adapter: ClassVar[str]
    source: ClassVar[str]
    grain: ClassVar[float] = 60
    throttles: ClassVar[bool] = False

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
        """Sent without retries, so that what the cloud counts is what was sent."""
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
        """The called version's."""
        assert sent.total > 0
        assert idle.state == "ready"
        found = target.figures(SECONDS, "flight_delay")
        assert sorted(row.version for row in found) == ["1.2.0", "1.3.0"]
        return next(row for row in found if row.version == "1.2.0")

    def test_it_says_whose_figures_they_are(self, target: EndpointTarget, figures: Figures) -> None:
        assert (figures.source, figures.target) == (self.source, target.target)
        assert figures.model == "flight_delay"

    def test_figures_of_a_named_region_carry_it(self, make_target: MakeTarget, figures: Figures) -> None:
        assert figures.target.region == ""
        named = make_target(ENVIRONMENT).model_copy(update={"named_region": REGION})  # type: ignore[attr-defined]
        assert {row.target.region for row in named.figures(SECONDS)} == {REGION}

    def test_every_request_is_counted_once(self, figures: Figures, sent: Sent) -> None:
        assert sent.total / (SECONDS + self.grain) <= figures.requests <= sent.total / (SECONDS - self.grain)

    def test_only_what_the_cloud_failed_to_answer_is_an_error(self, figures: Figures, sent: Sent) -> None:
        assert figures.error_rate == pytest.approx(sent.failed / sent.total)

    def test_throttles_are_a_share_of_their_own_or_unknown(self, figures: Figures, sent: Sent) -> None:
        assert figures.throttled == (pytest.approx(sent.throttled / sent.total) if self.throttles else None)

    def test_latencies_are_milliseconds_and_in_order(self, figures: Figures) -> None:
        assert figures.p50_ms is not None
        assert figures.p95_ms is not None
        assert figures.p99_ms is not None
        assert 0.05 < figures.p50_ms <= figures.p95_ms <= figures.p99_ms < 20_000

    def test_saturation_is_a_share_and_instances_are_those_that_run(self, figures: Figures) -> None:
        assert figures.saturation is None or 0 <= figures.saturation <= 1
        assert figures.instances == 1

    def test_an_endpoint_that_nobody_called_is_there_with_no_requests(
        self, target: EndpointTarget, figures: Figures
    ) -> None:
        assert figures.requests > 0
        idle = next(row for row in target.figures(SECONDS) if row.version == "1.3.0")
        assert (idle.requests, idle.error_rate) == (0, 0)
        assert (idle.p50_ms, idle.p95_ms, idle.p99_ms) == (None, None, None)
        assert idle.instances == 1

    def test_all_models_at_once_are_the_same_figures(self, target: EndpointTarget, figures: Figures) -> None:
        everything = target.figures(SECONDS)
        assert {(row.model, row.version) for row in everything} == {
            ("flight_delay", "1.2.0"),
            ("flight_delay", "1.3.0"),
        }
        again = next(row for row in everything if row.version == figures.version)
        assert again.error_rate == figures.error_rate

    def test_another_model_and_another_environment_see_nothing(
        self, target: EndpointTarget, figures: Figures, make_target: MakeTarget
    ) -> None:
        assert figures.requests > 0
        assert list(target.figures(SECONDS, "another")) == []
        assert list(make_target("production").figures(SECONDS)) == []

    def test_a_read_that_is_throttled_is_tried_again(
        self, target: EndpointTarget, figures: Figures, provider: Provider
    ) -> None:
        target.figures(SECONDS)  # so that no time passes before the first try
        with provider.faults(Faults(throttle_rate=1, scope="api")):
            with _soon(lambda: _end_faults(provider)):
                assert figures.model in {row.model for row in target.figures(SECONDS)}

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
                target.figures(SECONDS)
        assert caught.value.hint

    def test_a_cloud_that_is_gone_is_unavailable(
        self, target: EndpointTarget, endpoint: Endpoint, provider: Provider
    ) -> None:
        assert endpoint.state == "ready"
        provider.outage()
        try:
            with pytest.raises(Unavailable) as caught:
                target.figures(SECONDS)
            assert caught.value.hint
        finally:
            provider.start()


def _end_faults(provider: Provider) -> None:
    with provider.faults(Faults()):
        return


class _soon:
    """Do something in a moment, on a thread of its own, while the block runs."""

    def __init__(self, what: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=lambda: (time.sleep(0.15), what()))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()
