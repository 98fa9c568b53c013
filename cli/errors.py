"""Errors for people: two sentences instead of a traceback."""

import sys
from typing import Any, NoReturn

import click

from intermodal.cli.console import err
from intermodal.platform.errors import IntermodalError, MissingExtra

SANDBOX_PACKAGES = {"aiohttp", "cryptography", "psutil"}


def _complain(error: IntermodalError) -> NoReturn:
    err.print("error:", style="red", end=" ")
    err.print(error.message, highlight=False, markup=False)
    if error.hint:
        err.print(error.hint, highlight=False, markup=False)
    sys.exit(1)


def _ours(error: OSError) -> IntermodalError:
    """An OSError of a file has a file name. Those of networks and requests have none."""
    if error.filename is not None:
        return IntermodalError(
            f"{error.strerror}: {error.filename}.",
            hint="Check that INTERMODAL_HOME is writable and the disk is not full.",
        )
    return IntermodalError(
        f"{type(error).__name__}: {error}.",
        hint="Check that all services answer (intermodal status) and that the disk is not full.",
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
