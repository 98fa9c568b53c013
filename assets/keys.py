"""Keys and shared attributes of a model's assets: group, owner, kinds, tags."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import dagster as dg

from intermodal.platform.catalogue import store_adapter
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site, Target

Context = dg.AssetExecutionContext
F = TypeVar("F", bound=Callable[..., Any])


def key(spec: ModelSpec, *path: str) -> dg.AssetKey:
    return dg.AssetKey([spec.name, *path])


def with_cached_signature(function: F) -> F:
    """Store a function's signature on it as ``__signature__`` (PEP 362). Dagster reads the signature of every function
    that becomes a step some 18 times, and Python computes it each time otherwise (docs/profiles.md)."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


def attributes(
    spec: ModelSpec,
    *path: str,
    kinds: set[str],
    description: str,
    metadata: Mapping[str, Any] | None = None,
    **options: Any,
) -> Mapping[str, Any]:
    """Keyword arguments of ``@dg.asset``: those that all assets of a model share, and ``options``."""
    return {
        "key": key(spec, *path),
        "group_name": spec.name,
        "owners": [spec.owner],
        "kinds": kinds,
        "description": description,
        "tags": {"model": spec.name, **spec.tags},
        "metadata": {
            **({"budget_usd_per_month": spec.budget.usd_per_month} if spec.budget else {}),
            **(metadata or {}),
        },
        **options,
    }


def endpoint_key(spec: ModelSpec, target: Target) -> dg.AssetKey:
    """``<model>/endpoint/sagemaker``, followed by the region if the target names one. The UI lists the last part only,
    so it begins with the cloud if two clouds have a platform of the same name."""
    ambiguous = any(other.kind == target.kind and other.cloud != target.cloud for other in spec.targets)
    name = f"{target.cloud}-{target.kind}" if ambiguous else target.kind
    return key(spec, "endpoint", _with_region(name, target.region))


def image_key(spec: ModelSpec) -> dg.AssetKey:
    return key(spec, "image")


def mirror_key(spec: ModelSpec, site: Site) -> dg.AssetKey:
    """``<model>/mirror/s3``, followed by the region if the site names one."""
    return key(spec, "mirror", _with_region(store_adapter(site.cloud).kind, site.region))


def _with_region(name: str, region: str) -> str:
    return f"{name}-{region}" if region else name
