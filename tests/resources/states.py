"""States that a cloud can leave a deployment in, as data for a walk: each is made, described, deployed over, deleted.

A ``Scene`` is one deployed request in the sandbox; ``make`` of a ``Case`` brings it into the state, through the cloud's
API where a person could, and else by the sandbox's records.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import EndpointTarget
from intermodal.platform.ports.endpoints import DeployRequest, State
from intermodal.platform.protocol import parity, v2
from intermodal.platform.protocol.package import Golden, Package
from tests.sandbox_fixture import Sandbox


@dataclass
class Scene:
    """``client`` is the cloud's official one."""

    sandbox: Sandbox
    target: EndpointTarget
    request: DeployRequest
    package: Path
    client: Any

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def short(self) -> EndpointTarget:
        """The same target, which does not wait long."""
        target: Any = self.target
        found: EndpointTarget = target.model_copy(update={"timeout_seconds": 0.5})
        return found

    def deploy_over(self, case: "Case") -> None:
        """Bring the deployment into the state, look at it, and deploy the request again."""
        case.make(self)
        found = self.target.describe(self.name)
        assert (found.state if found else None) == case.described
        assert case.reason in (found.reason if found else "")
        assert self.target.deploy(self.request).state == "ready"

    def state(self) -> State | None:
        found = self.target.describe(self.name)
        return found.state if found else None

    def serves(self) -> bool:
        body = v2.request_body(Package.read(self.package).signature, Golden.read(self.package).rows)
        try:
            answer = self.target.invoke(self.name, body)
        except IntermodalError:
            return False
        return parity.holds(Golden.read(self.package).predictions, v2.predictions(answer))


@dataclass(frozen=True)
class Case:
    """``described`` is what ``describe`` reports in the state; ``reason`` is a part of the reason that it gives."""

    name: str
    make: Callable[[Any], None] = field(repr=False)
    described: State | None
    reason: str = ""

    def __str__(self) -> str:
        return self.name


def request(image: str, artifacts: str) -> DeployRequest:
    """What every walk deploys."""
    return DeployRequest(
        model="flight_delay",
        version="1.2.0",
        environment="states",
        owner="team:airline-operations",
        image=image,
        artifacts=artifacts,
        tags={"cost_centre": "ops-42"},
    )
