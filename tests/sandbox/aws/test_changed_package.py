"""A package with one byte changed in AWS's bucket: served from memory, refused by the next instance, repaired."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from intermodal.platform import ports
from intermodal.platform.deployment.copying import differences
from intermodal.platform.deployment.requests import deploy_request, golden_of_mirror, prefix, verify
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.registry import Identity
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from intermodal.platform.targets import Site, Target
from intermodal.resources.aws.object_store import S3ObjectStore
from tests import tiny_package
from tests.conformance.endpoint_target import eventually
from tests.failover_world import DownRegistry, spec_with
from tests.memory import (
    MemoryDeployment,
    MemoryGateway,
    MemoryIncidents,
    MemoryNotifications,
    MemoryNotifier,
    MemoryStore,
    MemoryTarget,
)
from tests.resources.aws.support import make
from tests.sandbox_fixture import Sandbox
from tests.signing import sign
from tests.targets import AWS, GCP

pytestmark = pytest.mark.sandbox
SPEC = spec_with(name="flipped", serve=[str(AWS), str(GCP)])
WHERE, CHANGED = prefix("flipped", "1.0.0"), f"{prefix('flipped', '1.0.0')}/model.txt"
NAME = endpoint_name("flipped", "1.0.0", "sandbox")


@dataclass
class Deployment(MemoryDeployment):
    server: str = ""

    def image(self, site: Site) -> str:  # noqa: ARG002
        return self.server


class Gateway(MemoryGateway):
    """AWS serves while SageMaker says so."""

    aws: ports.EndpointTarget

    def _serves(self, target: Target) -> bool:
        return state(self.aws) == "ready" if target == AWS else super()._serves(target)


def state(adapter: ports.EndpointTarget) -> str:
    found = adapter.describe(NAME)
    return found.state if found else "absent"


@pytest.fixture
def served(variables: Mapping[str, str], tmp_path: Path) -> Iterator[FailoverContext]:
    """A signed version on SageMaker, in a real server, and on a second target in memory. No registry answers."""
    package = tiny_package.build(tmp_path / "package", name="flipped")
    keys = (sign(package),)
    manifest, store = Manifest.of(package), MemoryStore(GCP.site)
    deployment = Deployment(trusted_keys=keys, server=variables["INTERMODAL_AWS_IMAGE"])
    s3 = S3ObjectStore(bucket=variables["INTERMODAL_AWS_BUCKET"], region=variables["AWS_REGION"], retry_seconds=10)
    aws, gcp = make(variables), MemoryTarget(GCP, store)
    gateway = Gateway([gcp])
    gateway.aws = aws
    ctx = FailoverContext(
        gateway=gateway,
        incidents=MemoryIncidents(),
        notifications=MemoryNotifications(MemoryNotifier()),
        deployment=deployment,
        stores={AWS.site: s3, GCP.site: store},
        targets={AWS: aws, GCP: gcp},
        registry=DownRegistry(),  # type: ignore[arg-type]
    )
    upstreams = []
    for target in (AWS, GCP):
        ctx.stores[target.site].mirror(package, manifest, WHERE)
        identity = Identity("1.0.0", manifest.digest)
        endpoint = ctx.targets[target].deploy(deploy_request(SPEC, deployment, ctx.stores[target.site], identity, 1))
        upstreams.append(ctx.targets[target].upstream(endpoint))
    body, _ = golden_of_mirror(store, "flipped", "1.0.0")
    gateway.publish(Route("flipped", "1.0.0", {AWS: 50, GCP: 50}, {}, body.decode(), manifest.digest), upstreams)
    yield ctx
    aws.delete(NAME)


def flip(s3: Any, bucket: str) -> bytes:
    """Change one byte of the model's file, as a person with access to the bucket can. Returns what it was."""
    before: bytes = s3.get_object(Bucket=bucket, Key=CHANGED)["Body"].read()
    after = bytearray(before)
    after[len(after) // 2] ^= 1
    s3.put_object(Bucket=bucket, Key=CHANGED, Body=bytes(after))
    return before


def golden_holds(ctx: FailoverContext, target: Target) -> None:
    verify(ctx.targets[target], NAME, *golden_of_mirror(ctx.stores[GCP.site], "flipped", "1.0.0"))


def test_changed_byte_is_refused_replaced_named_and_repaired(
    served: FailoverContext, sandbox: Sandbox, s3: Any, variables: Mapping[str, str]
) -> None:
    bucket = variables["INTERMODAL_AWS_BUCKET"]
    before = flip(s3, bucket)
    golden_holds(served, AWS)  # its server has the package in memory
    identity = served.route("flipped").identity
    assert differences(served.stores[AWS.site], "flipped", identity, read=False).keys() == {"model.txt"}

    sandbox.outage("aws")
    sandbox.start("aws")  # its instances start again, from the bucket
    eventually(lambda: state(served.targets[AWS]) == "failed")
    refused = served.targets[AWS].describe(NAME)
    assert isinstance(refused, Endpoint)
    assert "is not what was signed: model.txt changed" in refused.reason

    incident = fail_over(served, SPEC, Outage("flipped-aws.sagemaker-1", AWS, 1.0))
    assert served.route("flipped").weights == {AWS: 0, GCP: 100}
    golden_holds(served, GCP)
    texts = {entry.step: entry.text for entry in incident.entries}
    assert texts["damaged"] == "the package in aws/s3 differs from its manifest: model.txt"

    incident = recover(served, SPEC, incident.id)
    texts = {entry.step: entry.text for entry in incident.entries}
    assert texts["repaired"].startswith("the package in aws/s3 was repaired from gcp/gcs")
    assert not incident.is_open
    assert s3.get_object(Bucket=bucket, Key=CHANGED)["Body"].read() == before
    assert state(served.targets[AWS]) == "ready"
    golden_holds(served, AWS)
    assert served.route("flipped").weights == {AWS: 50, GCP: 50}
