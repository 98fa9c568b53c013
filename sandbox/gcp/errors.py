"""Errors as Google's services write them, so that the official clients raise their own right exceptions."""

from html import escape

from aiohttp import web

from intermodal.sandbox.faults import Kind

STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "FAILED_PRECONDITION": 400,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
"""google.rpc.Code and its HTTP status: https://cloud.google.com/apis/design/errors#handling_errors"""

RPC_CODE = {"FAILED_PRECONDITION": 9, "INTERNAL": 13, "NOT_FOUND": 5}
_XML = {400: "InvalidArgument", 401: "AuthenticationRequired", 403: "AccessDenied", 404: "NoSuchKey",
        412: "PreconditionFailed", 429: "SlowDown", 501: "NotImplemented", 503: "ServiceUnavailable"}  # fmt: skip
FAULTS: dict[Kind, tuple[str, str]] = {
    "refused": ("PERMISSION_DENIED", "Permission denied on resource (sandbox fault)."),
    "throttled": ("RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'requests per minute' (sandbox fault)."),
    "unavailable": ("UNAVAILABLE", "The service is currently unavailable (sandbox fault)."),
}


class ApiError(Exception):
    """Answered as a JSON error of a Google API."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def answer(self) -> web.Response:
        return api_error(self.status, self.message)


def api_error(status: str, message: str) -> web.Response:
    code = STATUS[status]
    return web.json_response({"error": {"code": code, "message": message, "status": status}}, status=code)


def xml_error(status: int, message: str, *, code: str = "") -> web.Response:
    """https://cloud.google.com/storage/docs/xml-api/reference-status"""
    code = code or _XML.get(status, "InternalError")
    text = (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return web.Response(status=status, text=text, content_type="application/xml")


def page(code: int, title: str) -> web.Response:
    """What Cloud Run's front end answers when the container is not reached: a small page."""
    text = f"<html><head><title>{code} {title}</title></head><body><h1>Error: {title}</h1></body></html>"
    return web.Response(status=code, text=text, content_type="text/html")
