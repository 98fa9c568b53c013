"""Drills: faults that Envoy makes itself for one target. Runtime keys switch them; no file has them, and they end with
the process.

They happen in the upstream listener, after the golden row's probe has entered it, so health and callers see what they
would see of a real fault. The listener has one fault filter, disabled; each upstream's virtual host enables it with the
keys of its own target. https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/fault_filter
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from intermodal.platform.ports.gateway import Disturbance
from intermodal.platform.targets import Target
from intermodal.resources.envoy.render.proto import Json, extension, typed

FILTER = "drill"
FAULT = "filters.http.fault.v3.HTTPFault"
PREFIX = "intermodal.drill."
FIELDS = tuple(field.name for field in fields(Disturbance))


def key(target: Target, field: str) -> str:
    return f"{PREFIX}{target.dotted}.{field}"


def drill_filter() -> Json:
    """For the upstream listener: no fault at all, until a virtual host has its own."""
    return {**extension(FILTER, FAULT), "disabled": True}


def drill_of(target: Target) -> Json:
    """For an upstream's virtual host: the faults of its target, which do nothing until their keys are set."""
    return {
        FILTER: typed(
            f"envoy.extensions.{FAULT}",
            abort={"http_status": 503, "percentage": {"numerator": 0}},
            delay={"fixed_delay": "0.001s", "percentage": {"numerator": 0}},
            abort_percent_runtime=key(target, "abort_percent"),
            abort_http_status_runtime=key(target, "abort_status"),
            delay_percent_runtime=key(target, "delay_percent"),
            delay_duration_runtime=key(target, "delay_ms"),
        )
    }


def settings(target: Target, disturbance: Disturbance | None) -> dict[str, str]:
    """Parameters of ``/runtime_modify``; an empty value removes a key."""
    values = asdict(disturbance) if disturbance else dict.fromkeys(FIELDS, "")
    return {key(target, field): str(value) for field, value in values.items()}


def read(runtime: Mapping[str, Any]) -> dict[Target, Disturbance]:
    """What is on, from the answer of ``/runtime?format=json``."""
    found: dict[Target, dict[str, int]] = {}
    for name, entry in runtime.get("entries", {}).items():
        dotted, _, field = name.removeprefix(PREFIX).rpartition(".")
        value = entry.get("final_value", "")
        if name.startswith(PREFIX) and field in FIELDS and value:
            found.setdefault(Target(*dotted.split(".")), {})[field] = int(value)
    return {target: Disturbance(**values) for target, values in found.items()}
