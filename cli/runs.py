"""Where runs are asked for."""

import os

from intermodal.platform.errors import SpecError

ANSWER_SECONDS = 10.0
"""So long has Dagster's webserver to answer somebody who types."""


def webserver() -> str:
    """The address of Dagster's UI; SpecError when the environment does not say it."""
    url = os.environ.get("INTERMODAL_UI_URL", "")
    if not url:
        raise SpecError("Not set in the environment: INTERMODAL_UI_URL.", hint="It is the address of Dagster's UI.")
    return url
