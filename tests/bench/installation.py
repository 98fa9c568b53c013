"""A whole installation in a home of its own, on free ports."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from intermodal.sandbox.settings import Ports, Settings, free_port, port_variable

INTERMODAL = str(Path(sys.executable).parent / "intermodal")


@dataclass(frozen=True)
class Phases:
    """What ``make up`` wrote: seconds by phase and in all, and by what was waited for in each."""

    seconds: dict[str, float]
    waits: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Installation:
    settings: Settings
    environ: dict[str, str]

    def run(self, *arguments: str) -> None:
        subprocess.run([INTERMODAL, *arguments], env=self.environ, check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """End its programs, once; its files stay."""
        self.run("down")

    @property
    def package(self) -> Path:
        """The folder of flight_delay's package."""
        return next((self.settings.home / "sandbox").rglob("intermodal.json")).parent

    @property
    def phases(self) -> Phases:
        return Phases(**json.loads((self.settings.home / "up.json").read_text()))

    @property
    def infer_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.ports.gateway}/v2/models/flight_delay/infer"

    def golden_body(self) -> bytes:
        """As somebody's: without the id by which servers know it."""
        state = json.loads((self.settings.home / "gateway" / "routes" / "flight_delay.json").read_text())
        body: str = state["route"]["golden_body"]
        return json.dumps({"inputs": json.loads(body)["inputs"]}).encode()


@contextmanager
def installed() -> Iterator[Installation]:
    """Everything up, with flight_delay trained and deployed; down and forgotten afterwards."""
    with tempfile.TemporaryDirectory(prefix="intermodal-bench-") as home:
        ports = {port_variable(name): str(free_port()) for name in asdict(Ports())}
        environ = {**os.environ, **ports, "INTERMODAL_HOME": home}
        installation = Installation(Settings.read(environ), environ)
        try:
            installation.run("up")
            yield installation
        finally:
            installation.run("down")
