"""Clients of the Open Inference Protocol that others wrote, each run in an environment of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bench.environment import Unfit, environment

REQUIREMENTS = {
    "kserve": ("kserve==0.21.0",),
    "mlserver": ("mlserver==1.7.1", "numpy<3"),
    "triton": ("tritonclient[http]==2.63.0", "numpy==2.4.6"),
}


def first_output(client: str, url: str, model: str, inputs: list[dict[str, Any]]) -> list[float]:
    """What a client is given for the tensors of a V2 request. The test is skipped where it cannot be installed."""
    try:
        python = environment(f"client-{client}", REQUIREMENTS[client]) / "bin" / "python"
    except Unfit as error:
        pytest.skip(f"the client of {client} cannot be installed: {error}")
    script = Path(__file__).with_name(f"of_{client}.py")
    command = [str(python), str(script), url, model, json.dumps(inputs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found
