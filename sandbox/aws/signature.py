"""Signature version 4, verified as AWS does: recomputed from the secret key and compared.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import datetime
import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from aiohttp import web
from botocore.utils import normalize_url_path

from intermodal.sandbox.aws.errors import AwsError

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request"
    r",\s*SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
MAX_SKEW_SECONDS = 900


def service_of(request: web.Request) -> str:
    """The service that a request was signed for; empty when it is not signed in its header."""
    found = _HEADER.match(request.headers.get("Authorization", ""))
    return found["service"] if found else ""


@dataclass(frozen=True)
class Verifier:
    """Knows the one access key of this cloud, for one service and region."""

    access_key: str
    secret: str
    service: str
    region: str

    def check(self, request: web.Request, body: bytes | None) -> None:
        """Raise AwsError (403) unless the request is signed with our key, for us, now.

        ``body`` is None where the signed hash of the body is taken as it is (S3, which streams).
        """
        header = request.headers.get("Authorization")
        if not header:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        found = _HEADER.match(header)
        if not found:
            raise AwsError("IncompleteSignatureException", "the Authorization header is not a version 4 signature", 403)
        if found["key"] != self.access_key:
            raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
        if (found["service"], found["region"]) != (self.service, self.region):
            raise _wrong(f"Credential should be scoped to region '{self.region}' and service '{self.service}'.")
        stamp = request.headers.get("X-Amz-Date", "")
        self._check_time(stamp, found["date"])
        # A signed hash of the body only counts when it is the hash of the body.
        claimed = request.headers.get("X-Amz-Content-SHA256")
        if body is not None and claimed not in (None, hashlib.sha256(body).hexdigest()):
            raise _wrong("x-amz-content-sha256 is not the SHA-256 of the body.")
        if not hmac.compare_digest(self._signature(request, body or b"", found["signed"], stamp), found["signature"]):
            raise _wrong("The request signature we calculated does not match the signature you provided.")

    def _check_time(self, stamp: str, date: str) -> None:
        try:
            signed = datetime.datetime.strptime(stamp, TIME_FORMAT).replace(tzinfo=datetime.UTC)
        except ValueError as error:
            raise _wrong("X-Amz-Date is missing or not a time.") from error
        age = abs((datetime.datetime.now(datetime.UTC) - signed).total_seconds())
        if age > MAX_SKEW_SECONDS or not stamp.startswith(date):
            raise _wrong(f"Signature expired: {stamp} is {age:.0f} s off the time here.")

    def _signature(self, request: web.Request, body: bytes, signed: str, stamp: str) -> str:
        """What a client with our secret would write for the same request, given the names of its signed headers."""
        names = signed.split(";")
        if "host" not in names:
            raise _wrong("'Host' must be a 'SignedHeader' in the AWS Authorization.")
        path, _, query = request.raw_path.partition("?")
        # S3 signs the path as it is sent; every other service signs it normalised and encoded once more.
        path = path if self.service == "s3" else quote(normalize_url_path(path), safe="/~")
        pairs = sorted((pair if "=" in pair else f"{pair}=") for pair in query.split("&") if pair)
        headers = [f"{name}:{_value(request, name)}\n" for name in names]
        payload = request.headers.get("X-Amz-Content-SHA256") or hashlib.sha256(body).hexdigest()
        canonical = "\n".join((request.method, path, "&".join(pairs), "".join(headers), signed, payload))
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        return hmac.digest(
            signing_key(self.secret, stamp[:8], self.region, self.service), text.encode(), "sha256"
        ).hex()


@lru_cache(maxsize=8)
def signing_key(secret: str, *scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _value(request: web.Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in request.headers.getall(name, [""]))


def _wrong(message: str) -> AwsError:
    return AwsError("InvalidSignatureException", message, 403)
