"""What copies a folder to three stores at once: ours and rclone; the clouds' own are in programs.py."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from intermodal.sandbox.gcp.identity import ACCOUNT, make_keys
from tests.bench.environment import Unfit
from tests.bench.mirrors import usage
from tests.bench.mirrors.install import RCLONE
from tests.bench.mirrors.stores import Stores
from tests.emulators import AZURE_ACCOUNT, AZURE_KEY, BUCKET

ROOT = Path(__file__).parents[3]
AT_ONCE = 16
"""Files under way for each store, for the peers: their best of 4, 8, 16 and 32 here."""
REGION = "us-east-1"
KEYS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY,
}


@dataclass(frozen=True)
class Taken:
    """Seconds until all three were done and until each was, peak memory in MB, and what of it was there before.

    ``failed``: the clouds that got nothing, and why. ``connect``: seconds that loading the clouds' libraries took.
    """

    seconds: float
    each: Mapping[str, float]
    peak_mb: float
    before_mb: float = 0
    connect: float = 0
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Copy ``source`` to ``prefix`` in each store; ``folder`` is for what the tools write down."""

    stores: Stores
    source: Path
    manifest: Path
    prefix: str
    folder: Path


class Tool(Protocol):
    def __call__(self, job: Job) -> Taken:
        """Raises Unfit when it does not do it."""


def ours(job: Job, what: str = "mirror") -> Taken:
    """Timed inside a process that is up and connected, as a Dagster run is; the manifest came with the version."""
    make_keys(job.folder, job.stores.gcp)
    configs = {
        "aws": {"bucket": BUCKET, "region": REGION, "endpoint": job.stores.aws},
        "gcp": {"bucket": BUCKET, "endpoint": job.stores.gcp},
        "azure": {"account": AZURE_ACCOUNT, "container": BUCKET, "endpoint": job.stores.azure},
    }
    order = {"what": what, "configs": configs, "prefix": job.prefix}
    order |= {"source": str(job.source), "manifest": str(job.manifest)}
    environ = {
        **KEYS,
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "GOOGLE_APPLICATION_CREDENTIALS": str(job.folder / ACCOUNT),
    }
    command = [sys.executable, "-m", "tests.bench.mirrors.ours", json.dumps(order)]
    found = json.loads(usage.run({"ours": command}, environ, job.folder).output["ours"])
    return Taken(found["all"], found["each"], found["peak"] / 1e6, found["before"] / 1e6, found["connect"])


def copy(job: Job) -> Taken:
    """Ours, less the reading back."""
    return ours(job, "copy")


def listing(job: Job) -> Taken:
    """One listing of each store."""
    return ours(job, "list")


def check(job: Job) -> None:
    """Unfit when the stores do not hold what they should."""
    ours(job, "check")


def rclone(job: Job, compare: Sequence[str] = ("--checksum",)) -> Taken:
    """``compare``: how it finds out what is up to date."""
    RCLONE.install()
    remotes = {
        "AWS": {"TYPE": "s3", "PROVIDER": "SeaweedFS", "ENV_AUTH": "true", "ENDPOINT": job.stores.aws},
        "GCP": {"TYPE": "google cloud storage", "ANONYMOUS": "true", "ENDPOINT": f"{job.stores.gcp}/storage/v1/"},
        "AZURE": {"TYPE": "azureblob", "ACCOUNT": AZURE_ACCOUNT, "KEY": AZURE_KEY, "ENDPOINT": job.stores.azure},
    }
    environ = {f"RCLONE_CONFIG_{name}_{k}": value for name, remote in remotes.items() for k, value in remote.items()}
    environ |= {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_AWS_REGION": REGION}
    environ |= {"RCLONE_CONFIG_GCP_BUCKET_POLICY_ONLY": "true"}
    flags = f"--fast-list --transfers {AT_ONCE} --checkers {AT_ONCE} --retries 1".split()
    flags += ["--s3-no-check-bucket", "--s3-no-head", "--gcs-no-check-bucket", "--azureblob-no-check-container"]
    command = [str(RCLONE.program), "sync", *compare, *flags, str(job.source)]
    commands = {cloud: [*command, f"{cloud}:{BUCKET}/{job.prefix}"] for cloud in ("aws", "gcp", "azure")}
    taken = run(commands, environ, job)
    if taken.failed:
        raise Unfit("; ".join(taken.failed.values()))
    return taken


def rclone_by_time(job: Job) -> Taken:
    """Its quickest way that still sees a change: size, and when the store got the object. No bytes are compared."""
    return rclone(job, ("--update", "--use-server-modtime"))


def run(commands: Mapping[str, list[str]], environ: Mapping[str, str], job: Job) -> Taken:
    found = usage.run(commands, {**KEYS, **environ}, job.folder)
    return Taken(max(found.seconds.values()), found.seconds, found.peak_mb, failed=found.failed)
