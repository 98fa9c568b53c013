"""Artifact Registry: the login of Docker clients before a real registry.

https://cloud.google.com/artifact-registry/docs/docker/authentication
"""

import base64
import binascii
import re

from aiohttp import web

from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.identity import PROJECT
from intermodal.sandbox.gcp.tokens import Tokens
from intermodal.sandbox.images.front import PATH, Denied, Front
from intermodal.sandbox.settings import REPOSITORIES

API = "artifactregistry.googleapis.com"
USER = "oauth2accesstoken"
CLOUD_RUN = f"{PATH}projects/"
IMAGES = re.compile(rf"{PATH}($|.+/(blobs|manifests|tags|referrers)/)")
"""https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints"""


def is_image(path: str) -> bool:
    """Whether a path is a registry's and not that of Cloud Run's API, whose version is 2 as well."""
    return IMAGES.match(path) is not None and not path.startswith(CLOUD_RUN)


def make_front(context: Context, tokens: Tokens) -> Front:
    """There is one repository; images below it are created by their push."""
    challenge = f'Basic realm="http://127.0.0.1:{context.port}"'

    def check(request: web.Request) -> None:
        try:
            tokens.require_token(_token(request), API)
        except ApiError as error:
            raise Denied(error.message, challenge) from error

    return Front(context, check, lambda name: name.startswith(f"{PROJECT}/{REPOSITORIES}/"))


def _token(request: web.Request) -> str:
    """A bearer, or the password of a user with this fixed name."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return text
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password if scheme.lower() == "basic" and user == USER else ""
