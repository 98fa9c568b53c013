"""Errors in the forms in which AWS writes them: JSON for SageMaker, XML for S3 and the older APIs."""

import json
import uuid
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from intermodal.sandbox.faults import Kind

FAULTS: dict[Kind, tuple[int, str, str]] = {
    "refused": (403, "AccessDeniedException", "The caller is not authorized to perform this action (sandbox fault)"),
    "throttled": (400, "ThrottlingException", "Rate exceeded"),
    "unavailable": (503, "ServiceUnavailable", "The service is unavailable (sandbox fault)"),
}
S3_FAULTS: dict[Kind, tuple[int, str, str]] = {
    "refused": (403, "AccessDenied", "Access Denied"),
    "throttled": (503, "SlowDown", "Please reduce your request rate."),
    "unavailable": (503, "ServiceUnavailable", "The service is unavailable (sandbox fault)"),
}
"""Statuses: https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


class AwsError(Exception):
    """A request that is answered with an error. ``more`` are further members of the error's body."""

    def __init__(self, code: str, message: str, status: int = 400, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.more = code, message, status, more

    def answer(self) -> web.Response:
        """As JSON 1.1 and REST-JSON services write it."""
        body = {"__type": self.code, "Message": self.message, "message": self.message, **self.more}
        headers = {"x-amzn-errortype": self.code, "x-amzn-requestid": str(uuid.uuid4())}
        return web.Response(
            status=self.status, text=json.dumps(body), headers=headers, content_type="application/x-amz-json-1.1"
        )


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def not_emulated(what: str) -> AwsError:
    return AwsError("NotImplemented", f"the sandbox does not emulate {what}", 501)


def fault(kind: Kind) -> web.Response:
    status, code, message = FAULTS[kind]
    return AwsError(code, message, status).answer()


def xml(status: int, code: str, message: str) -> web.Response:
    """As S3 writes it; clients of the query protocol (STS, IAM) find code and message in it as well."""
    inner = f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{uuid.uuid4()}</RequestId>"
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}</Error>'
    return web.Response(status=status, text=text, content_type="application/xml")
