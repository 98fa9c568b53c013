"""The calls of the management client for function apps, in one resource group. ``slot`` is '' for production."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from intermodal.platform.errors import MissingExtra, NotFound
from intermodal.resources.azure.identity import CALL_LIMITS, credential
from intermodal.resources.azure.targets.functions.documents import site_name
from intermodal.resources.azure.targets.ml.workspace import RETRIES

KEY = "default"
"""The host key that every function takes. Azure makes it."""
READ_BY_POST: dict[str, Any] = {"retry_on_methods": frozenset({"POST"})}
"""Settings, keys and logs are read by POST, which azure-core tries again after a 503 and not after a 429."""


class Sites:
    """Errors are azure-core's; the callers translate them."""

    def __init__(self, management_endpoint: str, subscription_id: str, resource_group: str) -> None:
        try:
            from azure.mgmt.web import WebSiteManagementClient
        except ImportError as error:
            raise MissingExtra("azure-mgmt-web", "azure") from error
        self.group, self.subscription = resource_group, subscription_id
        options: dict[str, Any] = {**RETRIES, **CALL_LIMITS}
        self._client: Any = WebSiteManagementClient(
            credential(),
            subscription_id,
            base_url=management_endpoint,
            credential_scopes=[f"{management_endpoint}/.default"],
            **options,
        )
        self._apps = self._client.web_apps

    def named(self, endpoint: str) -> str:
        return site_name(endpoint, self.subscription, self.group)

    def plan(self, name: str) -> Any:
        """NotFound where there is none, so that nothing is created in a plan of its own."""
        found = _or_none(self._client.app_service_plans.get, self.group, name)
        if found is None:
            raise NotFound(
                f"There is no App Service plan '{name}' in the resource group '{self.group}'.",
                hint="Create a Linux plan EP1 there, or set INTERMODAL_AZURE_FUNCTIONS_PLAN to one that exists.",
            )
        return found

    def get(self, site: str, slot: str = "") -> Any | None:
        return _or_none(*self._call("get", site, slot))

    def list(self) -> Iterator[Any]:
        """Every app of the resource group, page by page."""
        return iter(self._apps.list_by_resource_group(self.group))

    def probe(self, seconds: float) -> None:
        """The cheapest call, without a retry."""
        limits: dict[str, Any] = {"retry_total": 0, "connection_timeout": seconds, "read_timeout": seconds}
        next(iter(self._apps.list_by_resource_group(self.group, **limits)), None)

    def put(self, site: str, body: Any, slot: str = "") -> None:
        """Create it or replace its document, without waiting for the end."""
        call, *path = self._call("begin_create_or_update", site, slot)
        call(*path, body, polling=False)

    def settings(self, site: str, slot: str = "") -> dict[str, str]:
        call, *path = self._call("list_application_settings", site, slot)
        return dict(call(*path, **READ_BY_POST).properties or {})

    def key(self, site: str, slot: str = "") -> str:
        """'' until the host has made its keys."""
        call, *path = self._call("list_host_keys", site, slot)
        return str((call(*path, **READ_BY_POST).function_keys or {}).get(KEY, ""))

    def put_slot_key(self, site: str, slot: str, key: str) -> None:
        from azure.mgmt.web import models

        named = (self.group, site, "functionKeys", KEY, slot)
        self._apps.create_or_update_host_secret_slot(*named, models.KeyInfo(name=KEY, value=key))

    def logs(self, site: str, slot: str = "") -> str:
        """What the platform and the container wrote at the start; '' when there is nothing yet."""
        call, *path = self._call("get_web_site_container_logs", site, slot)
        found = _or_none(lambda: call(*path, **READ_BY_POST))
        return b"".join(found).decode(errors="replace") if found else ""

    def start(self, site: str) -> None:
        self._apps.start(self.group, site)

    def swap(self, site: str, slot: str) -> None:
        from azure.mgmt.web import models

        entity = models.CsmSlotEntity(target_slot=slot, preserve_vnet=True)
        self._apps.begin_swap_slot_with_production(self.group, site, entity, polling=False)

    def delete(self, site: str, slot: str = "") -> None:
        """With its slots. The plan stays, also when nothing else runs on it."""
        call, *path = self._call("delete", site, slot)
        _or_none(lambda: call(*path, delete_empty_server_farm=False))

    def _call(self, name: str, site: str, slot: str) -> tuple[Any, ...]:
        path = (self.group, site, slot) if slot else (self.group, site)
        return (getattr(self._apps, f"{name}_slot" if slot else name), *path)


def _or_none(call: Any, *arguments: Any) -> Any | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return call(*arguments)
    except ResourceNotFoundError:
        return None
