"""The FailoverContext of a Dagster run: the ports of a model's targets."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from intermodal.assets import ports
from intermodal.assets.runs import deploying
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.targets import Target, sites_of

REQUIRED_RESOURCES = frozenset(
    {ports.GATEWAY, ports.INCIDENTS, ports.NOTIFICATIONS, ports.DEPLOYMENT, ports.TARGETS, ports.STORES, ports.IMAGES}
)
"""The resources that ``failover_context`` takes, without the registry."""

K = TypeVar("K")
V = TypeVar("V")


class BuiltOnUse(Mapping[K, V]):
    """A mapping whose values are built by ``build``, which keeps them. Errors are those of ``build``."""

    def __init__(self, keys: Iterable[K], build: Callable[[K], V]) -> None:
        self._keys, self._build = dict.fromkeys(keys), build

    def __getitem__(self, key: K) -> V:
        if key not in self._keys:
            raise KeyError(key)
        return self._build(key)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def failover_context(context: Any, targets: Sequence[Target], registry: bool = False) -> FailoverContext:
    """Adapters and stores are built when they are used first: a site whose settings are wrong stops no failover among
    the others."""
    adapters, stores = ports.targets(context), ports.stores(context)
    return FailoverContext(
        gateway=ports.gateway(context),
        incidents=ports.incidents(context),
        notifications=ports.notifications(context),
        deployment=ports.deployment(context),
        stores=BuiltOnUse(sites_of(targets), stores.get),
        targets=BuiltOnUse(targets, adapters.get),
        images=BuiltOnUse(sites_of(targets), ports.images(context).get),
        registry=ports.registry(context) if registry else None,
        deploying=lambda model: deploying(context.instance, model),
        log=context.log,
    )
