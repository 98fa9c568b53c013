"""What each INTERMODAL_* variable means that no settings class describes, and examples for those that one does."""

import re
from dataclasses import dataclass
from pathlib import Path

from docs.generate.markdown import ROOT

NAME = re.compile(r"INTERMODAL_[A-Z0-9]+(?:_[A-Z0-9]+)*(?![A-Z0-9_{<*])")
"""A whole name: one that goes on with ``_<`` or ``_{`` is the beginning of several."""
SOURCES = ("platform", "assets", "sensors", "resources", "serving", "sandbox", "cli", "models", "definitions.py")
EXAMPLE_REGION = "EU_WEST_1"
"""Names with it are examples of a region's own variable, in docstrings."""


@dataclass(frozen=True)
class Variable:
    group: str
    default: str
    meaning: str
    example: str
    intro: str = ""


VARIABLES = {
    "INTERMODAL_ENV": Variable(
        "platform",
        "`sandbox`",
        "The environment: `sandbox`, `staging` or `production`. It is part of endpoint names and tags. Drills in "
        "`production` need `--allow-production`.",
        "production",
    ),
    "INTERMODAL_CLOUDS": Variable(
        "platform",
        "see meaning",
        "The enabled clouds. Without it, a cloud is enabled when its settings are complete; in the sandbox also when "
        "the sandbox emulates it and its packages are installed.",
        "aws,gcp",
    ),
    "INTERMODAL_ONPREM_ACCESS_KEY_ID": Variable(
        "onprem",
        "required",
        "The key that may read and write the bucket.",
        "intermodal",
        "Keys of a store and of a registry of your own. Intermodal reads them from the environment, and gives them to "
        "no server. A named region has its own: `INTERMODAL_ONPREM_ACCESS_KEY_ID_BERLIN`.",
    ),
    "INTERMODAL_ONPREM_SECRET_ACCESS_KEY": Variable("onprem", "required", "Its secret.", "..."),
    "INTERMODAL_ONPREM_REGISTRY_USER": Variable(
        "onprem", "empty", "Who pushes images; empty: the registry asks for no login.", "robot$intermodal"
    ),
    "INTERMODAL_ONPREM_REGISTRY_PASSWORD": Variable("onprem", "empty", "The user's password or token.", "..."),
    "INTERMODAL_UI_URL": Variable(
        "platform",
        "required",
        "The address of Dagster's webserver. The command line launches runs there.",
        "https://dagster.example.com",
    ),
    "INTERMODAL_AWS_IMAGE": Variable(
        "images",
        "empty",
        "The server image in Amazon ECR.",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/intermodal/server:0.1.0",
        intro="Where a cloud has a registry (`INTERMODAL_<CLOUD>_REGISTRY`), each version's image is built and pushed "
        "there. `INTERMODAL_<CLOUD>_IMAGE` names one image for every version instead; a region may have its own.",
    ),
    "INTERMODAL_GCP_IMAGE": Variable(
        "images",
        "empty",
        "The server image in Artifact Registry.",
        "us-central1-docker.pkg.dev/acme/intermodal/server:0.1.0",
    ),
    "INTERMODAL_AZURE_IMAGE": Variable(
        "images",
        "empty",
        "The server image in Azure Container Registry.",
        "acme.azurecr.io/intermodal/server:0.1.0",
    ),
    "INTERMODAL_IMAGE_BASE": Variable(
        "images",
        "Debian's packages",
        "The base image that versions are built on: the folder of an OCI layout, and a digest in it.",
        "/srv/base@sha256:0123...",
    ),
    "INTERMODAL_IMAGE_CACHE": Variable(
        "images",
        "`~/.cache/intermodal/images`",
        "The folder of layers that are kept for the next build.",
        "/var/cache/intermodal/images",
    ),
    "INTERMODAL_MLFLOW_URL": Variable(
        "state", "required", "The MLflow tracking server and model registry.", "https://mlflow.example.com"
    ),
    "INTERMODAL_MLFLOW_BACKEND": Variable(
        "state",
        "a SQLite file",
        "The database of the MLflow server that `intermodal up` starts. Postgres needs the extra `postgres`.",
        "postgresql+psycopg2://mlflow:secret@db/mlflow",
    ),
    "INTERMODAL_SIGNING_KEY": Variable(
        "state",
        "empty",
        "The path of a PEM file with the private EC key (P-256) that signs versions. Without it they are not signed.",
        "/run/secrets/signing.pem",
    ),
    "INTERMODAL_TRUSTED_KEYS": Variable(
        "state",
        "empty",
        "The path of a PEM file with public keys. Packages that one of them, or the signing key, signed are loaded.",
        "/etc/intermodal/trusted.pem",
    ),
    "INTERMODAL_PACKAGES_CACHE": Variable(
        "state",
        "`~/.cache/intermodal/packages`",
        "A folder for the packages of models that have a `requirements.txt`, where servers start on this machine: "
        "by training, and by the sandbox. It may be deleted.",
        "/var/cache/intermodal/packages",
    ),
    "INTERMODAL_TABLES": Variable(
        "state",
        "required",
        "Where datasets, features and gathered predictions are stored: a folder or an object-store address.",
        "s3://models-prod/tables",
    ),
    "INTERMODAL_CHARGES": Variable(
        "state",
        "required for charges",
        "Where charges are stored as Parquet: a folder or an object-store address.",
        "s3://models-prod/charges",
    ),
    "INTERMODAL_BILLS": Variable(
        "state",
        "empty",
        "The sources of charges, by spaces, each `<source>=<adapter>:<address>`. Adapters: `focus` (a folder of FOCUS "
        "files) and `opencost` (OpenCost or Kubecost; `#EUR` after its address if its prices are in euros).",
        "aws-main=focus:s3://exports/focus gke=opencost:http://opencost.opencost:9003",
    ),
    "INTERMODAL_INCIDENTS": Variable(
        "state",
        "required",
        "Where incidents are stored. Choose a location that does not depend on a cloud that incidents are about.",
        "/var/lib/intermodal/incidents",
    ),
    "INTERMODAL_GATEWAY_URL": Variable(
        "gateway", "required", "The address that clients call.", "https://models.example.com"
    ),
    "INTERMODAL_GATEWAY_ADMIN_URL": Variable(
        "gateway", "required", "Envoy's admin interface. Keep it private.", "http://127.0.0.1:9901"
    ),
    "INTERMODAL_GATEWAY_DIRECTORY": Variable(
        "gateway",
        "required",
        "The folder of routes, rendered configuration and credentials. Envoy and Dagster share it.",
        "/var/lib/intermodal/gateway",
    ),
    "INTERMODAL_GATEWAY_CA_BUNDLE": Variable(
        "gateway",
        "the system's",
        "A PEM file against which the gateway checks the certificates of endpoints.",
        "/etc/ssl/corporate.pem",
    ),
    "INTERMODAL_PROMETHEUS_URL": Variable(
        "metrics",
        "empty",
        "Prometheus. Empty: figures come from the gateway's own statistics, without saturation.",
        "http://prometheus:9090",
    ),
    "INTERMODAL_PUSHGATEWAY_URL": Variable(
        "metrics",
        "empty",
        "The Pushgateway for drift, budgets and heartbeats. Empty: they are not pushed.",
        "http://pushgateway:9091",
    ),
    "INTERMODAL_NOTIFY": Variable(
        "notifications",
        "empty",
        "[apprise](https://github.com/caronc/apprise) addresses of every notification, separated by spaces or commas.",
        "slack://TokenA/TokenB/TokenC/#models",
    ),
    "INTERMODAL_NOTIFY_PAGE": Variable(
        "notifications",
        "empty",
        "apprise addresses that receive notifications of severity `page` as well.",
        "pagerduty://IntegrationKey@ApiKey",
    ),
    "INTERMODAL_TRUSTED_KEYS_DER": Variable(
        "server",
        "empty",
        "Public keys whose packages are loaded: DER in base64, separated by spaces; a long text goes on in "
        "`INTERMODAL_TRUSTED_KEYS_DER_1` and so on. Deployments set it. Without keys no signature is verified.",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
    ),
    "INTERMODAL_UNSIGNED": Variable(
        "server",
        "`0`",
        "`1` loads formats that can run code (a pickle) without a signature, when no keys are set. It is for a package "
        "of your own.",
        "1",
    ),
    "INTERMODAL_FAST_PATH": Variable(
        "server",
        "`1`",
        "`0` switches the fast path for small JSON requests off: every request takes the general path.",
        "0",
    ),
    "INTERMODAL_PROCESSES": Variable(
        "server",
        "`1`",
        "How many processes answer requests. `auto`, which images set: as many as the container has cores. One serves "
        "when `OMP_NUM_THREADS`, `OPENBLAS_NUM_THREADS` or `MKL_NUM_THREADS` is not 1.",
        "auto",
    ),
    "INTERMODAL_REQUEST_ID_HEADER": Variable(
        "server",
        "empty",
        "Names of further request headers, separated by commas, that carry a request's id.",
        "x-correlation-id",
    ),
    "INTERMODAL_MAX_BODY_BYTES": Variable(
        "server",
        "`1500000`",
        "The largest request body that the server takes.",
        "5000000",
        intro="These are variables of the container that serves a version. The adapter of the target sets all of them "
        "but `INTERMODAL_MAX_BODY_BYTES`; set them yourself only when you run the image without Intermodal.",
    ),
    "INTERMODAL_DIGEST": Variable(
        "server", "none", "The package digest: a change of it replaces the endpoint.", "64 hex digits"
    ),
    "INTERMODAL_REVISION": Variable(
        "server",
        "none",
        "A hash of image and settings, by which a deployment to `azure/functions` knows what runs.",
        "16 hex digits",
    ),
    "MODEL_URI": Variable(
        "server",
        "empty",
        "Where the package is, unless the platform mounts it: a folder, or an address in S3, which the server copies "
        "to `/tmp/intermodal-model` at its start (`aws/lambda`, `azure/functions`).",
        "s3://models-prod/flight_delay/1.2.0",
    ),
    "INTERMODAL_VERSION": Variable("server", "`0.0.0`", "The version, for headers and metrics.", "1.2.0"),
    "INTERMODAL_CLOUD": Variable("server", "empty", "The cloud, for headers, metrics and the prediction log.", "aws"),
    "INTERMODAL_TARGET": Variable(
        "server", "empty", "The target, for headers, metrics and the prediction log.", "aws/sagemaker"
    ),
    "INTERMODAL_PREDICTIONS": Variable(
        "server",
        "empty",
        "Where the prediction log is written. Empty: nothing is logged.",
        "s3://models-prod/predictions",
    ),
    "INTERMODAL_PREDICTIONS_SAMPLE": Variable(
        "server", "`1`", "The share of requests that is logged, 0 to 1 (`log_sample` of the spec).", "0.1"
    ),
    "INTERMODAL_PREDICTIONS_ROWS_PER_SECOND": Variable(
        "server",
        "`1000`",
        "About how many rows a second are logged at most (`log_rows_per_second` of the spec).",
        "5000",
    ),
    "INTERMODAL_PREDICTIONS_SENSITIVE": Variable(
        "server",
        "empty",
        "A JSON list of columns whose values are in no log and no error (`features.sensitive`).",
        '["postcode"]',
    ),
    "INTERMODAL_ERRORS": Variable(
        "server",
        "`full`",
        "`short`: errors about the rows of a request name no column, no value and no reason (`errors` of the spec).",
        "short",
    ),
    "INTERMODAL_HOME": Variable(
        "sandbox", "`.intermodal`", "The folder of everything that the sandbox writes.", "/var/tmp/intermodal"
    ),
    "INTERMODAL_SANDBOX_SITES": Variable(
        "sandbox",
        "each cloud's default region",
        "The sites that the sandbox runs. Only AWS can run in several regions side by side.",
        "aws,aws@eu-west-1,gcp",
    ),
    "INTERMODAL_SANDBOX_IMAGES": Variable(
        "sandbox",
        "empty",
        "`1`: each version's image is built, pulled by the sites and run. Else endpoints run the packaged server.",
        "1",
    ),
    "INTERMODAL_NODE_MODULES": Variable(
        "sandbox",
        "below `.intermodal/node`",
        "The `node_modules` folder with the Azure storage emulator (Azurite).",
        "/opt/azurite/node_modules",
    ),
    "INTERMODAL_TOOLS": Variable(
        "sandbox",
        "`.intermodal/tools`",
        "The folder of programs that the sandbox unpacks: the image registry.",
        "/opt/intermodal/tools",
    ),
}

EXAMPLES = {
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "https://vpce-0a1b2c3d.example.com",
    "INTERMODAL_AWS_BUCKET": "models-prod",
    "INTERMODAL_AWS_REGISTRY": "123456789012.dkr.ecr.us-east-1.amazonaws.com/intermodal",
    "INTERMODAL_GCP_REGISTRY": "us-central1-docker.pkg.dev/acme-models/intermodal",
    "INTERMODAL_AZURE_REGISTRY": "acmemodels.azurecr.io/intermodal",
    "INTERMODAL_AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/intermodal",
    "INTERMODAL_MONITOR_DELAY_SECONDS": "180",
    "GOOGLE_CLOUD_PROJECT": "acme-models",
    "INTERMODAL_GCP_REGION": "us-central1",
    "INTERMODAL_GCP_BUCKET": "acme-models-prod",
    "INTERMODAL_GCP_STORAGE_ENDPOINT": "https://storage-acme.p.googleapis.com",
    "INTERMODAL_GCP_RUN_ENDPOINT": "https://run-acme.p.googleapis.com",
    "INTERMODAL_GCP_VERTEX_ENDPOINT": "https://us-central1-aiplatform-acme.p.googleapis.com",
    "INTERMODAL_GCP_VERTEX_PREDICTION_ADDRESS": "https://{dns}",
    "INTERMODAL_GCP_VERTEX_SERVICE_ACCOUNT": "serving@acme-models.iam.gserviceaccount.com",
    "INTERMODAL_GCP_MONITORING_ENDPOINT": "https://monitoring-acme.p.googleapis.com",
    "INTERMODAL_AZURE_SUBSCRIPTION": "00000000-0000-0000-0000-000000000000",
    "INTERMODAL_AZURE_RESOURCE_GROUP": "models",
    "INTERMODAL_AZURE_WORKSPACE": "models-eastus",
    "INTERMODAL_AZURE_REGION": "eastus",
    "INTERMODAL_AZURE_STORAGE_ACCOUNT": "acmemodels",
    "INTERMODAL_AZURE_CONTAINER": "mirrors",
    "INTERMODAL_AZURE_STORAGE_ENDPOINT": "https://acmemodels.privatelink.blob.core.windows.net",
    "INTERMODAL_AZURE_MANAGEMENT_ENDPOINT": "https://management.usgovcloudapi.net",
    "INTERMODAL_AZURE_FUNCTIONS_PLAN": "models-ep1",
    "INTERMODAL_AZURE_FUNCTIONS_IDENTITY": "/subscriptions/.../userAssignedIdentities/serving",
    "INTERMODAL_AZURE_FUNCTIONS_IDENTITY_CLIENT": "00000000-0000-0000-0000-000000000000",
    "INTERMODAL_AZURE_FUNCTIONS_BASE": "bases/functions@sha256:...",
    "INTERMODAL_AZURE_FUNCTIONS_ADDRESS": "https://{host}",
    "INTERMODAL_ONPREM_KUBECONFIG": "/etc/intermodal/kubeconfig",
    "INTERMODAL_ONPREM_CONTEXT": "production",
    "INTERMODAL_ONPREM_NAMESPACE": "models",
    "INTERMODAL_ONPREM_GATEWAY_CIDRS": "10.0.0.0/24,fd00::/64",
    "INTERMODAL_ONPREM_SECRET": "object-store",
    "INTERMODAL_ONPREM_SERVICE_ACCOUNT": "server",
    "INTERMODAL_ONPREM_STORE_PORTS": "443,9000",
    "INTERMODAL_ONPREM_STORE_URL": "https://s3.acme.example",
    "INTERMODAL_ONPREM_STORE_REGION": "us-east-1",
    "INTERMODAL_ONPREM_BUCKET": "models",
    "INTERMODAL_ONPREM_REGISTRY": "registry.acme.example/models",
}


def in_source(root: Path = ROOT) -> set[str]:
    """Every INTERMODAL_* name that the code has, but for examples of regions and names of parts."""
    names = set[str]()
    for source in SOURCES:
        path = root / source
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            names |= set(NAME.findall(file.read_text("utf-8")))
    return {name for name in names if EXAMPLE_REGION not in name}
