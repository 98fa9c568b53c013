"""Call the command line as a person does, with nothing set but what is given."""

import pytest
from click.testing import CliRunner, Result

from intermodal.cli import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, **environ: str) -> Result:
    for name in ("INTERMODAL_MLFLOW_URL", "INTERMODAL_GATEWAY_URL", "INTERMODAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(main, list(arguments))
