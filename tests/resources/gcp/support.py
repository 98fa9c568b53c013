"""What the tests of Google Cloud's adapters share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.auth.transport.requests import AuthorizedSession

from intermodal.resources.gcp import identity
from intermodal.resources.gcp.targets.cloud_run.target import CloudRunTarget
from intermodal.resources.gcp.targets.gke.target import GkeTarget
from intermodal.resources.gcp.targets.vertex.target import VertexTarget
from intermodal.sandbox.kubernetes.hosted import NAMESPACE
from intermodal.sandbox.settings import CLUSTER, SERVICE_ACCOUNT
from tests.conformance.endpoint_target import Upload


def make(variables: Mapping[str, str], **fields: Any) -> CloudRunTarget:
    known = {
        "project": variables["GOOGLE_CLOUD_PROJECT"],
        "region": variables["INTERMODAL_GCP_REGION"],
        "endpoint": variables["INTERMODAL_GCP_RUN_ENDPOINT"],
        "monitoring_endpoint": variables["INTERMODAL_GCP_MONITORING_ENDPOINT"],
    }
    return CloudRunTarget(**{**known, "timeout_seconds": 60, "retry_seconds": 1.2, **fields})


def make_vertex(variables: Mapping[str, str], **fields: Any) -> VertexTarget:
    """A deployment is some thirty calls: with a fifth of them failing, 1.2 s of retries are too few now and then."""
    known = {
        "project": variables["GOOGLE_CLOUD_PROJECT"],
        "region": variables["INTERMODAL_GCP_REGION"],
        "endpoint": variables["INTERMODAL_GCP_VERTEX_ENDPOINT"],
        "prediction_address": variables["INTERMODAL_GCP_VERTEX_PREDICTION_ADDRESS"],
        "monitoring_endpoint": variables["INTERMODAL_GCP_MONITORING_ENDPOINT"],
    }
    return VertexTarget(**{**known, "timeout_seconds": 60, "retry_seconds": 3, **fields})


def make_gke(variables: Mapping[str, str], **fields: Any) -> GkeTarget:
    known = {
        "project": variables["GOOGLE_CLOUD_PROJECT"],
        "location": variables["INTERMODAL_GCP_REGION"],
        "endpoint": variables["INTERMODAL_GCP_GKE_ENDPOINT"],
        "cluster": CLUSTER,
        "namespace": NAMESPACE,
        "service_account": SERVICE_ACCOUNT,
        "gateway_cidrs": ["127.0.0.0/8"],
    }
    return GkeTarget(**{**known, "timeout_seconds": 120, "retry_seconds": 5, **fields})


def uploader(variables: Mapping[str, str]) -> Upload:
    """Google's JSON API by hand: an upload that does not depend on our own object store."""
    bucket = variables["INTERMODAL_GCP_BUCKET"]
    url = f"{variables['INTERMODAL_GCP_STORAGE_ENDPOINT']}/upload/storage/v1/b/{bucket}/o"

    def put(folder: Path, prefix: str) -> str:
        session = AuthorizedSession(identity.credentials())
        for path in folder.iterdir():
            params = {"uploadType": "media", "name": f"{prefix}/{path.name}"}
            session.post(url, params=params, data=path.read_bytes()).raise_for_status()
        return f"gs://{bucket}/{prefix}"

    return put
