"""The packaged server in a process of its own on this machine, for a package that no target has yet."""

import os
import re
import site
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import packages_distributions
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

import intermodal
from intermodal.platform.errors import IntermodalError, SpecError, Unavailable
from intermodal.platform.ports.package_server import Answer
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.requirements import lock_to_install, normalized, pinned
from intermodal.resources.polling import poll
from intermodal.resources.python_packages import shipped_locks
from intermodal.resources.requirements import packages_of

READY_SECONDS = 60.0
"""Every target gives a container at least this long to become ready (Azure Functions, Cloud Run)."""
ANSWER_SECONDS = 60.0
"""The longest answer that every target allows (SageMaker)."""
STOP_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.05
ISOLATED = ("-P", "-S")
"""Neither the current folder nor what ``.pth`` files add, as an editable install does, is on the import path."""
WITHOUT_FOLDERS = """
import errno, os, runpy, sys

def hide(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith(tuple({folders})):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

class NotInTheImage:
    def find_spec(name, path=None, target=None):
        if name in {modules}:
            raise ModuleNotFoundError(f"No module named '{{name}}'", name=name)

sys.addaudithook(hide)
sys.meta_path.insert(0, NotInTheImage)
runpy.run_module("intermodal.serving", run_name="__main__", alter_sys=True)
"""
OURS = "intermodal"
LISTENS = re.compile(r"listens on \S+:(\d+)$", re.MULTILINE)
PREFIX = "intermodal.serving: "
NOT_INHERITED = ("INTERMODAL_", "AIP_", "AZUREML_", "MODEL_URI", "PORT", "AWS_LWA_", "FUNCTIONS_CUSTOMHANDLER_")
"""Variables of this process that would change what the server serves, or where it listens."""


class LocalPackageServer:
    """Fulfils ``ports.PackageServer``. It listens on a free loopback port, with the package as its only model.

    The package was made by this run and is signed when it is registered, so the server loads it unsigned.
    """

    @contextmanager
    def start(self, folder: Path, model: str) -> Iterator[Answer]:
        packages = packages_of(folder)
        with TemporaryDirectory() as scratch:
            log = Path(scratch) / "log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [
                        sys.executable,
                        *ISOLATED,
                        *_command(Package.read(folder), folder),
                        "--host",
                        "127.0.0.1",
                        "--port",
                        "0",
                        "--root",
                        folder,
                        *(("--packages", packages) if packages else ()),
                    ],
                    env={
                        **_inherited(os.environ),
                        "MODEL_URI": "/",
                        "PYTHONPATH": _import_path(),
                        "INTERMODAL_UNSIGNED": "1",
                    },
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            try:
                with httpx.Client(base_url=_ready(process, log), timeout=ANSWER_SECONDS, trust_env=False) as client:
                    yield lambda body: _answer(client, model, body)
            finally:
                _end(process)


def _command(package: Package, folder: Path) -> Sequence[str]:
    """Run the server. The model's folder, which no target has, does not exist for it: neither for an import nor under
    the paths that a fitted object may hold. Installed packages that the image will not have do not exist either."""
    folders = getattr(sys.modules.get(package.modules), "__path__", ())
    hidden = [f"{Path(path).resolve()}{os.sep}" for path in folders]
    return ["-c", WITHOUT_FOLDERS.format(folders=hidden, modules=set(_not_in_the_image(package, folder)) or "()")]


def _not_in_the_image(package: Package, folder: Path) -> Iterator[str]:
    """Top-level modules of this installation that neither the format's lock nor the package's own has. The image of a
    format without a lock is not known, so nothing is hidden from it."""
    if (server := shipped_locks().get(package.format)) is None:
        return
    locks = [server, *filter(None, [lock_to_install(package, folder)])]
    present = {name for lock in locks for name in pinned(lock.read_text(encoding="utf-8"))} | {OURS}
    for module, names in packages_distributions().items():
        if present.isdisjoint(map(normalized, names)):
            yield module


def _inherited(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(NOT_INHERITED)}


def _import_path() -> str:
    """Intermodal and the installed packages: what an image has, and not the team's working tree. A folder of packages
    that a ``.pth`` file adds is one of them; a working tree that such a file adds is none."""
    own = [str(Path(folder).parent) for folder in intermodal.__path__]
    installed = [folder for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages")]
    return os.pathsep.join(dict.fromkeys([*own, *site.getsitepackages(), *installed]))


def _ready(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The server's address once it is ready. IntermodalError has its last words when it ends before, or needs longer
    than READY_SECONDS."""

    def step() -> str | None:
        text = log.read_text("utf-8", errors="replace")
        if process.poll() is not None:
            raise IntermodalError(_last_words(text) or f"The server ended with code {process.returncode}.")
        if (found := LISTENS.search(text)) is None:
            return None
        url = f"http://127.0.0.1:{found[1]}"
        try:
            return url if httpx.get(f"{url}/v2/health/ready", trust_env=False).is_success else None
        except httpx.TransportError:
            return None  # it ends just now, which the next step sees

    if (url := poll(step, READY_SECONDS, first_pause=FIRST_PAUSE_SECONDS)) is None:
        raise IntermodalError(
            f"The server was not ready within {READY_SECONDS:.0f} s.", hint="Every target would give up too."
        )
    return url


def _last_words(text: str) -> str:
    lines = [line.removeprefix(PREFIX) for line in text.splitlines() if line.startswith(PREFIX)]
    return lines[-1] if lines else text[-300:].strip()


def _answer(client: httpx.Client, model: str, body: bytes) -> bytes:
    try:
        response = client.post(f"/v2/models/{model}/infer", content=body, headers={"content-type": "application/json"})
    except httpx.TransportError as error:
        raise Unavailable(f"The server does not answer: {type(error).__name__}.") from error
    if response.is_client_error:
        raise SpecError(_reason(response))
    if not response.is_success:
        raise IntermodalError(f"{response.status_code}: {_reason(response)}")
    return response.content


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
