"""Lambda's data plane: Invoke and function URLs reach the process of the version that an alias chooses.

The adapter in the image (Lambda Web Adapter) is done here: an event becomes an HTTP request to the server.
"""

import base64
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from intermodal.sandbox.aws.errors import AwsError, not_emulated
from intermodal.sandbox.aws.functions.fleet import Environments
from intermodal.sandbox.aws.functions.measures import FAILED, RAN, THROTTLED, FunctionMeasures
from intermodal.sandbox.aws.functions.records import Document, Functions, conflict
from intermodal.sandbox.containers import StartFailed

MAX_EVENT = 6 << 20
LOG_BYTES = 4096
"""The end of the log that Invoke returns."""
DROPPED = {"authorization", "host", "content-length", "connection", "transfer-encoding"}


@dataclass(frozen=True)
class Request:
    """One request to the server behind the adapter."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Result:
    """The server's answer, or a function error (``error``) with the end of the log."""

    status: int = 502
    body: bytes = b""
    content_type: str = ""
    error: str = ""
    log: bytes = b""


class Runtime:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        functions: Functions,
        environments: Environments,
        measures: FunctionMeasures,
        dice: random.Random,
    ) -> None:
        self.session, self.functions, self.environments = session, functions, environments
        self.measures, self.dice = measures, dice
        self._busy: Counter[str] = Counter()

    async def invoke(self, name: str, qualifier: str, request: web.Request, payload: bytes) -> web.Response:
        """The API's Invoke, of an event as a function URL writes it; raises AwsError."""
        self.functions.configuration(name, qualifier)
        if request.headers.get("X-Amz-Invocation-Type", "RequestResponse") != "RequestResponse":
            raise not_emulated("an asynchronous Invoke")
        if len(payload) > MAX_EVENT:
            raise AwsError("RequestTooLargeException", f"Request must be smaller than {MAX_EVENT} bytes", 413)
        result = await self._run(name, qualifier, _of_event(payload))
        headers = {"X-Amz-Executed-Version": qualifier or "$LATEST"}
        if request.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(result.log[-LOG_BYTES:]).decode()
        if result.error:
            body = {"errorType": "Runtime.ExitError", "errorMessage": result.error}
            return web.json_response(body, headers={**headers, "X-Amz-Function-Error": "Unhandled"})
        document = {
            "statusCode": result.status,
            "headers": {"content-type": result.content_type},
            "body": base64.b64encode(result.body).decode(),
            "isBase64Encoded": True,
        }
        return web.json_response(document, headers=headers)

    async def url(self, id: str, path: str, request: web.Request, body: bytes) -> web.Response:
        """A request to a function URL, whose signature was checked."""
        found = self.named(id)
        if found is None:
            raise AwsError("AccessDeniedException", "Forbidden", 403)
        if len(body) * 4 // 3 > MAX_EVENT:  # an event has a binary body in base64
            raise AwsError("RequestEntityTooLargeException", "Request Too Long", 413)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
        result = await self._run(*found, Request(request.method, path, headers, body))
        if result.error:
            raise AwsError("InternalServerErrorException", "Internal Server Error", 502)
        return web.Response(
            status=result.status, body=result.body, headers={"Content-Type": result.content_type or "text/plain"}
        )

    def named(self, id: str) -> tuple[str, str] | None:
        """The function and the alias of a URL."""
        for name, function in self.functions.all.items():
            for alias, url in function["Urls"].items():
                if url["Id"] == id:
                    return name, alias
        return None

    async def _run(self, name: str, qualifier: str, request: Request) -> Result:
        """One invocation, counted. 429 beyond the reserved concurrency."""
        reserved = self.functions.get(name).get("Reserved")
        if reserved is not None and self._busy[name] >= reserved:
            self.measures.add(name, qualifier, THROTTLED)
            more = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429, **more)
        configuration = self._chosen(name, qualifier)
        if configuration.get("State") == "Pending":
            raise conflict(f"The function is currently in the following state: Pending ({name})")
        self._busy[name] += 1
        result, started = None, time.perf_counter()  # None: the caller left, and is not counted
        try:
            result = await self._answer(configuration, request)
        finally:
            self._busy[name] -= 1
            if result is not None:
                outcome = FAILED if result.error else RAN
                self.measures.add(name, qualifier, outcome, time.perf_counter() - started)
        return result

    def _chosen(self, name: str, qualifier: str) -> Document:
        """Of an alias with weights, one of its two versions."""
        alias = self.functions.get(name)["Aliases"].get(qualifier, {})
        for number, weight in alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}).items():
            if self.dice.random() < weight:
                return self.functions.configuration(name, number)
        return self.functions.configuration(name, qualifier)

    async def _answer(self, configuration: Document, request: Request) -> Result:
        variables = configuration.get("Environment", {}).get("Variables", {})
        try:
            container = await self.environments.get(configuration)
        except StartFailed as error:
            return Result(error="Error: Runtime exited with error: exit status 1", log=str(error).encode())
        limit = aiohttp.ClientTimeout(total=configuration["Timeout"])
        try:
            async with self.session.request(
                request.method, container.url + request.path, headers=request.headers, data=request.body, timeout=limit
            ) as answer:
                content, status = await answer.read(), answer.status
                content_type = answer.headers.get("Content-Type", "")
        except TimeoutError:
            return Result(error=f"Task timed out after {configuration['Timeout']}.00 seconds")
        except aiohttp.ClientError as error:
            return Result(error=f"RequestId: Error: Runtime exited: {error}", log=container.reason().encode())
        if _is_error(status, variables.get("AWS_LWA_ERROR_STATUS_CODES", "")):
            return Result(error=f"{status}: {content.decode(errors='replace')}", log=container.reason().encode())
        return Result(status, content, content_type)


def _of_event(payload: bytes) -> Request:
    event = json.loads(payload or b"{}")
    if event.get("version") != "2.0" or "http" not in event.get("requestContext", {}):
        raise not_emulated("an event that is not of a function URL")
    text = event.get("body", "")
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    return Request(event["requestContext"]["http"]["method"], event["rawPath"], event.get("headers", {}), body)


def _is_error(status: int, codes: str) -> bool:
    """Whether the adapter makes this status a failed invocation: ``500,502-504``."""
    for part in codes.split(",") if codes else ():
        low, _, high = part.partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
