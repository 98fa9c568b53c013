"""An image for Azure Functions, of two that exist: the one with the Functions host, and a version's own.

The host must be in the image, so the version's digest cannot be the one that Azure runs. The derived image has the
layers of both, one layer of its own that tells the host how to start the server, and the version's digest as a label.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intermodal.platform.deployment.oci import (
    CONFIG_TYPE,
    CREATED,
    GZIP_TYPES,
    LAYER_TYPE,
    MANIFEST_TYPE,
    Layer,
    canonical_json,
    digest_of,
)
from intermodal.platform.errors import SpecError

PARENT_LABEL = "io.intermodal.parent"
"""The digest of the version's image, which the derived one is made of."""
BASE_DIGEST = "org.opencontainers.image.base.digest"
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""
ROOT = "home/site/wwwroot"
READY_ROUTE, PREDICT_ROUTE = "v2/health/ready", "invocations"
HOST_VARIABLES = {"AzureWebJobsScriptRoot": f"/{ROOT}", "AzureFunctionsJobHost__Logging__Console__IsEnabled": "true"}
"""As in Microsoft's own Dockerfiles: https://learn.microsoft.com/azure/azure-functions/functions-how-to-custom-container"""


@dataclass(frozen=True)
class Documents:
    """An image's manifest and config, the raw bytes."""

    manifest: bytes
    config: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    @property
    def settings(self) -> dict[str, Any]:
        """How its container starts: the config's ``config``."""
        return dict(json.loads(self.config).get("config") or {})

    @property
    def layers(self) -> list[dict[str, Any]]:
        return list(json.loads(self.manifest)["layers"])

    @property
    def parent(self) -> str:
        """The digest of the image that it was derived from; '' when it is no derived one."""
        return str((self.settings.get("Labels") or {}).get(PARENT_LABEL, ""))


def host_files(parent: Documents) -> dict[str, bytes]:
    """Path → contents of what the Functions host reads: it starts the version's own program, and hands requests on as
    they are. Routes have no prefix, so the server's paths are the app's. App Service's health check has no key.

    https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers
    """
    program, *arguments = parent.settings["Entrypoint"]
    host = {
        "version": "2.0",
        "extensions": {"http": {"routePrefix": ""}},
        "customHandler": {
            "description": {"defaultExecutablePath": program, "arguments": [*arguments, "serve"]},
            "enableProxyingHttpRequest": True,
        },
    }
    return {
        f"{ROOT}/host.json": canonical_json(host),
        f"{ROOT}/predict/function.json": _function(PREDICT_ROUTE, "post", "function"),
        f"{ROOT}/ready/function.json": _function(READY_ROUTE, "get", "anonymous"),
    }


def _function(route: str, method: str, level: str) -> bytes:
    trigger = {"type": "httpTrigger", "direction": "in", "name": "req", "route": route, "methods": [method]}
    answer = {"type": "http", "direction": "out", "name": "res"}
    return canonical_json({"bindings": [{**trigger, "authLevel": level}, answer]})


def derived(base: Documents, parent: Documents, own: Layer) -> Documents:
    """The manifest and config of the derived image; the same bytes for the same three. SpecError for a base or a
    parent of another platform, or with layers of an unknown kind."""
    configs = [json.loads(each.config) for each in (base, parent)]
    platforms = {(each.get("os"), each.get("architecture")) for each in configs}
    if len(platforms) != 1:
        raise SpecError(
            f"The base {base.digest} and the image {parent.digest} are for different platforms: {sorted(platforms)}.",
            hint="Name a base for linux/amd64.",
        )
    settings, of_parent = base.settings, parent.settings
    labels = {**(settings.get("Labels") or {}), **(of_parent.get("Labels") or {}), PARENT_LABEL: parent.digest}
    variables = {**_variables(of_parent), **_variables(settings), **_own(of_parent), **HOST_VARIABLES}
    settings |= {"Labels": labels, "Env": [f"{name}={value}" for name, value in sorted(variables.items())]}
    step = {"created": CREATED, "created_by": "intermodal: functions"}
    config = canonical_json(
        {
            **configs[0],
            "created": CREATED,
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [*_diff_ids(configs), own.diff_id]},
            "history": [*(entry for each in configs for entry in each.get("history") or []), step],
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": digest_of(config), "size": len(config)},
        "layers": [*map(_layer, (*base.layers, *parent.layers)), own.to_dict()],
        "annotations": {BASE_DIGEST: base.digest},
    }
    return Documents(canonical_json(manifest), config)


def require_parent(found: Documents, parent: str) -> None:
    """SpecError unless the image was derived from the version's image with the digest ``parent``."""
    if found.parent != parent:
        raise SpecError(
            f"The image {found.digest} was derived from {found.parent or 'no image of ours'}, not from {parent}.",
            hint="Deploy again, so that it is derived anew.",
        )


def _diff_ids(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [diff_id for each in configs for diff_id in each["rootfs"]["diff_ids"]]


def _layer(described: Mapping[str, Any]) -> dict[str, Any]:
    """An OCI descriptor: Docker's gzip layers are the same bytes under another name."""
    if described.get("mediaType") not in GZIP_TYPES:
        raise SpecError(f"The layer {described.get('digest')} is a {described.get('mediaType')}, not a gzip layer.")
    return {"mediaType": LAYER_TYPE, "digest": described["digest"], "size": described["size"]}


def _variables(settings: Mapping[str, Any]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in settings.get("Env") or [])


def _own(settings: Mapping[str, Any]) -> dict[str, str]:
    """The server's own variables, which the base's must not replace."""
    return {name: text for name, text in _variables(settings).items() if name.startswith(("PYTHON", "INTERMODAL_"))}
