"""What every Gateway promises. An adapter's test inherits it and gives the fixtures that raise here."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from intermodal.platform.errors import IntermodalError, NotFound, SpecError
from intermodal.platform.ports import Gateway
from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, Upstream
from intermodal.platform.ports.gateway import Canary, Disturbance, Route
from intermodal.platform.targets import Target
from tests.targets import AWS, AWS_EU, AZURE, GCP

OUT = Disturbance(abort_percent=100)


class GatewayConformance:
    """A route is published whole, shifted without another call, and withdrawn; drills come and go."""

    @pytest.fixture
    def gateway(self) -> Gateway:
        """Without any route."""
        raise NotImplementedError

    @pytest.fixture
    def upstreams(self) -> Mapping[Target, Upstream]:
        """Of AWS, AWS_EU, GCP and AZURE, which serve the model ``m`` in version 1.0.0."""
        raise NotImplementedError

    @pytest.fixture
    def body(self) -> bytes:
        """A V2 request that ``m`` can answer."""
        raise NotImplementedError

    @pytest.fixture
    def stop(self) -> Callable[[Target], None]:
        """Makes a target answer no more."""
        raise NotImplementedError

    @pytest.fixture
    def route(self, body: bytes) -> Route:
        return Route("m", "1.0.0", {AWS: 60, GCP: 40, AZURE: 0}, {"name": "m"}, body.decode())

    @pytest.fixture
    def published(self, gateway: Gateway, route: Route, upstreams: Mapping[Target, Upstream]) -> Gateway:
        gateway.publish(route, [upstreams[target] for target in route.weights])
        return gateway

    def test_gateway_without_routes_knows_no_model(self, gateway: Gateway) -> None:
        assert gateway.route("m") is None
        assert list(gateway.models()) == []
        assert gateway.health() == {}
        assert gateway.addresses("m") == {}
        assert gateway.disturbances() == {}

    def test_published_route_comes_back(
        self, published: Gateway, route: Route, upstreams: Mapping[Target, Upstream]
    ) -> None:
        assert published.route("m") == route
        assert list(published.models()) == ["m"]
        assert published.addresses("m") == {target: upstreams[target].url for target in route.weights}
        assert set(published.upstream_health("m")) == set(route.weights)
        assert published.health()["m"].keys() == set(route.weights)

    def test_publishing_again_replaces_the_route(
        self, published: Gateway, route: Route, upstreams: Mapping[Target, Upstream]
    ) -> None:
        fewer = replace(route, weights={GCP: 1})
        published.publish(fewer, [upstreams[GCP]])
        assert published.route("m") == fewer
        assert set(published.addresses("m")) == {GCP}

    def test_shift_changes_weights_and_leaves_the_rest_standing_by(self, published: Gateway, route: Route) -> None:
        published.shift("m", {AZURE: 5})
        shifted = published.route("m")
        assert shifted is not None
        assert shifted.weights == {AWS: 0, GCP: 0, AZURE: 5}
        assert (shifted.version, shifted.metadata, shifted.golden_body) == ("1.0.0", route.metadata, route.golden_body)

    def test_shift_adds_an_upstream(self, published: Gateway, upstreams: Mapping[Target, Upstream]) -> None:
        published.shift("m", {AWS: 1, AWS_EU: 3}, [upstreams[AWS_EU]])
        shifted = published.route("m")
        assert shifted is not None
        assert shifted.weights == {AWS: 1, GCP: 0, AZURE: 0, AWS_EU: 3}
        assert published.addresses("m")[AWS_EU] == upstreams[AWS_EU].url

    def test_shift_without_a_route_is_not_found(self, gateway: Gateway) -> None:
        with pytest.raises(NotFound, match="m"):
            gateway.shift("m", {AWS: 1})

    def test_shift_to_a_target_without_an_upstream_is_refused(self, published: Gateway, route: Route) -> None:
        with pytest.raises(SpecError, match="aws/sagemaker@eu-west-1"):
            published.shift("m", {AWS_EU: 1})
        assert published.route("m") == route

    def test_shift_that_leaves_no_weight_is_refused(self, published: Gateway, route: Route) -> None:
        with pytest.raises(SpecError):
            published.shift("m", {AWS: 0})
        assert published.route("m") == route

    @pytest.fixture
    def canary(self, route: Route) -> Canary:
        return Canary(replace(route, version="1.1.0", weights={AWS: 1, GCP: 1}, digest="b" * 64), 30)

    @pytest.fixture
    def canary_upstreams(self, upstreams: Mapping[Target, Upstream]) -> list[Upstream]:
        return [replace(upstreams[target], version="1.1.0") for target in (AWS, GCP)]

    def test_split_leaves_the_route_and_its_upstreams(
        self, published: Gateway, route: Route, canary: Canary, canary_upstreams: list[Upstream]
    ) -> None:
        published.split("m", canary, canary_upstreams)
        assert published.canary("m") == canary
        assert published.route("m") == route
        assert set(published.upstream_health("m")) == {AWS, GCP, AZURE}
        assert published.addresses("m", "1.1.0") == {each.target: each.url for each in canary_upstreams}
        assert set(published.addresses("m")) == {AWS, GCP, AZURE}

    def test_split_changes_the_share_without_upstreams(
        self, published: Gateway, canary: Canary, canary_upstreams: list[Upstream]
    ) -> None:
        published.split("m", canary, canary_upstreams)
        published.split("m", replace(canary, share=50))
        assert published.canary("m") == replace(canary, share=50)
        published.split("m", None)
        published.split("m", None)
        assert published.canary("m") is None

    def test_split_outlives_a_shift_and_ends_with_a_publication(
        self,
        published: Gateway,
        canary: Canary,
        canary_upstreams: list[Upstream],
        upstreams: Mapping[Target, Upstream],
        route: Route,
    ) -> None:
        published.split("m", canary, canary_upstreams)
        published.shift("m", {GCP: 1})
        assert published.canary("m") == canary
        published.publish(route, [upstreams[target] for target in route.weights])
        assert published.canary("m") is None

    def test_split_of_an_unknown_model_is_not_found(
        self, gateway: Gateway, canary: Canary, canary_upstreams: list[Upstream]
    ) -> None:
        assert gateway.canary("m") is None
        assert gateway.tries("m") == {}
        with pytest.raises(NotFound):
            gateway.split("m", canary, canary_upstreams)

    def test_split_that_is_no_other_version_or_lacks_an_upstream_is_refused(
        self, published: Gateway, route: Route, canary: Canary, canary_upstreams: list[Upstream]
    ) -> None:
        with pytest.raises(SpecError, match="another version"):
            published.split("m", Canary(route, 10), canary_upstreams)
        with pytest.raises(SpecError, match="no upstream"):
            published.split("m", canary)
        assert published.canary("m") is None

    def test_split_renews_the_credential_of_its_version(
        self, published: Gateway, canary: Canary, canary_upstreams: list[Upstream]
    ) -> None:
        held = [replace(each, credential=BearerToken("token", 3e9)) for each in canary_upstreams]
        published.split("m", canary, held)
        published.renew("m", replace(held[0], credential=BearerToken("newer", 4e9)))
        assert published.credential_expiry("m", "1.1.0") == {AWS: 4e9, GCP: 3e9}
        assert published.credential_expiry("m") == {}

    def test_withdrawn_model_is_gone_and_may_be_withdrawn_again(self, published: Gateway, body: bytes) -> None:
        published.withdraw("m")
        published.withdraw("m")
        assert published.route("m") is None
        assert list(published.models()) == []
        assert published.addresses("m") == {}
        with pytest.raises(IntermodalError):
            published.infer("m", body)

    def test_expiry_is_that_of_credentials_which_expire(
        self, gateway: Gateway, route: Route, upstreams: Mapping[Target, Upstream]
    ) -> None:
        keys = AwsSignature("sagemaker", "us-east-1", "AKIA", "secret", "session", expires_at=2e9)
        credentials: dict[Target, AwsSignature | BearerToken] = {
            AWS: keys,
            GCP: BearerToken("token", 3e9),
            AZURE: BearerToken("key"),
        }
        held = [replace(upstreams[target], credential=credential) for target, credential in credentials.items()]
        gateway.publish(route, held)
        assert gateway.credential_expiry("m") == {AWS: 2e9, GCP: 3e9}
        gateway.renew("m", replace(upstreams[GCP], credential=BearerToken("newer", 4e9)))
        assert gateway.credential_expiry("m") == {AWS: 2e9, GCP: 4e9}
        assert gateway.route("m") == route

    def test_disturbance_holds_until_it_is_ended(self, published: Gateway) -> None:
        published.disturb(AWS, OUT)
        published.disturb(GCP, Disturbance(delay_percent=50, delay_ms=10))
        assert published.disturbances() == {AWS: OUT, GCP: Disturbance(delay_percent=50, delay_ms=10)}
        for _ in range(2):
            published.disturb(AWS, None)
        assert set(published.disturbances()) == {GCP}
        published.disturb(GCP, None)
        assert published.disturbances() == {}

    def test_request_is_answered_by_a_serving_target(self, published: Gateway, body: bytes) -> None:
        answer, target, version = published.infer("m", body)
        assert b"outputs" in answer
        assert target in (AWS, GCP)
        assert version == "1.0.0"

    def test_request_goes_to_another_target_when_one_stops(
        self, published: Gateway, body: bytes, stop: Callable[[Target], None]
    ) -> None:
        stop(AWS)
        assert {published.infer("m", body)[1] for _ in range(5)} == {GCP}

    def test_request_goes_to_a_standby_when_none_serves(
        self, published: Gateway, body: bytes, stop: Callable[[Target], None]
    ) -> None:
        stop(AWS)
        stop(GCP)
        assert published.infer("m", body)[1] == AZURE

    def test_request_goes_past_a_disturbed_target(self, published: Gateway, body: bytes) -> None:
        published.disturb(AWS, OUT)
        try:
            assert {published.infer("m", body)[1] for _ in range(5)} == {GCP}
        finally:
            published.disturb(AWS, None)

    def test_request_for_an_unknown_model_is_an_error(self, published: Gateway, body: bytes) -> None:
        with pytest.raises(IntermodalError):
            published.infer("other", body)
