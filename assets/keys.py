"""What every asset of a model shares: key, group, owner, tags."""

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


def signed(function: F) -> F:
    """The function, with its signature kept on it (PEP 362's ``__signature__``): of every function that becomes a step
    Dagster asks for it some 18 times, and each time Python would make it anew (docs/profiles.md)."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


def attributes(
    spec: ModelSpec,
    *path: str,
    kinds: set[str],
    description: str,
    metadata: Mapping[str, Any] | None = None,
    **rest: Any,
) -> Mapping[str, Any]:
    """The keyword arguments of ``@dg.asset`` that are the same for all assets of a model."""
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
        **rest,
    }


def endpoint_key(spec: ModelSpec, target: Target) -> dg.AssetKey:
    """``<model>/endpoint/sagemaker``, with the region where the target names one. The last part is what the UI lists:
    where two clouds have a platform of one name, the cloud stands before it."""
    twice = any(one.kind == target.kind and one.cloud != target.cloud for one in spec.targets)
    return key(spec, "endpoint", _with_region(f"{target.cloud}-{target.kind}" if twice else target.kind, target.region))


def mirror_key(spec: ModelSpec, site: Site) -> dg.AssetKey:
    """``<model>/mirror/s3``, with the region where the site names one."""
    return key(spec, "mirror", _with_region(store_adapter(site.cloud).kind, site.region))


def _with_region(name: str, region: str) -> str:
    return f"{name}-{region}" if region else name
