"""``intermodal rollout``: see how far a new version has come, and pause, promote, abort or retry it."""

import getpass
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from intermodal.cli import adapters
from intermodal.cli.console import out
from intermodal.cli.runs import ANSWER_SECONDS, webserver
from intermodal.platform.errors import NotFound, SpecError, Unavailable

if TYPE_CHECKING:
    from intermodal.platform.ports.rollouts import Rollout

RUN_SECONDS = 1800.0
"""A deployment, which may wait for another run of the model."""
MAX_RACES = 5


@click.group()
def rollout() -> None:
    """See how far a new version has come, and pause, promote, abort or retry it."""


@rollout.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(model: str, as_json: bool) -> None:
    """The latest rollout of MODEL, and what happened to it."""
    found = _known(model)
    if as_json:
        out.print_json(data={**asdict(found), "share": found.share})
        return
    out.print(
        f"{found.model} {found.old.version} → {found.new.version}: {found.phase}, {found.share} % of requests",
        highlight=False,
    )
    table = Table("UTC", "what", "by")
    for entry in found.entries:
        table.add_row(f"{datetime.fromtimestamp(entry.time, UTC):%m-%d %H:%M:%S}", entry.text, entry.person)
    out.print(table)


@rollout.command()
@click.argument("model")
def pause(model: str) -> None:
    """Hold the step of MODEL's rollout. A version that fails is still aborted."""
    _change(model, "paused", lambda found: replace(found, phase="paused"))


@rollout.command()
@click.argument("model")
def resume(model: str) -> None:
    """Go on with a rollout that was paused."""
    _change(model, "resumed", lambda found: replace(found, phase="progressing"))


@rollout.command()
@click.argument("model")
@click.option("--because", required=True, metavar="TEXT", help="The reason, which is noted in its history.")
def promote(model: str, because: str) -> None:
    """Give the new version all requests now, whatever its evidence."""
    _change(model, f"promotion requested: {because}", lambda found: replace(found, requested="promote"))
    _run(model, f"rollout_{model}", {})


@rollout.command()
@click.argument("model")
@click.option("--because", required=True, metavar="TEXT", help="The reason, which is noted in its history.")
def abort(model: str, because: str) -> None:
    """Give the version before it all requests now, and remove the new one's endpoints."""
    _change(model, f"end requested: {because}", lambda found: replace(found, requested="abort"))
    _run(model, f"rollout_{model}", {})


@rollout.command()
@click.argument("model")
def retry(model: str) -> None:
    """Begin again with a version whose rollout was aborted."""
    found = _known(model)
    if found.phase != "aborted":
        raise SpecError(f"The rollout of {model} {found.new.version} is {found.phase}.", hint="Only an end is retried.")
    _run(model, f"deploy_{model}", {"ops": {f"{model}__rollout": {"config": {"retry": True}}}})


def _known(model: str) -> "Rollout":
    rollouts = adapters.rollouts()
    found = rollouts.get(model)
    if found is None:
        known = ", ".join(rollouts.models()) or "none"
        raise NotFound(f"'{model}' has had no rollout.", hint=f"Models with one: {known}. A spec asks for it: rollout.")
    return found


def _change(model: str, text: str, change: "Callable[[Rollout], Rollout]") -> None:
    """Made anew from what a run has written meanwhile."""
    from intermodal.platform.ports.rollouts import Entry

    for _ in range(MAX_RACES):
        found = _known(model)
        if not found.is_open:
            raise SpecError(
                f"The rollout of {model} {found.new.version} was {found.phase} already.",
                hint=f"See it: intermodal rollout status {model}.",
            )
        entry = Entry(time.time(), text, _person())
        changed = change(found)
        if adapters.rollouts().put(replace(changed, entries=(*found.entries, entry)), found):
            out.print(f"{model} {found.new.version}: {text}.", highlight=False)
            return
    raise Unavailable(f"The rollout of '{model}' was changed by others each time.", hint="Run the command again.")


def _person() -> str:
    """Who runs the command; by number where that user has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _run(model: str, job: str, config: dict[str, Any]) -> None:
    from intermodal.resources import dagster_client

    url = webserver()
    run = dagster_client.launch(url, job, {"model": model}, config, ANSWER_SECONDS)
    out.print(f"{job}: {dagster_client.page(url, run)}", highlight=False, soft_wrap=True)
    try:
        dagster_client.wait(url, run, RUN_SECONDS)
    except KeyboardInterrupt:
        out.print("The run continues without this terminal.")
        raise
    found = _known(model)
    out.print(f"{model} {found.new.version} is {found.phase}: {found.share} % of requests.", highlight=False)
