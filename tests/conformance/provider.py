"""The platform behind an adapter, for tests: its server processes and faults."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import psutil

from intermodal.platform.targets import Cloud
from intermodal.sandbox.faults import Faults
from tests.sandbox_fixture import Sandbox


class Provider(Protocol):
    """A platform that cannot do one of these calls ``pytest.skip`` with the reason."""

    def servers(self) -> list[psutil.Process]:
        """The processes behind its endpoints now."""

    def faults(self, faults: Faults) -> AbstractContextManager[None]: ...

    def outage(self) -> None:
        """Kill the platform whole: API and endpoints."""

    def start(self) -> None:
        """Bring it back after an outage."""


@dataclass(frozen=True)
class SandboxCloud:
    """A cloud that the sandbox emulates. Fulfils ``Provider``."""

    sandbox: Sandbox
    cloud: Cloud

    def servers(self) -> list[psutil.Process]:
        return self.sandbox.servers(self.cloud)

    def faults(self, faults: Faults) -> AbstractContextManager[None]:
        return self.sandbox.faults(self.cloud, faults)

    def outage(self) -> None:
        self.sandbox.outage(self.cloud)

    def start(self) -> None:
        self.sandbox.start(self.cloud)
