"""A registry's answers as Intermodal's errors.

Codes: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

from collections.abc import Iterator
from typing import Any

import httpx

from intermodal.platform.errors import IntermodalError, NotFound, Refused, Throttled, Unavailable
from intermodal.resources.error_templates import Templates, from_status
from intermodal.resources.storage.addresses import without_passwords

RESPONSES: Templates = {
    Refused: (
        "The registry {host} refused to {doing}: {reason}",
        "Check this identity's permission to push images there ({login}).",
    ),
    Throttled: ("The registry {host} throttles: {doing}: {reason}", "Run it again later: it resumes."),
    NotFound: (
        "The registry {host} could not {doing}: {reason}",
        "Check the registry's address and that the repository exists.",
    ),
    Unavailable: ("The registry {host} could not {doing}: {status} {reason}", "Run it again: it resumes."),
    IntermodalError: ("The registry {host} did not {doing}: {status} {reason}", "Correct what it names."),
}
FULL = ("no space left", "disk quota exceeded", "insufficient storage", "storage quota")
UNKNOWN_BLOB = "MANIFEST_BLOB_UNKNOWN"
REASON_LENGTH = 300


class UnknownBlobs(NotFound):
    """The registry has a manifest refused because it lacks blobs that the manifest names."""

    def __init__(self, message: str, digests: tuple[str, ...]) -> None:
        super().__init__(message, hint="Run it again: the missing layers are sent.")
        self.digests = digests


class Expired(Refused):
    """The registry no longer takes a header that it took before; a fresh one may help."""


class Full(Unavailable):
    """The registry has no room; no retry helps."""


def from_response(answer: httpx.Response, host: str, doing: str, login: str) -> IntermodalError:
    """The error for an answer whose body has been read."""
    problems = list(_problems(answer))
    reason = "; ".join(text for _, text, _ in problems) or answer.reason_phrase or "no reason given"
    reason = without_passwords(reason)[:REASON_LENGTH]
    if lacking := tuple(digest for code, _, digest in problems if code == UNKNOWN_BLOB):
        message = f"The registry {host} lacks layers, so it did not {doing}: {', '.join(filter(None, lacking))}."
        return UnknownBlobs(message, lacking)
    if _is_full(answer):
        message = f"The registry {host} is full, so it did not {doing}: {reason}"
        return Full(message, hint="Delete images that nothing needs, or enlarge the registry; then run it again.")
    return from_status(answer.status_code, RESPONSES, host=host, doing=doing, status=answer.status_code,
                       reason=reason, login=login)  # fmt: skip


def _is_full(answer: httpx.Response) -> bool:
    """By its status; docker-registry answers a full disk with 500 and the system's words."""
    return answer.status_code == 507 or (
        answer.status_code >= 500 and any(part in answer.text.lower() for part in FULL)
    )


def no_answer(error: httpx.TransportError, host: str, doing: str) -> Unavailable:
    reason = without_passwords(str(error)) or type(error).__name__
    return Unavailable(
        f"The registry {host} does not answer: {doing}: {reason}", hint="Check its address, then run again: it resumes."
    )


def _problems(answer: httpx.Response) -> Iterator[tuple[str, str, str]]:
    """Code, text and the digest that an entry of the body names."""
    try:
        listed: Any = answer.json()["errors"]
        for each in listed:
            detail = each.get("detail")
            digest = str(detail.get("digest", "")) if isinstance(detail, dict) else ""
            extra = f" ({detail})" if detail and not digest else f" ({digest})" if digest else ""
            yield str(each["code"]), f"{each['code']}: {each.get('message', '')}{extra}", digest
    except (ValueError, KeyError, TypeError, AttributeError):
        if answer.text.strip() and "<html" not in answer.text.lower():
            yield "", answer.text.strip(), ""
