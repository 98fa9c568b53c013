"""A cluster of GKE: where its API server is."""

from intermodal.platform.errors import NotFound, SpecError, Unavailable
from intermodal.resources.gcp.api import Json, build, retried
from intermodal.resources.kubernetes.managed import Cluster

ROLE = "roles/container.clusterViewer"
SERVING = ("RUNNING", "RECONCILING", "DEGRADED")


def find(project: str, location: str, name: str, endpoint: str = "") -> Cluster:
    """``location`` is a region or a zone, ``endpoint`` the API's address; empty: Google's own. SpecError when there is
    none: NotFound would read as an endpoint that does not exist."""
    doing = f"describe GKE cluster '{name}'"
    full = f"projects/{project}/locations/{location}/clusters/{name}"
    clusters = build("container", "v1", endpoint).projects().locations().clusters()
    try:
        found = retried(doing, clusters.get(name=full).execute, 0, ROLE)
    except NotFound as error:
        hint = "Check INTERMODAL_GCP_GKE_CLUSTER, and INTERMODAL_GCP_GKE_LOCATION for a cluster of one zone."
        raise SpecError(f"There is no GKE cluster '{full}'.", hint=hint) from error
    if found.get("status") not in SERVING:
        raise Unavailable(
            f"GKE cluster '{name}' is {found.get('status')}.", hint="Wait until it is RUNNING, or look at it in GKE."
        )
    return _reached(found)


def _reached(found: Json) -> Cluster:
    """By its DNS endpoint where that is open: it works from any network, IAM guards it, and Google's public authority
    signed its certificate. Otherwise by its IP address.
    https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation#dns-based_endpoint"""
    dns = found.get("controlPlaneEndpointsConfig", {}).get("dnsEndpointConfig", {})
    if dns.get("allowExternalTraffic") and dns.get("endpoint"):
        return Cluster(f"https://{dns['endpoint']}")
    return Cluster(f"https://{found['endpoint']}", found["masterAuth"]["clusterCaCertificate"])
