"""What every EndpointTarget promises. An adapter's test inherits the class and gives the fixtures below.

    class TestSageMaker(EndpointTargetConformance):
        adapter: ClassVar[str] = "aws/sagemaker"    # its entry point

        @pytest.fixture(scope="class")
        def make_target(self, sandbox): ...         # () -> a fresh adapter; cloud started, environment variables set

        @pytest.fixture(scope="class")
        def upload(self, sandbox): ...              # (folder, prefix) -> URI that a DeployRequest takes

        @pytest.fixture(scope="class")
        def image(self, sandbox): ...               # an image reference that the cloud holds

        @pytest.fixture(scope="class")
        def store(self, sandbox): ...               # the cloud's ObjectStore, where prediction logs go

The ``sandbox`` fixture is that of tests/sandbox_fixture.py, imported in a conftest.py. A platform that the sandbox does
not emulate gives a ``provider`` of its own. A test of a feature that the adapter ``lacks`` is skipped with the
adapter's own reason.
"""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import ClassVar

import pytest

from intermodal.platform import catalogue
from intermodal.platform.errors import DeployFailed, IntermodalError, NotFound, Refused, Throttled, Unavailable
from intermodal.platform.ports import EndpointTarget, ObjectStore, ownership
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.platform.protocol import parity, v2
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.protocol.v2 import GOLDEN_ID
from intermodal.platform.targets import Cloud, Feature, Target
from intermodal.resources.polling import poll
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.binary_body import body_of
from tests.conformance.callers import send
from tests.conformance.provider import Provider, SandboxCloud
from tests.log_objects import requests

Upload = Callable[[Path, str], str]
REGION = "elsewhere-1"
"""The region in a target's name; an adapter's settings decide which region it calls."""


def require(adapter: str, feature: Feature) -> None:
    """Skip, with the adapter's own reason, when it lacks the feature."""
    if reason := catalogue.load("targets", adapter).lacks.get(feature):
        pytest.skip(f"{adapter}: {reason}")


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    assert poll(condition, seconds, growth=1, first_pause=0.1), "the condition was not true in time"


@dataclass(frozen=True)
class Theirs(DeployRequest):
    """A request that takes another's name: ``called``. It carries no tags at all unless it is ``tagged``."""

    called: str = ""
    tagged: bool = True

    @property
    def name(self) -> str:
        return self.called

    @property
    def all_tags(self) -> dict[str, str]:
        return super().all_tags if self.tagged else {"cost_centre": "theirs"}


@contextmanager
def unchecked() -> Iterator[None]:
    """Whose an endpoint is does not matter meanwhile: so a test makes and removes one that is not ours."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ownership, "is_named_so", lambda *_: True)
        patched.setattr(ownership, "require_requested", lambda *_: None)
        patched.setattr(ownership, "require_own_name", lambda *_: None)
        yield


class EndpointTargetConformance:
    """Tests that only read share one deployed endpoint; a test that changes it restores it.

    ``open_upstream`` and ``any_image`` are reasons: why the upstream needs no credential, and why no image is wrong.
    """

    adapter: ClassVar[str]
    open_upstream: ClassVar[str] = ""
    any_image: ClassVar[str] = ""

    @property
    def cloud(self) -> Cloud:
        return self.adapter.partition("/")[0]

    @pytest.fixture(scope="class")
    def provider(self, request: pytest.FixtureRequest) -> Provider:
        return SandboxCloud(request.getfixturevalue("sandbox"), self.cloud)

    @pytest.fixture(scope="class")
    def target(self, make_target: Callable[[], EndpointTarget]) -> EndpointTarget:
        return make_target()

    @pytest.fixture(scope="class")
    def named(self, make_target: Callable[[], EndpointTarget]) -> EndpointTarget:
        """The same platform under the name of another region."""
        return make_target().model_copy(update={"named_region": REGION})  # type: ignore[attr-defined,no-any-return]

    @pytest.fixture(scope="class")
    def package(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tiny_package.build(tmp_path_factory.mktemp("package"), seed=1)

    @pytest.fixture(scope="class")
    def other_package(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tiny_package.build(tmp_path_factory.mktemp("other-package"), seed=2)

    @pytest.fixture(scope="class")
    def request_(self, upload: Upload, package: Path, image: str) -> DeployRequest:
        return DeployRequest(
            model="flight_delay",
            version="1.2.0",
            environment="conformance",
            owner="team:airline-operations",
            image=image,
            artifacts=upload(package, "flight_delay/1.2.0"),
            tags={"cost_centre": "ops-42"},
            digest=Manifest.of(package).digest,
        )

    @pytest.fixture(scope="class")
    def endpoint(self, target: EndpointTarget, request_: DeployRequest) -> Iterator[Endpoint]:
        yield target.deploy(request_)
        target.delete(request_.name)

    @staticmethod
    def body(package: Path) -> bytes:
        return v2.request_body(Package.read(package).signature, Golden.read(package).rows)

    def holds(self, package: Path, answer: bytes) -> bool:
        return parity.holds(Golden.read(package).predictions, v2.predictions(answer))

    def test_target_is_that_of_the_entry_point(self, target: EndpointTarget) -> None:
        assert isinstance(target, catalogue.load("targets", self.adapter))
        assert str(target.target) == self.adapter

    def test_deploy_endpoint_is_ready_and_described(
        self, target: EndpointTarget, endpoint: Endpoint, request_: DeployRequest
    ) -> None:
        assert endpoint.state == "ready"
        assert endpoint.target == target.target
        assert (endpoint.name, endpoint.model, endpoint.version) == (request_.name, "flight_delay", "1.2.0")
        assert endpoint.digest == request_.digest
        assert endpoint.url.startswith("http")
        assert target.describe(request_.name) == endpoint

    def test_invoke_golden_rows_predicts_as_recorded(
        self, target: EndpointTarget, endpoint: Endpoint, package: Path
    ) -> None:
        assert self.holds(package, target.invoke(endpoint.name, self.body(package)))

    def test_deploy_same_request_changes_nothing(
        self, target: EndpointTarget, endpoint: Endpoint, request_: DeployRequest, provider: Provider
    ) -> None:
        before = {process.pid for process in provider.servers()}
        assert target.deploy(request_) == endpoint
        assert {process.pid for process in provider.servers()} == before

    def test_list_is_by_environment_and_model(self, target: EndpointTarget, endpoint: Endpoint) -> None:
        assert list(target.list("conformance")) == [endpoint]
        assert list(target.list("conformance", "flight_delay")) == [endpoint]
        for other in ("another", "flight_delay,", ""):
            assert list(target.list("conformance", other)) == []
        assert list(target.list("production")) == []

    def test_upstream_answers_with_its_credential_only(
        self, target: EndpointTarget, endpoint: Endpoint, package: Path
    ) -> None:
        upstream = target.upstream(endpoint)
        assert (upstream.target, upstream.version) == (target.target, "1.2.0")
        answer = send(upstream, self.body(package))
        assert answer.status_code == 200, answer.text
        assert self.holds(package, answer.content)
        assert (upstream.credential is None) == bool(self.open_upstream)
        if upstream.credential is not None:
            assert send(replace(upstream, credential=None), self.body(package)).status_code in (401, 403)
        again = target.upstream(replace(endpoint, url=upstream.url))
        assert again.url == upstream.url
        assert send(again, self.body(package)).status_code == 200

    def test_upstream_takes_binary_tensors(self, target: EndpointTarget, endpoint: Endpoint, package: Path) -> None:
        columns = {column.name: column.datatype for column in Package.read(package).signature.inputs}
        body = body_of(Golden.read(package).rows, columns)
        headers = {"content_type": "application/octet-stream", "inference_header_content_length": "1"}
        answer = send(target.upstream(endpoint), body, **headers)
        assert answer.status_code == 200, answer.text
        assert self.holds(package, answer.content)

    def test_invoke_wrong_body_names_the_column(self, target: EndpointTarget, endpoint: Endpoint) -> None:
        tensor = {"name": "distance", "datatype": "FP64", "shape": [1], "data": ["far"]}
        with pytest.raises(IntermodalError, match="distance"):
            target.invoke(endpoint.name, json.dumps({"inputs": [tensor]}).encode())

    def test_upstream_errors_have_the_containers_status(self, target: EndpointTarget, endpoint: Endpoint) -> None:
        upstream = target.upstream(endpoint)
        tensor = {"name": "distance", "datatype": "FP64", "shape": [1], "data": ["far"]}
        answer, envelope = send(upstream, json.dumps({"inputs": [tensor]}).encode()), upstream.errors
        own = str(answer.status_code)
        if envelope.status:
            assert answer.status_code == envelope.status
            own = answer.headers.get(envelope.status_header) or str(answer.json()[envelope.status_field])
        assert 400 <= int(own) < 500
        assert "distance" in (str(answer.json()[envelope.message_field]) if envelope.message_field else answer.text)

    def test_missing_name_is_not_found(self, target: EndpointTarget) -> None:
        assert target.describe("nobody-home") is None
        target.delete("nobody-home")
        with pytest.raises(NotFound, match="nobody-home"):
            target.invoke("nobody-home", b"{}")

    @pytest.mark.parametrize("owner", ["a_", "a", "no tags"])
    def test_endpoint_of_another_is_neither_updated_nor_deleted(
        self, target: EndpointTarget, request_: DeployRequest, owner: str
    ) -> None:
        """Another model's, another version's, or a person's."""
        ours = replace(request_, model="a", version="1.0.0", environment="theirs")
        changes = {"a_": {"model": "a_"}, "a": {"version": "2.0.0"}, "no tags": {"tagged": False}}[owner]
        members = {field.name: getattr(ours, field.name) for field in fields(ours)} | {"called": ours.name} | changes
        theirs = Theirs(**members)
        with unchecked():
            before = target.deploy(theirs)
        try:
            for call in (lambda: target.deploy(ours), lambda: target.delete(ours.name)):
                with pytest.raises(Refused, match=ours.name) as caught:
                    call()
                assert "made by Intermodal" in str(caught.value) if owner == "no tags" else owner in str(caught.value)
                assert "defs.yaml" in caught.value.hint
            assert target.describe(ours.name) is None
            assert list(target.list("theirs")) == []
            with unchecked():
                assert target.describe(ours.name) == before
        finally:
            with unchecked():
                target.delete(ours.name)
        assert target.deploy(ours).state == "ready"
        target.delete(ours.name)

    def test_deploy_new_artifacts_fails_no_request(
        self,
        target: EndpointTarget,
        endpoint: Endpoint,
        request_: DeployRequest,
        upload: Upload,
        package: Path,
        other_package: Path,
        provider: Provider,
    ) -> None:
        changed = replace(request_, artifacts=upload(other_package, "flight_delay/other"))
        body = self.body(package)
        with ThreadPoolExecutor(1) as pool:
            deployed = pool.submit(target.deploy, changed)
            while not deployed.done():
                v2.predictions(target.invoke(endpoint.name, body))
                time.sleep(0.02)
            assert deployed.result().state == "ready"
        assert self.holds(other_package, target.invoke(endpoint.name, self.body(other_package)))
        eventually(lambda: len(provider.servers()) == 1)
        target.deploy(request_)
        assert self.holds(package, target.invoke(endpoint.name, body))

    def test_deploy_another_digest_of_one_version_replaces_it(
        self, target: EndpointTarget, request_: DeployRequest, upload: Upload, package: Path, other_package: Path
    ) -> None:
        """The first is one of a release that kept no digest."""
        prefix = "flight_delay/rewritten"
        first = replace(request_, environment="rewritten", artifacts=upload(package, prefix), digest="")
        digest = Manifest.of(other_package).digest
        try:
            assert target.deploy(first).digest == ""
            second = replace(first, artifacts=upload(other_package, prefix), digest=digest)
            assert second.artifacts == first.artifacts
            assert target.deploy(second).digest == digest
            assert self.holds(other_package, target.invoke(second.name, self.body(other_package)))
        finally:
            target.delete(first.name)

    def test_deploy_failed_update_keeps_the_old_one_serving(
        self, target: EndpointTarget, endpoint: Endpoint, request_: DeployRequest, package: Path
    ) -> None:
        with pytest.raises(DeployFailed, match="nowhere") as caught:
            target.deploy(replace(request_, artifacts=f"{request_.artifacts}/nowhere"))
        assert caught.value.hint
        assert self.holds(package, target.invoke(endpoint.name, self.body(package)))
        assert target.deploy(request_).state == "ready"

    def test_named_region_is_in_endpoint_upstream_and_log(
        self, named: EndpointTarget, request_: DeployRequest, store: ObjectStore, package: Path
    ) -> None:
        expected = Target(*self.adapter.split("/"), REGION)
        assert named.target == expected
        logs = f"regional-{expected.kind}"  # targets of one cloud share its bucket
        regional = replace(request_, environment="regional", predictions=store.uri(logs))
        endpoint = named.deploy(regional)
        try:
            assert endpoint.target == named.upstream(endpoint).target == expected
            assert [found.target for found in named.list("regional")] == [expected]
            assert send(named.upstream(endpoint), self.body(package), "of-the-gateway").status_code == 200
        finally:
            named.delete(endpoint.name)
        eventually(lambda: bool(store.list(f"{logs}/predictions/flight_delay")))
        ((key, _),) = store.list(f"{logs}/predictions/flight_delay").items()
        header, logged = requests(store.get(key), key)
        assert (header.cloud, header.target) == (self.cloud, str(expected))
        assert [entry.id for entry in logged] == ["of-the-gateway"]  # by the upstream's id_header

    def test_deploy_two_replicas_answer(self, target: EndpointTarget, request_: DeployRequest, package: Path) -> None:
        require(self.adapter, Feature.REPLICAS)
        pair = replace(request_, environment="pair", replicas=2)
        assert target.deploy(pair).state == "ready"
        assert self.holds(package, target.invoke(pair.name, self.body(package)))
        target.delete(pair.name)

    def test_figures_carry_the_target(self, named: EndpointTarget, target: EndpointTarget, endpoint: Endpoint) -> None:
        assert endpoint.state == "ready"
        if Feature.MONITOR in catalogue.load("targets", self.adapter).lacks:
            assert list(target.figures(3600)) == []
        require(self.adapter, Feature.MONITOR)
        for adapter in (target, named):
            assert {row.target for row in adapter.figures(3600, "flight_delay")} <= {adapter.target}

    def test_predictions_are_logged_in_the_clouds_own_store(
        self, target: EndpointTarget, request_: DeployRequest, store: ObjectStore, package: Path
    ) -> None:
        logging = replace(request_, environment="logging", predictions=store.uri(f"logs-{target.target.kind}"))
        body = json.loads(self.body(package))
        most, less = replace(logging, sample=0.99999), replace(logging, sensitive=("hour", "unheard of"))
        for id_, changed in (("all", logging), ("most", most), ("less", less)):  # each is a change of the endpoint
            target.deploy(changed)
            target.invoke(logging.name, json.dumps({**body, "id": GOLDEN_ID}).encode())  # nobody's
            # The second one might not be in the sample: once in a hundred thousand.
            target.invoke(logging.name, json.dumps({**body, "id": id_}).encode())
        target.delete(logging.name)
        found = {}

        def gathered() -> bool:
            for key in store.list(f"logs-{target.target.kind}/predictions/flight_delay"):
                header, logged = requests(store.get(key), key)
                found.update({entry.label_id: (header, entry) for entry in logged})
            return {"all", "most", "less"} <= set(found)

        eventually(gathered)
        assert {id_: header.sample for id_, (header, _) in found.items()} == {"all": 1.0, "most": 0.99999, "less": 1.0}
        header, entry = found["all"]
        assert (header.cloud, header.target, header.version) == (self.cloud, str(target.target), "1.2.0")
        assert parity.holds(Golden.read(package).predictions, entry.predictions)
        assert entry.inputs["hour"] == [row["hour"] for row in Golden.read(package).rows]
        assert set(found["less"][1].inputs) == {"distance", "carrier"}

    @pytest.mark.parametrize("wrong", ["image", "artifacts"])
    def test_deploy_failure_has_a_reason_and_leaves_nothing(
        self, target: EndpointTarget, request_: DeployRequest, wrong: str, provider: Provider
    ) -> None:
        if wrong == "image" and self.any_image:
            pytest.skip(f"{self.adapter}: {self.any_image}")
        value = {"image": f"{request_.image}-unheard-of", "artifacts": f"{request_.artifacts}/nowhere"}[wrong]
        bad = replace(request_, environment=f"broken-{wrong}", **{wrong: value})
        before = {process.pid for process in provider.servers()}
        with pytest.raises(DeployFailed, match=r"unheard-of|nowhere") as caught:
            target.deploy(bad)
        assert caught.value.hint
        eventually(lambda: target.describe(bad.name) is None)
        assert list(target.list(bad.environment)) == []
        assert {process.pid for process in provider.servers()} <= before

    def test_deploy_twice_at_once_both_end_ready(self, target: EndpointTarget, request_: DeployRequest) -> None:
        twice = replace(request_, environment="twice")
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(target.deploy, [twice, twice])
        assert first == second
        assert first.state == "ready"
        target.delete(twice.name)

    def test_deploy_with_some_errors_succeeds_and_is_deleted(
        self, target: EndpointTarget, request_: DeployRequest, provider: Provider
    ) -> None:
        short = replace(request_, environment="short")
        before = {process.pid for process in provider.servers()}
        with provider.faults(Faults(error_rate=0.1, throttle_rate=0.1, latency_ms=20, scope="api")):
            assert target.deploy(short).state == "ready"
        assert {process.pid for process in provider.servers()} != before
        target.delete(short.name)
        target.delete(short.name)
        assert target.describe(short.name) is None
        eventually(lambda: {process.pid for process in provider.servers()} <= before)

    def test_deploy_after_a_kill_is_continued(
        self,
        make_target: Callable[[], EndpointTarget],
        target: EndpointTarget,
        request_: DeployRequest,
        provider: Provider,
    ) -> None:
        halfway = replace(request_, environment="halfway")
        with provider.faults(Faults(slow_start_seconds=1)):
            # The child makes an adapter of its own: two processes must not share a client's connections.
            child = multiprocessing.get_context("fork").Process(target=lambda: make_target().deploy(halfway))
            child.start()
            eventually(lambda: target.describe(halfway.name) is not None)
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            found = target.describe(halfway.name)
            assert found is not None
            assert found.state == "creating"
            assert target.deploy(halfway).state == "ready"
        target.delete(halfway.name)

    @pytest.mark.parametrize(
        ("faults", "error"),
        [
            (Faults(refuse=True), Refused),
            (Faults(throttle_rate=1), Throttled),
            (Faults(error_rate=1), Unavailable),
        ],
        ids=["refused", "throttled", "unavailable"],
    )
    def test_fault(
        self,
        target: EndpointTarget,
        endpoint: Endpoint,
        package: Path,
        provider: Provider,
        faults: Faults,
        error: type[IntermodalError],
    ) -> None:
        with provider.faults(faults):
            for call in (
                lambda: target.describe(endpoint.name),
                lambda: target.list("conformance"),
                lambda: target.invoke(endpoint.name, self.body(package)),
            ):
                with pytest.raises(error) as caught:
                    call()
                assert caught.value.hint
            assert target.answers() is False
        assert target.answers() is True

    def test_answers_of_a_hanging_cloud_is_false(
        self, make_target: Callable[[], EndpointTarget], provider: Provider
    ) -> None:
        target = make_target()
        eventually(target.answers)  # the first call also makes a client, which a busy machine may not do in two seconds
        with provider.faults(Faults(latency_ms=6000, scope="api")):
            assert target.answers() is False  # it would be True after six seconds
        eventually(target.answers)

    def test_server_that_dies_is_restarted_or_reported(
        self, target: EndpointTarget, endpoint: Endpoint, package: Path, provider: Provider
    ) -> None:
        old = provider.servers()
        for process in old:
            process.kill()

        def restored_or_reported() -> bool:
            found = target.describe(endpoint.name)
            if found is not None and found.state == "failed":
                return bool(found.reason)
            try:
                return self.holds(package, target.invoke(endpoint.name, self.body(package)))
            except IntermodalError:
                return False

        eventually(restored_or_reported)

    def test_deploy_after_an_outage_restores_the_endpoint(
        self, target: EndpointTarget, endpoint: Endpoint, request_: DeployRequest, package: Path, provider: Provider
    ) -> None:
        provider.outage()
        with pytest.raises(Unavailable):
            target.describe(endpoint.name)
        with pytest.raises(Unavailable):
            target.invoke(endpoint.name, self.body(package))
        assert target.answers() is False
        assert provider.servers() == []
        provider.start()
        assert target.answers() is True
        assert target.deploy(request_) == endpoint
        assert self.holds(package, target.invoke(endpoint.name, self.body(package)))
