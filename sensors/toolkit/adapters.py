"""The targets that a tick looks at, and their adapters: a target without one is unknown, never unavailable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dagster as dg

from intermodal.assets import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import EndpointTarget
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target


@dataclass(frozen=True)
class Adapters:
    """``found`` by target, and for each ``unknown`` target the reason: it is not enabled, or its adapter could not be
    built."""

    found: Mapping[Target, EndpointTarget]
    unknown: Mapping[Target, str]

    def messages(self) -> list[str]:
        return [f"{target} is unknown: {why}" for target, why in self.unknown.items()]


def adapters_of(context: dg.SensorEvaluationContext, targets: Iterable[Target]) -> Adapters:
    """The adapter of each target, once. One that cannot be built does not stop a sensor for the others."""
    known, found, unknown = ports.targets(context), dict[Target, EndpointTarget](), dict[Target, str]()
    for target in dict.fromkeys(targets):
        try:
            found[target] = known.get(target)
        except IntermodalError as error:
            unknown[target] = error.message
        except Exception as error:  # noqa: BLE001 an SDK's own error concerns this target only
            unknown[target] = repr(error)
    return Adapters(found, unknown)


def platform_targets(context: dg.SensorEvaluationContext, specs: Mapping[str, ModelSpec]) -> tuple[Target, ...]:
    """Every target that something of ours may run on: those of the specs, of the routes, and all that are enabled.

    Errors are those of ``Gateway.route``.
    """
    gateway = ports.gateway(context)
    routes = (gateway.route(model) for model in gateway.models())
    named = [target for spec in specs.values() for target in spec.targets]
    routed = [target for route in routes if route is not None for target in route.weights]
    return tuple(dict.fromkeys([*named, *routed, *ports.targets(context).enabled()]))
