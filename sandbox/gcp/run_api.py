"""Cloud Run Admin API v2: the methods that are emulated."""

from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp import services
from intermodal.sandbox.gcp.checked import CheckedApi, Handlers
from intermodal.sandbox.gcp.operations import Operations
from intermodal.sandbox.gcp.revisions import Revisions
from intermodal.sandbox.gcp.service_methods import ServiceMethods
from intermodal.sandbox.gcp.tokens import Tokens


def run_api(context: Context, tokens: Tokens, operations: Operations, revisions: Revisions) -> CheckedApi:
    methods = ServiceMethods(context, operations, revisions)
    handlers: Handlers = {
        "services.create": (methods.create, {"serviceId"}),
        "services.get": (methods.get, set()),
        "services.list": (methods.list, {"pageSize", "pageToken"}),
        "services.patch": (methods.patch, {"allowMissing"}),
        "services.delete": (methods.delete, {"etag"}),
        "services.getIamPolicy": (methods.get_policy, set()),
        "services.setIamPolicy": (methods.set_policy, set()),
        "operations.get": (methods.operation, set()),
        "operations.wait": (methods.wait, set()),
    }
    rules = {"GoogleCloudRunV2Service": services.check}
    return CheckedApi("run.v2", "run.googleapis.com", "run.projects.locations.", tokens, handlers, rules)
