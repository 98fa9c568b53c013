"""Adapters of targets, object stores and image registries, each built from its settings on first use."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from intermodal.platform import catalogue
from intermodal.platform.ports import EndpointTarget, ImageRegistry, ObjectStore
from intermodal.platform.targets import Site, Target

K = TypeVar("K")
V = TypeVar("V")


class BuiltOnce(Generic[K, V]):
    """Values by key, each built once, also when several threads need it at once."""

    def __init__(self, build: Callable[[K], V]) -> None:
        self._build, self._built, self._lock = build, dict[K, V](), Lock()

    def get(self, key: K) -> V:
        with self._lock:
            if key not in self._built:
                self._built[key] = self._build(key)
            return self._built[key]


class CatalogueTargets:
    """Every target of the enabled clouds. Fulfils ``ports.Targets``."""

    def __init__(self) -> None:
        self._adapters = BuiltOnce[Target, EndpointTarget](lambda target: catalogue.target_adapter(target).of(target))

    def enabled(self) -> Sequence[Target]:
        return catalogue.enabled_targets()

    def defaults(self) -> Sequence[Target]:
        return catalogue.default_targets()

    def get(self, target: Target) -> EndpointTarget:
        catalogue.require_enabled(target)
        return self._adapters.get(target)


class CatalogueStores:
    """The object store of every enabled site. Fulfils ``ports.Stores``."""

    def __init__(self) -> None:
        self._stores = BuiltOnce[Site, ObjectStore](lambda site: catalogue.store_adapter(site.cloud).of(site))

    def get(self, site: Site) -> ObjectStore:
        return self._stores.get(site)


class CatalogueImages:
    """The image registry of every enabled site. Fulfils ``ports.Images``."""

    def __init__(self) -> None:
        self._registries = BuiltOnce[Site, ImageRegistry](lambda site: catalogue.images_adapter(site.cloud).of(site))

    def get(self, site: Site) -> ImageRegistry:
        return self._registries.get(site)
