"""The scene of each part: an installation, the ports that reach it, callers, and a recipient of notices."""

import itertools
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import yaml
from rich.console import Console

from intermodal.models.flight_delay import data
from intermodal.platform import ports
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.protocol import rows, v2
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud
from intermodal.platform.training import dataframes
from intermodal.resources.environment import resources
from intermodal.sandbox.local import services
from intermodal.sandbox.local.replay import Callers
from intermodal.sandbox.settings import Settings
from tests.bench.installation import Installation, installed
from tests.chaos.recipient import Recipient, recipient
from tests.targets import TARGETS

MODEL = "flight_delay"
RATE = 50
SPEC = Path(__file__).parents[2] / "models" / MODEL / "defs.yaml"
out = Console()


@dataclass
class Scene:
    """``dice`` decides each random choice, so that a seed repeats them. The machine's own timing is not repeated."""

    installation: Installation
    spec: ModelSpec
    gateway: ports.Gateway
    incidents: ports.Incidents
    adapters: dict[Cloud, ports.EndpointTarget]
    stores: dict[Cloud, ports.ObjectStore]
    callers: Callers
    recipient: Recipient
    dice: random.Random
    instance: dg.DagsterInstance

    @property
    def settings(self) -> Settings:
        return self.installation.settings

    @property
    def environ(self) -> dict[str, str]:
        """What ``intermodal up`` gives to the programs that it starts."""
        return {**self.installation.environ, **services.variables(self.settings)}

    def route(self) -> Route:
        route = self.gateway.route(MODEL)
        assert route is not None
        return route

    def open(self) -> list[Incident]:
        return list(self.incidents.all(MODEL, open_only=True))

    def bodies(self, prefix: str = "chaos") -> Iterator[bytes]:
        """Flights of the months that the model was trained on, so that nothing drifts, with the ids ``prefix-0`` on."""
        signature = rows.signature_of(self.route().metadata)
        flights = [data.features(data.flights(month)).sample(2000, random_state=1) for month in _TRAINED]
        endless = itertools.cycle([row for month in flights for row in dataframes.records(month)])
        for number, flight in enumerate(endless):
            yield v2.request_body(signature, [flight], id=f"{prefix}-{number}")


_TRAINED = ("2013-01-01", "2013-02-01", "2013-03-01")


@contextmanager
def installed_scene(seed: int) -> Iterator[Scene]:
    """A fresh installation with callers at work. Removed afterwards."""
    with recipient() as notified:
        os.environ["INTERMODAL_NOTIFY"] = notified.address
        with installed() as installation:
            settings = installation.settings
            os.environ.update(installation.environ | services.variables(settings))
            names = ["gateway", "incidents", "targets", "stores", "images"]
            with (
                dg.DagsterInstance.from_config(str(settings.home / "dagster")) as instance,
                dg.build_resources({name: resources()[name] for name in names}) as built,
            ):
                found = Scene(
                    installation=installation,
                    spec=ModelSpec.model_validate(yaml.safe_load(SPEC.read_text("utf-8"))["attributes"]),
                    gateway=built.gateway,
                    incidents=built.incidents,
                    adapters={target.cloud: built.targets.get(target) for target in TARGETS},
                    stores={target.cloud: built.stores.get(target.site) for target in TARGETS},
                    callers=Callers(installation.infer_url, RATE),
                    recipient=notified,
                    dice=random.Random(seed),
                    instance=instance,
                )
                with found.callers.playing(found.bodies()):
                    yield found
