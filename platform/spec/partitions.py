"""How a model's rows are divided: by time, by a list of keys, or by keys that are added while it runs."""

import re
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from intermodal.platform.spec.cadences import CADENCES, Cadence
from intermodal.platform.spec.fields import MONTH, Part

DAY = r"^(19|20)\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
HOUR = DAY.replace("$", r"-([01]\d|2[0-3]):00$")
UNUSABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|\.\.\.")
"""Dagster refuses control characters in keys, and three dots, which it writes between the ends of a range."""
MAX_KEY_BYTES = 60
"""Of a static key as UTF-8. Percent-encoded it is at most three times as long, and file names have 255 bytes."""
KINDS = ("monthly", "weekly", "daily", "hourly", "static", "dynamic")


class Span(Part):
    """Partitions of time, from a first one on."""

    cadence: ClassVar[Cadence]
    start: str
    end: str | None = None

    @field_validator("start", "end")
    @classmethod
    def _partition(cls, value: str | None) -> str | None:
        if value is not None:
            cls.cadence.key_of(value)
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "Span":
        if self.end is not None and self.end < self.start:
            raise ValueError(f"end ({self.end}) is before start ({self.start}): swap them")
        return self

    @property
    def first(self) -> str:
        """The key of the first partition."""
        return self.cadence.key_of(self.start)

    @property
    def last(self) -> str | None:
        """The key of the last partition; None if partitions go on being added."""
        return None if self.end is None else self.cadence.key_of(self.end)


class Months(Span):
    cadence = CADENCES["monthly"]
    start: str = Field(description="First month, as 2013-01.", json_schema_extra={"pattern": MONTH})
    end: str | None = Field(default=None, description="Last month; without it, months go on being added.")


class Weeks(Span):
    cadence = CADENCES["weekly"]
    start: str = Field(description="Monday of the first week, as 2013-01-07.", json_schema_extra={"pattern": DAY})
    end: str | None = Field(default=None, description="Monday of the last week; without it, weeks go on being added.")


class Days(Span):
    cadence = CADENCES["daily"]
    start: str = Field(description="First day, as 2013-01-31.", json_schema_extra={"pattern": DAY})
    end: str | None = Field(default=None, description="Last day; without it, days go on being added.")


class Hours(Span):
    cadence = CADENCES["hourly"]
    start: str = Field(description="First hour in UTC, as 2013-01-31-13:00.", json_schema_extra={"pattern": HOUR})
    end: str | None = Field(default=None, description="Last hour; without it, hours go on being added.")


class Partitions(Part):
    """How the rows are divided, so that each part is loaded once: give exactly one of the fields."""

    monthly: Months | None = Field(default=None, description="One partition for each month, in UTC.")
    weekly: Weeks | None = Field(default=None, description="One partition for each week from Monday on, in UTC.")
    daily: Days | None = Field(default=None, description="One partition for each day, in UTC.")
    hourly: Hours | None = Field(default=None, description="One partition for each hour, in UTC.")
    static: list[str] | None = Field(
        default=None, description="The keys of the partitions, in the order in which they are trained on."
    )
    dynamic: bool = Field(
        default=False,
        description="Keys are added in Dagster while the model runs, to the partitions that are named like the model. "
        "The one that was added last is the newest.",
    )

    @field_validator("static")
    @classmethod
    def _keys(cls, value: list[str] | None) -> list[str] | None:
        for key in value or ():
            if not key.strip() or UNUSABLE.search(key):
                raise ValueError(f"{key!r} names no partition: write visible text without three dots in a row")
            if len(key.encode()) > MAX_KEY_BYTES:
                raise ValueError(f"'{key[:20]}...' has more than {MAX_KEY_BYTES} bytes: give the partition a short key")
        if twice := [key for position, key in enumerate(value or ()) if key in (value or ())[:position]]:
            raise ValueError(f"'{twice[0]}' is listed twice: leave it there once")
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> "Partitions":
        given = [kind for kind in KINDS if getattr(self, kind) not in (None, False)]
        if len(given) != 1:
            raise ValueError(
                f"{' and '.join(given) or 'no kind'} given: give one of {', '.join(KINDS)}, "
                "such as monthly: {start: '2013-01'}, static: [north, south] or dynamic: true"
            )
        return self

    @property
    def span(self) -> Span | None:
        """The partitions of time; None if keys are listed or added."""
        return self.monthly or self.weekly or self.daily or self.hourly

    @property
    def cadence(self) -> Cadence | None:
        return self.span.cadence if self.span else None

    @property
    def grows(self) -> Cadence | None:
        """The cadence in which partitions go on being added. None if they do not, or at no known time."""
        return self.cadence if self.span and self.span.end is None else None

    @property
    def unit(self) -> str:
        """One partition in words."""
        return self.cadence.unit if self.cadence else "partition"

    def name_of(self, key: str) -> str:
        """A partition as people write it."""
        return self.cadence.name_of(key) if self.cadence else key

    def in_order(self, present: Sequence[str], added: Sequence[str] = ()) -> list[str]:
        """The partitions that are ``present``, the newest last. ``added`` are the keys of dynamic partitions as Dagster
        gives them, in the order of adding. Left out is a key that is listed or added no longer, or of another cadence:
        the spec was changed."""
        if self.cadence is not None:
            return sorted(filter(self.cadence.is_key, present))
        known = set(present)
        return [key for key in self.static or added if key in known]

    def newest(self, present: Sequence[str], added: Sequence[str] = ()) -> str:
        """The last of ``in_order``; '' if there is none. A sensor calls it for many models, so it looks at few keys."""
        if self.cadence is not None:
            return next(filter(self.cadence.is_key, sorted(present, reverse=True)), "")
        known = set(present)
        return next((key for key in reversed(self.static or added) if key in known), "")
