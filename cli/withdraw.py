"""``intermodal withdraw``: stop serving a model."""

import re

import click

from intermodal.cli import adapters
from intermodal.cli.console import out
from intermodal.cli.diagnostics import BROKEN, BROKEN_GROUP
from intermodal.cli.runs import ANSWER_SECONDS, webserver
from intermodal.platform.errors import SpecError, Unavailable

RUN_SECONDS = 1800.0
"""It may wait for another run of the model, and clouds take minutes to delete an endpoint."""


@click.command()
@click.argument("model")
@click.option("--yes", is_flag=True, help="Without confirmation.")
def withdraw(model: str, yes: bool) -> None:
    """Stop serving MODEL: its route and its endpoints on all targets are deleted, its incidents closed.

    Take its folder out of models/ and reload the code location first. Its versions, mirrors and logged requests are
    kept.
    """
    from intermodal.platform.spec import NAME
    from intermodal.resources import dagster_client

    if not re.fullmatch(NAME, model):
        raise SpecError(f"'{model}' is not a model name.", hint="Example: flight_delay.")
    known = adapters.gateway().models()
    if model not in known:
        out.print(f"The gateway serves no model '{model}' (it serves: {', '.join(known) or 'none'}).", highlight=False)
    if not yes:
        click.confirm(f"Nothing will serve '{model}' any more, and its callers get 404. Go on?", abort=True)
    url = webserver()
    _require_no_spec(url, model)
    config = {"ops": {"withdraw_model": {"config": {"model": model, "no_location_has_it": True}}}}
    run = dagster_client.launch(url, "withdraw", {"model": model}, config, ANSWER_SECONDS)
    out.print(f"withdrawing {model}: {dagster_client.page(url, run)}", highlight=False, soft_wrap=True)
    try:
        dagster_client.wait(url, run, RUN_SECONDS)
    except KeyboardInterrupt:
        out.print("The run continues without this terminal.")
        raise
    out.print(f"Nothing serves {model} any more.", highlight=False)


def _require_no_spec(url: str, model: str) -> None:
    """SpecError when a code location defines the model, Unavailable when one that does not load may define it. The run
    is in one of them, and knows the specs of no other."""
    from intermodal.resources import dagster_client

    locations = dagster_client.locations(url)
    if defining := [location.name for location in locations if f"deploy_{model}" in location.jobs]:
        raise SpecError(
            f"'{model}' has a spec in the code location {', '.join(defining)}: the next deployment would restore it.",
            hint="Remove its folder from models/ and reload the code location first.",
        )
    if model in dagster_client.group_metadata(url, locations, BROKEN_GROUP, BROKEN):
        raise SpecError(
            f"'{model}' has a spec that does not load: once it is corrected, the next deployment would restore it.",
            hint="Remove its folder from models/ and reload the code location first.",
        )
    if unknown := [location.name for location in locations if location.loading or location.error]:
        raise Unavailable(
            f"The code location {', '.join(unknown)} is not loaded, and may define '{model}'.",
            hint="Repair it, or remove it from the workspace, then withdraw the model again.",
        )
    if not locations:
        raise Unavailable("Dagster does not answer, so it is not known who defines the model.", hint="Start it.")
