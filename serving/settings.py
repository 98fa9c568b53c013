"""What a container runtime tells the server, by the variables of each cloud (CONTRACTS.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from intermodal.platform.protocol.sensitive import VARIABLE, from_variables
from intermodal.serving.errors import StartError

PORTS = ("FUNCTIONS_CUSTOMHANDLER_PORT", "AIP_HTTP_PORT", "PORT", "AWS_LWA_PORT")
DEFAULT_PORT = 8080


@dataclass(frozen=True)
class Identity:
    """Which version answers, and where: in metrics, answers and response headers. Cloud and target may be empty."""

    version: str = "0.0.0"
    cloud: str = ""
    target: str = ""


@dataclass(frozen=True)
class Settings:
    """``health_route`` and ``predict_route`` are Vertex AI's, empty elsewhere. ``predictions`` is where the prediction
    log goes (empty: nowhere), ``sample`` the share of requests in it, 0 to 1, ``rows_per_second`` how many rows it
    takes at most, about, and ``sensitive`` names columns that it leaves out, of whatever model has them."""

    port: int = DEFAULT_PORT
    max_body_bytes: int = MAX_BODY_BYTES
    health_route: str = ""
    predict_route: str = ""
    identity: Identity = Identity()
    predictions: str = ""
    sample: float = 1.0
    rows_per_second: int = ROWS_PER_SECOND
    sensitive: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str], port: int | None = None) -> "Settings":
        """Read the environment; StartError names the variable that is wrong. ``port`` overrides the port rule."""
        return cls(
            port=_port(environment) if port is None else _number("--port", str(port), 0, 65535),
            max_body_bytes=_number(
                "INTERMODAL_MAX_BODY_BYTES",
                environment.get("INTERMODAL_MAX_BODY_BYTES") or str(MAX_BODY_BYTES),
                1,
                2**31,
            ),
            health_route=_route(environment, "AIP_HEALTH_ROUTE"),
            predict_route=_route(environment, "AIP_PREDICT_ROUTE"),
            identity=Identity(
                version=_plain(environment, "INTERMODAL_VERSION") or "0.0.0",
                cloud=_plain(environment, "INTERMODAL_CLOUD"),
                target=_plain(environment, "INTERMODAL_TARGET"),
            ),
            predictions=environment.get("INTERMODAL_PREDICTIONS", "").strip(),
            sample=_share(environment, "INTERMODAL_PREDICTIONS_SAMPLE"),
            rows_per_second=_number(
                "INTERMODAL_PREDICTIONS_ROWS_PER_SECOND",
                environment.get("INTERMODAL_PREDICTIONS_ROWS_PER_SECOND") or str(ROWS_PER_SECOND),
                1,
                2**31,
            ),
            sensitive=_sensitive(environment),
        )


def _port(environment: Mapping[str, str]) -> int:
    for name in PORTS:
        if environment.get(name):
            return _number(name, environment[name], 1, 65535)
    return DEFAULT_PORT


def _number(name: str, text: str, low: int, high: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high:
        return int(text)
    raise StartError(f"{name} is '{text}'.", hint=f"Set it to a whole number from {low} to {high}.")


def _share(environment: Mapping[str, str], name: str) -> float:
    text = environment.get(name) or "1"
    try:
        share = float(text)
    except ValueError:
        share = -1
    if 0 <= share <= 1:
        return share
    raise StartError(f"{name} is '{text}'.", hint="Set it to a number from 0 to 1.")


def _sensitive(environment: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return from_variables(environment)
    except ValueError:
        raise StartError(f"{VARIABLE} holds no names.", hint='Set it to a JSON list: ["column"].') from None


def _route(environment: Mapping[str, str], name: str) -> str:
    route = environment.get(name, "")
    if route and not route.startswith("/"):
        raise StartError(f"{name} is '{route}'.", hint="Start it with a '/'.")
    return route


def _plain(environment: Mapping[str, str], name: str) -> str:
    """Goes into a response header, so it must be visible ASCII."""
    text = environment.get(name, "").strip()
    if text.isascii() and (text.isprintable() or not text):
        return text
    raise StartError(f"{name} has characters that a header cannot carry.", hint="Use visible ASCII.")
