"""Settings of the outage detection: which watchers observe the targets, and how many observations count."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import dagster as dg
from pydantic import Field

from intermodal.platform.errors import SpecError
from intermodal.platform.resilience.detection import DetectionPolicy, Watcher

DEFAULT = DetectionPolicy()


class WatchSettings(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The settings of ``platform.resilience.detection.DetectionPolicy``; what is not set has its default."""

    watchers: list[str] = Field(default=list(DEFAULT.watchers), description="gateway, endpoint, or both.")
    quorum: str = Field(default=DEFAULT.quorum, description="any or all of the watchers.")
    down_observations: int = DEFAULT.down_observations
    down_seconds: float = DEFAULT.down_seconds
    up_observations: int = DEFAULT.up_observations
    up_seconds: float = DEFAULT.up_seconds
    redeploy_seconds: float = DEFAULT.redeploy_seconds

    @property
    def policy(self) -> DetectionPolicy:
        return DetectionPolicy(
            cast(tuple[Watcher, ...], tuple(self.watchers)),
            cast(Any, self.quorum),
            self.down_observations,
            self.down_seconds,
            self.up_observations,
            self.up_seconds,
            self.redeploy_seconds,
        )


def from_environment(environ: Mapping[str, str] = os.environ) -> WatchSettings:
    """``INTERMODAL_WATCHERS`` (``gateway,endpoint``) and ``INTERMODAL_WATCH_<SETTING>``, such as
    ``INTERMODAL_WATCH_DOWN_SECONDS``; SpecError names the variable that cannot be read."""
    given: dict[str, object] = {}
    if text := environ.get("INTERMODAL_WATCHERS"):
        given["watchers"] = [name.strip() for name in text.split(",")]
    for name in WatchSettings.model_fields:
        if name != "watchers" and (text := environ.get(f"INTERMODAL_WATCH_{name.upper()}")):
            given[name] = text
    try:
        settings = WatchSettings(**given)  # type: ignore[arg-type]
        _ = settings.policy  # validated here, not first in a tick
    except ValueError as error:
        raise SpecError(f"The settings of the watch are wrong: {error}", hint="See INTERMODAL_WATCH_*.") from error
    return settings
