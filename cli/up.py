"""``intermodal up`` and ``demo``: clouds on this machine, and a demo on them."""

import os
import sys
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from intermodal.cli import adapters
from intermodal.cli.console import err, out
from intermodal.cli.status import read_status, show
from intermodal.platform.errors import IntermodalError

if TYPE_CHECKING:
    from intermodal.platform.monitoring.status import Status


@click.command()
def up() -> None:
    """Start everything on this machine, then train and deploy flight_delay."""
    now, model = _start(), "flight_delay"
    first = next(iter(now.models[model].route)).partition("/")[0]
    out.print(
        f"""
Next:
  look at the lineage    {now.ui}/asset-groups/code/intermodal.definitions/{model}
  send rows to it        .venv/bin/intermodal predict {model} --file models/{model}/example.csv
  rehearse an outage     .venv/bin/intermodal drill outage {first}
  kill a site for real   .venv/bin/intermodal sandbox outage {first}, and later: sandbox restore {first}
  stop everything        make down""",
        highlight=False,
        soft_wrap=True,
    )


@click.command()
def demo() -> None:
    """Play a demo unattended: months of traffic, drift, a retrained version, a cloud killed and restored."""
    from rich.markdown import Markdown

    from intermodal.sandbox.local import demo as sandbox_demo
    from intermodal.sandbox.settings import Settings

    settings = Settings.read()
    if (settings.home / "gateway").exists():
        raise IntermodalError(
            f"{settings.home} was used before, and the demo needs an empty one.",
            hint="Run 'make demo', which uses a folder of its own, or set INTERMODAL_HOME to an empty one.",
        )
    if len(settings.sites) < 2:
        raise IntermodalError(
            "The demo kills a site, and only one runs.", hint="Set INTERMODAL_CLOUDS to two clouds or more."
        )
    _start()
    gateway, incidents = adapters.gateway(), adapters.incidents()
    outcome = sandbox_demo.play(settings, gateway, incidents, lambda text: out.print(f"  {escape(text)}"))
    (settings.home / "demo.md").write_text(outcome.page, encoding="utf-8")
    out.print(Markdown(outcome.page))
    out.print(
        f"The same in the UI: {os.environ['INTERMODAL_UI_URL']}/assets/{sandbox_demo.DEMO}/timeline", soft_wrap=True
    )
    for what, seconds in outcome.late.items():
        out.print(f"{what}: {seconds:.1f} s", highlight=False)
    if outcome.missing:
        err.print(f"[red]error:[/red] {escape(outcome.missing)}")
    out.print(f"requests: {outcome.requests}", highlight=False)
    out.print(f"failed requests: {outcome.failed}", highlight=False)
    if outcome.failed or outcome.missing:
        sys.exit(1)


def _start() -> "Status":
    """Start everything and have flight_delay on every target; a second process at the same time waits for the first."""
    from filelock import FileLock

    from intermodal.sandbox.local import up as sandbox_up
    from intermodal.sandbox.settings import Settings

    def say(text: str) -> None:
        out.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)

    settings, phases = Settings.read(), sandbox_up.Phases()
    settings.home.mkdir(parents=True, exist_ok=True)
    out.print(f"Starting {settings.named}, MLflow, the gateway and Dagster ...", highlight=False, soft_wrap=True)
    with FileLock(settings.home / "up.lock"):
        sandbox_up.start(settings, say, phases)
        now = read_status()
        if sandbox_up.DEMO not in now.models:
            sandbox_up.train_and_deploy(settings, say, phases)
            phases.save(settings)
            now = read_status()
        elif not now.serves_everywhere(sandbox_up.DEMO) and not _in_incident(now):
            sandbox_up.deploy(settings, say, phases)
            now = read_status()
    show(now, wide=True)
    if _in_incident(now):
        out.print("Models with an incident recover by themselves: see intermodal status.")
    elif not now.serves_everywhere(sandbox_up.DEMO):
        raise IntermodalError(
            f"{sandbox_up.DEMO} does not answer on all its targets.", hint=f"Logs: {settings.home / 'logs'}."
        )
    return now


def _in_incident(now: "Status") -> bool:
    """Whether an incident explains that the model does not serve everywhere."""
    from intermodal.sandbox.local.up import DEMO

    return any(incident.model == DEMO for incident in now.incidents)
