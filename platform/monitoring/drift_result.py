"""The newest drift decision of a model, stored in the tables as a typed value. Checks and sensors decide by it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from intermodal.platform.errors import NotFound
from intermodal.platform.monitoring.drift import Moved, State
from intermodal.platform.ports import Tables

DRIFT_STAGE, LATEST_PARTITION, RESULT_COLUMN = "drift", "latest", "result"
"""Where it is stored: one row with one column of JSON, replaced by each measurement."""


@dataclass(frozen=True)
class DriftResult:
    """What one measurement decided. ``measured_at`` is Unix seconds, ``rows`` how many were measured, ``share`` (0 to
    1) of the inputs has drifted, ``moved`` says whether inputs or predictions did, ``reasons`` are sentences.

    ``target_findings`` name targets that differ from the others, ``quality_findings`` faulty inputs. Findings do not
    make the data drifted.
    """

    version: str
    state: State
    measured_at: float
    rows: int
    share: float = 0.0
    moved: tuple[Moved, ...] = ()
    reasons: tuple[str, ...] = ()
    target_findings: tuple[str, ...] = ()
    quality_findings: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool | None:
        """None when there were too few rows to decide."""
        return None if self.state == "too few rows" else self.state == "drifted"

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame({RESULT_COLUMN: [json.dumps(asdict(self))]})

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "DriftResult":
        """ValueError, LookupError, TypeError or AttributeError if another release wrote it with other fields."""
        data: Mapping[str, Any] = json.loads(frame[RESULT_COLUMN].iloc[0])
        fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in data.items()}
        return cls(**fields)


def keep_drift(tables: Tables, model: str, result: DriftResult) -> None:
    """Replace the model's newest result. Errors are those of the tables."""
    tables.write(model, DRIFT_STAGE, LATEST_PARTITION, result.to_frame())


def latest_drift(tables: Tables, model: str) -> DriftResult | None:
    """The model's newest result. None if drift was never measured, or if a release with other fields wrote it; the next
    measurement replaces that."""
    try:
        return DriftResult.from_frame(tables.read(model, DRIFT_STAGE, LATEST_PARTITION))
    except (NotFound, ValueError, LookupError, TypeError, AttributeError):
        return None
