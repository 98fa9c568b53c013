"""Azure ML: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from intermodal.platform.errors import DeployFailed, IntermodalError, NotFound, Refused, SpecError, Unavailable
from intermodal.platform.ports.endpoints import BearerToken, DeployRequest, Endpoint
from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.azure.targets.ml.target import AzureMlTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload, eventually
from tests.resources.azure.support import make, upload
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


class TestAzureMl(EndpointTargetConformance):
    adapter: ClassVar[str] = "azure/ml"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield sandbox.use("azure", patch)

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], AzureMlTarget]:
        return lambda: make(variables)

    @pytest.fixture(scope="class")
    def store(self, variables: Mapping[str, str]) -> BlobObjectStore:
        return BlobObjectStore(
            account=variables["INTERMODAL_AZURE_STORAGE_ACCOUNT"],
            container=variables["INTERMODAL_AZURE_CONTAINER"],
            endpoint=variables["INTERMODAL_AZURE_STORAGE_ENDPOINT"],
        )

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AZURE_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return partial(upload, variables)

    def test_upstream_key_is_not_in_its_repr(self, target: AzureMlTarget, endpoint: Endpoint) -> None:
        upstream = target.upstream(endpoint)
        assert isinstance(upstream.credential, BearerToken)
        assert upstream.credential.expires_at is None
        assert upstream.credential.token not in repr(upstream)

    def test_delete_keeps_a_model_that_another_registered(self, target: AzureMlTarget, request_: DeployRequest) -> None:
        from azure.mgmt.machinelearningservices import models

        shared, workspace = replace(request_, environment="shared"), target._workspace
        known = workspace._client.model_versions
        theirs = models.ModelVersion(
            properties=models.ModelVersionProperties(
                model_type="custom_model", model_uri=f"azureml:/{workspace.id}/datastores/theirs/paths/m"
            )
        )
        workspace.put_model(shared.name, "theirs", theirs)
        target.deploy(shared)
        assert len(list(known.list(*workspace._path, shared.name))) == 2
        target.delete(shared.name)
        assert [left.name for left in known.list(*workspace._path, shared.name)] == ["theirs"]
        workspace._client.model_containers.delete(*workspace._path, shared.name)

    def test_deploy_mirror_of_another_cloud_is_refused(self, target: AzureMlTarget, request_: DeployRequest) -> None:
        with pytest.raises(SpecError, match=r"blob\.core\.windows\.net"):
            target.deploy(replace(request_, environment="nowhere", artifacts="s3://bucket/prefix"))
        assert target.describe("flight-delay-1-2-0-nowhere") is None

    def test_deploy_that_azure_refuses_leaves_nothing(
        self, variables: Mapping[str, str], request_: DeployRequest
    ) -> None:
        target = AzureMlTarget(**{**dict(make(variables)), "region": "mars"})
        with pytest.raises(DeployFailed, match="The workspace is in eastus"):
            target.deploy(replace(request_, environment="mars"))
        assert target.describe("flight-delay-1-2-0-mars") is None

    def test_deploy_unknown_workspace_is_not_found(self, variables: Mapping[str, str], request_: DeployRequest) -> None:
        target = AzureMlTarget(**{**dict(make(variables)), "workspace": "nobodys"})
        with pytest.raises(NotFound, match="nobodys") as caught:
            target.deploy(request_)
        assert "workspace" in caught.value.hint

    def test_deploy_two_requests_of_one_name_both_end_ready(
        self, target: AzureMlTarget, request_: DeployRequest, sandbox: Sandbox
    ) -> None:
        first = replace(request_, environment="rivals")
        before = len(sandbox.servers("azure"))
        with ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(target.deploy, [first, replace(first, tags={"cost_centre": "another"})]))
        assert [end.state for end in ends] == ["ready", "ready"]
        eventually(lambda: len(sandbox.servers("azure")) == before + 1)
        target.delete(first.name)

    def test_deploy_over_its_limit_names_the_cost(
        self, variables: Mapping[str, str], request_: DeployRequest, sandbox: Sandbox
    ) -> None:
        slow = replace(request_, environment="slow")
        with sandbox.faults("azure", Faults(slow_start_seconds=30)):
            with pytest.raises(DeployFailed, match="not ready within 1 s") as caught:
                make(variables, timeout_seconds=1).deploy(slow)
        assert "cost" in caught.value.hint
        found = make(variables).describe(slow.name)
        assert found is not None
        assert found.state == "creating"
        make(variables).delete(slow.name)
        assert make(variables).describe(slow.name) is None

    @pytest.mark.parametrize(
        ("faults", "error"),
        [(Faults(refuse=True), Refused), (Faults(error_rate=1), Unavailable)],
        ids=["refused", "unavailable"],
    )
    def test_login_failure_is_translated(
        self, variables: Mapping[str, str], sandbox: Sandbox, faults: Faults, error: type[IntermodalError]
    ) -> None:
        with sandbox.faults("azure", faults):
            with pytest.raises(error) as caught:
                make(variables).describe("any-name")
        assert caught.value.hint
        assert variables["AZURE_CLIENT_SECRET"] not in str(caught.value)

    def test_deploy_crashing_container_fails(
        self, target: AzureMlTarget, request_: DeployRequest, package: Path, tmp_path: Path, upload: Upload
    ) -> None:
        for path in package.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / "model.txt").write_text("not a model", encoding="utf-8")
        broken = replace(request_, environment="broken", artifacts=upload(tmp_path, "flight_delay/broken"))
        with pytest.raises(DeployFailed, match="model"):
            target.deploy(broken)
        assert target.describe(broken.name) is None
