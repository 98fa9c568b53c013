"""Each cloud's own program copies the folder to its store."""

import base64
import hashlib
import hmac
import shutil
from contextlib import suppress
from urllib.parse import urlencode

from tests.bench.environment import Unfit
from tests.bench.mirrors.install import AWS, AZCOPY, GSUTIL
from tests.bench.mirrors.tools import AT_ONCE, REGION, Job, Taken, run
from tests.emulators import AZURE_ACCOUNT, AZURE_KEY, BUCKET


def programs(job: Job) -> Taken:
    """Each cloud's own: ``aws s3 sync``, ``gcloud storage rsync`` (there is one in no package registry, so it is
    taken from PATH) and ``azcopy sync``."""
    for program in (AWS, AZCOPY):
        with suppress(Unfit):  # then it is reported as not there, and the others are measured
            program.install()
    gcloud = shutil.which("gcloud") or "gcloud"
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
        "CLOUDSDK_STORAGE_RESUMABLE_THRESHOLD": "1Ti",  # the emulator does not know the path it takes for others
        "CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_ENABLED": "false",
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
    return run(commands, environ, job)


def gsutil(job: Job) -> Taken:
    """Its JSON API insists on https, which the emulator does not speak; its XML API is what is tried."""
    GSUTIL.install()
    host, _, port = job.stores.gcp.removeprefix("http://").partition(":")
    settings = job.folder / "boto.ini"
    settings.write_text(
        f"[Credentials]\ngs_access_key_id = bench\ngs_secret_access_key = bench\ngs_host = {host}\ngs_port = {port}\n"
        "[Boto]\nis_secure = False\nnum_retries = 1\n[GSUtil]\nprefer_api = xml\nsoftware_update_check_period = 0\n"
        f"state_dir = {job.folder}\n"
    )
    command = [str(GSUTIL.program), "-m", "-q", "rsync", "-r", "-c", str(job.source), f"gs://{BUCKET}/{job.prefix}"]
    return run({"gcp": command}, {"BOTO_CONFIG": str(settings), "BOTO_PATH": str(settings)}, job)


def _access() -> str:
    """A shared access signature for the account: https://learn.microsoft.com/rest/api/storageservices/create-account-sas"""
    fields = {"sp": "rwdlac", "ss": "b", "srt": "sco", "st": "", "se": "2099-01-01T00:00:00Z", "sip": ""}
    fields |= {"spr": "https,http", "sv": "2021-08-06", "ses": ""}
    text = "\n".join([AZURE_ACCOUNT, *fields.values(), ""])
    seal = hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()
    given = {name: value for name, value in fields.items() if value}
    return urlencode(given | {"sig": base64.b64encode(seal).decode()})
