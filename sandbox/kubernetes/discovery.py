"""What the server has, in the three forms that clients read: plain lists, and aggregated (apidiscovery.k8s.io/v2)."""

from typing import Any

from intermodal.sandbox.kubernetes.resources import GROUPS, SUBRESOURCE_VERBS, Resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SCALE = {"group": "autoscaling", "version": "v1", "kind": "Scale"}


def accepts_aggregated(accept: str) -> bool:
    parts = [part.replace(" ", "") for part in accept.split(",")]
    return any("as=APIGroupDiscoveryList" in part and "v=v2" in part.split(";") for part in parts)


def _subresource(resource: Resource, name: str) -> tuple[dict[str, str], list[str]]:
    """Kind and verbs."""
    if name == "scale":
        return SCALE, list(SUBRESOURCE_VERBS)
    own = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return own, ["get"] if name == "log" else list(SUBRESOURCE_VERBS)


def api_versions(address: str) -> dict[str, Any]:
    clients = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": clients}


def _group(name: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for group, version in GROUPS if group == name]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def group_names() -> list[str]:
    return list(dict.fromkeys(group for group, _ in GROUPS if group))


def group(name: str) -> dict[str, Any]:
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name)


def group_list() -> dict[str, Any]:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in group_names()]}


def resource_list(group: str, version: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for resource in GROUPS[group, version]:
        row: dict[str, Any] = {"name": resource.plural, "singularName": resource.singular}
        row |= {"namespaced": resource.namespaced, "kind": resource.kind, "verbs": list(resource.verbs)}
        if resource.short_names:
            row["shortNames"] = list(resource.short_names)
        if resource.categories:
            row["categories"] = list(resource.categories)
        found.append(row)
        for name in resource.subresources:
            kind, verbs = _subresource(resource, name)
            row = {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced}
            if name == "scale":
                row |= {"group": kind["group"], "version": kind["version"]}
            found.append(row | {"kind": kind["kind"], "verbs": verbs})
    full = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": full, "resources": found}


def aggregated(*, core: bool) -> dict[str, Any]:
    names = [""] if core else group_names()
    items = [
        {"metadata": {"name": name} if name else {}, "versions": [
            {"version": version, "freshness": "Current", "resources": [_discovered(item) for item in resources]}
            for (group, version), resources in GROUPS.items() if group == name]}
        for name in names
    ]  # fmt: skip
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _discovered(resource: Resource) -> dict[str, Any]:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    row: dict[str, Any] = {"resource": resource.plural, "responseKind": kind, "singularResource": resource.singular}
    row |= {"scope": "Namespaced" if resource.namespaced else "Cluster", "verbs": list(resource.verbs)}
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    found = [(name, *_subresource(resource, name)) for name in resource.subresources]
    if found:
        row["subresources"] = [{"subresource": name, "responseKind": own, "verbs": verbs} for name, own, verbs in found]
    return row
