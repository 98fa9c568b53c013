"""Who may call this cloud, and the environment variables with which boto3 finds each of its regions."""

import importlib.metadata
import json
import os
import secrets
from pathlib import Path

from intermodal.platform.targets import Site
from intermodal.sandbox.settings import IMAGE, REPOSITORIES, Settings, regional

ACCOUNT = "000000000000"
REGION = "us-east-1"
BUCKET = "intermodal"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/intermodal-sagemaker"


def region_of(site: Site) -> str:
    return site.region or REGION


def bucket_of(site: Site) -> str:
    """A region's own bucket: SageMaker reads no other region's."""
    return f"{BUCKET}-{site.region}" if site.region else BUCKET


def keys(home: Path) -> tuple[str, str]:
    """The access key and its secret, made on the first call (``home`` is the default region's folder)."""
    path = home / "keys.json"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        fresh = home / f"keys.{os.getpid()}.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({"id": f"AKIA{secrets.token_hex(8).upper()}", "secret": secrets.token_hex(20)}))
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass  # another process was first; its keys count
        finally:
            fresh.unlink()
    found = json.loads(path.read_text())
    return found["id"], found["secret"]


def account_keys(settings: Settings) -> tuple[str, str]:
    """The one key of this account, for all its regions."""
    return keys(settings.folder(Site("aws")))


def role(settings: Settings, site: Site) -> dict[str, str]:
    """A container's role: here in its environment, on AWS behind a credentials address."""
    access_key, secret = account_keys(settings)
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": region_of(site),
        "AWS_DEFAULT_REGION": region_of(site),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{settings.port(site)}",
    }


def variables(settings: Settings, site: Site) -> dict[str, str]:
    """Of the default region: boto3's standard variables and the adapters' own. Of a named one: the regional ones."""
    image = f"{ACCOUNT}.dkr.ecr.{region_of(site)}.amazonaws.com/{IMAGE}:{importlib.metadata.version('intermodal')}"
    own = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{settings.port(site)}",
        "INTERMODAL_AWS_BUCKET": bucket_of(site),
        "INTERMODAL_AWS_IMAGE": image,
        "INTERMODAL_AWS_REGISTRY": f"127.0.0.1:{settings.port(site)}/{REPOSITORIES}",
    }
    shared = {} if site.region else {**role(settings, site), "INTERMODAL_AWS_ROLE_ARN": ROLE}
    return {**shared, **{regional(name, site): value for name, value in own.items()}}
