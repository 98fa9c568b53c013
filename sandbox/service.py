"""What it takes to run a program of the sandbox."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A program with the port it needs (the name is a field of Ports) and the address that answers when it is ready."""

    name: str
    port: int
    command: Sequence[str]
    ready: str
    seconds: float = 90
