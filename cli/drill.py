"""``intermodal drill``: an outage on purpose, measured."""

import math
import sys
from typing import Any

import click
from rich.table import Table

from intermodal.cli.console import err, out
from intermodal.cli.runs import ANSWER_SECONDS, webserver
from intermodal.platform.catalogue import names
from intermodal.platform.errors import SpecError
from intermodal.platform.resilience.drills import DRILL_KINDS, MAX_DRILL_RATE, MAX_DRILL_SECONDS
from intermodal.platform.targets import parse_site, parse_target

ROWS = ["requests", "failed", "retried"] + [f"{w}_seconds" for w in ("drained", "detected", "capacity", "restored")]
OBJECTIVES = "objectives"
"""As in assets/resilience/drill.py."""
AFTER_SECONDS = 300.0
"""Limit of the run beyond the drill's duration: its start, and the time until the targets have their weights back."""


@click.command()
@click.argument("kind", metavar="KIND", type=click.Choice(DRILL_KINDS))
@click.argument("scope", metavar="SCOPE")
@click.option(
    "--model", default="flight_delay", show_default=True, help="The model whose requests are sent and measured."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, MAX_DRILL_SECONDS, min_open=True),
    default=60.0,
    show_default=True,
    help="The longest duration of the drill.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, MAX_DRILL_RATE, min_open=True),
    default=50.0,
    show_default=True,
    help="Requests a second that the drill sends.",
)
@click.option("--allow-production", is_flag=True, help="Allow a drill in production.")
def drill(kind: str, scope: str, model: str, **options: Any) -> None:
    """An outage on purpose, at the gateway, measured. SCOPE is a target (aws/sagemaker), a site (aws@eu-west-1) or a
    cloud (aws, in all its regions); KIND is one of

    \b
    outage     every request for SCOPE fails
    brownout   a third fails, half come two seconds late
    throttle   four of five get a 429
    corrupt    one object of the model's mirror at SCOPE is damaged, found and repaired

    It affects all models that SCOPE serves, except corrupt. It ends by itself and with Ctrl-C.
    """
    from intermodal.resources import dagster_client

    if unbounded := [name for name in ("seconds", "rate") if not math.isfinite(options[name])]:
        raise click.BadParameter("give a finite number", param_hint=f"--{unbounded[0]}")
    _check_scope(scope)
    config = {"kind": kind, "target": scope, **options}
    url = webserver()
    run = dagster_client.launch(
        url, f"drill_{model}", {}, {"ops": {f"{model}__drill": {"config": config}}}, ANSWER_SECONDS
    )
    out.print(f"{kind} of {scope}: {dagster_client.page(url, run)}", highlight=False, soft_wrap=True)
    lasts = f"at most {options['seconds']:g} s, then until {scope} has its weight back"
    try:
        with err.status(f"{kind} of {scope}: {lasts} (Ctrl-C ends it)"):
            dagster_client.wait(url, run, options["seconds"] + AFTER_SECONDS)
    except KeyboardInterrupt:  # the run would go on without us
        out.print("Ending the drill ...")
        dagster_client.stop(url, run)
        out.print(f"{scope} gets traffic again. An incident that the drill opened closes by itself: intermodal status.")
        raise
    result = dagster_client.metadata(url, [model, "drill"])
    table = Table("measured", "", title=f"drill: {kind} of {scope}")
    for name in ROWS:
        if name in result:
            table.add_row(name.replace("_", " "), str(result[name]))
    out.print(table)
    out.print(result["reasons"], highlight=False)
    if not dagster_client.check_passed(url, [model, "drill"], OBJECTIVES):
        sys.exit(1)


def _check_scope(scope: str) -> None:
    """SpecError for an invalid scope, and for a cloud without an adapter. Only the drill's run knows which targets
    serve the model."""
    cloud = (parse_target(scope) if "/" in scope else parse_site(scope)).cloud
    if cloud not in (known := names("object_stores")):
        raise SpecError(f"No adapter provides the cloud '{cloud}'.", hint=f"Installed: {', '.join(known)}.")
