"""What the object stores share, without a store: errors and the configuration of clients."""

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError

from intermodal.platform.errors import IntermodalError, NotFound, Refused, Throttled, Unavailable
from intermodal.resources.storage.errors import translated
from intermodal.resources.storage.object_store import client_options, retry_config

ANSWERED = (
    "Generic S3 error: Error performing PUT http://host/b/k?sig=SECRET in 1s - Server returned non-2xx status code: "
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (GenericError(f"{ANSWERED}403 Forbidden: <Code>AccessDenied</Code>"), Refused),
        (PermissionDeniedError("The operation lacked the necessary privileges"), Refused),
        (UnauthenticatedError("RefreshError('invalid_grant')"), Refused),
        (UnauthenticatedError("External GCP credential provider: TransportError(...)"), Unavailable),
        (GenericError(f"{ANSWERED}404 Not Found: <Code>NoSuchBucket</Code>"), NotFound),
        (FileNotFoundError("Object at location k not found: ..."), NotFound),
        (GenericError(f"{ANSWERED}429 Too Many Requests: "), Throttled),
        (GenericError(f"{ANSWERED}503 Service Unavailable: <Code>SlowDown</Code>"), Throttled),
        (GenericError(f"{ANSWERED}503 Service Unavailable: "), Unavailable),
        (GenericError("Generic S3 error: Error performing GET http://host/ in 1s - HTTP error: connect"), Unavailable),
        (GenericError("Generic S3 error: Missing region"), IntermodalError),
    ],
)
def test_translated_error_names_the_store_and_no_secret(error: Exception, expected: type[IntermodalError]) -> None:
    with pytest.raises(IntermodalError) as caught, translated("S3 bucket 'b' (setting: bucket)"):
        raise error
    assert caught.type is expected
    assert "'b'" in caught.value.message
    assert caught.value.hint
    assert "SECRET" not in str(caught.value)


def test_translated_missing_local_file_is_raised_unchanged(tmp_path) -> None:
    with pytest.raises(FileNotFoundError), translated("x"):
        (tmp_path / "none").read_bytes()


def test_client_options_allow_http_only_for_http_addresses() -> None:
    assert client_options("http://127.0.0.1:1")["allow_http"]
    assert "allow_http" not in client_options("https://127.0.0.1:1")
    assert "allow_http" not in client_options("")


def test_retry_config_ends_after_its_seconds() -> None:
    assert retry_config(7)["retry_timeout"].total_seconds() == 7
