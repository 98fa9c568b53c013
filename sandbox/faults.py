"""Faults on request: a site that is slow, refuses, throttles or fails. (An outage kills the processes.)"""

import random
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from intermodal.platform.errors import SpecError

Scope = Literal["api", "storage", "endpoints"]
Kind = Literal["refused", "throttled", "unavailable"]
FAULTS_PATH = "/_sandbox/faults"
RECORDS_PATH = "/_sandbox/records"
READY_PATH = "/_sandbox/ready"


@dataclass(frozen=True)
class Faults:
    """Rates are shares of requests, 0 to 1. ``scope`` limits all but ``slow_start_seconds`` to one surface, ``target``
    (a kind, ``sagemaker``) to the API and the endpoints of one serving platform."""

    latency_ms: float = 0
    error_rate: float = 0
    throttle_rate: float = 0
    refuse: bool = False
    slow_start_seconds: float = 0
    scope: Scope | Literal["all"] = "all"
    target: str = ""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Faults":
        known = {field.name: field.type for field in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise SpecError(f"Unknown fault '{name}'.", hint=f"Known faults: {', '.join(known)}.")
            if name.endswith("_rate") and not 0 <= value <= 1:
                raise SpecError(f"{name} is {value}.", hint="Give a share of requests, 0 to 1.")
            if name.endswith(("_ms", "_seconds")) and not 0 <= value < float("inf"):
                raise SpecError(f"{name} is {value}.", hint="Give a time of 0 or more.")
        if data.get("scope", "all") not in ("all", "api", "storage", "endpoints"):
            raise SpecError(f"Unknown scope '{data['scope']}'.", hint="Known scopes: all, api, storage, endpoints.")
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def concerns(self, scope: Scope, target: str = "") -> bool:
        """Whether these faults affect a request to this surface, of this kind of target (empty: of none)."""
        return self.scope in ("all", scope) and self.target in ("", target)

    def strikes(self, scope: Scope, dice: random.Random, target: str = "") -> Kind | None:
        """The fault of this request, if any."""
        if not self.concerns(scope, target):
            return None
        if self.refuse:
            return "refused"
        if dice.random() < self.throttle_rate:
            return "throttled"
        if dice.random() < self.error_rate:
            return "unavailable"
        return None

    def delay_seconds(self, scope: Scope, target: str = "") -> float:
        return self.latency_ms / 1000 if self.concerns(scope, target) else 0.0
