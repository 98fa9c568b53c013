"""Intermodal without a clone: the built wheel in a fresh environment, a project that ``intermodal init`` writes, and
``intermodal up`` in it.

The environment borrows the dependencies of this one by a ``.pth`` file, so that nothing is downloaded; Intermodal
itself is in it from the wheel only.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import pytest

from intermodal.sandbox.azure import azurite
from intermodal.sandbox.settings import Ports, free_port, port_variable

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(sys.executable).parent
PROGRAMS = ("dagster", "dagster-daemon", "dagster-webserver", "dg", "envoy", "mlflow", "uvicorn")
EXECUTABLE = "#!{}\n"
FOREIGN = ("AWS_", "AZURE_", "GOOGLE_", "DAGSTER_", "INTERMODAL_", "PYTHON", "VIRTUAL_ENV")
"""What a fresh shell does not have."""
OWN_DEFINITIONS = """
import dagster as dg

from intermodal.definitions import load_models, with_platform


class Notes(dg.ConfigurableResource):
    def tell(self, notice) -> bool:
        return False


@dg.asset
def own_asset() -> None: ...


@dg.definitions
def defs() -> dg.Definitions:
    from pathlib import Path

    found = load_models(Path(__file__).parent)
    own = dg.Definitions(assets=[own_asset], resources={"notifier": Notes()}, executor=dg.multiprocess_executor)
    return with_platform(dg.Definitions.merge(found, own))
"""
INSPECT = """
import json
from legacy.definitions import defs
found = defs()
repository = found.get_repository_def()
print(json.dumps({
    "executor": repository.get_job("deploy_wine").executor_def.name,
    "notifier": type(found.resources["notifier"]).__name__,
    "assets": sorted(key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()),
    "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
}))
"""


@dataclass
class Environment:
    """A virtual environment, and a folder in which commands of it run."""

    folder: Path
    environ: dict[str, str]

    def run(self, folder: Path, *command: str, timeout: float = 300) -> str:
        """What a program of the environment prints."""
        done = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            cwd=folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder, home = tmp_path_factory.mktemp("environment") / "venv", tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environ = {
        **kept,
        **{port_variable(name): str(free_port()) for name in asdict(Ports())},
        "HOME": str(home),
        "VIRTUAL_ENV": str(folder),
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
        "INTERMODAL_NODE_MODULES": str(azurite.node_folder() / "node_modules"),
        "DAGSTER_DISABLE_TELEMETRY": "true",
        "UV_OFFLINE": "1",
        "COLUMNS": "200",
    }
    uv, python = str(SCRIPTS / "uv"), str(folder / "bin" / "python")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], env=environ, check=True)
    borrowed = sysconfig.get_path("purelib")
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (own / "dependencies.pth").write_text(borrowed + "\n", encoding="utf-8")
    install = [uv, "pip", "install", "-q", "--no-deps", "--python", python, str(wheel)]
    subprocess.run(install, env=environ, check=True)
    for name in PROGRAMS:
        if (script := SCRIPTS / name).is_file():
            head, _, body = script.read_bytes().partition(b"\n")
            assert head.startswith(b"#!"), script
            (folder / "bin" / name).write_bytes(EXECUTABLE.format(python).encode() + body)
            (folder / "bin" / name).chmod(0o755)
    found = Environment(folder, environ)
    where = found.run(home, "python", "-c", "import intermodal.platform.targets as t; print(t.__file__)")
    assert where.startswith(str(own)), where
    return found


@pytest.fixture(scope="module")
def shop(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("projects")
    environment.run(parent, "intermodal", "init", "shop")
    return parent / "shop"


@pytest.fixture(scope="module")
def up(environment: Environment, shop: Path) -> Iterator[str]:
    """What ``up`` printed."""
    try:
        yield environment.run(shop, "intermodal", "up", timeout=400)
    finally:
        environment.run(shop, "intermodal", "down")


def test_wheel_has_what_up_reads_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        links = [info.filename for info in archive.infolist() if info.external_attr >> 16 & 0o170000 == 0o120000]
        empty = [info.filename for info in archive.infolist() if not info.file_size and info.filename.endswith(".tmpl")]
    assert (links, empty) == ([], [])
    assert {name.split("/")[0] for name in names} == {"intermodal"}
    parts = {name.split("/")[1] for name in names}
    assert parts == {
        *("assets", "cli", "deploy", "models", "platform", "resources", "sandbox", "sensors", "serving"),
        *("dagster.yaml", "definitions.py"),
    }
    committed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", *sorted(parts)], capture_output=True, text=True, check=True
    ).stdout.split()
    left_out = {"deploy/README.md", "deploy/docker/lock.py", "deploy/grafana/boards.py", "deploy/grafana/dashboards.py"}
    assert set(committed) - left_out <= {name.removeprefix("intermodal/") for name in names}
    assert not [name for name in names if name.endswith((".pyc", ".orig")) or "node_modules" in name]


def test_init_in_a_fresh_environment_passes_all_checks(environment: Environment, shop: Path) -> None:
    assert "intermodal.assets.Model" in environment.run(shop, "dg", "list", "components", "--json")
    environment.run(shop, "dg", "scaffold", "defs", "intermodal.assets.Model", "no_show")
    assert {path.name for path in (shop / "src/shop/defs/no_show").iterdir()} == {
        *("defs.yaml", "example.csv", "model.py")
    }
    environment.run(shop, "dg", "check", "yaml")
    environment.run(shop, "dg", "check", "defs")
    environment.run(shop, "python", "-m", "pytest", "-q")


def test_model_in_a_project_that_exists_keeps_its_executor(
    environment: Environment, shop: Path, tmp_path: Path
) -> None:
    """A project of the older layout, without ``src``, with an asset, a resource and an executor of its own."""
    package = tmp_path / "legacy"
    (package / "defs").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "legacy"\nversion = "1"\n[tool.dg]\ndirectory_type = "project"\n'
        '[tool.dg.project]\nroot_module = "legacy"\n'
    )
    for name in ("", "defs/"):
        (package / f"{name}__init__.py").touch()
    (package / "definitions.py").write_text(OWN_DEFINITIONS)
    wine = shop / "src" / "shop" / "defs" / "wine"
    (package / "defs" / "wine").mkdir()
    for path in wine.glob("*.*"):
        (package / "defs" / "wine" / path.name).write_text(path.read_text())
    assert "YAML validated" in environment.run(tmp_path, "dg", "check", "defs")
    found = json.loads(environment.run(tmp_path, "python", "-c", INSPECT))
    assert (found["executor"], found["notifier"]) == ("multiprocess", "Notes")
    assert {"own_asset", "wine/route", "wine/endpoint/sagemaker"} <= set(found["assets"])
    assert {"outage", "deployments", "heartbeat"} <= set(found["sensors"])


def test_up_in_the_project_serves_its_first_model(environment: Environment, shop: Path, up: str) -> None:
    assert "intermodal predict" in up
    status = json.loads(environment.run(shop, "intermodal", "status", "--json"))
    (name,) = status["models"]
    assert status["models"][name]["version"] == "1.0.0"
    assert set(status["models"][name]["route"]) == {"aws/sagemaker", "gcp/cloud-run", "azure/ml"}
    example = f"src/shop/defs/{name}/example.csv"
    lines = len((shop / example).read_text().splitlines())  # of both, the first is the header
    assert len(environment.run(shop, "intermodal", "predict", name, "--file", example).strip().splitlines()) == lines


def test_up_in_the_project_loads_its_code_location(up: str, environment: Environment) -> None:
    url = f"http://127.0.0.1:{environment.environ[port_variable('ui')]}/graphql"
    query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } jobs { name } } } } }"
    (repository,) = httpx.post(url, json={"query": query}).json()["data"]["repositoriesOrError"]["nodes"]
    assert repository["location"]["name"] == "shop"
    assert {"train_and_deploy_wine", "withdraw"} <= {job["name"] for job in repository["jobs"]}
    assert "/locations/shop/asset-groups/" in up


def test_down_in_the_project_stops_everything(environment: Environment, shop: Path, up: str) -> None:
    assert up
    assert "Stopped:" in environment.run(shop, "intermodal", "down")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{environment.environ[port_variable('gateway')]}/")


def test_wheel_version_is_of_this_checkout(wheel: Path) -> None:
    assert wheel.name.startswith(f"intermodal-{importlib.metadata.version('intermodal')}-")
