"""The front door for a terminal. Heavy imports wait until a command needs them."""

import os

import click

from intermodal.cli.charges import charges
from intermodal.cli.drill import drill
from intermodal.cli.errors import ForPeople
from intermodal.cli.incident import incident
from intermodal.cli.init import init
from intermodal.cli.predict import predict
from intermodal.cli.rollout import rollout
from intermodal.cli.spend import spend
from intermodal.cli.status import status
from intermodal.cli.up import demo, up
from intermodal.cli.withdraw import withdraw
from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.local import commands

SANDBOX_COMMANDS = {"up", "down", "demo", "sandbox"}


@click.group(cls=ForPeople)
@click.version_option(package_name="intermodal")
@click.pass_context
def main(ctx: click.Context) -> None:
    """One spec, one image, any cloud."""
    if ctx.invoked_subcommand == init.name:  # it writes files, and talks to nothing
        return
    name = os.environ.get("INTERMODAL_ENV", "sandbox")
    if name == "sandbox":
        _sandbox_variables()
        return
    from intermodal.resources.settings import environment

    environment()  # SpecError when there is no such environment
    if ctx.invoked_subcommand in SANDBOX_COMMANDS:
        raise IntermodalError(
            f"'{ctx.invoked_subcommand}' is for the sandbox, and INTERMODAL_ENV is '{name}'.",
            hint="Unset INTERMODAL_ENV, or set it to sandbox.",
        )


OURS = (init, up, status, predict, drill, incident, rollout, spend, charges, withdraw, demo)
for command in (*OURS, commands.down, commands.sandbox):
    main.add_command(command)


def _sandbox_variables() -> None:
    """In the sandbox, what adapters read is known; elsewhere, the user's environment says it."""
    from intermodal.sandbox.local.services import variables
    from intermodal.sandbox.settings import Settings

    os.environ.update(variables(Settings.read()))
