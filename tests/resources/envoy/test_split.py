"""A share of the requests goes to a canary, and its failures reach no caller."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Canary, Tries
from intermodal.platform.targets import Target
from tests.resources.envoy.conftest import GOLDEN, Model, until
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import FakeUpstream, always
from tests.targets import AWS, GCP

NEW, REQUESTS = "1.1.0", 400


@pytest.fixture
def canary(model: Model) -> Iterator[dict[Target, FakeUpstream]]:
    """The model is published, with a canary on two targets that gets 30 percent."""
    model.publish()
    fakes = {target: FakeUpstream() for target in (AWS, GCP)}
    route = replace(model.route({AWS: 3, GCP: 1}), version=NEW)
    model.gateway.split(model.name, Canary(route, 30), upstreams(fakes))
    yield fakes
    for fake in fakes.values():
        fake.close()


def upstreams(fakes: dict[Target, FakeUpstream]) -> list[Upstream]:
    return [Upstream(target, NEW, fake.url) for target, fake in fakes.items()]


def versions(model: Model, path: str = "infer") -> Counter[str]:
    with httpx.Client() as client:
        answers = [client.post(f"{model.url}/{path}", content=GOLDEN, timeout=30) for _ in range(REQUESTS)]
    assert {answer.status_code for answer in answers} == {200}
    return Counter(answer.headers["x-intermodal-version"] for answer in answers)


def tried(model: Model, version: str) -> Tries:
    found = (tries for (_, known), tries in model.gateway.tries(model.name).items() if known == version)
    return sum(found, Tries())


def test_canary_gets_its_share_by_its_weights(model: Model, canary: dict[Target, FakeUpstream]) -> None:
    found = versions(model)
    assert 0.2 * REQUESTS < found[NEW] < 0.4 * REQUESTS  # six standard deviations
    assert canary[AWS].count > canary[GCP].count > 0
    assert tried(model, NEW).requests == found[NEW]
    assert tried(model, model.version).requests == found[model.version]


@pytest.mark.usefixtures("canary")
def test_canary_share_changes_and_ends_at_once(model: Model) -> None:
    known = model.gateway.canary(model.name)
    assert known is not None
    model.gateway.split(model.name, replace(known, share=0))
    assert versions(model) == {model.version: REQUESTS}
    model.gateway.split(model.name, replace(known, share=99))
    assert versions(model)[NEW] > 0.9 * REQUESTS
    model.gateway.split(model.name, None)
    assert versions(model) == {model.version: REQUESTS}


def test_canary_is_not_given_to_who_names_the_version(model: Model, canary: dict[Target, FakeUpstream]) -> None:
    assert canary
    assert versions(model, f"versions/{model.version}/infer") == {model.version: REQUESTS}


@pytest.mark.parametrize("how", ["fail", "kill", "hang"])
def test_canary_that_cannot_answer_fails_no_request(model: Model, canary: dict[Target, FakeUpstream], how: str) -> None:
    def die() -> None:
        for fake in canary.values():
            match how:
                case "fail":
                    fake.answer = always(500)
                case "kill":
                    fake.kill()
                case "hang":
                    fake.hanging = True

    outcome = drive(f"{model.url}/infer", 2, 100, die)
    assert outcome.failed == []
    until(lambda: tried(model, NEW).failed > 0)
    assert tried(model, model.version).failed == 0
    assert model.healthy() == set(model.fakes)


def test_split_survives_the_loss_of_a_target_of_the_route(model: Model, canary: dict[Target, FakeUpstream]) -> None:
    assert canary
    outcome = drive(f"{model.url}/infer", 2, 100, model.fakes[AWS].kill)
    assert outcome.failed == []
    known = model.gateway.canary(model.name)
    assert known is not None
    assert known.share == 30
