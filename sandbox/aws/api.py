"""SageMaker's control plane: the operation of ``X-Amz-Target``, checked against its contract, and its response."""

from collections.abc import Callable, Collection

from intermodal.sandbox.aws import contract
from intermodal.sandbox.aws.errors import invalid, not_emulated
from intermodal.sandbox.aws.fleet import Fleet
from intermodal.sandbox.aws.identity import ROLE
from intermodal.sandbox.aws.records import CONFIG, ENDPOINT, KINDS, MODEL, Document, Kind, Records

PAGING = {"SortBy", "SortOrder", "NextToken", "MaxResults", "NameContains"}
EMULATED = {
    "CreateModel": {"ModelName", "PrimaryContainer", "ExecutionRoleArn", "Tags"},
    "PrimaryContainer": {"Image", "ModelDataSource", "Environment"},
    "CreateEndpointConfig": {"EndpointConfigName", "ProductionVariants", "Tags"},
    "ProductionVariant": {
        *("VariantName", "ModelName", "InitialInstanceCount", "InstanceType", "InitialVariantWeight"),
        "ContainerStartupHealthCheckTimeoutInSeconds",
    },
    "CreateEndpoint": {"EndpointName", "EndpointConfigName", "Tags"},
    "UpdateEndpoint": {"EndpointName", "EndpointConfigName"},
    "DesiredWeightAndCapacity": {"VariantName", "DesiredWeight", "DesiredInstanceCount"},
    "ListModels": PAGING,
    "ListEndpointConfigs": PAGING,
    "ListEndpoints": PAGING | {"StatusEquals"},
}
"""Members that are emulated. Others are refused, since a client would expect their effect."""


def _only(what: str, parameters: Document) -> None:
    if unknown := set(parameters) - EMULATED.get(what, set(parameters)):
        raise not_emulated(f"{what}.{sorted(unknown)[0]}")


class Api:
    """A method for each operation. An operation without one gets 501."""

    def __init__(self, records: Records, fleet: Fleet, elsewhere: Collection[str] = ()) -> None:
        """``elsewhere``: buckets of other regions."""
        self.records, self.fleet, self.elsewhere = records, fleet, elsewhere
        own = (self.create_model, self.create_config, self.create_endpoint, self.update_endpoint, self.delete_endpoint)
        names = ("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint")
        self.operations: dict[str, Callable[[Document], Document]] = dict(zip(names, own, strict=True))
        self.operations |= {"UpdateEndpointWeightsAndCapacities": self.update_capacity}
        self.operations |= {"DescribeEndpoint": self.describe_endpoint, "ListTags": self.list_tags}
        self.operations |= {"AddTags": self.add_tags, "DeleteTags": self.delete_tags}
        for kind in KINDS:
            self.operations[f"List{kind.prefix}s"] = lambda p, kind=kind: self.list(kind, p)  # type: ignore[misc]
        for kind in (MODEL, CONFIG):
            self.operations[f"Describe{kind.prefix}"] = lambda p, kind=kind: self.records.get(kind, p[kind.name])  # type: ignore[misc]
            self.operations[f"Delete{kind.prefix}"] = lambda p, kind=kind: self.delete(kind, p)  # type: ignore[misc]

    def handle(self, name: str, body: bytes) -> Document:
        """Answer one operation; raises AwsError."""
        parameters = contract.parse(body)
        contract.check(name, parameters)
        if name not in self.operations:
            raise not_emulated(f"SageMaker's {name}")
        _only(name, parameters)
        return self.operations[name](parameters)

    def create_model(self, parameters: Document) -> Document:
        container = parameters.get("PrimaryContainer")
        if not container or "Image" not in container:
            raise invalid("A model needs a PrimaryContainer with an Image.")
        _only("PrimaryContainer", container)
        source = container.get("ModelDataSource", {}).get("S3DataSource")
        if source is not None:
            if (source["S3DataType"], source["CompressionType"]) != ("S3Prefix", "None"):
                raise not_emulated("model data other than an uncompressed S3Prefix")
            if not source["S3Uri"].endswith("/"):
                raise invalid(f"S3Uri {source['S3Uri']} is not a prefix: it must end with a forward slash.")
            bucket = source["S3Uri"].removeprefix("s3://").partition("/")[0]
            if bucket in self.elsewhere:
                raise invalid(f"Bucket {bucket} is not in region {self.records.region}; use a bucket of this region.")
        if (role := parameters.get("ExecutionRoleArn")) != ROLE:
            raise invalid(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role."
            )
        return self.records.create(MODEL, parameters)

    def create_config(self, parameters: Document) -> Document:
        if len(parameters["ProductionVariants"]) != 1:
            raise not_emulated("an endpoint of several production variants")
        variant = parameters["ProductionVariants"][0]
        _only("ProductionVariant", variant)
        if not {"ModelName", "InstanceType", "InitialInstanceCount"} <= set(variant):
            raise invalid("A production variant needs ModelName, InstanceType and InitialInstanceCount.")
        self.records.get(MODEL, variant["ModelName"])
        return self.records.create(CONFIG, parameters)

    def create_endpoint(self, parameters: Document) -> Document:
        self.records.get(CONFIG, parameters["EndpointConfigName"])
        answer = self.records.create(ENDPOINT, parameters, EndpointStatus="Creating")
        name = parameters["EndpointName"]
        self.records.change(name)
        self.fleet.launch(name)
        return answer

    def update_endpoint(self, parameters: Document) -> Document:
        name, config = parameters["EndpointName"], parameters["EndpointConfigName"]
        self._require_status(name, ("InService",))
        self.records.get(CONFIG, config)
        self.records.change(name, EndpointStatus="Updating", Pending=config, FailureReason=None, Desired=None)
        self.fleet.launch(name)
        return {ENDPOINT.arn: self.records.arn(ENDPOINT, name)}

    def update_capacity(self, parameters: Document) -> Document:
        """Other instances and another weight of the same configuration; UpdateEndpoint returns to the configuration's.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpointWeightsAndCapacities.html
        """
        name, live = parameters["EndpointName"], self.fleet.live.get(parameters["EndpointName"])
        self._require_status(name, ("InService",))
        desired = dict(self.records.get(ENDPOINT, name).get("Desired", {}))
        for change in parameters["DesiredWeightsAndCapacities"]:
            _only("DesiredWeightAndCapacity", change)
            if live is None or change["VariantName"] != live.variant:
                raise invalid(f'The variant name(s) "{change["VariantName"]}" must be present within the endpoint.')
            if not change.get("DesiredWeight", 1) or not change.get("DesiredInstanceCount", 1):
                raise not_emulated("a variant without weight or instances")
            desired |= {key: value for key, value in change.items() if key != "VariantName"}
        self.records.change(name, EndpointStatus="Updating", Desired=desired, FailureReason=None)
        self.fleet.launch(name)
        return {ENDPOINT.arn: self.records.arn(ENDPOINT, name)}

    def delete_endpoint(self, parameters: Document) -> Document:
        name = parameters["EndpointName"]
        self._require_status(name, ("InService", "Failed", "OutOfService", "UpdateRollbackFailed"))
        self.records.change(name, EndpointStatus="Deleting")
        self.fleet.remove(name)
        return {}

    def _require_status(self, name: str, states: tuple[str, ...]) -> None:
        """An endpoint in transition refuses changes: https://github.com/aws/amazon-sagemaker-examples/issues/3432"""
        status = self.records.get(ENDPOINT, name)["EndpointStatus"]
        if status == "Failed" and "Failed" not in states:
            raise invalid(
                f'Cannot update failed endpoint "{self.records.arn(ENDPOINT, name)}": it can only be deleted.'
            )
        if status not in states:
            raise invalid(f'Cannot update in-progress endpoint "{self.records.arn(ENDPOINT, name)}".')

    def describe_endpoint(self, parameters: Document) -> Document:
        found = self.records.get(ENDPOINT, parameters["EndpointName"])
        if pending := found.pop("Pending", None):
            found["PendingDeploymentSummary"] = {"EndpointConfigName": pending}
        desired = found.pop("Desired", {})
        if live := self.fleet.live.get(parameters["EndpointName"]):
            alive = sum(instance.alive for instance in live.instances)
            counts = {"CurrentInstanceCount": alive, "DesiredInstanceCount": len(live.instances)}
            counts |= dict.fromkeys(("CurrentWeight", "DesiredWeight"), desired.get("DesiredWeight", 1.0))
            found["ProductionVariants"] = [{"VariantName": live.variant, **counts}]
        return found

    def list(self, kind: Kind, parameters: Document) -> Document:
        page, more = self.records.page(kind, parameters)
        return {f"{kind.prefix}s": page, **more}

    def delete(self, kind: Kind, parameters: Document) -> Document:
        self.records.delete(kind, parameters[kind.name])
        return {}

    def _tags(self, parameters: Document) -> dict[str, str]:
        arn = parameters["ResourceArn"]
        if not self.records.known(arn):
            raise invalid(f'Could not find resource "{arn}".')
        return self.records.tags(arn)

    def list_tags(self, parameters: Document) -> Document:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tags(parameters).items()]}

    def add_tags(self, parameters: Document) -> Document:
        self._tags(parameters).update({tag["Key"]: tag["Value"] for tag in parameters["Tags"]})
        self.records.save()
        return self.list_tags(parameters)

    def delete_tags(self, parameters: Document) -> Document:
        for key in parameters["TagKeys"]:
            self._tags(parameters).pop(key, None)
        self.records.save()
        return {}
