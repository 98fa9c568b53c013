"""The sandbox for tests: clouds on free ports below a home of their own, one set for the whole test session.

In a conftest.py: ``from tests.sandbox_fixture import sandbox  # noqa: F401``. Then ``sandbox.start("aws")`` and
``sandbox.use("aws", monkeypatch)``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

import psutil
import pytest

from intermodal.platform.targets import Cloud
from intermodal.sandbox import clouds
from intermodal.sandbox.faults import Faults
from intermodal.sandbox.settings import Ports, Settings, free_port

_KEY = pytest.StashKey["Sandbox"]()


@dataclass
class Sandbox:
    """Clouds that start when they are first asked for."""

    settings: Settings
    started: set[Cloud] = field(default_factory=set)

    def start(self, cloud: Cloud) -> None:
        """Start the cloud, or start it again after an outage; does nothing when it runs."""
        self.started.add(cloud)
        clouds.up(self.settings, [cloud])

    def use(self, cloud: Cloud, patch: pytest.MonkeyPatch) -> Mapping[str, str]:
        """Start the cloud and let this process's official clients reach it: its environment variables."""
        self.start(cloud)
        variables = clouds.variables(self.settings, [cloud])
        for name, value in variables.items():
            patch.setenv(name, value)
        return variables

    @contextmanager
    def faults(self, cloud: Cloud, faults: Faults) -> Iterator[None]:
        clouds.inject(self.settings, cloud, faults)
        try:
            yield
        finally:
            clouds.inject(self.settings, cloud, Faults())

    def outage(self, cloud: Cloud) -> None:
        clouds.outage(self.settings, cloud)

    def servers(self, cloud: Cloud) -> list[psutil.Process]:
        """The processes behind this cloud's endpoints now."""
        below = str(self.settings.home / "sandbox" / cloud)
        found = []
        for process in psutil.process_iter():
            try:
                line = process.cmdline()
            except psutil.Error:
                continue
            if "intermodal.serving" in line and any(part.startswith(below) for part in line):
                found.append(process)
        return found

    def stop(self) -> None:
        clouds.down(self.settings, self.started)


def make(home: Path) -> Sandbox:
    return Sandbox(Settings(home, Ports(**{port.name: free_port() for port in fields(Ports)})))


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """One for the session, though several conftests import this fixture; stopped when the session ends."""
    stash = request.config.stash
    if _KEY not in stash:
        stash[_KEY] = make(tmp_path_factory.mktemp("sandbox"))
        request.config.add_cleanup(stash[_KEY].stop)
    return stash[_KEY]
