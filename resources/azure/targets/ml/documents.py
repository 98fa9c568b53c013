"""The management API's documents for one deploy request. No call is made here."""

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.targets import Target
from intermodal.resources.azure.targets.ml.address import BlobAddress, blob_address

PORT = 8080
REQUEST_TIMEOUT = datetime.timedelta(seconds=60)
"""Every target answers within 60 s (CONTRACTS). Azure's default is 5 s, its maximum 180 s."""
MAX_CONCURRENT_REQUESTS = 64
"""Of one instance; Azure's default is 1."""
FORBIDDEN = str.maketrans(dict.fromkeys("<>%&\\?/,=", "_"))
"""Characters that a tag's name must not have; ',' and '=' would break the tag filter.
Source: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations"""


def tags_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Azure's rules for tags: values of at most 256 characters, no <>%&\\?/ in names."""
    return {name.translate(FORBIDDEN): value[:256] for name, value in tags.items()}


def short_hash(*parts: str) -> str:
    """A name for content: equal content, equal name. Assets are immutable, so changed content is another version."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Documents:
    """Names and bodies. Models and environments have the endpoint's name, and are deleted with it."""

    request: DeployRequest
    target: Target
    workspace_id: str
    region: str
    instance_type: str

    def __post_init__(self) -> None:
        blob_address(self.request.artifacts)  # a wrong address is refused before anything is created

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def tags(self) -> dict[str, str]:
        return tags_of(self.request.all_tags)

    @property
    def address(self) -> BlobAddress:
        return blob_address(self.request.artifacts)

    @property
    def model_version(self) -> str:
        return short_hash(self.request.artifacts)

    @property
    def environment_version(self) -> str:
        return short_hash(self.request.image)

    @property
    def deployment(self) -> str:
        """Named by a hash of its body: the same request finds its deployment, a changed one has another."""
        body = self.deployment_body().serialize()
        return f"v-{short_hash(json.dumps(body, sort_keys=True))}"

    def fulfilled_by(self, found: Any) -> bool:
        """Whether a deployment of our name still is as requested. Its name is a hash of what it was created with; since
        then a person may have scaled it, or changed its variables or tags. What Azure adds does not count."""
        variables = found.properties.environment_variables or {}
        wanted = self.deployment_body()
        return bool(
            found.sku.capacity == self.request.replicas
            and variables.items() >= wanted.properties.environment_variables.items()
            and (found.tags or {}).items() >= self.tags.items()
        )

    def endpoint_body(self, traffic: Mapping[str, int], tags: Mapping[str, str]) -> Any:
        from azure.mgmt.machinelearningservices import models

        return models.OnlineEndpoint(
            location=self.region,
            tags=dict(tags),
            identity=models.ManagedServiceIdentity(type="SystemAssigned"),
            properties=models.OnlineEndpointProperties(auth_mode="Key", traffic=dict(traffic)),
        )

    def datastore_body(self) -> Any:
        """No key is stored: the workspace's and the endpoint's identities read, with Storage Blob Data Reader."""
        from azure.mgmt.machinelearningservices import models

        address = self.address
        return models.Datastore(
            properties=models.AzureBlobDatastore(
                credentials=models.NoneDatastoreCredentials(),
                service_data_access_auth_identity="WorkspaceSystemAssignedIdentity",
                account_name=address.account,
                container_name=address.container,
                endpoint=address.endpoint,
                protocol=address.protocol,
            )
        )

    def model_body(self) -> Any:
        """``modelUri`` is a datastore path. Source: Azure/azureml-examples, cli/deploy-rest.sh."""
        from azure.mgmt.machinelearningservices import models

        uri = f"azureml:/{self.workspace_id}/datastores/{self.address.datastore}/paths/{self.address.path}"
        return models.ModelVersion(
            properties=models.ModelVersionProperties(model_type="custom_model", model_uri=uri, tags=self.tags)
        )

    def environment_body(self) -> Any:
        from azure.mgmt.machinelearningservices import models

        routes = models.InferenceContainerProperties(
            liveness_route=models.Route(path="/v2/health/live", port=PORT),
            readiness_route=models.Route(path="/v2/health/ready", port=PORT),
            scoring_route=models.Route(path="/score", port=PORT),
        )
        return models.EnvironmentVersion(
            properties=models.EnvironmentVersionProperties(
                image=self.request.image, os_type="Linux", inference_config=routes, tags=self.tags
            )
        )

    def deployment_body(self) -> Any:
        from azure.mgmt.machinelearningservices import models

        variables = {
            "INTERMODAL_VERSION": self.request.version,
            "INTERMODAL_CLOUD": self.target.cloud,
            "INTERMODAL_TARGET": str(self.target),
            **self.request.variables,
        }
        return models.OnlineDeployment(
            location=self.region,
            tags=self.tags,
            sku=models.Sku(name="Default", capacity=self.request.replicas),
            properties=models.ManagedOnlineDeployment(
                model=f"{self.workspace_id}/models/{self.name}/versions/{self.model_version}",
                environment_id=f"{self.workspace_id}/environments/{self.name}/versions/{self.environment_version}",
                environment_variables=variables,
                instance_type=self.instance_type,
                egress_public_network_access="Enabled",
                scale_settings=models.DefaultScaleSettings(),
                request_settings=models.OnlineRequestSettings(
                    request_timeout=REQUEST_TIMEOUT, max_concurrent_requests_per_instance=MAX_CONCURRENT_REQUESTS
                ),
            ),
        )
