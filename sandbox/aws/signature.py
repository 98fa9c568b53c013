"""Signature version 4, verified as AWS does: recomputed from the secret key and compared.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import datetime
import hashlib
import hmac
import re
from dataclasses import dataclass

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

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
    scheme: type[SigV4Auth] = SigV4Auth

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
            raise _wrong(f"Signature expired: {stamp} is {age:.0f} s away from the time here.")

    def _signature(self, request: web.Request, body: bytes, signed: str, stamp: str) -> str:
        """What botocore would write for the same request, given the names of the signed headers."""
        names = signed.split(";")
        if "host" not in names:
            raise _wrong("'Host' must be a 'SignedHeader' in the AWS Authorization.")
        copy = AWSRequest(request.method, f"http://{request.host}{request.raw_path}", data=body)
        for name in names:
            copy.headers[name] = ",".join(request.headers.getall(name, [""]))
        copy.context["timestamp"] = stamp
        auth = self.scheme(Credentials(self.access_key, self.secret), self.service, self.region)
        return str(auth.signature(auth.string_to_sign(copy, auth.canonical_request(copy)), copy))


def _wrong(message: str) -> AwsError:
    return AwsError("InvalidSignatureException", message, 403)
