"""Where runs are launched."""

from intermodal.cli.adapters import required

ANSWER_SECONDS = 10.0
"""How long Dagster's webserver has to answer an interactive command."""


def webserver() -> str:
    """The address of Dagster's UI; SpecError when it is not set."""
    (url,) = required("INTERMODAL_UI_URL")
    return url
