"""The front door for a terminal."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from intermodal.platform.clouds import CLOUDS, parse_cloud
from intermodal.platform.errors import IntermodalError

out, err = Console(), Console(stderr=True)


def for_people(command: Callable[..., None]) -> Callable[..., None]:
    """Print an error of ours as two lines, without a traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except IntermodalError as error:
            err.print(f"[red]error:[/red] {error.message}", highlight=False, markup=True)
            if error.hint:
                err.print(error.hint, highlight=False, markup=False)
            sys.exit(1)

    return run


@click.group()
@click.version_option(package_name="intermodal")
def main() -> None:
    """One spec, one image, any cloud."""


def _in_sandbox() -> bool:
    return os.environ.get("INTERMODAL_ENV", "sandbox") == "sandbox"


def _environment() -> None:
    """In the sandbox, what adapters read is known; elsewhere, the user's environment says it."""
    if _in_sandbox():
        from intermodal.sandbox.services import variables
        from intermodal.sandbox.settings import Settings

        os.environ.update(variables(Settings.read()))


def _sandbox_only(what: str) -> None:
    if not _in_sandbox():
        raise IntermodalError(
            f"'{what}' is for the sandbox, and INTERMODAL_ENV is '{os.environ['INTERMODAL_ENV']}'.",
            hint="Unset INTERMODAL_ENV, or set it to sandbox.",
        )


@main.command()
@for_people
def up() -> None:
    """Start everything on this machine, then train and deploy flight_delay."""
    _sandbox_only("up")
    from intermodal.sandbox import up as sandbox_up
    from intermodal.sandbox.settings import Settings
    from intermodal.status import show, status

    settings, phases = Settings.read(), sandbox_up.Phases()
    out.print("Starting three clouds, MLflow, the gateway and Dagster ...")
    sandbox_up.start(settings, _say, phases)
    _environment()
    if not status().serves_everywhere(sandbox_up.DEMO):
        sandbox_up.train_and_deploy(settings, _say, phases)
        phases.save(settings)
    now = status()
    show(now, out)
    if not now.serves_everywhere(sandbox_up.DEMO):
        raise IntermodalError(
            f"{sandbox_up.DEMO} does not answer on all three clouds.", hint=f"Logs: {settings.home / 'logs'}."
        )
    out.print("\n[bold]Next:[/bold]")
    out.print(f"  look at the lineage       {now.ui}/asset-groups", highlight=False)
    out.print("  ask the model             .venv/bin/intermodal predict flight_delay --json '{...}'  (see README)")
    out.print("  take a cloud away         .venv/bin/intermodal drill outage aws")
    out.print("  bring it back             .venv/bin/intermodal drill restore aws")
    out.print("  stop everything           make down")


def _say(text: str) -> None:
    out.print(f"  {text}", highlight=False, markup=False)


@main.command()
@for_people
def down() -> None:
    """Stop everything that `up` started; what was stored stays."""
    _sandbox_only("down")
    from intermodal.sandbox.settings import Settings
    from intermodal.sandbox.up import down as stop

    stopped = stop(Settings.read())
    out.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


@main.command("status")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@for_people
def status_command(as_json: bool) -> None:
    """What serves where, and how the gateway shares traffic."""
    from intermodal.status import show, status

    _environment()
    now = status()
    if as_json:
        click.echo(json.dumps(now.to_dict(), indent=1))
    else:
        show(now, out)


@main.command()
@click.argument("model")
@click.option("--json", "text", help="A row as {...}, rows as [{...}, ...]. '-' reads standard input.")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CSV file with a header.")
@for_people
def predict(model: str, text: str | None, file: Path | None) -> None:
    """Ask a model through the gateway; says which cloud answered."""
    from intermodal.predict import ask, rows_of

    _environment()
    answer = ask(model, rows_of(text, file))
    for prediction in answer.predictions:
        click.echo(" ".join(f"{value:.6f}" for value in prediction))
    err.print(f"answered by {answer.cloud}, version {answer.version}", highlight=False)


@main.group()
def drill() -> None:
    """Outages made on purpose, in the sandbox."""


def _cloud_command(name: str, help_text: str, act: str, done: str) -> None:
    @drill.command(name, help=help_text)
    @click.argument("cloud")
    @for_people
    def run(cloud: str) -> None:
        _sandbox_only(f"drill {name}")
        from intermodal.sandbox import clouds
        from intermodal.sandbox.settings import Settings

        getattr(clouds, act)(Settings.read(), parse_cloud(cloud))
        out.print(done.format(cloud=cloud), highlight=False)


_cloud_command("outage", "Kill a cloud whole: API, storage and endpoints.", "outage", "{cloud} is gone.")
_cloud_command("restore", "Bring a cloud back with what it had.", "restore", "{cloud} is back.")


@main.group()
def sandbox() -> None:
    """Three clouds on this machine."""


@sandbox.command("up")
@for_people
def sandbox_up_command() -> None:
    """Start the three clouds."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    clouds.up(Settings.read())
    out.print("aws, gcp and azure are up.")


@sandbox.command("down")
@for_people
def sandbox_down_command() -> None:
    """Stop the three clouds; what they stored stays."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.settings import Settings

    clouds.down(Settings.read())
    out.print("aws, gcp and azure are down.")


@sandbox.command("status")
@for_people
def sandbox_status_command() -> None:
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


@sandbox.command("fault")
@click.argument("cloud")
@click.option("--latency-ms", type=float, default=0.0, help="Added to every request.")
@click.option("--error-rate", type=float, default=0.0, help="Share of requests answered with 5xx, 0 to 1.")
@click.option("--throttle-rate", type=float, default=0.0, help="Share of requests answered with 429, 0 to 1.")
@click.option("--refuse", is_flag=True, help="Every request is refused for lack of permission.")
@click.option("--slow-start-seconds", type=float, default=0.0, help="New endpoints take this much longer.")
@click.option("--scope", default="all", help="all, api, storage or endpoints.")
@for_people
def sandbox_fault_command(cloud: str, **faults: Any) -> None:
    """Make a cloud misbehave; without options, make it behave again."""
    from intermodal.sandbox import clouds
    from intermodal.sandbox.faults import Faults
    from intermodal.sandbox.settings import Settings

    chosen = Faults.from_dict(faults)
    clouds.inject(Settings.read(), parse_cloud(cloud), chosen)
    out.print(f"{cloud}: {_set_only(chosen.to_dict())}", highlight=False)


if __name__ == "__main__":
    main()
