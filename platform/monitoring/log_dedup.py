"""A request whose answers lie on both sides of the border of two parts: which pairs of parts may have one, and what of
it goes. Its first answer stays, which is the earlier part's."""

from collections.abc import Mapping

import pandas as pd

from intermodal.platform.monitoring.predictions import AT, ID, ROW, part_of
from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS

APART_SECONDS = 2 * MAX_ANSWER_SECONDS
"""Two answers of one request are no further apart: the gateway gives up after half of it, and no target's clock, nor a
server whose caller has left, is as late again. Less than a part, so only neighbours have a request in common."""


def borders(fresh: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Part → the part before it, where rows of ``fresh`` (by part, none empty) are so near to the border between them
    that the part may have what the one before it has."""
    found = [(part_of(rows[AT].max() + APART_SECONDS), part) for part, rows in fresh.items()]
    found += [(part, part_of(rows[AT].min() - APART_SECONDS)) for part, rows in fresh.items()]
    return {part: before for part, before in found if part != before}


def without(rows: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The rows of a part that the one before it has not. Each has a request once."""
    keys = pd.concat([before[[ID, ROW]], rows[[ID, ROW]]])
    return rows[~keys.duplicated().to_numpy()[len(before) :]].reset_index(drop=True)
