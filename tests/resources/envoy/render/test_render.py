"""The renderer, on any set of models: what Envoy gets is whole, without secrets, and weight 0 is no first choice."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import CLOUDS
from intermodal.resources.envoy.control import state
from intermodal.resources.envoy.render import config, credentials
from intermodal.resources.envoy.render.config import Texts
from intermodal.resources.envoy.settings import SOCKET_LIMIT, Places, Settings
from intermodal.resources.envoy.upstream import Published, published, shifted

PLACES, SETTINGS = Places(Path("/var/lib/gateway")), Settings(ca_bundle="/ca.pem")
SECRET = "never-to-be-rendered"
names = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}", fullmatch=True)
weights = st.dictionaries(st.sampled_from(CLOUDS), st.integers(0, 100), min_size=1).filter(lambda w: any(w.values()))
secrets = st.sampled_from([None, BearerToken(SECRET), AwsSignature("sagemaker", "eu-west-1", "AKID", SECRET)])
urls = st.sampled_from(
    ["http://127.0.0.1:9000/a%20b", "https://x.example/p:q?v=1", "http://[::1]:81", "https://y.example"]
)


@st.composite
def models(draw: st.DrawFn) -> Published:
    name, shares = draw(names), draw(weights)
    route = Route(name, draw(st.sampled_from(["1.0.0", "1.1.0"])), shares, {"name": name}, draw(st.text(max_size=20)))
    return published(route, tuple(Upstream(c, route.version, draw(urls), draw(secrets)) for c in shares))


several = st.lists(models(), max_size=4, unique_by=lambda model: model.route.model)


@given(several)
def test_every_cluster_that_is_named_exists(found: list[Published]) -> None:
    rendered = config.render(found, PLACES, SETTINGS)
    clusters = {**rendered.endpoints, **rendered.upstreams}
    assert all(set(order) <= set(clusters) for order in orders(rendered.upstreams))
    for host in plain(rendered.lane_hosts).values():
        assert host["routes"][0]["route"]["cluster"] in rendered.endpoints
    for action in all_of(json.loads(bytes(rendered.entrance)), "weighted_clusters"):
        assert {choice["name"] for choice in action["clusters"]} <= set(clusters)
        assert sum(choice["weight"] for choice in action["clusters"]) > 0


@given(models())
def test_weights_are_the_routes_and_drained_upstreams_come_last(model: Published) -> None:
    rendered = config.render([model], PLACES, SETTINGS)
    action = all_of(json.loads(bytes(rendered.entrance)), "weighted_clusters")[0]
    assert [choice["weight"] for choice in action["clusters"]] == [model.route.weights[c] for c in model.route.serving]
    lanes = {lane.name: lane.cloud for lane in model.lanes}
    assert sorted(lanes.values()) == sorted(model.route.weights)
    assert all(plain(rendered.upstreams)[name]["health_checks"] for name in lanes)
    for order in orders(rendered.upstreams):
        clouds = [lanes[member] for member in order]
        serving = len(model.route.serving)
        assert set(clouds[:serving]) == set(model.route.serving)
        assert sorted(clouds) == sorted(model.route.weights)


@given(models())
def test_a_cloud_without_weight_may_lack_an_upstream(model: Published) -> None:
    upstreams = tuple(Upstream(lane.cloud, lane.version, lane.url) for lane in model.lanes)
    few = published(model.route, tuple(one for one in upstreams if one.cloud in model.route.serving))
    assert [lane.cloud for lane in few.lanes] == list(model.route.serving)


@given(models(), weights)
def test_a_shift_keeps_every_lane_and_has_an_upstream_for_every_weight(model: Published, shares: dict) -> None:  # type: ignore[type-arg]
    known = {lane.cloud for lane in model.lanes}
    if {cloud for cloud, weight in shares.items() if weight} <= known:
        moved = shifted(model, shares, ())
        assert moved.lanes == model.lanes
        assert {cloud: weight for cloud, weight in moved.route.weights.items() if weight} == {
            cloud: weight for cloud, weight in shares.items() if weight
        }
        assert shifted(moved, shares, ()) == moved
    else:
        with pytest.raises(SpecError, match="no upstream"):
            shifted(model, shares, ())


@given(several)
def test_the_same_models_in_any_order_render_the_same_and_without_a_secret(found: list[Published]) -> None:
    one, other = config.render(found, PLACES, SETTINGS), config.render(found[::-1], PLACES, SETTINGS)
    assert (plain(one.endpoints), plain(one.upstreams)) == (plain(other.endpoints), plain(other.upstreams))
    assert (plain(one.lane_hosts), one.entrance) == (plain(other.lane_hosts), other.entrance)
    text = json.dumps([plain(one.endpoints), plain(one.upstreams), json.loads(bytes(one.entrance))])
    assert SECRET not in text + repr(found) + "".join(map(state.state_text, found))


@given(models())
def test_state_is_read_back_as_it_was(model: Published) -> None:
    data = json.loads(state.state_text(model))
    assert Route(**data["route"]) == model.route
    assert [lane["url"] for lane in data["lanes"]] == [lane.url for lane in model.lanes]


@given(models(), models())
def test_lanes_that_differ_have_names_that_differ(one: Published, other: Published) -> None:
    for lane in one.lanes:
        for rival in other.lanes:
            assert (lane == rival) == (lane.name == rival.name)


def test_a_route_must_fit_its_upstreams() -> None:
    route = Route("m", "1.0.0", {"aws": 1}, {}, "{}")
    upstream = Upstream("aws", "1.0.0", "http://127.0.0.1/")
    with pytest.raises(SpecError, match="two upstreams in one cloud"):
        published(route, (upstream, upstream))
    with pytest.raises(SpecError, match="no upstream there"):
        published(route, ())
    with pytest.raises(SpecError, match="model's name"):
        published(Route("../m", "1.0.0", {"aws": 1}, {}, "{}"), (upstream,))


def test_a_version_of_the_route_other_than_the_upstreams_is_kept_apart() -> None:
    old = published(Route("m", "1.0.0", {"aws": 1}, {}, "{}"), (Upstream("aws", "1.0.0", "http://127.0.0.1/"),))
    new = published(Route("m", "1.1.0", {"aws": 1}, {}, "{}"), (Upstream("aws", "1.1.0", "http://127.0.0.1/"),))
    assert old.lanes[0].name != new.lanes[0].name


def test_the_same_secret_is_known_whatever_its_random_version() -> None:
    lane = published(
        Route("m", "1.0.0", {"gcp": 1}, {}, "{}"), (Upstream("gcp", "1.0.0", "http://127.0.0.1/", BearerToken("a")),)
    ).lanes[0]
    one, two, other = (credentials.secret_text(lane, BearerToken(token)) for token in "aab")
    assert one != two
    assert credentials.same_secret(one, two)
    assert not credentials.same_secret(one, other)
    assert not credentials.same_secret("damaged", one)


def test_a_long_directory_gets_a_short_socket() -> None:
    deep = Places(Path("/" + "d" * 200))
    assert len(str(deep.socket)) <= SOCKET_LIMIT
    assert deep.socket != Places(Path("/" + "e" * 200)).socket


def plain(texts: Texts) -> dict[str, dict]:  # type: ignore[type-arg]
    return {name: json.loads(bytes(text)) for name, text in texts.items()}


def orders(upstreams: Texts) -> list[list[str]]:
    return [found for name, text in upstreams.items() if (found := config.members(name, text))]


def all_of(tree: object, key: str) -> list[dict]:  # type: ignore[type-arg]
    """Every value of ``key`` anywhere in a JSON tree."""
    if isinstance(tree, dict):
        return ([tree[key]] if key in tree else []) + [hit for value in tree.values() for hit in all_of(value, key)]
    return [hit for value in tree for hit in all_of(value, key)] if isinstance(tree, list) else []
