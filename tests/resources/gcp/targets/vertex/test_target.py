"""Vertex AI: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from intermodal.platform.errors import DeployFailed, IntermodalError, SpecError
from intermodal.platform.ports.endpoints import BearerToken, DeployRequest, Endpoint
from intermodal.platform.ports.gateway import Route
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.object_store import GcsObjectStore
from intermodal.resources.gcp.targets.vertex.documents import ENDPOINT_LABEL, tags_of, wanted
from intermodal.resources.gcp.targets.vertex.rollout import models_of
from intermodal.resources.gcp.targets.vertex.target import VertexTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.callers import send
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.resources.envoy.conftest import running, target_of, until
from tests.resources.gcp.support import make_vertex, uploader
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


class TestVertex(EndpointTargetConformance):
    adapter: ClassVar[str] = "gcp/vertex"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[dict[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield dict(sandbox.use("gcp", patch))

    @pytest.fixture(scope="class")
    def target(self, make_target: Callable[[], VertexTarget]) -> VertexTarget:
        return make_target()

    @pytest.fixture(scope="class")
    def make_target(self, variables: dict[str, str]) -> Callable[[], VertexTarget]:
        return lambda: make_vertex(variables)

    @pytest.fixture(scope="class")
    def store(self, variables: dict[str, str]) -> GcsObjectStore:
        endpoint = variables["INTERMODAL_GCP_STORAGE_ENDPOINT"]
        return GcsObjectStore(bucket=variables["INTERMODAL_GCP_BUCKET"], endpoint=endpoint)

    @pytest.fixture(scope="class")
    def image(self, variables: dict[str, str]) -> str:
        return variables["INTERMODAL_GCP_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: dict[str, str]) -> Upload:
        return uploader(variables)

    def test_deploy_tags_are_labels_and_exact_description(
        self, target: VertexTarget, endpoint: Endpoint, request_: DeployRequest
    ) -> None:
        found = target._client().endpoint(endpoint.name)
        assert found is not None
        assert found["labels"]["intermodal-version"] == "1_2_0"
        assert found["labels"]["intermodal-team"] == "team_airline-operations"
        assert tags_of(found) == request_.all_tags
        (model,) = models_of(target._client(), endpoint.name)
        assert model["labels"][ENDPOINT_LABEL] == endpoint.name

    def test_upstream_token_has_its_expiry(self, target: VertexTarget, endpoint: Endpoint) -> None:
        upstream = target.upstream(endpoint)
        assert isinstance(upstream.credential, BearerToken)
        assert upstream.credential.expires_at is not None
        assert upstream.credential.token not in repr(upstream)

    def test_upstream_id_token_is_refused(self, target: VertexTarget, endpoint: Endpoint) -> None:
        other = identity.id_token("https://other.example")
        assert send(replace(target.upstream(endpoint), credential=other), b"{}").status_code == 401

    def test_gateway_route_delivers_a_v2_body(
        self, target: VertexTarget, endpoint: Endpoint, package: Path, tmp_path: Path
    ) -> None:
        """Envoy brings the token and the path with a colon; the id of the request arrives in the container."""
        body, signature = self.body(package), Package.read(package).signature
        golden = v2.golden_body(signature, Golden.read(package).rows).decode()
        metadata = signature.metadata(endpoint.model, endpoint.version)
        route = Route(endpoint.model, endpoint.version, {target.target: 1}, metadata, golden)
        with running(tmp_path / "envoy") as gateway:
            gateway.publish(route, [target.upstream(endpoint)])
            answer = httpx.post(f"{gateway.url}/v2/models/{endpoint.model}/infer", content=body, timeout=30)
            assert answer.status_code == 200, answer.text
            assert target_of(answer) == target.target
            assert self.holds(package, answer.content)
            until(lambda: gateway.upstream_health(endpoint.model) == {target.target: True})

    def test_shared_domain_refuses_a_dedicated_endpoint(self, target: VertexTarget, endpoint: Endpoint) -> None:
        upstream = target.upstream(endpoint)
        shared = replace(upstream, url=f"{target.endpoint}/v1/{upstream.url.partition('/v1/')[2]}")
        assert send(shared, b"{}").json()["error"]["status"] == "FAILED_PRECONDITION"

    def test_upstream_body_over_10_mb_is_refused(self, target: VertexTarget, endpoint: Endpoint) -> None:
        answer = send(target.upstream(endpoint), b" " * (target.limits.request_bytes + 1))
        assert answer.status_code == 400
        assert "10000000" in answer.text

    @pytest.mark.usefixtures("endpoint")
    def test_list_of_several_pages_is_complete(
        self, target: VertexTarget, request_: DeployRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("intermodal.resources.gcp.targets.vertex.client.PAGE", 1)
        second = target.deploy(replace(request_, version="1.3.0"))
        try:
            assert sorted(e.version for e in target.list("conformance")) == ["1.2.0", "1.3.0"]
        finally:
            target.delete(second.name)

    def test_deploy_update_leaves_one_model(
        self, target: VertexTarget, request_: DeployRequest, endpoint: Endpoint
    ) -> None:
        target.deploy(replace(request_, sample=0.5, predictions="gs://intermodal-models/one"))
        assert len(models_of(target._client(), endpoint.name)) == 1
        target.deploy(request_)

    def test_delete_leaves_no_model(self, target: VertexTarget, request_: DeployRequest) -> None:
        short = replace(request_, environment="leaves-nothing")
        target.deploy(short)
        target.delete(short.name)
        assert models_of(target._client(), short.name) == []

    def test_delete_model_without_endpoint_is_deleted(self, target: VertexTarget, request_: DeployRequest) -> None:
        """A deployment that was killed between the upload and the endpoint's deletion."""
        left = replace(request_, environment="left")
        client, document = target._client(), wanted(left, target.target, "")
        assert client.upload(document.model_id, document.model)
        target.delete(left.name)
        assert models_of(client, left.name) == []

    def test_deploy_over_its_limit_fails_and_continues(
        self, target: VertexTarget, request_: DeployRequest, sandbox: Sandbox
    ) -> None:
        hasty = target.model_copy(update={"timeout_seconds": 0.3})
        slow = replace(request_, environment="slow")
        with sandbox.faults("gcp", Faults(slow_start_seconds=1.5)):
            with pytest.raises(DeployFailed, match="not ready within"):
                hasty.deploy(slow)
            assert target.deploy(slow).state == "ready"
        target.delete(slow.name)

    def test_deploy_artifacts_of_another_cloud_are_refused(self, target: VertexTarget, request_: DeployRequest) -> None:
        with pytest.raises(SpecError, match="s3://"):
            target.deploy(replace(request_, artifacts="s3://bucket/prefix"))

    def test_create_invalid_name_is_a_spec_error(self, target: VertexTarget, request_: DeployRequest) -> None:
        with pytest.raises(SpecError, match="endpoint_id"):
            target._client().create("Not_Allowed", wanted(request_, target.target, "").endpoint)

    def test_deploy_in_unknown_project_is_an_error_with_hint(
        self, target: VertexTarget, request_: DeployRequest
    ) -> None:
        with pytest.raises(IntermodalError, match="nowhere-else") as caught:
            target.model_copy(update={"project": "nowhere-else"}).deploy(request_)
        assert caught.value.hint

    def test_deploy_container_that_exits_fails_with_its_log(
        self, target: VertexTarget, request_: DeployRequest, upload: Upload, tmp_path: Path
    ) -> None:
        (tmp_path / "intermodal.json").write_text("{}", encoding="utf-8")
        damaged = replace(request_, environment="damaged", artifacts=upload(tmp_path, "damaged/1.0.0"))
        with pytest.raises(DeployFailed, match=r"exited with .*intermodal\.json"):
            target.deploy(damaged)
        assert target.describe(damaged.name) is None

    def test_deploy_with_an_outage_meanwhile_is_continued(
        self, target: VertexTarget, request_: DeployRequest, package: Path, sandbox: Sandbox
    ) -> None:
        cut = replace(request_, environment="cut")
        with sandbox.faults("gcp", Faults(slow_start_seconds=30)):
            with pytest.raises(DeployFailed):
                target.model_copy(update={"timeout_seconds": 1}).deploy(cut)
            sandbox.outage("gcp")
            sandbox.start("gcp")
        assert target.deploy(cut).state == "ready"
        assert self.holds(package, target.invoke(cut.name, self.body(package)))
        target.delete(cut.name)
