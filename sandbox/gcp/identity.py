"""The sandbox's one service account, and the environment with which Google's own clients find everything.

The account's private key is in the file that clients read; the front keeps a key of its own, with which it signs the
tokens that it hands out. Both are made on the first call and stay the same afterwards, so tokens outlive an outage.
"""

import importlib.metadata
import json
import os
from pathlib import Path

from intermodal.platform.targets import Site
from intermodal.sandbox.settings import IMAGE, REPOSITORIES, Settings

PROJECT_NUMBER = "100000000001"
PROJECT, REGION, BUCKET = "intermodal-sandbox", "us-central1", "intermodal-models"
EMAIL = f"intermodal@{PROJECT}.iam.gserviceaccount.com"
ACCOUNT, SIGNING_KEY = "service-account.json", "token-key.pem"

SITE = Site("gcp")


def base_url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.ports.gcp}"


def variables(settings: Settings, site: Site = SITE) -> dict[str, str]:
    """Standard variables of Google's clients and the adapters' own."""
    home, base = settings.folder(site), base_url(settings)
    make_keys(home, base)
    version = importlib.metadata.version("intermodal")
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": str(home / ACCOUNT),
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "NO_GCE_CHECK": "true",
        "INTERMODAL_GCP_REGION": REGION,
        "INTERMODAL_GCP_RUN_ENDPOINT": base,
        "INTERMODAL_GCP_VERTEX_ENDPOINT": base,
        "INTERMODAL_GCP_VERTEX_PREDICTION_ADDRESS": f"{base}/{{dns}}",
        "INTERMODAL_GCP_MONITORING_ENDPOINT": base,
        "INTERMODAL_GCP_GKE_ENDPOINT": base,
        "INTERMODAL_GCP_STORAGE_ENDPOINT": base,
        "INTERMODAL_GCP_BUCKET": BUCKET,
        "INTERMODAL_GCP_REGISTRY": f"{base.partition('://')[2]}/{PROJECT}/{REPOSITORIES}",
        "INTERMODAL_GCP_IMAGE": f"{REGION}-docker.pkg.dev/{PROJECT}/{IMAGE}:{version}",
    }


def make_keys(home: Path, base: str) -> None:
    """Write both files where they are missing; when the port changed, only the account's address is written anew."""
    from filelock import FileLock

    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".keys.lock"):
        if not (home / SIGNING_KEY).exists():
            _write(home / SIGNING_KEY, _new_key())
        path = home / ACCOUNT
        account = json.loads(path.read_text("utf-8")) if path.exists() else _account()
        if account.get("token_uri") != f"{base}/token":
            _write(path, json.dumps(account | {"token_uri": f"{base}/token"}, indent=1))


def public_key(private_pem: str) -> str:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _account() -> dict[str, str]:
    """The fields of a key file as `gcloud iam service-accounts keys create` writes it."""
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "sandbox",
        "private_key": _new_key(),
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "universe_domain": "googleapis.com",
    }


def _new_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def _write(path: Path, text: str) -> None:
    """Never readable by others, not even for a moment; replaced whole."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
