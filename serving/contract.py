"""What the serving platforms require of the image: ports, paths, variables, headers and time limits.

The image follows the same contract on every cloud, so that one digest runs everywhere. Only this table
and ``prediction_log/azure_identity.py`` name vendors in ``serving``; the rest of the server reads the table.
"""

from collections.abc import Mapping
from typing import NamedTuple

SAGEMAKER = "https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"
VERTEX = "https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements"
CLOUD_RUN = "https://cloud.google.com/run/docs/container-contract"
AZURE_ML = "https://learn.microsoft.com/azure/machine-learning/how-to-deploy-custom-container"
OURS = "intermodal"


class Rule(NamedTuple):
    """``name`` is a header, a path (it starts with '/'), or an environment variable that holds a value. ``platform`` is
    the target that defines it, ``page`` its documentation (empty for our own rules)."""

    name: str
    platform: str
    page: str = ""

    def value(self, environment: Mapping[str, str]) -> str:
        """The path itself, or the value of the variable ('' when it is not set)."""
        return self.name if self.name.startswith("/") else environment.get(self.name, "")


class TimeLimit(NamedTuple):
    """A platform's limit in seconds: the strictest one of all targets."""

    seconds: float
    platform: str
    page: str


START_COMMAND = Rule("serve", "aws/sagemaker", SAGEMAKER)
"""The argument with which the image is started. Other platforms start it without arguments."""

PORTS = (
    Rule(
        "FUNCTIONS_CUSTOMHANDLER_PORT",
        "azure/functions",
        "https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers",
    ),
    Rule("AIP_HTTP_PORT", "gcp/vertex", VERTEX),
    Rule("PORT", "gcp/cloud-run", CLOUD_RUN),
    Rule("AWS_LWA_PORT", "aws/lambda", "https://github.com/aws/aws-lambda-web-adapter"),
)
"""The first variable that is set gives the port."""

DEFAULT_PORT = 8080
"""SageMaker's fixed port, used when no variable is set."""

MODEL_LOCATIONS = (
    Rule("/opt/ml/model", "aws/sagemaker", SAGEMAKER),
    Rule("AIP_STORAGE_URI", "gcp/vertex", VERTEX),
    Rule("AZUREML_MODEL_DIR", "azure/ml", AZURE_ML),
    Rule("MODEL_URI", OURS),
    Rule("/model", OURS),
)
"""The first location that holds a package is served. Variables hold a path or a file:// URI. SageMaker creates
/opt/ml/model even when the model is inside the image, so an empty location is skipped."""

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/images-create.html"
REMOTE_LOCATIONS = (Rule("AIP_STORAGE_URI", "gcp/vertex", VERTEX), Rule("MODEL_URI", "aws/lambda", LAMBDA))
"""Those of MODEL_LOCATIONS that may hold an address, such as gs://<bucket>/<prefix>, which the server copies from:
Lambda and Azure Functions mount no bucket, and Vertex AI gives the address only."""

FETCHED_TO = "/tmp/intermodal-model"
"""Where the copy is. Lambda lets a container write below /tmp only."""

MODEL_DEPTH = 2
"""How many folders above the package a location may point: Azure ML mounts <name>/<version>/<folder>."""

HEALTH_ROUTES = (
    Rule("/ping", "aws/sagemaker", SAGEMAKER),
    Rule("AIP_HEALTH_ROUTE", "gcp/vertex", VERTEX),
)
"""Answer 200 when the model is ready, in addition to the V2 routes."""

PREDICT_ROUTES = (
    Rule("/invocations", "aws/sagemaker", SAGEMAKER),
    Rule("/score", "azure/ml", AZURE_ML),
    Rule("AIP_PREDICT_ROUTE", "gcp/vertex", VERTEX),
)
"""Routes that name no model. They take a body of any supported form."""

REQUEST_ID_HEADERS = (
    Rule("x-request-id", OURS),
    Rule(
        "x-amzn-sagemaker-custom-attributes",
        "aws/sagemaker",
        "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html",
    ),
)
"""Where the gateway writes a request's id; the first header that is there counts. SageMaker forwards no other header to
a container. INTERMODAL_REQUEST_ID_HEADER names more, which are read before these."""

STOP = TimeLimit(10, "gcp/cloud-run", CLOUD_RUN)
"""From SIGTERM to SIGKILL."""

IDLE_CONNECTION = TimeLimit(600, "gcp/gke", "https://cloud.google.com/load-balancing/docs/https#timeouts_and_retries")
"""How long a load balancer keeps an idle connection. The server must keep it longer, or requests hit a closed one."""

LOG_STORES = (
    Rule("s3://<bucket>", "aws", "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-bucket-intro.html"),
    Rule("gs://<bucket>", "gcp", "https://cloud.google.com/storage/docs/request-endpoints"),
    Rule(
        "https://<account>.blob.core.windows.net/<container>",
        "azure",
        "https://learn.microsoft.com/azure/storage/common/storage-account-overview",
    ),
    Rule("file:///<folder>", OURS),
)
"""Forms of the prediction log's address."""

STORE_ADDRESSES = (
    Rule("AWS_ENDPOINT_URL_S3", "aws", "https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"),
    Rule("AWS_ENDPOINT_URL", "aws", "https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"),
    Rule("GOOGLE_BASE_URL", "gcp", "https://docs.rs/object_store/latest/object_store/gcp/"),
)
"""Variables that replace a store's address. obstore reads them; the server only needs to know whether one is http://."""
