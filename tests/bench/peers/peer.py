"""A peer: how it is installed, started and called."""

import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distribution, version
from pathlib import Path

from tests.bench.environment import HOME, environment
from tests.bench.log_cost import EVERYTHING

ROOT = Path(__file__).parents[3]
SERVERS = Path(__file__).parent / "servers"
V2, SPLIT = "v2", "dataframe_split"
LIGHTGBM = ("lightgbm==4.7.0", "numpy==2.4.6", "scipy==1.17.1")
FAST = ("uvloop==0.23.0", "httptools==0.9.0")
"""With them uvicorn, which most of the peers serve with, is at its fastest."""


@dataclass(frozen=True)
class Peer:
    """``command``: what its environment's Python runs, the port is added. ``body``: the format of its requests.
    ``prepare``: what it runs once, before anything is timed."""

    name: str
    requirements: Sequence[str] = field(compare=False)
    command: Sequence[str] = field(compare=False)
    path: str = field(compare=False)
    body: str = field(default=V2, compare=False)
    environ: Mapping[str, str] = field(default_factory=dict, compare=False)
    prepare: Sequence[str] = field(default=(), compare=False)

    def python(self) -> Path:
        """Of its environment, which is made when it is not there; Unfit when that fails."""
        return self.folder / "bin" / "python"

    @property
    def folder(self) -> Path:
        name = re.sub(r"[^a-z0-9]+", "-", self.name.partition(",")[0].lower())
        return environment(f"peer-{name}", self.requirements)

    def installed_mb(self) -> float:
        """Files of its environment, Python itself not among them."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()) / 1e6


def _script(name: str, *arguments: str) -> list[str]:
    return [str(SERVERS / f"{name}.py"), *arguments]


def ours() -> list[str]:
    """What is in the image beside our own code, in the versions that are tested here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[<>=]", requirement)[0] for requirement in project["optional-dependencies"]["serving"]]
    return [f"{name}=={version(name)}" for name in names]


def entry_points() -> Path:
    """A folder that makes our entry points known where our code is on the path and not installed."""
    folder = HOME / "metadata"
    source = distribution("intermodal").locate_file(f"intermodal-{version('intermodal')}.dist-info")
    shutil.copytree(str(source), folder / Path(str(source)).name, dirs_exist_ok=True)
    return folder


INFER = "/v2/models/flight_delay/infer"
MLSERVER = ("mlserver==1.7.1", "uvloop==0.21.0", "httptools==0.9.0", "lightgbm==4.7.0", "numpy<3")
THIN = ("starlette==1.10.0", "uvicorn==0.54.0", "msgspec==0.22.0", *FAST, *LIGHTGBM)
SERVE = ["-m", "intermodal.serving", "serve", "--host", "127.0.0.1", "--port"]
OURS = Peer("Intermodal", ours(), SERVE, INFER)
LOGS_ALL = Peer("Intermodal, every request in its log", ours(), SERVE, INFER, environ=EVERYTHING)
EMPTY = Peer("empty server", THIN, [str(ROOT / "tests" / "bench" / "empty.py")], "/")
THIN_APP = Peer("thin ASGI app", THIN, _script("thin"), "/infer")
PEERS = (
    THIN_APP,
    Peer("LitServe 0.2.19", ("litserve==0.2.19", *LIGHTGBM), _script("lit", "1"), "/predict"),
    Peer("MLServer 1.7.1, parallel_workers 0", MLSERVER, _script("mls", "0"), INFER),
    Peer("MLServer 1.7.1, parallel_workers 1", MLSERVER, _script("mls", "1"), INFER),
    Peer("KServe SDK 0.21.0", ("kserve==0.21.0", *LIGHTGBM), _script("kserver", "1"), INFER),
    Peer("BentoML 1.4.40", ("bentoml==1.4.40", *FAST, *LIGHTGBM), _script("bento"), "/infer"),
    Peer(
        "mlflow models serve 3.17.2",
        ("mlflow==3.17.2", *FAST, *LIGHTGBM),
        _script("flow"),
        "/invocations",
        SPLIT,
        prepare=_script("flow", "save"),
    ),
)
