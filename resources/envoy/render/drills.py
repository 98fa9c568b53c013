"""Drills: faults that Envoy makes itself for one cloud, told by runtime keys, which no file has and no restart keeps.

They happen in the lane, after the golden row's probe has entered it, so health and callers see what they would see of a
real fault. https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/fault_filter
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from intermodal.platform.ports.gateway import Disturbance
from intermodal.platform.targets import CLOUDS, Cloud
from intermodal.resources.envoy.render.proto import Json, extension

FIELDS = tuple(field.name for field in fields(Disturbance))


def key(cloud: Cloud, field: str) -> str:
    return f"intermodal.drill.{cloud}.{field}"


def drill(cloud: Cloud) -> Json:
    """The fault filter for the lanes of one cloud; it does nothing until its keys are set."""
    return extension(
        f"drill-{cloud}",
        "filters.http.fault.v3.HTTPFault",
        # A lane's domain ends in its cloud.
        headers=[{"name": ":authority", "string_match": {"suffix": f".{cloud}"}}],
        abort={"http_status": 503, "percentage": {"numerator": 0}},
        delay={"fixed_delay": "0.001s", "percentage": {"numerator": 0}},
        abort_percent_runtime=key(cloud, "abort_percent"),
        abort_http_status_runtime=key(cloud, "abort_status"),
        delay_percent_runtime=key(cloud, "delay_percent"),
        delay_duration_runtime=key(cloud, "delay_ms"),
    )


def settings(cloud: Cloud, disturbance: Disturbance | None) -> dict[str, str]:
    """Parameters of ``/runtime_modify``; an empty value takes a key away."""
    values = asdict(disturbance) if disturbance else dict.fromkeys(FIELDS, "")
    return {key(cloud, field): str(value) for field, value in values.items()}


def read(runtime: Mapping[str, Any]) -> dict[Cloud, Disturbance]:
    """What is on, from the answer of ``/runtime?format=json``."""
    entries = runtime.get("entries", {})
    found: dict[Cloud, Disturbance] = {}
    for cloud in CLOUDS:
        values = {field: entries.get(key(cloud, field), {}).get("final_value", "") for field in FIELDS}
        if any(values.values()):
            found[cloud] = Disturbance(**{field: int(value) for field, value in values.items() if value})
    return found
