"""``intermodal drill``: an outage on purpose, measured."""

import math
import sys
from typing import Any

import click
from rich.table import Table

from intermodal.cli.console import err, out
from intermodal.cli.runs import ANSWER_SECONDS, webserver
from intermodal.platform.resilience.drills import DRILL_KINDS, MOST_RATE, MOST_SECONDS
from intermodal.platform.targets import CLOUDS

ROWS = ["requests", "failed", "retried"] + [f"{w}_seconds" for w in ("drained", "detected", "capacity", "restored")]
AFTER_SECONDS = 300.0
"""So much longer than it lasts may a drill's run take: to begin, and until the cloud has its share back."""


@click.command()
@click.argument("kind", metavar="KIND", type=click.Choice(DRILL_KINDS))
@click.argument("cloud", metavar="CLOUD", type=click.Choice(CLOUDS))
@click.option("--model", default="flight_delay", show_default=True, help="Whose requests are sent and measured.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, MOST_SECONDS, min_open=True),
    default=60.0,
    show_default=True,
    help="How long it lasts at most.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, MOST_RATE, min_open=True),
    default=50.0,
    show_default=True,
    help="Requests a second that the drill sends.",
)
@click.option("--allow-production", is_flag=True, help="Yes, on production.")
def drill(kind: str, cloud: str, model: str, **options: Any) -> None:
    """An outage on purpose, at the gateway, measured. CLOUD is aws, gcp or azure; KIND is one of

    \b
    outage     every request for CLOUD fails
    brownout   a third fails, half come two seconds late
    throttle   four of five are told to slow down (429)
    corrupt    one object of the model's mirror on CLOUD is damaged, found and mended

    All models that CLOUD serves are in it, except in corrupt. It ends by itself, and with Ctrl-C.
    """
    from intermodal.resources import dagster_client

    if unbounded := [name for name in ("seconds", "rate") if not math.isfinite(options[name])]:
        raise click.BadParameter("a number is wanted", param_hint=f"--{unbounded[0]}")
    config = {"kind": kind, "cloud": cloud, **options}
    url = webserver()
    run = dagster_client.launch(
        url, f"drill_{model}", {}, {"ops": {f"{model}__drill": {"config": config}}}, ANSWER_SECONDS
    )
    out.print(f"{kind} of {cloud}: {dagster_client.page(url, run)}", highlight=False, soft_wrap=True)
    lasts = f"at most {options['seconds']:g} s, then until {cloud} has its share back"
    try:
        with err.status(f"{kind} of {cloud}: {lasts} (Ctrl-C ends it)"):
            dagster_client.wait(url, run, options["seconds"] + AFTER_SECONDS)
    except KeyboardInterrupt:  # the run would go on without us
        out.print("Ending the drill ...")
        dagster_client.stop(url, run)
        out.print(f"{cloud} is asked again. An incident that the drill opened closes by itself: intermodal status.")
        raise
    result = dagster_client.metadata(url, [model, "drill"])
    table = Table("measured", "", title=f"drill: {kind} of {cloud}")
    for name in ROWS:
        if name in result:
            table.add_row(name.replace("_", " "), str(result[name]))
    out.print(table)
    out.print(result["reasons"], highlight=False)
    if not result["passed"]:
        sys.exit(1)
