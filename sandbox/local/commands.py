"""What people type about the sandbox. Imports only when a command runs, so that ``intermodal --help`` is quick."""

from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from intermodal.platform.targets import CLOUDS, parse_cloud

out = Console()


@click.command()
def down() -> None:
    """Stop everything that `up` started; what was stored stays."""
    from intermodal.sandbox.local.up import down as stop
    from intermodal.sandbox.settings import Settings

    stopped = stop(Settings.read())
    out.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


@click.group()
def sandbox() -> None:
    """Three clouds on this machine."""


@sandbox.command("up")
def sandbox_up() -> None:
    """Start the three clouds."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    clouds.up(Settings.read())
    out.print("aws, gcp and azure are up.")


@sandbox.command("down")
def sandbox_down() -> None:
    """Stop the three clouds; what they stored stays."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    clouds.down(Settings.read())
    out.print("aws, gcp and azure are down.")


@sandbox.command()
@click.argument("cloud")
def outage(cloud: str) -> None:
    """Kill a cloud whole: API, storage and endpoints."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    clouds.outage(Settings.read(), parse_cloud(cloud))
    out.print(f"{cloud} is gone.", highlight=False)


@sandbox.command()
@click.argument("cloud")
def restore(cloud: str) -> None:
    """Bring a cloud back with what it had."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    clouds.restore(Settings.read(), parse_cloud(cloud))
    out.print(f"{cloud} is back.", highlight=False)


@sandbox.command("status")
def sandbox_status() -> None:
    """Which clouds answer, where, and with which faults."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    settings = Settings.read()
    table = Table("cloud", "port", "state", "faults")
    for cloud in CLOUDS:
        alive = clouds.answers(settings, cloud)
        faults = clouds.faults_of(settings, cloud).to_dict() if alive else {}
        table.add_row(cloud, str(getattr(settings.ports, cloud)), "up" if alive else "down", _set_only(faults))
    out.print(table)


def _set_only(faults: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in faults.items() if value not in (0, False, "all")) or "none"


@sandbox.command()
@click.argument("cloud")
@click.option("--latency-ms", type=float, default=0.0, help="Added to every request.")
@click.option("--error-rate", type=float, default=0.0, help="Share of requests answered with 5xx, 0 to 1.")
@click.option("--throttle-rate", type=float, default=0.0, help="Share of requests answered with 429, 0 to 1.")
@click.option("--refuse", is_flag=True, help="Every request is refused for lack of permission.")
@click.option("--slow-start-seconds", type=float, default=0.0, help="New endpoints take this much longer.")
@click.option("--scope", default="all", help="all, api, storage or endpoints.")
def fault(cloud: str, **faults: Any) -> None:
    """Make a cloud misbehave; without options, make it behave again."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.faults import Faults
    from intermodal.sandbox.settings import Settings

    chosen = Faults.from_dict(faults)
    clouds.inject(Settings.read(), parse_cloud(cloud), chosen)
    out.print(f"{cloud}: {_set_only(chosen.to_dict())}", highlight=False)
