"""The front door for a terminal. Heavy imports wait until a command needs them."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from intermodal.platform import rows, v2
from intermodal.platform.clouds import CLOUDS, TARGETS
from intermodal.platform.drills import DRILL_KINDS
from intermodal.platform.errors import IntermodalError, MissingExtra, NotFound, SpecError
from intermodal.sandbox import commands

if TYPE_CHECKING:
    from intermodal.platform.incidents import Incident
    from intermodal.platform.status import Status

out, err = Console(), Console(stderr=True)
SANDBOX_COMMANDS = {"up", "down", "demo", "sandbox"}
DRILL_ROWS = ["requests", "failed", "retried"] + [
    f"{w}_seconds" for w in ("drained", "detected", "capacity", "restored")
]
AFTER_SECONDS = 300.0
"""So much longer than it lasts may a drill's run take: to begin, and until the cloud has its share back."""
SANDBOX_PACKAGES = {"aiohttp", "cryptography", "filelock", "psutil"}


def _complain(error: IntermodalError) -> NoReturn:
    err.print("error:", style="red", end=" ")
    err.print(error.message, highlight=False, markup=False)
    if error.hint:
        err.print(error.hint, highlight=False, markup=False)
    sys.exit(1)


def _ours(error: OSError) -> IntermodalError:
    """Only what was done to a file has a file's name: what a network, or requests, says is an OSError too."""
    if error.filename is not None:
        return IntermodalError(f"{error.strerror}: {error.filename}.", hint="Is INTERMODAL_HOME yours, with room?")
    return IntermodalError(
        f"{type(error).__name__}: {error}.",
        hint="Does everything answer that it talks to (intermodal status), and has the disk room?",
    )


class ForPeople(click.Group):
    """Shows an error of ours in two sentences instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IntermodalError as error:
            _complain(error)
        except OSError as error:
            _complain(_ours(error))
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing not in SANDBOX_PACKAGES:
                raise
            _complain(MissingExtra(missing, "sandbox"))


@click.group(cls=ForPeople)
@click.version_option(package_name="intermodal")
@click.pass_context
def main(ctx: click.Context) -> None:
    """One spec, one image, any cloud."""
    name = os.environ.get("INTERMODAL_ENV", "sandbox")
    if name == "sandbox":
        _sandbox_variables()
    elif ctx.invoked_subcommand in SANDBOX_COMMANDS:
        raise IntermodalError(
            f"'{ctx.invoked_subcommand}' is for the sandbox, and INTERMODAL_ENV is '{name}'.",
            hint="Unset INTERMODAL_ENV, or set it to sandbox.",
        )


for command in (commands.down, commands.sandbox):
    main.add_command(command)


def _sandbox_variables() -> None:
    """In the sandbox, what adapters read is known; elsewhere, the user's environment says it."""
    from intermodal.sandbox.services import variables
    from intermodal.sandbox.settings import Settings

    os.environ.update(variables(Settings.read()))


@contextmanager
def _adapters(*names: str) -> Iterator[Any]:
    """The environment's adapters; what is not set in the environment is named."""
    import dagster as dg

    from intermodal.resources.environments import resources

    try:
        with dg.build_resources({name: resources()[name] for name in names}) as built:
            yield built
    except dg.DagsterInvalidConfigError as error:
        missing = sorted(set(re.findall(r"environment variable \"(\w+)\"", str(error))))
        raise SpecError(
            f"Not set in the environment: {', '.join(missing) or error}.",
            hint="resources/environments.py says what each is for.",
        ) from error


def _status() -> "Status":
    from intermodal.assets.resources import target_key
    from intermodal.platform.status import Status, statuses
    from intermodal.resources.environments import environment

    with _adapters("gateway", "incidents", *(target_key(target) for target in TARGETS)) as built:
        places = [getattr(built, target_key(target)) for target in TARGETS]
        return Status(
            ui=os.environ.get("INTERMODAL_UI_URL", ""),
            gateway=built.gateway.url,
            mlflow=os.environ.get("INTERMODAL_MLFLOW_URL", ""),
            models=statuses(built.gateway, places, environment()),
            incidents=built.incidents.all(open_only=True),
        )


def _show(now: "Status") -> None:
    for name, model in now.models.items():
        table = Table(title=f"{name} {model.version}")
        for column in ("cloud", "target", "URL", "version", "state", "weight", "p50 ms"):
            table.add_column(column, overflow="fold")
        for served in model.endpoints:
            state = served.state if served.healthy else f"[red]{served.state}[/red] {escape(served.reason[:60])}"
            p50 = "" if served.p50_ms is None else f"{served.p50_ms:.1f}"
            weight = str(model.route.get(served.cloud, 0))
            table.add_row(served.cloud, served.target, served.url, served.version, state, weight, p50)
        out.print(table)
    if not now.models:
        out.print("No model is routed yet. Try: intermodal up")
    _show_incidents(now.incidents)
    places = {"gateway": now.gateway, "UI": now.ui, "MLflow": now.mlflow}
    known = "   ".join(f"{name} {address}" for name, address in places.items() if address)
    out.print(known, highlight=False, soft_wrap=True)


def _show_incidents(opened: "Sequence[Incident]") -> None:
    if not opened:
        out.print("No incident is open.")
        return
    table = Table(title="open incidents")
    for column in ("incident", "model", "cloud", "since (UTC)", "last"):
        table.add_column(column, overflow="fold")
    for one in opened:
        since = datetime.fromtimestamp(one.opened_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(one.id, one.model, one.cloud, since, escape(one.last))
    out.print(table)


def _start() -> "Status":
    """Start everything and have flight_delay on all clouds; a second one at the same time waits, and finds it done."""
    from filelock import FileLock

    from intermodal.sandbox import up as sandbox_up
    from intermodal.sandbox.settings import Settings

    def say(text: str) -> None:
        out.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)

    settings, phases = Settings.read(), sandbox_up.Phases()
    settings.home.mkdir(parents=True, exist_ok=True)
    out.print("Starting three clouds, MLflow, the gateway and Dagster ...")
    with FileLock(settings.home / "up.lock"):
        sandbox_up.start(settings, say, phases)
        now = _status()
        if not now.serves_everywhere(sandbox_up.DEMO):
            sandbox_up.train_and_deploy(settings, say, phases)
            phases.save(settings)
            now = _status()
    _show(now)
    if not now.serves_everywhere(sandbox_up.DEMO):
        raise IntermodalError(
            f"{sandbox_up.DEMO} does not answer on all three clouds.", hint=f"Logs: {settings.home / 'logs'}."
        )
    return now


@main.command()
def up() -> None:
    """Start everything on this machine, then train and deploy flight_delay."""
    now, model = _start(), "flight_delay"
    out.print(
        f"""
Next:
  look at the lineage    {now.ui}/asset-groups/code/intermodal.definitions/{model}
  ask the model          .venv/bin/intermodal predict {model} --file models/{model}/example.csv
  rehearse an outage     .venv/bin/intermodal drill outage aws
  kill a cloud for real  .venv/bin/intermodal sandbox outage aws, and later: sandbox restore aws
  stop everything        make down""",
        highlight=False,
        soft_wrap=True,
    )


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(as_json: bool) -> None:
    """What serves where, how the gateway shares traffic, and which incidents are open."""
    now = _status()
    if as_json:
        click.echo(json.dumps(now.to_dict(), indent=1))
    else:
        _show(now)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{file} is not text in UTF-8: {error.reason}.", hint="Save it as CSV in UTF-8.") from error


@main.command()
@click.argument("model")
@click.option("--json", "text", help="A row as {...}, or rows as [{...}, ...].")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CSV file with a header.")
def predict(model: str, text: str | None, file: Path | None) -> None:
    """Ask a model through the gateway; says which cloud answered."""
    if (text is None) == (file is None):
        raise SpecError("Give the rows once.", hint="Either --json '{...}' or --file rows.csv.")
    given = rows.from_json(text) if text is not None else rows.from_csv(_text(file))  # type: ignore[arg-type]
    with _adapters("gateway") as built:
        route = built.gateway.route(model)
        if route is None:
            known = ", ".join(built.gateway.models()) or "none yet"
            raise NotFound(f"The gateway serves no model '{model}'.", hint=f"It serves: {known}.")
        signature = rows.signature_of(route.metadata)
        rows.check_names(given, signature)
        answer, cloud, version = built.gateway.infer(model, v2.request_body(signature, given))
    for prediction in v2.predictions(answer):
        click.echo(" ".join(f"{value:.6f}" for value in prediction))
    err.print(f"answered by {cloud}, version {version}", highlight=False)


@main.command()
@click.argument("kind", metavar="KIND", type=click.Choice(DRILL_KINDS))
@click.argument("cloud", metavar="CLOUD", type=click.Choice(CLOUDS))
@click.option("--model", default="flight_delay", show_default=True, help="Whose requests are sent and measured.")
@click.option("--seconds", type=float, default=60.0, show_default=True, help="How long it lasts at most.")
@click.option("--rate", type=float, default=50.0, show_default=True, help="Requests a second that the drill sends.")
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
    from intermodal.resources import runs

    config = {"kind": kind, "cloud": cloud, **options}
    url = os.environ.get("INTERMODAL_UI_URL", "")
    if not url:
        raise SpecError("Not set in the environment: INTERMODAL_UI_URL.", hint="It is the address of Dagster's UI.")
    run = runs.launch(url, f"drill_{model}", config={"ops": {f"{model}__drill": {"config": config}}})
    out.print(f"{kind} of {cloud}: {url}/runs/{run}", highlight=False, soft_wrap=True)
    try:
        runs.wait(url, run, options["seconds"] + AFTER_SECONDS)
    except KeyboardInterrupt:  # the run would go on without us
        out.print("Ending the drill ...")
        runs.stop(url, run)
        raise
    result = runs.metadata(url, [model, "drill"])
    table = Table("measured", "", title=f"drill: {kind} of {cloud}")
    for name in DRILL_ROWS:
        if name in result:
            table.add_row(name.replace("_", " "), str(result[name]))
    out.print(table)
    out.print(result["reasons"], highlight=False)
    if not result["passed"]:
        sys.exit(1)


@main.group()
def incident() -> None:
    """What cannot serve, and closing by hand what no recovery closes."""


@incident.command("list")
def incident_list() -> None:
    """The incidents that are open."""
    with _adapters("incidents") as built:
        _show_incidents(built.incidents.all(open_only=True))


@incident.command("close")
@click.argument("id")
@click.option("--because", required=True, metavar="TEXT", help="Why: it is noted in the incident's timeline.")
def incident_close(id: str, because: str) -> None:
    """Close an incident whose recovery cannot come, as when its model or its cloud was taken out of the specs."""
    from intermodal.platform.incidents import Entry

    with _adapters("incidents") as built:
        known = built.incidents.get(id)
        if known is None:
            opened = ", ".join(one.id for one in built.incidents.all(open_only=True)) or "none"
            raise NotFound(f"There is no incident '{id}'.", hint=f"Open: {opened}.")
        if not known.is_open:
            out.print(f"{id} was closed already.", highlight=False, soft_wrap=True)
            return
        now = time.time()
        built.incidents.note(id, Entry(now, "closed", "by hand", f"closed by hand: {because}"))
        built.incidents.close(id, now)
    out.print(
        f"{id} is closed, and nothing was moved. While {known.model} has a spec, the job deploy_{known.model} gives "
        f"every cloud its share and replicas again, and the sensor 'outage' opens another incident if {known.cloud} "
        "still cannot serve it.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@main.command()
def demo() -> None:
    """The whole story, unattended: months of traffic, drift, a retrained version, a cloud killed and restored."""
    from rich.markdown import Markdown

    from intermodal.sandbox import demo as sandbox_demo
    from intermodal.sandbox.settings import Settings

    settings = Settings.read()
    if (settings.home / "gateway").exists():
        raise IntermodalError(
            f"{settings.home} was used before, and the story begins with nothing.",
            hint="Run 'make demo', which uses a folder of its own, or set INTERMODAL_HOME to an empty one.",
        )
    _start()
    with _adapters("gateway", "incidents") as built:
        told = sandbox_demo.play(settings, built.gateway, built.incidents, lambda text: out.print(f"  {escape(text)}"))
    (settings.home / "demo.md").write_text(told.page, encoding="utf-8")
    out.print(Markdown(told.page))
    out.print(
        f"The same in the UI: {os.environ['INTERMODAL_UI_URL']}/assets/{sandbox_demo.DEMO}/timeline", soft_wrap=True
    )
    for what, seconds in told.late.items():
        out.print(f"{what}: {seconds:.1f} s", highlight=False)
    if told.missing:
        err.print(f"[red]error:[/red] {escape(told.missing)}")
    out.print(f"requests: {told.requests}", highlight=False)
    out.print(f"failed requests: {told.failed}", highlight=False)
    if told.failed or told.missing:
        sys.exit(1)


if __name__ == "__main__":
    main()
