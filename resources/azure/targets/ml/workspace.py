"""The calls of Azure ML's management client that the adapter makes, for one workspace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from intermodal.platform.errors import MissingExtra
from intermodal.platform.ports import ownership
from intermodal.resources.azure.identity import CALL_LIMITS, credential

PROVIDER = "Microsoft.MachineLearningServices"
RETRIES = {"retry_total": 6, "retry_status": 5, "retry_connect": 1, "retry_read": 1, "retry_backoff_factor": 0.3}
"""azure-core's own retries for 408, 429 and 5xx. With ``CALL_LIMITS`` an outage is noticed within seconds."""
POLL_SECONDS = 5
"""Pause between polls of an operation, unless Azure's response has one."""


class Workspace:
    """Errors are azure-core's; the callers translate them."""

    def __init__(self, management_endpoint: str, subscription_id: str, resource_group: str, workspace: str) -> None:
        try:
            from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient
        except ImportError as error:
            raise MissingExtra("azure-mgmt-machinelearningservices", "azure") from error
        self._path = (resource_group, workspace)
        self.id = (
            f"/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
            f"/providers/{PROVIDER}/workspaces/{workspace}"
        )
        self._client = MachineLearningServicesMgmtClient(
            credential(),
            subscription_id,
            base_url=management_endpoint,
            credential_scopes=[f"{management_endpoint}/.default"],
            polling_interval=POLL_SECONDS,
            **RETRIES,
            **CALL_LIMITS,
        )

    def endpoint(self, name: str) -> Any | None:
        return _or_none(self._client.online_endpoints.get, *self._path, name)

    def endpoints(self, tags: str) -> Iterator[Any]:
        """Every endpoint with these tags (``a=b,c=d``), page by page."""
        return iter(self._client.online_endpoints.list(*self._path, tags=tags))

    def probe(self, seconds: float) -> None:
        """The cheapest call, without a retry."""
        limits: dict[str, Any] = {"retry_total": 0, "connection_timeout": seconds, "read_timeout": seconds}
        next(iter(self._client.online_endpoints.list(*self._path, count=1, **limits)), None)

    def put_endpoint(self, name: str, body: Any) -> None:
        """Create it or replace its document, without waiting for the end."""
        self._client.online_endpoints.begin_create_or_update(*self._path, name, body, polling=False)

    def delete_endpoint(self, name: str) -> Any:
        """A poller. It is done at once when there is no endpoint."""
        return self._client.online_endpoints.begin_delete(*self._path, name)

    def key(self, name: str) -> str:
        return str(self._client.online_endpoints.list_keys(*self._path, name).primary_key)

    def deployments(self, endpoint: str) -> list[Any]:
        return list(self._client.online_deployments.list(*self._path, endpoint))

    def put_deployment(self, endpoint: str, name: str, body: Any) -> Any:
        """A poller, which has the reason when the deployment fails."""
        return self._client.online_deployments.begin_create_or_update(*self._path, endpoint, name, body)

    def delete_deployment(self, endpoint: str, name: str) -> Any:
        return self._client.online_deployments.begin_delete(*self._path, endpoint, name)

    def logs(self, endpoint: str, deployment: str, lines: int = 20) -> str:
        """The last lines of the container's log; '' when there is none."""
        body = {"containerType": "InferenceServer", "tail": lines}
        found = _or_none(self._client.online_deployments.get_logs, *self._path, endpoint, deployment, body)
        return str(found.content or "").strip() if found else ""

    def put_datastore(self, name: str, body: Any) -> None:
        if _or_none(self._client.datastores.get, *self._path, name) is None:
            self._client.datastores.create_or_update(*self._path, name, body, skip_validation=True)

    def put_model(self, name: str, version: str, body: Any) -> None:
        if _or_none(self._client.model_versions.get, *self._path, name, version) is None:
            self._client.model_versions.create_or_update(*self._path, name, version, body)

    def put_environment(self, name: str, version: str, body: Any) -> None:
        if _or_none(self._client.environment_versions.get, *self._path, name, version) is None:
            self._client.environment_versions.create_or_update(*self._path, name, version, body)

    def delete_assets(self, name: str) -> None:
        """The model and the environment registered under this name. Versions that another registered stay."""
        client = self._client
        for versions, containers in (
            (client.model_versions, client.model_containers),
            (client.environment_versions, client.environment_containers),
        ):
            found = _or_none(lambda kind: list(kind.list(*self._path, name)), versions) or []
            ours = [entry.name for entry in found if ownership.is_named_so(name, entry.properties.tags or {})]
            if len(ours) == len(found):
                _or_none(containers.delete, *self._path, name)
                continue
            for version in ours:
                _or_none(versions.delete, *self._path, name, version)


def _or_none(call: Any, *arguments: Any) -> Any | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return call(*arguments)
    except ResourceNotFoundError:
        return None
