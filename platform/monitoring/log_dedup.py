"""Requests whose answers are in two neighbouring parts: which parts may have such requests, and which rows to drop.

The first answer is kept, which is that of the earlier part."""

from collections.abc import Mapping

import pandas as pd

from intermodal.platform.monitoring.predictions import AT, ID, ROW, part_of
from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS

MAX_ANSWER_GAP_SECONDS = 2 * MAX_ANSWER_SECONDS
"""The largest time between two answers of a request. The gateway stops trying after half of it; the other half allows
for clock differences and for servers whose caller has left. It is less than a part, so only neighbours share
requests."""


def adjacent_parts(fresh: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Part → the part before it, for parts that may share requests: rows of ``fresh`` (by part, none empty) are within
    MAX_ANSWER_GAP_SECONDS of the border between them."""
    found = [(part_of(rows[AT].max() + MAX_ANSWER_GAP_SECONDS), part) for part, rows in fresh.items()]
    found += [(part, part_of(rows[AT].min() - MAX_ANSWER_GAP_SECONDS)) for part, rows in fresh.items()]
    return {part: before for part, before in found if part != before}


def drop_seen(rows: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The rows of a part whose requests are not in the part before it. Both parts have each request once."""
    keys = pd.concat([before[[ID, ROW]], rows[[ID, ROW]]])
    return rows[~keys.duplicated().to_numpy()[len(before) :]].reset_index(drop=True)
