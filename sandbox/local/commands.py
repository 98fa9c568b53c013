"""Commands of the sandbox. They import when they run, so that ``intermodal --help`` is quick."""

from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table

out = Console()
SCOPE_HELP = """

    SCOPE is a cloud (aws: all its sites), a site (aws@eu-west-1; aws@default is the default region) or a target
    (aws/sagemaker: that platform's API and endpoints; storage and everything else go on)."""


@click.command()
def down() -> None:
    """Stop everything that `up` started. Stored data is kept."""
    from intermodal.sandbox.local.up import down as stop
    from intermodal.sandbox.settings import Settings

    stopped = stop(Settings.read())
    out.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.", highlight=False, soft_wrap=True)


@click.group()
def sandbox() -> None:
    """Clouds on this machine, a process for each site.

    INTERMODAL_CLOUDS (aws,gcp) says which; INTERMODAL_SANDBOX_SITES (aws,aws@eu-west-1) adds regions.
    """


@sandbox.command("up")
def sandbox_up() -> None:
    """Start the sites."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    settings = Settings.read()
    clouds.up(settings)
    out.print(f"Up: {settings.named}.", highlight=False)


@sandbox.command("down")
def sandbox_down() -> None:
    """Stop the sites. Their stored data is kept."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    settings = Settings.read()
    clouds.down(settings)
    out.print(f"Down: {settings.named}.", highlight=False)


@sandbox.command(help=f"Kill sites whole, API, storage and endpoints, or take one target out of service.{SCOPE_HELP}")
@click.argument("scope")
def outage(scope: str) -> None:
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    clouds.outage(Settings.read(), scope)
    out.print(f"{scope} is gone.", highlight=False)


@sandbox.command(help=f"Bring sites back with what they had, or a target into service.{SCOPE_HELP}")
@click.argument("scope")
def restore(scope: str) -> None:
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    clouds.restore(Settings.read(), scope)
    out.print(f"{scope} is back.", highlight=False)


@sandbox.command("status")
def sandbox_status() -> None:
    """Print which sites answer, where, and with which faults."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    settings = Settings.read()
    table = Table("site", "port", "state", "faults")
    for site in settings.sites:
        alive = clouds.answers(settings, site)
        faults = clouds.faults_of(settings, site).to_dict() if alive else {}
        table.add_row(str(site), str(settings.port(site)), "up" if alive else "down", _set_only(faults))
    out.print(table)


def _set_only(faults: Mapping[str, Any]) -> str:
    unset = (0, False, "all", "")
    return ", ".join(f"{name}={value}" for name, value in faults.items() if value not in unset) or "none"


@sandbox.command(help=f"Make a scope misbehave; without options, make it behave again.{SCOPE_HELP}")
@click.argument("scope")
@click.option("--latency-ms", type=float, default=0.0, help="Added to every request.")
@click.option("--error-rate", type=float, default=0.0, help="Share of requests answered with 5xx, 0 to 1.")
@click.option("--throttle-rate", type=float, default=0.0, help="Share of requests answered with 429, 0 to 1.")
@click.option("--refuse", is_flag=True, help="Every request is refused for lack of permission.")
@click.option("--slow-start-seconds", type=float, default=0.0, help="New endpoints take this much longer.")
@click.option("--surface", default="all", help="all, api, storage or endpoints.")
def fault(scope: str, surface: str, **faults: Any) -> None:
    from intermodal.sandbox import clouds
    from intermodal.sandbox.faults import Faults
    from intermodal.sandbox.settings import Settings

    chosen = Faults.from_dict({**faults, "scope": surface})
    clouds.inject(Settings.read(), scope, chosen)
    out.print(f"{scope}: {_set_only(chosen.to_dict())}", highlight=False)
