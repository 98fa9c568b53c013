"""The failover job's own look before it opens an incident: between the sensor's look and its run, seconds pass."""

from intermodal.platform.errors import Unavailable
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.correlation import dead, overload
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target


def refuse_under_overload(ctx: FailoverContext, spec: ModelSpec, target: Target) -> None:
    """Raises Unavailable when the others look bad too while APIs of their clouds answer. An incident that is open was
    decided upon before, and goes on. The registry and the available targets' stores are not called."""
    unavailable = ctx.unavailable(spec.name)
    if target in unavailable:
        return
    serves = {(spec.name, other): ok for other, ok in ctx.gateway.upstream_health(spec.name).items()}
    apart = {(spec.name, other) for other in unavailable}
    found = overload(serves, (), apart)
    if found is None:
        return
    answers = {other: ctx.targets[other].answers() for _, other in found.bad | found.well if other in ctx.targets}
    found = overload(serves, (), apart | dead(found.bad, answers))
    if found is not None and any(answers.get(other) for _, other in found.bad):
        raise Unavailable(
            f"{found.text}, and their clouds answer: '{spec.name}' is overloaded, or the gateway sees nothing.",
            hint="Nothing was moved. The sensor asks again when the others are well. See OverloadOrBlindness.",
        )
