"""Errors in the forms in which AWS writes them: JSON for SageMaker and CloudWatch, XML for S3 and the older APIs."""

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

QUERY_CODES = {"ThrottlingException": "Throttling", "AccessDeniedException": "AccessDenied"}
QUERY_CODES |= {"ValidationException": "ValidationError", "UnknownOperationException": "InvalidAction"}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html"""


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


def as_query(error: AwsError) -> web.Response:
    """As CloudWatch writes it: JSON, and the code that its older protocol had in a header that boto3 prefers."""
    answer = error.answer()
    code, whose = QUERY_CODES.get(error.code, error.code), "Sender" if error.status < 500 else "Receiver"
    answer.headers["x-amzn-query-error"] = f"{code};{whose}"
    return answer


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def not_emulated(what: str) -> AwsError:
    return AwsError("NotImplemented", f"the sandbox does not emulate {what}", 501)


def fault(kind: Kind) -> AwsError:
    status, code, message = FAULTS[kind]
    return AwsError(code, message, status)


def xml(status: int, code: str, message: str) -> web.Response:
    """As S3 writes it; clients of the query protocol (STS, IAM) find code and message in it as well."""
    inner = f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{uuid.uuid4()}</RequestId>"
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}</Error>'
    return web.Response(status=status, text=text, content_type="application/xml")
