"""The pod of an endpoint: one container of the image, by digest, with nothing that it does not need.

It fulfils the restricted level of the Pod Security Standards:
https://kubernetes.io/docs/concepts/security/pod-security-standards
"""

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.targets import Target
from intermodal.resources.kubernetes.labels import selector, tag_labels
from intermodal.resources.kubernetes.manifests.options import Json, Options

CONTAINER = "server"
PORT = 8080
USER = 65532
"""Neither root nor a user of a host. The image runs as any."""
START_SECONDS = 300
PERIOD_SECONDS = 5
PRE_STOP_SECONDS = 10
"""The server still answers after its pod left the Service: load balancers and kube-proxies learn that later."""
GRACE_SECONDS = PRE_STOP_SECONDS + 20
"""Until SIGKILL. The server ends within 10 s of SIGTERM (``serving.contract.STOP``), requests and log included."""
SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
SCHEMES = ("s3://", "gs://")


def template(request: DeployRequest, target: Target, options: Options) -> Json:
    """The pod template of a request. SpecError when the image is not named by its digest, or the server cannot read
    the artifacts from where they are."""
    _require_readable(request)
    labels = {**options.pod_labels, **tag_labels(request.all_tags), **selector(request.name)}
    return {"metadata": {"labels": labels}, "spec": _spec(request, target, options)}


def _spec(request: DeployRequest, target: Target, options: Options) -> Json:
    account = {"serviceAccountName": options.service_account} if options.service_account else {}
    return {
        **account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [_spread(key, request.name) for key in SPREAD_OVER],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": options.temporary}}],
        "containers": [_container(request, target, options)],
    }


def _container(request: DeployRequest, target: Target, options: Options) -> Json:
    """The memory's limit is what is requested, so a server that needs more ends at once instead of under load. There
    is no CPU limit: it would pause a server in the middle of a request."""
    variables = {
        **options.variables,
        "PORT": str(PORT),
        "MODEL_URI": request.artifacts,
        "INTERMODAL_VERSION": request.version,
        "INTERMODAL_CLOUD": target.cloud,
        "INTERMODAL_TARGET": str(target),
        **request.variables,
    }
    secret = {"envFrom": [{"secretRef": {"name": options.secret}}]} if options.secret else {}
    return {
        "name": CONTAINER,
        "image": request.image,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        **secret,
        "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
        "resources": {
            "requests": {"cpu": options.cpu, "memory": options.memory},
            "limits": {"memory": options.memory},
        },
        "startupProbe": _probe("live", PERIOD_SECONDS, START_SECONDS // PERIOD_SECONDS),
        "readinessProbe": _probe("ready", PERIOD_SECONDS, 3),
        "livenessProbe": _probe("live", 2 * PERIOD_SECONDS, 6),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _probe(health: str, period: int, failures: int) -> Json:
    path = {"path": f"/v2/health/{health}", "port": "http"}
    return {"httpGet": path, "periodSeconds": period, "timeoutSeconds": 2, "failureThreshold": failures}


def _spread(key: str, name: str) -> Json:
    """Preferred, not required: a cluster of one node runs every replica. Pods of an earlier template do not count."""
    return {
        "topologyKey": key,
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(name)},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _require_readable(request: DeployRequest) -> None:
    if "@sha256:" not in request.image:
        raise SpecError(
            f"'{request.image}' names an image by its tag, which can change under a running Deployment.",
            hint="Give its digest: <registry>/<repository>@sha256:<64 hex digits>.",
        )
    if not request.artifacts.startswith(SCHEMES):
        raise SpecError(
            f"The server in a cluster reads artifacts from S3 or Cloud Storage, not from '{request.artifacts}'.",
            hint=f"Give the URI of the mirror at this site: {' or '.join(f'{scheme}...' for scheme in SCHEMES)}",
        )
