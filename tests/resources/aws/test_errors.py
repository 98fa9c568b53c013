"""boto3's exceptions as Intermodal's errors."""

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from intermodal.platform.errors import IntermodalError, NotFound, Refused, SpecError, Throttled, Unavailable
from intermodal.resources.aws.errors import Busy, Rejected, translated


def response(status: int, code: str, message: str = "why", **members: object) -> ClientError:
    parts = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}, **members}
    return ClientError(parts, "CreateEndpoint")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "expected", "hint"),
    [
        (response(400, "ThrottlingException"), Throttled, "quota"),
        (response(429, "Other"), Throttled, "quota"),
        (response(503, "SlowDown"), Throttled, "quota"),
        (response(400, "AccessDeniedException"), Refused, "get-caller-identity"),
        (response(403, "Other"), Refused, "get-caller-identity"),
        (response(500, "InternalFailure"), Unavailable, "health.aws"),
        (response(501, "NotImplemented"), Rejected, "Correct"),
        (response(400, "ValidationException", "Cannot create already existing model"), Busy, "Wait"),
        (response(400, "ValidationException", "Cannot update in-progress endpoint"), Busy, "Wait"),
        (response(400, "ValidationException", 'Could not find endpoint "x"'), NotFound, "region"),
        (response(400, "ResourceNotFound"), NotFound, "region"),
        (response(400, "ValidationException", "Could not assume role x"), Rejected, "role_arn"),
        (response(400, "ResourceLimitExceeded"), Rejected, "Service Quotas"),
        (response(400, "ValidationException"), Rejected, "Correct"),
        (response(424, "ModelError", OriginalStatusCode=422), SpecError, "body"),
        (response(424, "ModelError", OriginalStatusCode=500, LogStreamArn="arn:log"), Unavailable, "arn:log"),
        (exceptions.NoCredentialsError(), Refused, "aws configure"),
        (exceptions.ParamValidationError(report="why"), Rejected, "Correct"),
        (exceptions.EndpointConnectionError(endpoint_url="x"), Unavailable, "network"),
        (exceptions.ReadTimeoutError(endpoint_url="x"), Unavailable, "network"),
        (exceptions.NoRegionError(), IntermodalError, "region"),
    ],
)
def test_translated_exception_has_class_and_hint(error: Exception, expected: type[Exception], hint: str) -> None:
    with pytest.raises(IntermodalError) as caught, translated("create it"):
        raise error
    assert caught.type is expected
    assert hint in caught.value.hint
