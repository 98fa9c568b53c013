"""The gateway in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from intermodal.platform.errors import (
    IntermodalError,
    NotFound,
    SpecError,
)
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Canary, Disturbance, Route, Totals, Tries
from intermodal.platform.targets import Target
from tests.memory.endpoints import MemoryTarget


class MemoryGateway:
    """Answers from the first serving upstream's target."""

    url = "http://gateway.example"

    def __init__(self, targets: Sequence[MemoryTarget]) -> None:
        self.targets = {target.target: target for target in targets}
        self.routes: dict[str, Route] = {}
        self.held: dict[str, dict[Target, Upstream]] = {}
        self.canaries: dict[str, tuple[Canary, dict[Target, Upstream]]] = {}
        self.tried: dict[str, dict[tuple[Target, str], Tries]] = {}
        self.drills: dict[Target, Disturbance] = {}
        self.counted: dict[str, Totals] = {}

    def publish(self, route: Route, upstreams: Sequence[Upstream]) -> None:
        self.routes[route.model] = route
        self.canaries.pop(route.model, None)
        self.held[route.model] = {upstream.target: upstream for upstream in upstreams}

    def split(self, model: str, canary: Canary | None, upstreams: Sequence[Upstream] = ()) -> None:
        if model not in self.routes:
            raise NotFound(f"no route for {model}")
        if canary is None:
            self.canaries.pop(model, None)
            return
        if canary.route.version == self.routes[model].version or canary.route.model != model:
            raise SpecError("a canary is another version of the same model")
        held = {upstream.target: upstream for upstream in upstreams}
        if not held and model in self.canaries:
            held = self.canaries[model][1]
        if missing := set(canary.route.serving) - set(held):
            raise SpecError(f"no upstream on {', '.join(map(str, missing))}")
        self.canaries[model] = canary, held

    def canary(self, model: str) -> Canary | None:
        return self.canaries[model][0] if model in self.canaries else None

    def tries(self, model: str) -> Mapping[tuple[Target, str], Tries]:
        return dict(self.tried.get(model, {}))

    def renew(self, model: str, upstream: Upstream) -> None:
        self._of(model, upstream.version)[upstream.target] = upstream

    def credential_expiry(self, model: str, version: str = "") -> Mapping[Target, float]:
        found = {}
        for target, upstream in self._of(model, version).items():
            if upstream.credential is not None and upstream.credential.expires_at is not None:
                found[target] = upstream.credential.expires_at
        return found

    def addresses(self, model: str, version: str = "") -> Mapping[Target, str]:
        return {target: upstream.url for target, upstream in self._of(model, version).items()}

    def withdraw(self, model: str) -> None:
        self.routes.pop(model, None)
        self.held.pop(model, None)
        self.canaries.pop(model, None)

    def route(self, model: str) -> Route | None:
        return self.routes.get(model)

    def models(self) -> Sequence[str]:
        return sorted(self.routes)

    def infer(self, model: str, body: bytes) -> tuple[bytes, Target, str]:
        """From the first that serves, then from one that stands by, then from a disturbed one."""
        route = self.routes.get(model)
        if route is None:
            raise NotFound(f"no route for {model}")
        order = sorted(route.weights, key=lambda target: (not self._serves(target), target not in route.serving))
        for target in order:
            for name, served in self.targets[target].endpoints.items():
                if served.version == route.version and served.model == model and not self.targets[target].gone:
                    return self.targets[target].invoke(name, body), target, route.version
        raise IntermodalError("no upstream answers")

    def shift(self, model: str, weights: Mapping[Target, int], added: Sequence[Upstream] = ()) -> None:
        if model not in self.routes:
            raise NotFound(f"no route for {model}")
        held = {**self.held[model], **{upstream.target: upstream for upstream in added}}
        if missing := set(weights) - set(held):
            raise SpecError(f"no upstream on {', '.join(map(str, missing))}")
        self.routes[model] = replace(self.routes[model], weights={**dict.fromkeys(held, 0), **weights})
        self.held[model] = held

    def upstream_health(self, model: str) -> Mapping[Target, bool]:
        return {target: self._serves(target) for target in self.held[model]}

    def health(self) -> Mapping[str, Mapping[Target, bool]]:
        return {model: self.upstream_health(model) for model in self.routes}

    def disturb(self, target: Target, disturbance: Disturbance | None) -> None:
        self.drills.pop(target, None)
        if disturbance is not None:
            self.drills[target] = disturbance

    def disturbances(self) -> Mapping[Target, Disturbance]:
        return dict(self.drills)

    def totals(self) -> Mapping[str, Totals]:
        return dict(self.counted)

    def _of(self, model: str, version: str) -> dict[Target, Upstream]:
        canary = self.canaries.get(model)
        return canary[1] if canary and canary[0].route.version == version else self.held.get(model, {})

    def _serves(self, target: Target) -> bool:
        return not self.targets[target].gone and target not in self.drills
