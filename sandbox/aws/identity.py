"""Who may call this cloud, and the environment variables with which boto3 finds it."""

import importlib.metadata
import json
import os
import secrets
from pathlib import Path

from intermodal.sandbox.settings import Settings

ACCOUNT = "000000000000"
REGION = "us-east-1"
BUCKET = "intermodal"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/intermodal-sagemaker"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


def keys(home: Path) -> tuple[str, str]:
    """The access key and its secret, made on the first call (``home`` is this cloud's folder)."""
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


def role(settings: Settings) -> dict[str, str]:
    """What a container finds of its role: here in its environment, on AWS behind a credentials address."""
    access_key, secret = keys(settings.home / "sandbox" / "aws")
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{settings.ports.aws}",
    }


def variables(settings: Settings) -> dict[str, str]:
    return {
        **role(settings),
        "INTERMODAL_AWS_BUCKET": BUCKET,
        "INTERMODAL_AWS_ROLE_ARN": ROLE,
        "INTERMODAL_AWS_IMAGE": f"{REGISTRY}/intermodal/server:{importlib.metadata.version('intermodal')}",
    }
