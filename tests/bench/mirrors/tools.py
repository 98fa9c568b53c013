"""What copies a folder to three stores at once: ours, rclone, and each cloud's own program."""

import base64
import hashlib
import hmac
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from intermodal.sandbox.gcp.identity import ACCOUNT, make_keys
from tests.bench.environment import Unfit
from tests.bench.mirrors import usage
from tests.bench.mirrors.install import AWS, AZCOPY, GSUTIL, RCLONE
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
    """Seconds until all three were done and until each was, peak memory in MB, and what of it was there before."""

    seconds: float
    each: Mapping[str, float]
    peak_mb: float
    before_mb: float = 0


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
    """Timed inside a process that is up, as a Dagster run is one; the manifest came with the version."""
    make_keys(job.folder, job.stores.gcp)
    configs = {
        "aws": {"bucket": BUCKET, "region": REGION, "endpoint": job.stores.aws},
        "gcp": {"bucket": BUCKET, "endpoint": job.stores.gcp},
        "azure": {"account": AZURE_ACCOUNT, "container": BUCKET, "endpoint": job.stores.azure},
    }
    order = {"what": what, "configs": configs, "prefix": job.prefix}
    order |= {"source": str(job.source), "manifest": str(job.manifest)}
    environ = {**KEYS, "PYTHONPATH": str(ROOT), "GOOGLE_APPLICATION_CREDENTIALS": str(job.folder / ACCOUNT)}
    command = [sys.executable, "-m", "tests.bench.mirrors.ours", json.dumps(order)]
    found = json.loads(usage.run({"ours": command}, environ, job.folder).output["ours"])
    return Taken(found["all"], found["each"], found["peak"] / 1e6, found["before"] / 1e6)


def puts(job: Job) -> Taken:
    """Nothing but puts, neither read back nor hashed."""
    return ours(job, "put")


def rclone(job: Job) -> Taken:
    RCLONE.install()
    remotes = {
        "AWS": {"TYPE": "s3", "PROVIDER": "SeaweedFS", "ENV_AUTH": "true", "ENDPOINT": job.stores.aws},
        "GCP": {"TYPE": "google cloud storage", "ANONYMOUS": "true", "ENDPOINT": f"{job.stores.gcp}/storage/v1/"},
        "AZURE": {"TYPE": "azureblob", "ACCOUNT": AZURE_ACCOUNT, "KEY": AZURE_KEY, "ENDPOINT": job.stores.azure},
    }
    environ = {f"RCLONE_CONFIG_{name}_{k}": value for name, one in remotes.items() for k, value in one.items()}
    environ |= {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_AWS_REGION": REGION}
    environ |= {"RCLONE_CONFIG_GCP_BUCKET_POLICY_ONLY": "true"}
    flags = f"--checksum --fast-list --transfers {AT_ONCE} --checkers {AT_ONCE} --retries 1".split()
    command = [str(RCLONE.program), "sync", *flags, str(job.source)]
    commands = {cloud: [*command, f"{cloud}:{BUCKET}/{job.prefix}"] for cloud in ("aws", "gcp", "azure")}
    return _run(commands, environ, job)


def programs(job: Job) -> Taken:
    """Each cloud's own: ``aws s3 sync``, ``gcloud storage rsync`` (there is one in no package registry, so it is
    taken from PATH) and ``azcopy sync``."""
    AWS.install()
    AZCOPY.install()
    if not (gcloud := shutil.which("gcloud")):
        raise Unfit("gcloud is not on PATH")
    settings = job.folder / "aws.ini"
    settings.write_text(f"[default]\nregion = {REGION}\ns3 =\n  max_concurrent_requests = {AT_ONCE}\n")
    environ = {
        "AWS_CONFIG_FILE": str(settings),
        "AZCOPY_LOG_LOCATION": str(job.folder),
        "AZCOPY_JOB_PLAN_LOCATION": str(job.folder),
        "AZCOPY_DISABLE_SYSLOG": "true",
        "CLOUDSDK_CONFIG": str(job.folder / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": "bench",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{job.stores.gcp}/storage/v1/",
    }
    source, azure = str(job.source), f"{job.stores.azure}/{BUCKET}/{job.prefix}?{_access()}"
    aws = [str(AWS.program), "--endpoint-url", job.stores.aws, "s3", "sync", "--only-show-errors", source]
    flags = ["--from-to", "LocalBlob", "--put-md5", "--compare-hash", "MD5", "--skip-version-check"]
    commands = {
        "aws": [*aws, f"s3://{BUCKET}/{job.prefix}"],
        "gcp": [gcloud, "storage", "rsync", "-r", "--checksums-only", source, f"gs://{BUCKET}/{job.prefix}"],
        "azure": [str(AZCOPY.program), "sync", source, azure, *flags],
    }
    return _run(commands, environ, job)


def gsutil(job: Job) -> Taken:
    """Its JSON API insists on https, which the emulator does not speak; its XML API is what is tried."""
    GSUTIL.install()
    host, _, port = job.stores.gcp.removeprefix("http://").partition(":")
    settings = job.folder / "boto.ini"
    settings.write_text(
        f"[Credentials]\ngs_access_key_id = bench\ngs_secret_access_key = bench\ngs_host = {host}\ngs_port = {port}\n"
        "[Boto]\nis_secure = False\n[GSUtil]\nprefer_api = xml\nsoftware_update_check_period = 0\n"
        f"state_dir = {job.folder}\n"
    )
    command = [str(GSUTIL.program), "-m", "-q", "rsync", "-r", "-c", str(job.source), f"gs://{BUCKET}/{job.prefix}"]
    return _run({"gcp": command}, {"BOTO_CONFIG": str(settings), "BOTO_PATH": str(settings)}, job)


def _run(commands: Mapping[str, list[str]], environ: Mapping[str, str], job: Job) -> Taken:
    found = usage.run(commands, {**KEYS, **environ}, job.folder)
    return Taken(max(found.seconds.values()), found.seconds, found.peak_mb)


def _access() -> str:
    """A shared access signature for the account: https://learn.microsoft.com/rest/api/storageservices/create-account-sas"""
    fields = {"sp": "rwdlac", "ss": "b", "srt": "sco", "st": "", "se": "2099-01-01T00:00:00Z", "sip": ""}
    fields |= {"spr": "https,http", "sv": "2021-08-06", "ses": ""}
    text = "\n".join([AZURE_ACCOUNT, *fields.values(), ""])
    seal = hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()
    given = {name: value for name, value in fields.items() if value}
    return urlencode(given | {"sig": base64.b64encode(seal).decode()})
