"""Faults in the form that each of Azure's clients understands."""

from aiohttp import web

from intermodal.sandbox.azure.arm import ArmError
from intermodal.sandbox.azure.scoring import refuse
from intermodal.sandbox.faults import Kind, Scope

API = {
    "refused": (403, "AuthorizationFailed", "The client does not have authorization to perform this action."),
    "throttled": (429, "TooManyRequests", "The number of requests has exceeded the limit. Please try again later."),
    "unavailable": (503, "ServiceUnavailable", "The service is temporarily unavailable."),
}
STORAGE = {
    "refused": (403, "AuthorizationFailure", "This request is not authorized to perform this operation."),
    "throttled": (503, "ServerBusy", "The server is busy."),
    "unavailable": (500, "InternalError", "The server encountered an internal error."),
}
"""Blob storage throttles with 503. Source: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes"""
LOGIN = {
    "refused": (401, "invalid_client", "AADSTS7000112: The application is disabled."),
    "throttled": (429, "temporarily_unavailable", "AADSTS90055: The service is throttling requests."),
    "unavailable": (503, "temporarily_unavailable", "AADSTS90033: A transient error has occurred."),
}


def answer(scope: Scope, kind: Kind, *, login: bool) -> web.Response:
    if scope == "endpoints":
        status, _, message = API[kind]
        return refuse(status, message)
    if scope == "storage":
        status, code, message = STORAGE[kind]
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        return web.Response(status=status, text=text, content_type="application/xml", headers={"x-ms-error-code": code})
    if login:
        status, code, message = LOGIN[kind]
        return web.json_response({"error": code, "error_description": message}, status=status)
    return ArmError(*API[kind]).response()
