"""The renderer, on any set of models: what Envoy gets is whole, without secrets, and weight 0 is no first choice."""

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import Target, parse_target
from intermodal.resources.envoy.control import state
from intermodal.resources.envoy.render import config, credentials
from intermodal.resources.envoy.render.config import Texts
from intermodal.resources.envoy.settings import SOCKET_LIMIT, Paths, Settings
from intermodal.resources.envoy.stats.config import stats_config
from intermodal.resources.envoy.upstream import (
    UPSTREAM,
    Published,
    is_order,
    key_of,
    published,
    shifted,
    upstream_config,
)
from tests.targets import AWS, AWS_EU, EKS, GCP, TARGETS

PATHS, SETTINGS = Paths(Path("/var/lib/gateway")), Settings(ca_bundle="/ca.pem")
SECRET = "never-to-be-rendered"
names = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}", fullmatch=True)
weights = st.dictionaries(st.sampled_from([*TARGETS, AWS_EU, EKS]), st.integers(0, 100), min_size=1).filter(
    lambda w: any(w.values())
)
secrets = st.sampled_from([None, BearerToken(SECRET), AwsSignature("sagemaker", "eu-west-1", "AKID", SECRET)])
words = st.from_regex(r"[a-z0-9]{1,3}(-[a-z0-9]{1,2})?", fullmatch=True)
targets = st.builds(Target, words, words, st.one_of(st.just(""), words.filter(lambda word: word != "default")))
pairs = st.tuples(st.sampled_from(["m", "m.x", "m-x", "m.aws"]) | names, targets | st.sampled_from([AWS, AWS_EU, EKS]))
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
def test_named_clusters_exist(found: list[Published]) -> None:
    rendered = config.render(found, PATHS, SETTINGS)
    clusters = {**rendered.endpoints, **rendered.upstreams}
    assert all(set(order) <= set(clusters) for order in orders(rendered.upstreams))
    for host in plain(rendered.hosts).values():
        assert host["routes"][0]["route"]["cluster"] in rendered.endpoints
    for action in all_of(json.loads(bytes(rendered.entrance)), "weighted_clusters"):
        assert {choice["name"] for choice in action["clusters"]} <= set(clusters)
        assert sum(choice["weight"] for choice in action["clusters"]) > 0


@given(models())
def test_weights_are_the_routes_and_drained_upstreams_come_last(model: Published) -> None:
    rendered = config.render([model], PATHS, SETTINGS)
    action = all_of(json.loads(bytes(rendered.entrance)), "weighted_clusters")[0]
    assert [choice["weight"] for choice in action["clusters"]] == [model.route.weights[c] for c in model.route.serving]
    targets = {upstream.name: upstream.target for upstream in model.upstreams}
    assert list(targets.values()) == list(model.route.weights)
    assert all(plain(rendered.upstreams)[name]["health_checks"] for name in targets)
    for order in orders(rendered.upstreams):
        tried = [targets[member] for member in order]
        serving = len(model.route.serving)
        assert set(tried[:serving]) == set(model.route.serving)
        assert tuple(tried) == model.route.failover_order(tried[0])


@given(models())
def test_target_without_weight_may_lack_an_upstream(model: Published) -> None:
    upstreams = tuple(Upstream(upstream.target, upstream.version, upstream.url) for upstream in model.upstreams)
    few = published(model.route, tuple(upstream for upstream in upstreams if upstream.target in model.route.serving))
    assert [upstream.target for upstream in few.upstreams] == list(model.route.serving)


@given(models(), weights)
def test_shift_keeps_every_upstream_and_the_order(model: Published, shares: dict[Target, int]) -> None:
    known = {upstream.target for upstream in model.upstreams}
    if {target for target, weight in shares.items() if weight} <= known:
        changed = shifted(model, shares, ())
        assert changed.upstreams == model.upstreams
        assert {target: weight for target, weight in changed.route.weights.items() if weight} == {
            target: weight for target, weight in shares.items() if weight
        }
        assert shifted(changed, shares, ()) == changed
        assert list(changed.route.weights)[: len(model.upstreams)] == list(model.route.weights)
    else:
        with pytest.raises(SpecError, match="no upstream"):
            shifted(model, shares, ())


@given(several)
def test_models_in_any_order_render_the_same_without_a_secret(found: list[Published]) -> None:
    left, right = config.render(found, PATHS, SETTINGS), config.render(found[::-1], PATHS, SETTINGS)
    assert (plain(left.endpoints), plain(left.upstreams)) == (plain(right.endpoints), plain(right.upstreams))
    assert (plain(left.hosts), left.entrance) == (plain(right.hosts), right.entrance)
    text = json.dumps([plain(left.endpoints), plain(left.upstreams), json.loads(bytes(left.entrance))])
    assert SECRET not in text + repr(found) + "".join(map(state.state_text, found))


@given(models())
def test_state_is_read_back_as_it_was(model: Published) -> None:
    data = json.loads(state.state_text(model))
    assert list(data["route"]["weights"]) == [str(target) for target in model.route.weights]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.json"
        path.write_text(state.state_text(model), encoding="utf-8")
        assert state.read_state(path) == model


@given(models(), models())
def test_upstreams_that_differ_have_names_that_differ(left: Published, right: Published) -> None:
    for upstream in left.upstreams:
        for other in right.upstreams:
            assert (upstream == other) == (upstream.name == other.name) == (upstream.domain == other.domain)


@given(pairs, pairs)
def test_names_of_different_models_and_targets_never_collide(
    left: tuple[str, Target], right: tuple[str, Target]
) -> None:
    assert (left == right) == bool(everything_named(*left) & everything_named(*right))


@given(pairs)
def test_name_is_parsed_into_its_parts(pair: tuple[str, Target]) -> None:
    model, target = pair
    upstream = upstream_config(model, Upstream(target, "1.0.0", "http://127.0.0.1/"))
    order = published(Route(model, "1.0.0", {target: 1}, {}, "{}"), (Upstream(target, "1.0.0", "http://h/"),))
    assert re.fullmatch(f"[^/]+/{UPSTREAM}", upstream.name)
    assert not re.fullmatch(f"[^/]+/{UPSTREAM}", upstream.endpoint)
    (name,) = order.orders
    assert not re.fullmatch(f"[^/]+/{UPSTREAM}", name)
    assert is_order(name)
    assert not is_order(upstream.name)
    assert not is_order(upstream.endpoint)
    assert key_of(upstream.name) == key_of(upstream.endpoint) == upstream.key
    before, cloud, kind = upstream.name.split("/")[:3]
    assert (before, parse_target(f"{cloud}/{kind}")) == pair
    for name in (upstream.name, f"{model}/{target}/endpoint", f"{model}/{target}/first"):
        labels = {
            tag["tag_name"]: found[2]
            for tag in stats_config()["stats_tags"]
            if (found := re.search(tag["regex"], f"cluster.{name}.membership_healthy"))
        }
        assert labels == {"model": model, "target": str(target), "cloud": target.cloud}


def everything_named(model: str, target: Target) -> set[str]:
    """Clusters, virtual hosts, keys and secrets' names of an upstream that is otherwise the same."""
    upstream = Upstream(target, "1.0.0", "http://127.0.0.1/", BearerToken(SECRET))
    found = published(Route(model, "1.0.0", {target: 1}, {}, "{}"), (upstream,))
    rendered = config.render([found], PATHS, SETTINGS)
    return {*rendered.endpoints, *rendered.upstreams, *rendered.hosts, found.upstreams[0].key}


def test_route_that_does_not_fit_its_upstreams_is_refused() -> None:
    route = Route("m", "1.0.0", {AWS: 1}, {}, "{}")
    upstream = Upstream(AWS, "1.0.0", "http://127.0.0.1/")
    with pytest.raises(SpecError, match="two upstreams on one target"):
        published(route, (upstream, upstream))
    with pytest.raises(SpecError, match="no upstream there"):
        published(route, ())
    with pytest.raises(SpecError, match="model's name"):
        published(Route("../m", "1.0.0", {AWS: 1}, {}, "{}"), (upstream,))


def test_another_version_is_another_upstream() -> None:
    old = published(Route("m", "1.0.0", {AWS: 1}, {}, "{}"), (Upstream(AWS, "1.0.0", "http://127.0.0.1/"),))
    new = published(Route("m", "1.1.0", {AWS: 1}, {}, "{}"), (Upstream(AWS, "1.1.0", "http://127.0.0.1/"),))
    assert old.upstreams[0].name != new.upstreams[0].name


def test_secret_of_another_random_version_is_the_same() -> None:
    upstream = published(
        Route("m", "1.0.0", {GCP: 1}, {}, "{}"), (Upstream(GCP, "1.0.0", "http://127.0.0.1/", BearerToken("a")),)
    ).upstreams[0]
    first, second, other = (credentials.secret_text(upstream, BearerToken(token)) for token in "aab")
    assert first != second
    assert credentials.same_secret(first, second)
    assert not credentials.same_secret(first, other)
    assert not credentials.same_secret("damaged", first)


def test_socket_of_a_long_directory_is_short() -> None:
    deep = Paths(Path("/" + "d" * 200))
    assert len(str(deep.socket)) <= SOCKET_LIMIT
    assert deep.socket != Paths(Path("/" + "e" * 200)).socket


def plain(texts: Texts) -> dict[str, dict]:  # type: ignore[type-arg]
    return {name: json.loads(bytes(text)) for name, text in texts.items()}


def orders(upstreams: Texts) -> list[list[str]]:
    return [found for name, text in upstreams.items() if (found := config.members(name, text))]


def all_of(tree: object, key: str) -> list[dict]:  # type: ignore[type-arg]
    """Every value of ``key`` anywhere in a JSON tree."""
    if isinstance(tree, dict):
        return ([tree[key]] if key in tree else []) + [hit for value in tree.values() for hit in all_of(value, key)]
    return [hit for value in tree for hit in all_of(value, key)] if isinstance(tree, list) else []
