"""One model on four targets: two regions of one cloud, another cloud, and a platform that a third party adds.

Everything here runs real processes on free ports, in a project that ``intermodal init`` writes.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from intermodal.platform.targets import Site
from intermodal.sandbox.settings import Ports, free_port, port_variable
from tests import load

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

PACKAGE = Path(__file__).parent / "packages" / "lab"
TARGETS = ("aws/sagemaker", "aws/sagemaker@eu-west-1", "gcp/cloud-run", "lab/process")
REQUESTS_PER_SECOND = 300


@dataclass
class Installation:
    """A project, its home, and the environment that commands run in."""

    project: Path
    home: Path
    environ: dict[str, str]

    def run(self, *arguments: str, timeout: float = 400) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "intermodal"), *arguments],
            cwd=self.project,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def endpoints(self) -> dict[str, tuple[str, bool]]:
        """Target → state, and whether it answers, by each platform's own API."""
        status = json.loads(self.run("status", "--json", "--wide"))
        return {each["target"]: (each["state"], each["healthy"]) for each in status["models"]["wine"]["endpoints"]}

    def incidents(self) -> list[dict[str, Any]]:
        """All incidents, by the store's own documents."""
        paths = [*self.home.glob("incidents/open/*.json"), *self.home.glob("incidents/closed/*.json")]
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def steps(self) -> set[str]:
        return {entry["step"] for incident in self.incidents() for entry in incident["entries"]}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.environ[port_variable('gateway')]}/v2/models/wine/infer"

    @property
    def body(self) -> bytes:
        """The golden row of the route."""
        route = json.loads((self.home / "gateway" / "routes" / "wine.json").read_text(encoding="utf-8"))
        return str(route["route"]["golden_body"]).encode()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("many")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=PACKAGE, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    foreign = ("AWS_", "AZURE_", "GOOGLE_", "DAGSTER_", "INTERMODAL_")
    named = [*asdict(Ports()), str(Site("aws", "eu-west-1"))]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        **{port_variable(name): str(free_port()) for name in named},
        "PYTHONPATH": os.pathsep.join(filter(None, [str(folder / "site"), os.environ.get("PYTHONPATH")])),
        "INTERMODAL_HOME": str(folder / "home"),
        "INTERMODAL_CLOUDS": "aws,gcp,lab",
        "INTERMODAL_SANDBOX_SITES": "aws,aws@eu-west-1,gcp",
        "INTERMODAL_LAB_FOLDER": str(folder / "lab"),
        "INTERMODAL_LAB_IMAGE": "none",
        "COLUMNS": "200",
    }
    (folder / "lab").mkdir()
    project = folder / "shop"
    made = Installation(folder, folder / "home", environ)
    made.run("init", "shop")
    made.project = project
    spec = next(project.rglob("wine/defs.yaml"))
    lines = [line for line in spec.read_text(encoding="utf-8").splitlines() if not line.startswith("  serve:")]
    spec.write_text("\n".join([*lines, f"  serve: [{', '.join(TARGETS)}]", ""]), encoding="utf-8")
    try:
        made.run("up")
        yield made
    finally:
        made.run("down")
        stop_servers(folder / "lab")


def stop_servers(folder: Path) -> None:
    """The third party's servers are not the sandbox's, and outlive ``down``."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(part.startswith(f"{folder}/") for part in process.cmdline()):
                process.kill()
                process.wait()


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the limit"
        time.sleep(0.5)


def test_four_targets_serve_one_version_with_equal_predictions(installation: Installation) -> None:
    """``up`` deploys all, and its blocking checks of parity passed: else there would be no route."""
    assert installation.endpoints() == dict.fromkeys(TARGETS, ("ready", True))
    sent = asyncio.run(load.send(installation.address, installation.body, rate=100, seconds=2))
    assert not sent.failed, sent.failed[:3]
    assert set(sent.targets()) == set(TARGETS)


def test_a_dead_region_fails_no_request_and_is_replaced_at_another_site(installation: Installation) -> None:
    acts = [(2.0, lambda: installation.run("sandbox", "outage", "aws@default"))]
    sent = asyncio.run(
        load.send(installation.address, installation.body, rate=REQUESTS_PER_SECOND, seconds=10, acts=acts)
    )
    assert not sent.failed, sent.failed[:3]
    assert sent.targets(since=8)["aws/sagemaker"] == 0
    until(lambda: "capacity" in installation.steps(), 120)
    (incident,) = installation.incidents()
    assert (incident["target"], incident["closed_at"]) == ("aws/sagemaker", None)
    (text,) = [entry["text"] for entry in incident["entries"] if entry["step"] == "capacity"]
    assert text in ("gcp/cloud-run runs 2", "lab/process runs 2"), text
    notices = [entry for entry in incident["entries"] if entry["step"] == "notified" and entry["key"] == "down"]
    assert len(notices) == 1


def test_a_region_that_is_back_gets_its_share_again(installation: Installation) -> None:
    installation.run("sandbox", "restore", "aws@default")
    until(lambda: all(incident["closed_at"] is not None for incident in installation.incidents()), 180)
    assert len(installation.incidents()) == 1
    assert installation.endpoints() == dict.fromkeys(TARGETS, ("ready", True))
    sent = asyncio.run(load.send(installation.address, installation.body, rate=100, seconds=2))
    assert not sent.failed, sent.failed[:3]
    assert sent.targets()["aws/sagemaker"] > 0
