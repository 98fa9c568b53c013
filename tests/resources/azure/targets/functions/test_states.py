"""What is particular to function apps: plans, names of others, slots, keys, and apps that were stopped."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intermodal.platform.errors import DeployFailed, NotFound, Refused, SpecError
from intermodal.platform.ports.endpoints import ApiKey, DeployRequest, endpoint_name
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.resources.azure.targets.functions.documents import site_name
from intermodal.resources.azure.targets.functions.rollout import SLOT, Rollout
from intermodal.resources.azure.targets.functions.target import FunctionsTarget
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.conformance.callers import send
from tests.resources.azure.support import make_functions, upload
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def variables(sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        yield sandbox.use("azure", patch)


@pytest.fixture(scope="module")
def target(variables: Mapping[str, str]) -> FunctionsTarget:
    return make_functions(variables)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_package.build(tmp_path_factory.mktemp("package"), seed=1)


@pytest.fixture(scope="module")
def body(package: Path) -> bytes:
    return v2.request_body(Package.read(package).signature, Golden.read(package).rows)


@pytest.fixture(scope="module")
def request_(variables: Mapping[str, str], package: Path) -> DeployRequest:
    artifacts = upload(variables, package, "states/1.2.0")
    return DeployRequest("flight_delay", "1.2.0", "states", "team:x", variables["INTERMODAL_AZURE_IMAGE"], artifacts)


@pytest.fixture
def deployed(target: FunctionsTarget, request_: DeployRequest) -> Iterator[DeployRequest]:
    target.deploy(request_)
    yield request_
    target.delete(request_.name)


def site_of(target: FunctionsTarget, request: DeployRequest) -> str:
    return target._sites.named(request.name)


def test_name_of_another_customer_is_refused(
    target: FunctionsTarget, request_: DeployRequest, sandbox: Sandbox
) -> None:
    theirs = replace(request_, environment="taken")
    name = site_name(theirs.name, target.subscription_id, target.resource_group)
    sandbox.change("azure", "others", "names", **{name: True})
    with pytest.raises(Refused, match="exists in another subscription") as caught:
        target.deploy(theirs)
    assert "unique over all customers" in caught.value.hint
    assert target.describe(theirs.name) is None


def test_unknown_plan_is_named(target: FunctionsTarget, request_: DeployRequest) -> None:
    with pytest.raises(NotFound, match="nobodys"):
        target.model_copy(update={"plan": "nobodys"}).deploy(request_)
    with pytest.raises(SpecError, match="INTERMODAL_AZURE_FUNCTIONS_PLAN"):
        target.model_copy(update={"plan": ""}).deploy(request_)


def test_changed_version_keeps_the_key_and_leaves_no_slot(target: FunctionsTarget, deployed: DeployRequest) -> None:
    before = target.upstream(target.deploy(deployed))
    after = target.upstream(target.deploy(replace(deployed, owner="team:y", errors="short")))
    assert isinstance(after.credential, ApiKey)
    assert (after.url, after.credential) == (before.url, before.credential)
    assert after.credential.key not in repr(after)
    assert target._sites.get(site_of(target, deployed), SLOT) is None


def test_wrong_key_is_refused_and_counts_as_no_error(
    target: FunctionsTarget, deployed: DeployRequest, body: bytes
) -> None:
    endpoint = target.describe(deployed.name)
    assert endpoint is not None
    upstream = target.upstream(endpoint)
    assert send(replace(upstream, credential=ApiKey("x-functions-key", "wrong")), body).status_code == 401
    assert send(upstream, body).status_code == 200


def test_stopped_app_is_reported_and_started_by_a_deployment(target: FunctionsTarget, deployed: DeployRequest) -> None:
    target._sites._apps.stop(target.resource_group, site_of(target, deployed))
    found = target.describe(deployed.name)
    assert found is not None
    assert (found.state, "Stopped" in found.reason) == ("failed", True)
    assert target.deploy(deployed).state == "ready"


def test_deploy_killed_between_any_two_steps_is_continued(target: FunctionsTarget, deployed: DeployRequest) -> None:
    """Each step is made by a new rollout, as after a kill."""
    changed = replace(deployed, digest="1" * 64)
    documents = target._documents(changed)
    for _ in range(600):
        if Rollout(target._sites, target._front, documents).step():
            break
    found = target.describe(changed.name)
    assert found is not None
    assert (found.state, found.digest) == ("ready", changed.digest)


def test_image_that_cannot_be_pulled_has_azures_reason(target: FunctionsTarget, request_: DeployRequest) -> None:
    bad = replace(request_, environment="pull", image=f"{request_.image}-unheard-of")
    with pytest.raises(DeployFailed, match="Image pull failed"):
        target.deploy(bad)
    assert target.describe(bad.name) is None


def test_deploy_over_its_limit_says_what_it_waits_for(
    variables: Mapping[str, str], target: FunctionsTarget, request_: DeployRequest, sandbox: Sandbox
) -> None:
    slow = replace(request_, environment="slow")
    with sandbox.faults("azure", Faults(slow_start_seconds=30)):
        with pytest.raises(DeployFailed, match="does not answer yet") as caught:
            make_functions(variables, timeout_seconds=2).deploy(slow)
    assert "Deploy again" in caught.value.hint
    target.delete(slow.name)
    assert target.describe(slow.name) is None


def test_near_names_are_distinct_apps(target: FunctionsTarget) -> None:
    pairs = [("a_b", "a__b"), ("c", "c_"), ("f" * 33, "f" * 34)]
    for first, second in pairs:
        names: Any = {target._sites.named(endpoint_name(model, "1.0.0", "near")) for model in (first, second)}
        assert len(names) == 2
