"""Three object stores on free ports, empty, in a folder of their own: SeaweedFS as S3, fake-gcs-server, azurite."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from intermodal.sandbox.azure import azurite
from intermodal.sandbox.settings import free_port
from tests.bench.mirrors.install import SEAWEEDFS
from tests.emulators import AZURE_ACCOUNT, BUCKET, START_SECONDS, _answers, _shared_key

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Stores:
    """Addresses of the three APIs; ``counts`` is SeaweedFS's page of counts."""

    aws: str
    gcp: str
    azure: str
    counts: str

    def s3_requests(self) -> int:
        """How many requests the S3 API has answered."""
        found = re.findall(r"^SeaweedFS_s3_request_total\{.*\} (\S+)$", httpx.get(self.counts).text, re.MULTILINE)
        return round(sum(map(float, found)))


@contextmanager
def started(folder: Path) -> Iterator[Stores]:
    """All three with an empty bucket each; what they write is below ``folder``, which the caller removes."""
    SEAWEEDFS.install()
    aws, counts, gcp, azure = (free_port() for _ in range(4))
    stores = Stores(_url(aws), _url(gcp), f"{_url(azure)}/{AZURE_ACCOUNT}", f"{_url(counts)}/metrics")
    folders = [folder / name for name in ("aws", "gcp", "azure")]
    for own in folders:
        own.mkdir(parents=True)
    commands = [_seaweedfs(aws, counts, folders[0]), _gcs(gcp, folders[1]), _azurite(azure, folders[2])]
    with ExitStack() as stack:
        for command, own in zip(commands, folders, strict=True):
            stack.enter_context(_running(command, own))
        _await(lambda: all(map(_answers, (stores.aws, stores.gcp, _url(azure)))))
        path = f"/{AZURE_ACCOUNT}/{BUCKET}"
        _await(lambda: _made(f"{stores.aws}/{BUCKET}", {}))
        _await(lambda: _made(f"{_url(azure)}{path}?restype=container", _shared_key(path)))
        httpx.post(f"{stores.gcp}/storage/v1/b?project=p", json={"name": BUCKET}).raise_for_status()
        first = f"{stores.aws}/{BUCKET}/first"  # SeaweedFS makes room at a bucket's first object, in 0.3 to 5 s
        httpx.put(first, content=b"-", timeout=START_SECONDS).raise_for_status()
        httpx.delete(first).raise_for_status()
        yield stores


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _seaweedfs(port: int, counts: int, folder: Path) -> Sequence[str]:
    """One process with every part of it, on loopback, without telemetry."""
    inner = {f"{part}.port": free_port() for part in ("master", "volume", "filer")}
    calls = {f"{part}.port.grpc": free_port() for part in ("master", "volume", "filer", "s3")}
    settings = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "metricsPort": counts,
        "s3.port": port,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.max": 100,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **inner,
        **calls,
    }
    return [str(SEAWEEDFS.program), "server", "-s3", *(f"-{name}={value}" for name, value in settings.items())]


def _gcs(port: int, folder: Path) -> Sequence[str]:
    return [sys.executable, "-m", "tests.bench.mirrors.gcs", str(port), str(folder)]


def _azurite(port: int, _: Path) -> Sequence[str]:
    """In memory: on files it takes three times the processor for a small object, and would be all that is measured."""
    flags = ("--silent", "--skipApiVersionCheck", "--disableTelemetry", "--disableProductStyleUrl")
    return [*azurite.command(), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", *flags]


@contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[None]:
    """A process that is killed at the end, with its children: what it holds is not needed any more."""
    with (folder / "log").open("wb") as log:
        process = psutil.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        for child in [*process.children(recursive=True), process]:
            child.kill()
        process.wait()


def _made(url: str, headers: dict[str, str]) -> bool:
    """SeaweedFS listens before its parts have found each other."""
    with suppress(httpx.TransportError):
        return httpx.put(url, headers=headers).status_code in (200, 201, 409)
    return False


def _await(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"A store did not start in {START_SECONDS} s.")
        time.sleep(0.05)
