"""Cloud Run: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from google.api_core.exceptions import BadRequest
from google.cloud import run_v2

from intermodal.platform.errors import DeployFailed, IntermodalError, SpecError
from intermodal.platform.ports.endpoints import BearerToken, DeployRequest, Endpoint
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.object_store import GcsObjectStore
from intermodal.resources.gcp.targets.cloud_run.services import service_for
from intermodal.resources.gcp.targets.cloud_run.target import CloudRunTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.callers import send
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.resources.gcp.support import make, uploader
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


class TestCloudRun(EndpointTargetConformance):
    adapter: ClassVar[str] = "gcp/cloud-run"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[dict[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield dict(sandbox.use("gcp", patch))

    @pytest.fixture(scope="class")
    def target(self, make_target: Callable[[], CloudRunTarget]) -> CloudRunTarget:
        return make_target()

    @pytest.fixture(scope="class")
    def make_target(self, variables: dict[str, str]) -> Callable[[], CloudRunTarget]:
        return lambda: make(variables)

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

    def test_deploy_tags_are_labels_and_exact_annotations(
        self, target: CloudRunTarget, endpoint: Endpoint, request_: DeployRequest
    ) -> None:
        service = target._services().find(endpoint.name)
        assert service is not None
        assert dict(service.labels)["intermodal-version"] == "1_2_0"
        assert dict(service.labels)["intermodal-team"] == "team_airline-operations"
        assert dict(service.annotations) == request_.all_tags

    def test_upstream_token_has_its_expiry(self, target: CloudRunTarget, endpoint: Endpoint) -> None:
        upstream = target.upstream(endpoint)
        assert isinstance(upstream.credential, BearerToken)
        assert upstream.credential.expires_at is not None
        assert upstream.credential.token not in repr(upstream)

    def test_upstream_token_for_another_audience_is_refused(self, target: CloudRunTarget, endpoint: Endpoint) -> None:
        other = identity.id_token("https://somebody-else.example")
        assert send(replace(target.upstream(endpoint), credential=other), b"{}").status_code == 401

    @pytest.mark.usefixtures("endpoint")
    def test_list_of_several_pages_is_complete(
        self,
        target: CloudRunTarget,
        request_: DeployRequest,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("intermodal.resources.gcp.targets.cloud_run.client.PAGE", 1)
        second = target.deploy(replace(request_, version="1.3.0"))
        try:
            assert sorted(e.version for e in target.list("conformance")) == ["1.2.0", "1.3.0"]
        finally:
            target.delete(second.name)

    def test_deploy_over_its_limit_fails_and_continues(
        self, target: CloudRunTarget, request_: DeployRequest, sandbox: Sandbox
    ) -> None:
        hasty = target.model_copy(update={"timeout_seconds": 0.3})
        slow = replace(request_, environment="slow")
        with sandbox.faults("gcp", Faults(slow_start_seconds=1.5)):
            with pytest.raises(DeployFailed, match="not ready within"):
                hasty.deploy(slow)
            assert target.deploy(slow).state == "ready"
        target.delete(slow.name)

    def test_deploy_artifacts_of_another_cloud_are_refused(
        self, target: CloudRunTarget, request_: DeployRequest
    ) -> None:
        with pytest.raises(SpecError, match="s3://"):
            target.deploy(replace(request_, artifacts="s3://bucket/prefix"))

    def test_create_invalid_name_raises_the_clients_exception(
        self, target: CloudRunTarget, request_: DeployRequest
    ) -> None:
        with pytest.raises(BadRequest, match="service_id"):
            target._services()._client.create_service(
                parent=target._services().parent, service_id="Not_Allowed", service=service_for(request_, target.target)
            )

    def test_create_invalid_service_is_a_spec_error(self, target: CloudRunTarget, request_: DeployRequest) -> None:
        service = service_for(request_, target.target)
        service.template.containers[0].env.append(run_v2.EnvVar(name="PORT", value="1"))
        with pytest.raises(SpecError, match="reserved env"):
            target._services().create("reserved", service)

    def test_deploy_in_unknown_project_is_an_error_with_hint(
        self, target: CloudRunTarget, request_: DeployRequest
    ) -> None:
        with pytest.raises(IntermodalError, match="nowhere-else") as caught:
            target.model_copy(update={"project": "nowhere-else"}).deploy(request_)
        assert caught.value.hint

    def test_deploy_container_that_exits_fails_with_its_log(
        self, target: CloudRunTarget, request_: DeployRequest, upload: Upload, tmp_path: Path
    ) -> None:
        (tmp_path / "intermodal.json").write_text("{}", encoding="utf-8")
        damaged = replace(request_, environment="damaged", artifacts=upload(tmp_path, "damaged/1.0.0"))
        with pytest.raises(DeployFailed, match=r"exited with .*intermodal\.json"):
            target.deploy(damaged)
        assert target.describe(damaged.name) is None

    def test_deploy_with_an_outage_meanwhile_is_continued(
        self, target: CloudRunTarget, request_: DeployRequest, package: Path, sandbox: Sandbox
    ) -> None:
        cut = replace(request_, environment="cut")
        with sandbox.faults("gcp", Faults(slow_start_seconds=30)):
            with pytest.raises(DeployFailed):
                target.model_copy(update={"timeout_seconds": 0.3}).deploy(cut)
            sandbox.outage("gcp")
            sandbox.start("gcp")
        assert target.deploy(cut).state == "ready"
        assert self.holds(package, target.invoke(cut.name, self.body(package)))
        target.delete(cut.name)
