"""How a new version of a model gets its traffic: by steps, each on evidence."""

import re
from itertools import pairwise

from pydantic import Field, field_validator

from intermodal.platform.spec.fields import Part

PAUSE = r"^[1-9][0-9]*[smh]$"
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600}


class RolloutPolicy(Part):
    """Each step lasts until its evidence passes. What is inconclusive holds, and no traffic is no evidence."""

    steps: list[int] = Field(
        default=[5, 25, 100],
        description="Percent of requests that the new version gets, step by step; the last is 100.",
    )
    pause: str = Field(default="10m", description="Each step lasts at least so long: a number and s, m or h.")
    min_requests: int = Field(default=500, description="Requests that the new version must get in a step.")
    max_error_rate_increase: float = Field(
        default=0.01, description="By how much its share of errors may be higher than that of the version before it."
    )
    max_p95_increase: float = Field(
        default=0.25, description="By which part its 95th percentile of latency may be higher: 0.25 is a quarter."
    )

    @field_validator("steps")
    @classmethod
    def _rises_to_all(cls, value: list[int]) -> list[int]:
        if len(value) < 2 or value[-1] != 100 or value[0] < 1 or any(low >= high for low, high in pairwise(value)):
            raise ValueError(f"steps are {value}: give two or more rising percentages from 1 on, the last of them 100")
        return value

    @field_validator("pause")
    @classmethod
    def _is_a_duration(cls, value: str) -> str:
        if not re.match(PAUSE, value):
            raise ValueError(f"pause is '{value}': give a number and a unit, such as 30s, 10m or 2h")
        return value

    @field_validator("min_requests")
    @classmethod
    def _enough(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f"min_requests is {value}: no traffic is no evidence, give at least 1")
        return value

    @field_validator("max_error_rate_increase", "max_p95_increase")
    @classmethod
    def _allows_noise(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(f"{value} allows no difference, which no number of requests can prove: give more than 0")
        return value

    @property
    def pause_seconds(self) -> int:
        return int(self.pause[:-1]) * _UNIT_SECONDS[self.pause[-1]]
