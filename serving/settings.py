"""The server's settings, read from the environment of its container."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from intermodal.platform.protocol.keys import Key
from intermodal.platform.protocol.keys import from_variables as keys_from_variables
from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from intermodal.platform.protocol.sensitive import ERRORS_VARIABLE, VARIABLE, from_variables
from intermodal.serving.contract import (
    DEFAULT_PORT,
    HEALTH_ROUTES,
    PORTS,
    PREDICT_ROUTES,
    REQUEST_ID_HEADERS,
    Rule,
)
from intermodal.serving.errors import StartError
from intermodal.serving.processes.count import MAX_PROCESSES, container_cores

MAX_INT = 2**31
PROCESSES_VARIABLE = "INTERMODAL_PROCESSES"
UNSIGNED_VARIABLE = "INTERMODAL_UNSIGNED"
ID_HEADER_VARIABLE = "INTERMODAL_REQUEST_ID_HEADER"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
"""https://www.rfc-editor.org/rfc/rfc9110#name-tokens"""


def _fixed(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    return tuple(rule.name for rule in rules if rule.name.startswith("/"))


DEFAULT_ID_HEADERS = tuple(rule.name.encode() for rule in REQUEST_ID_HEADERS)


@dataclass(frozen=True)
class Identity:
    """The served version and its target, for metrics, answers and response headers. Cloud and target may be empty."""

    version: str = "0.0.0"
    cloud: str = ""
    target: str = ""


@dataclass(frozen=True)
class Trust:
    """The public keys whose packages are loaded. Without any, ``unsigned`` allows formats that can run code."""

    keys: tuple[Key, ...] = ()
    unsigned: bool = False


@dataclass(frozen=True)
class Settings:
    """``predictions`` is the address of the prediction log (empty: no log), ``sample`` the share of requests in it (0
    to 1), ``rows_per_second`` about how many rows it takes at most. ``sensitive`` names columns that it and
    errors leave out, for every model that has them. ``short_errors``: callers get no detail of what is wrong with their
    rows. ``fast_path`` switches ``serving/fast_path`` on. ``processes`` is how many serve."""

    port: int = DEFAULT_PORT
    max_body_bytes: int = MAX_BODY_BYTES
    health_routes: tuple[str, ...] = _fixed(HEALTH_ROUTES)
    predict_routes: tuple[str, ...] = _fixed(PREDICT_ROUTES)
    identity: Identity = Identity()
    predictions: str = ""
    sample: float = 1.0
    rows_per_second: int = ROWS_PER_SECOND
    sensitive: tuple[str, ...] = ()
    short_errors: bool = False
    request_id_headers: tuple[bytes, ...] = DEFAULT_ID_HEADERS
    fast_path: bool = True
    trust: Trust = Trust()
    processes: int = 1

    @classmethod
    def of(cls, environment: Mapping[str, str], port: int | None = None) -> "Settings":
        """Read the environment. ``port`` overrides its variables. StartError names a wrong variable."""
        return cls(
            port=_port(environment) if port is None else _number("--port", str(port), 0, 65535),
            max_body_bytes=_count(environment, "INTERMODAL_MAX_BODY_BYTES", MAX_BODY_BYTES),
            health_routes=_routes(environment, HEALTH_ROUTES),
            predict_routes=_routes(environment, PREDICT_ROUTES),
            identity=Identity(
                version=_header_value(environment, "INTERMODAL_VERSION") or "0.0.0",
                cloud=_header_value(environment, "INTERMODAL_CLOUD"),
                target=_header_value(environment, "INTERMODAL_TARGET"),
            ),
            predictions=environment.get("INTERMODAL_PREDICTIONS", "").strip(),
            sample=_share(environment, "INTERMODAL_PREDICTIONS_SAMPLE"),
            rows_per_second=_count(environment, "INTERMODAL_PREDICTIONS_ROWS_PER_SECOND", ROWS_PER_SECOND),
            sensitive=_sensitive(environment),
            short_errors=_short_errors(environment),
            request_id_headers=_id_headers(environment),
            fast_path=_switch(environment, "INTERMODAL_FAST_PATH", on=True),
            trust=Trust(keys_from_variables(environment), _switch(environment, UNSIGNED_VARIABLE, on=False)),
            processes=_processes(environment),
        )


def _port(environment: Mapping[str, str]) -> int:
    for rule in PORTS:
        if text := rule.value(environment):
            return _number(rule.name, text, 1, 65535)
    return DEFAULT_PORT


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    return _number(name, environment.get(name) or str(default), 1, MAX_INT)


def _processes(environment: Mapping[str, str]) -> int:
    text = environment.get(PROCESSES_VARIABLE) or "1"
    return container_cores() if text == "auto" else _number(PROCESSES_VARIABLE, text, 1, MAX_PROCESSES)


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


def _switch(environment: Mapping[str, str], name: str, *, on: bool) -> bool:
    text = environment.get(name) or str(int(on))
    if text in ("0", "1"):
        return text == "1"
    raise StartError(f"{name} is '{text}'.", hint="Set it to 1 (on) or 0 (off).")


def _sensitive(environment: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return from_variables(environment)
    except ValueError:
        raise StartError(f"{VARIABLE} holds no names.", hint='Set it to a JSON list: ["column"].') from None


def _short_errors(environment: Mapping[str, str]) -> bool:
    text = environment.get(ERRORS_VARIABLE) or "full"
    if text in ("full", "short"):
        return text == "short"
    raise StartError(f"{ERRORS_VARIABLE} is '{text}'.", hint="Set it to full or short.")


def _routes(environment: Mapping[str, str], rules: tuple[Rule, ...]) -> tuple[str, ...]:
    routes = []
    for rule in rules:
        route = rule.value(environment)
        if route and not route.startswith("/"):
            raise StartError(f"{rule.name} is '{route}'.", hint="Start it with a '/'.")
        if route:
            routes.append(route)
    return tuple(routes)


def _id_headers(environment: Mapping[str, str]) -> tuple[bytes, ...]:
    text = environment.get(ID_HEADER_VARIABLE, "")
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not all(HEADER_NAME.fullmatch(name) for name in names):
        raise StartError(f"{ID_HEADER_VARIABLE} is '{text}'.", hint="Set it to header names, separated by commas.")
    return (*(name.lower().encode() for name in names), *DEFAULT_ID_HEADERS)


def _header_value(environment: Mapping[str, str], name: str) -> str:
    """A text for a response header, which must be visible ASCII."""
    text = environment.get(name, "").strip()
    if text.isascii() and (text.isprintable() or not text):
        return text
    raise StartError(f"{name} has characters that a header cannot carry.", hint="Use visible ASCII.")
