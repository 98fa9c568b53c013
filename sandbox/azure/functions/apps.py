"""Function apps and slots, as records. A key is ``<app>`` for production and ``<app>/<slot>`` for a slot."""

import re
import secrets
from typing import Any

from intermodal.sandbox.azure.arm import ArmError, not_found
from intermodal.sandbox.azure.identity import FUNCTIONS_PLAN, GROUP, REGION, SUBSCRIPTION
from intermodal.sandbox.state import State

Json = dict[str, Any]
BASE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Web"
PLAN_ID = f"{BASE}/serverfarms/{FUNCTIONS_PLAN}"
DOMAIN = "azurewebsites.net"
NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,58}[a-zA-Z0-9])")
"""https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftweb"""
TAKEN = "others"
"""The table with the names of other customers' apps, which a test adds."""
WRITTEN = ("serverFarmId", "reserved", "httpsOnly", "enabled", "clientAffinityEnabled", "publicNetworkAccess")
KIND = "functionapp,linux,container"


class Apps:
    def __init__(self, state: State) -> None:
        self.state = state
        self.table: dict[str, Json] = state.table("sites")
        self.others: dict[str, bool] = state.table(TAKEN).setdefault("names", {})

    def get(self, key: str) -> Json:
        """ArmError 404 where there is none."""
        found = self.table.get(key)
        if found is None:
            raise not_found(f"{BASE}/sites/{key.replace('/', '/slots/')}")
        return found

    def slots(self, app: str) -> list[str]:
        return sorted(key for key in self.table if key.startswith(f"{app}/"))

    def by_host(self, host: str) -> str | None:
        return next((key for key in self.table if host_of(key) == host), None)

    def check(self, key: str, body: Json) -> None:
        """What Azure refuses of a body that fits the model; 501 for what is not emulated."""
        properties, config = body.get("properties") or {}, (body.get("properties") or {}).get("siteConfig")
        app, _, slot = key.partition("/")
        if not NAME.fullmatch(app) or (slot and not NAME.fullmatch(slot)):
            raise ArmError(400, "BadRequest", f"The name '{key}' is not 2 to 60 letters, digits and hyphens.")
        if app.lower() in {name.lower() for name in self.others} and app not in self.table:
            raise ArmError(409, "Conflict", f"Website with given name {app} already exists.")
        if body["location"] != REGION:
            raise ArmError(409, "Conflict", f"The plan is in {REGION}, not in {body['location']}.")
        if body.get("kind") != KIND:
            raise ArmError(501, "NotImplemented", f"The sandbox emulates the kind {KIND}.")
        if properties.get("serverFarmId", "").lower() != PLAN_ID.lower():
            raise ArmError(404, "NotFound", f"Cannot find App Service plan '{properties.get('serverFarmId')}'.")
        if config is None:
            self.get(key)
            return
        if not str(config.get("linuxFxVersion", "")).startswith("DOCKER|"):
            raise ArmError(400, "BadRequest", "The parameter LinuxFxVersion has an invalid value.")
        if not config.get("acrUseManagedIdentityCreds"):
            raise ArmError(501, "NotImplemented", "The sandbox emulates pulls by a managed identity.")

    def write(self, key: str, body: Json) -> bool:
        """Create or replace; whether its container has to start again."""
        properties, old = dict(body["properties"]), self.table.get(key)
        config = properties.pop("siteConfig", None)
        content = old["content"] if config is None and old else _content(config or {})
        kept = {name: properties[name] for name in WRITTEN if properties.get(name) is not None}
        host = host_of(key)
        document = {
            "id": f"{BASE}/sites/{key.replace('/', '/slots/')}",
            "name": key,
            "type": "Microsoft.Web/sites/slots" if "/" in key else "Microsoft.Web/sites",
            **{part: body[part] for part in ("kind", "location", "tags", "identity") if body.get(part) is not None},
            "properties": {
                **kept,
                "state": old["doc"]["properties"]["state"] if old else "Running",
                "enabled": True,
                "hostNames": [host],
                "defaultHostName": host,
                "resourceGroup": GROUP,
                "availabilityState": "Normal",
            },
        }
        keys = old["keys"] if old else {"default": secrets.token_urlsafe(32)}
        changed = old is None or old["content"] != content
        self.table[key] = {"doc": document, "content": content, "keys": keys, "busy": False}
        self.state.save()
        return changed


def _content(config: Json) -> Json:
    """What a swap moves: the container and its settings."""
    settings = {pair["name"]: pair.get("value", "") for pair in config.pop("appSettings", None) or []}
    return {"config": config, "settings": settings}


def host_of(key: str) -> str:
    return f"{key.lower().replace('/', '-')}.{DOMAIN}"


def plan_document() -> Json:
    """One Premium plan, which exists before anything is deployed."""
    return {
        "id": PLAN_ID,
        "name": FUNCTIONS_PLAN,
        "type": "Microsoft.Web/serverfarms",
        "kind": "elastic",
        "location": REGION,
        "sku": {"name": "EP1", "tier": "ElasticPremium", "size": "EP1", "family": "EP", "capacity": 1},
        "properties": {"reserved": True, "provisioningState": "Succeeded", "maximumElasticWorkerCount": 20},
    }
