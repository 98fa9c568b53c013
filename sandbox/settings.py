"""Where the sandbox lives and on which ports it listens: read from the environment, with defaults for one machine."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from intermodal.platform.errors import IntermodalError


@dataclass(frozen=True)
class Ports:
    """TCP ports on 127.0.0.1; each is changed by ``INTERMODAL_<NAME>_PORT``."""

    ui: int = 3000
    mlflow: int = 5050
    gateway: int = 8080
    gateway_admin: int = 9901
    aws: int = 4510
    gcp: int = 4520
    azure: int = 4530
    azure_blob: int = 4531
    prometheus: int = 9090
    alertmanager: int = 9093
    pushgateway: int = 9091


def port_variable(name: str) -> str:
    return f"INTERMODAL_{name.upper()}_PORT"


@dataclass(frozen=True)
class Settings:
    """``home`` holds everything that the sandbox writes; removing it while the sandbox is down forgets it all."""

    home: Path
    ports: Ports

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """INTERMODAL_HOME (default ``.intermodal`` in the working folder) and the ports."""
        home = Path(environ.get("INTERMODAL_HOME", ".intermodal")).resolve()
        chosen = {}
        for port in fields(Ports):
            text = environ.get(port_variable(port.name))
            if text is None:
                continue
            if not text.isdecimal() or not 0 < int(text) < 65536:
                raise IntermodalError(f"{port_variable(port.name)} is '{text}'.", hint="Set it to a port, 1 to 65535.")
            chosen[port.name] = int(text)
        return cls(home, Ports(**chosen))


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(name: str, port: int) -> None:
    """Raise an error that names the port and the setting when somebody already listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise IntermodalError(
                f"Port {port}, which {name} needs, is taken by another program.",
                hint=f"Stop that program, or choose another port: {port_variable(name)}=<port>.",
            ) from error
