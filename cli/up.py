"""``intermodal up`` and ``demo``: clouds on this machine, and a demo on them."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from intermodal.cli import adapters
from intermodal.cli.console import err, out
from intermodal.cli.status import read_status, show
from intermodal.platform.errors import IntermodalError

if TYPE_CHECKING:
    from intermodal.platform.monitoring.status import Status
    from intermodal.sandbox.local.project import Project


@click.command()
@click.option("--no-train", is_flag=True, help="Start everything, and train and deploy nothing.")
def up(no_train: bool) -> None:
    """Start everything on this machine with the project's definitions, then train and deploy its first model.

    The project is the nearest folder upwards whose pyproject.toml has [tool.dg.project]. The first model is
    flight_delay, else the first by name that is served already, else the first by name.
    """
    project = _project()
    now, model = _start(project, train=not no_train)
    out.print(f"\nNext:\n{_next_steps(project, now, model)}", highlight=False, markup=False, soft_wrap=True)


def _next_steps(project: "Project", now: "Status", model: str) -> str:
    """Commands to go on with, as they are typed in the project's folder."""
    command, steps = _command(project), list[tuple[str, str]]()
    if model:
        page = f"{now.ui}/locations/{project.location}/asset-groups/{model}/lineage"
        steps.append(("look at the lineage", page))
        if example := project.example(model):
            rows = example.relative_to(project.root) if example.is_relative_to(project.root) else example
            steps.append(("send rows to it", f"{command} predict {model} --file {rows}"))
        if not now.serves_everywhere(model):
            steps.append(("train and deploy it", f"{command} up"))
    else:
        steps.append(("add a model", "dg scaffold defs intermodal.assets.Model my_model"))
    if model in now.models and (route := list(now.models[model].route)):
        first = route[0].partition("/")[0]
        steps.append(("rehearse an outage", f"{command} drill outage {first} --model {model}"))
        steps.append(("kill a cloud for real", f"{command} sandbox outage {first}"))
        steps.append(("and restore it", f"{command} sandbox restore {first}"))
    stop = "make down" if (project.root / "Makefile").is_file() else f"{command} down"
    steps.append(("stop everything", stop))
    return "\n".join(f"  {what:<22} {how}" for what, how in steps)


def _command(project: "Project") -> str:
    """``.venv/bin/intermodal`` where it is installed in the project's folder."""
    found = Path(sys.executable).parent / "intermodal"
    return str(found.relative_to(project.root)) if found.is_relative_to(project.root) else "intermodal"


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
    _start(_project(), only=sandbox_demo.DEMO)
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


def _project() -> "Project":
    from intermodal.sandbox.local.project import Project

    return Project.find(Path.cwd())


def _start(project: "Project", train: bool = True, only: str = "") -> tuple["Status", str]:
    """Start everything and have the first model, or ``only``, on every target; with its name, '' when there is none.

    A second process at the same time waits for the first.
    """
    from filelock import FileLock

    from intermodal.sandbox.local import up as sandbox_up
    from intermodal.sandbox.settings import Settings

    def say(text: str) -> None:
        out.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)

    settings, phases = Settings.read(), sandbox_up.Phases()
    settings.home.mkdir(parents=True, exist_ok=True)
    out.print(f"Starting {settings.named}, MLflow, the gateway and Dagster ...", highlight=False, soft_wrap=True)
    with FileLock(settings.home / "up.lock"):
        sandbox_up.start(settings, project, say, phases)
        now = read_status()
        model = sandbox_up.first_model(settings, now.models)
        if only and model != only:
            raise IntermodalError(
                f"The story is about {only}, which {project.root} does not have.",
                hint="Run 'make demo' in a checkout of Intermodal.",
            )
        if model and train:
            if model not in now.models:
                sandbox_up.train_and_deploy(settings, model, say, phases)
                phases.save(settings)
                now = read_status()
            elif not now.serves_everywhere(model) and not _in_incident(now, model):
                sandbox_up.deploy(settings, model, say, phases)
                now = read_status()
    show(now, wide=True)
    if model and _in_incident(now, model):
        out.print("What has an incident is restored by itself: see intermodal status.")
    elif model and train and not now.serves_everywhere(model):
        raise IntermodalError(f"{model} does not answer on all its targets.", hint=f"Logs: {settings.home / 'logs'}.")
    return now, model


def _in_incident(now: "Status", model: str) -> bool:
    """Whether an incident explains that the model does not serve everywhere."""
    return any(incident.model == model for incident in now.incidents or ())
