"""The sandbox for tests: sites on free ports below a home of their own, one set for the whole test session.

In a conftest.py: ``from tests.sandbox_fixture import sandbox  # noqa: F401``. Then ``sandbox.start("aws")`` and
``sandbox.use("aws", monkeypatch)``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

import psutil
import pytest

from intermodal.platform.targets import Site, parse_site
from intermodal.sandbox import clouds
from intermodal.sandbox.faults import Faults
from intermodal.sandbox.settings import EMULATED, Ports, Settings, free_port

REGION = Site("aws", "eu-west-1")
"""A second region, beside every cloud's default one."""
_KEY = pytest.StashKey["Sandbox"]()


@dataclass
class Sandbox:
    """Sites that start when they are first needed. ``aws`` is the default region, ``aws@eu-west-1`` another."""

    settings: Settings
    started: set[Site] = field(default_factory=set)

    def start(self, site: str) -> None:
        """Start the site, or start it again after an outage; does nothing when it runs."""
        self.started.add(parse_site(site))
        clouds.up(self.settings, [parse_site(site)])

    def use(self, site: str, patch: pytest.MonkeyPatch) -> Mapping[str, str]:
        """Start the site and let this process's official clients reach it: its environment variables."""
        self.start(site)
        variables = clouds.variables(self.settings, [parse_site(site)])
        for name, value in variables.items():
            patch.setenv(name, value)
        return variables

    @contextmanager
    def faults(self, site: str, faults: Faults) -> Iterator[None]:
        clouds.inject(self.settings, _alone(site), faults)
        try:
            yield
        finally:
            clouds.inject(self.settings, _alone(site), Faults())

    def change(self, site: str, table: str, key: str, **changes: object) -> None:
        """Change what the site remembers of one resource, as its cloud would by itself; None removes a member."""
        clouds.change(self.settings, parse_site(site), table, key, changes)

    def outage(self, site: str) -> None:
        clouds.outage(self.settings, _alone(site))

    def servers(self, site: str) -> list[psutil.Process]:
        """The processes behind this site's endpoints now; of a server with several, the one that began the others."""
        below = f"{self.settings.folder(parse_site(site))}/"
        found = []
        for process in psutil.process_iter():
            try:
                line = process.cmdline()
                mounts = Path(f"/proc/{process.pid}/mountinfo").read_text("utf-8")
            except (psutil.Error, OSError):
                continue
            if "intermodal.serving" in line and (f"lowerdir={below}" in mounts or any(below in part for part in line)):
                found.append(process)
        known = {process.pid for process in found}
        return [process for process in found if _parent(process) not in known]

    def stop(self) -> None:
        clouds.down(self.settings, self.started)


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _alone(site: str) -> str:
    """As a scope: ``aws`` would be all its regions."""
    return site if "@" in site else f"{site}@default"


def make(home: Path) -> Sandbox:
    ports = Ports(**{port.name: free_port() for port in fields(Ports)})
    sites = (*(Site(cloud) for cloud in EMULATED), REGION)
    return Sandbox(Settings(home, ports, sites, {REGION: free_port()}))


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """One for the session, though several conftests import this fixture; stopped when the session ends."""
    stash = request.config.stash
    if _KEY not in stash:
        stash[_KEY] = make(tmp_path_factory.mktemp("sandbox"))
        request.config.add_cleanup(stash[_KEY].stop)
    return stash[_KEY]
