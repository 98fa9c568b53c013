"""The catalogue: adapters are Python entry points.

A third party adds a target, a trainer or a cloud without a fork; names are known without an import, and an absent SDK
costs nothing, since an adapter's class imports its SDK when it makes its first call. Mechanism and reasons:
https://packaging.python.org/en/latest/specifications/entry-points and docs/adr/0029.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from intermodal.platform.errors import SpecError
from intermodal.platform.ports import Bills, EndpointTarget, ImageRegistry, ObjectStore
from intermodal.platform.protocol.conversion import Conversion
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column
from intermodal.platform.targets import Cloud, Feature, Limits, Site, Target

Group = Literal[
    "targets",
    "object_stores",
    "images",
    "trainers",
    "registries",
    "secrets",
    "prices",
    "bills",
    "runtimes",
    "route_policies",
]
"""Entry-point groups, each with the prefix ``intermodal.``. ``object_stores`` is keyed by cloud, and lists the
clouds; ``images`` is keyed by cloud too."""
CLOUDS_VARIABLE, ENVIRONMENT_VARIABLE = "INTERMODAL_CLOUDS", "INTERMODAL_ENV"
SETTINGS_PAGE = "docs/reference/settings.md"


class TargetAdapter(Protocol):
    """What the class behind an entry point of ``intermodal.targets`` declares."""

    kinds: ClassVar[frozenset[str]]
    """Icons in the UI."""
    extra: ClassVar[str]
    """What to install: ``pip install 'intermodal[<extra>]'``."""
    default: ClassVar[bool]
    """Whether a spec without ``serve`` uses it."""
    limits: ClassVar[Limits]
    lacks: ClassVar[Mapping[Feature, str]]
    """Missing feature → the reason."""
    reserved_headers: ClassVar[tuple[str, ...]]
    """Request headers that steer the platform itself; the gateway takes them from clients. ``x-amz*`` is a prefix."""

    @classmethod
    def of(cls, target: Target) -> EndpointTarget:
        """The adapter by its settings. SpecError names the variables that are missing."""


class StoreAdapter(Protocol):
    """What the class behind an entry point of ``intermodal.object_stores`` declares."""

    kind: ClassVar[str]
    """The store's name in asset keys: ``s3``."""
    kinds: ClassVar[frozenset[str]]
    extra: ClassVar[str]
    package: ClassVar[str]
    """The Python package that the extra installs, by which it is found."""

    @classmethod
    def of(cls, site: Site) -> ObjectStore: ...

    @classmethod
    def missing(cls, site: Site) -> tuple[str, ...]:
        """The variables that the site's settings lack; none when it is configured."""


class ImagesAdapter(Protocol):
    """What the class behind an entry point of ``intermodal.images`` declares."""

    kind: ClassVar[str]
    """The registry's name in asset keys: ``ecr``."""
    kinds: ClassVar[frozenset[str]]
    extra: ClassVar[str]

    @classmethod
    def of(cls, site: Site) -> ImageRegistry:
        """The registry by its settings. SpecError names the variables that are missing."""


class BillsAdapter(Protocol):
    """What the class behind an entry point of ``intermodal.bills`` declares."""

    kinds: ClassVar[frozenset[str]]
    extra: ClassVar[str]

    @classmethod
    def of(cls, source: str, address: str) -> Bills:
        """The source of that name at an address, which is the adapter's own: a folder, a bucket, a URL."""


class LoadedModel(Protocol):
    """What a format's class makes of a package: ``serving.runtimes.loader.Runtime``."""

    @property
    def predict_numbers(self) -> Callable[[bytes, int], list[float]] | None:
        """Predict from float64 numbers, one column after the other, and the count of rows. None for a model that needs
        more than numbers."""

    def predict(self, table: Any) -> list[float]:
        """The outputs row by row, for a ``serving.protocol.table.Table``."""


class RuntimeAdapter(LoadedModel, Protocol):
    """What the class behind an entry point of ``intermodal.runtimes`` declares for training. Its name is the format of
    a package."""

    file: ClassVar[str]
    """The name of the model file in a package."""
    holds_code: ClassVar[bool]
    """Whether reading the file may run code that it holds, as a pickle does."""
    packages: ClassVar[tuple[str, ...]]
    """Python packages that a fit depends on. Their versions are recorded."""

    def __init__(self, package: Package, folder: Path) -> None:
        """Load the model, as the server does. IntermodalError when that fails."""

    @staticmethod
    def estimator(returned: Any, inputs: Any) -> Any:
        """An estimator made of an object of the library that does not predict from a DataFrame by itself. None for any
        other object. ``inputs`` are rows as it is given them. It imports nothing unless the object is the library's."""

    @staticmethod
    def takes(estimator: Any) -> bool:
        """Whether the format holds this fitted estimator whole. It imports nothing."""

    @staticmethod
    def conversion(estimator: Any, columns: Sequence[Column]) -> Conversion | None:
        """What is compared before the format is chosen, when the file holds the estimator in the terms of another
        library. None when it is the library's own. NotConvertible if the format cannot hold this one."""

    @staticmethod
    def write(estimator: Any, path: Path, columns: Sequence[Column], sensitive: Sequence[str]) -> None:
        """Write the model file, without what prediction does not need of sensitive columns."""


@cache
def _installed(group: Group) -> Mapping[str, Any]:
    return {entry.name: entry for entry in sorted(entry_points(group=f"intermodal.{group}"), key=lambda e: e.name)}


def names(group: Group) -> tuple[str, ...]:
    """What is installed, in order of name; nothing is imported."""
    return tuple(_installed(group))


@cache
def load(group: Group, name: str) -> Any:
    """The class behind an entry point. SpecError lists the known names."""
    try:
        return _installed(group)[name].load()
    except KeyError:
        known = ", ".join(names(group)) or "none"
        raise SpecError(f"No adapter '{name}' is installed for {group}.", hint=f"Installed: {known}.") from None


def target_adapter(target: Target) -> type[TargetAdapter]:
    """The adapter's class; a region is a matter of settings."""
    found: type[TargetAdapter] = load("targets", f"{target.cloud}/{target.kind}")
    return found


def store_adapter(cloud: Cloud) -> type[StoreAdapter]:
    found: type[StoreAdapter] = load("object_stores", cloud)
    return found


def store_name(site: Site) -> str:
    """A site's object store as text, written as a target is: ``aws/s3@eu-west-1``."""
    return str(Target(site.cloud, store_adapter(site.cloud).kind, site.region))


def images_adapter(cloud: Cloud) -> type[ImagesAdapter]:
    found: type[ImagesAdapter] = load("images", cloud)
    return found


def bills_adapter(name: str) -> type[BillsAdapter]:
    found: type[BillsAdapter] = load("bills", name)
    return found


def runtime_adapter(format: str) -> type[RuntimeAdapter]:
    found: type[RuntimeAdapter] = load("runtimes", format)
    return found


def enabled_clouds(environ: Mapping[str, str] = os.environ) -> tuple[Cloud, ...]:
    """Those that ``INTERMODAL_CLOUDS`` names (``aws,gcp``). Without it, those whose settings are complete; in the
    sandbox also those that it emulates, with settings that it brings, if their packages are installed."""
    installed = names("object_stores")
    if stated := environ.get(CLOUDS_VARIABLE, "").replace(",", " ").split():
        if unknown := [cloud for cloud in stated if cloud not in installed]:
            hint = f"Installed: {', '.join(installed)}."
            raise SpecError(f"{CLOUDS_VARIABLE} names {', '.join(unknown)}, which no adapter provides.", hint=hint)
        return tuple(dict.fromkeys(stated))
    if environ.get(ENVIRONMENT_VARIABLE, "sandbox") == "sandbox":
        return tuple(cloud for cloud in installed if _is_present(store_adapter(cloud).package) and _has_settings(cloud))
    return tuple(cloud for cloud in installed if not store_adapter(cloud).missing(Site(cloud)))


def _has_settings(cloud: Cloud) -> bool:
    """The sandbox has a subpackage for each cloud that it emulates."""
    return _is_present(f"intermodal.sandbox.{cloud}") or not store_adapter(cloud).missing(Site(cloud))


def _is_present(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # a package above it is absent
        return False


def enabled_targets() -> tuple[Target, ...]:
    """Every installed target of the enabled clouds, in their default regions."""
    clouds = enabled_clouds()
    found = [Target(*name.split("/")) for name in names("targets")]
    return tuple(sorted((target for target in found if target.cloud in clouds), key=lambda t: clouds.index(t.cloud)))


def default_targets() -> tuple[Target, ...]:
    """What a spec without ``serve`` uses: the default target of every enabled cloud."""
    return tuple(target for target in enabled_targets() if target_adapter(target).default)


def require_enabled(target: Target) -> None:
    """SpecError, with what to do, for a target that is not installed or whose cloud is not enabled."""
    target_adapter(target)
    if target.cloud not in (clouds := enabled_clouds()):
        missing = store_adapter(target.cloud).missing(target.site)
        way = f"Set {', '.join(missing)} ({SETTINGS_PAGE})" if missing else f"Add it to {CLOUDS_VARIABLE}"
        raise SpecError(
            f"{target}: the cloud {target.cloud} is not enabled; enabled: {', '.join(clouds) or 'none'}.",
            hint=f"{way}, or take the target out of serve.",
        )
    adapter = store_adapter(target.cloud)
    if target.region and not adapter.missing(Site(target.cloud)) and (absent := adapter.missing(target.site)):
        raise SpecError(
            f"{target}: the region is not configured: {', '.join(absent)} not set.", hint=f"See {SETTINGS_PAGE}."
        )
