"""SageMaker's data plane: ``POST /endpoints/<name>/invocations`` reaches the process behind the endpoint."""

import time
import uuid

import aiohttp
from aiohttp import web

from intermodal.sandbox.aws.errors import AwsError
from intermodal.sandbox.aws.fleet import Fleet
from intermodal.sandbox.aws.identity import ACCOUNT
from intermodal.sandbox.aws.measures import Measures
from intermodal.sandbox.aws.records import ENDPOINT, Records
from intermodal.sandbox.faults import Kind

MAX_BODY = 25 << 20
ANSWER = aiohttp.ClientTimeout(total=60)
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
PASSED_ON = ("Content-Type", "Accept", CUSTOM_ATTRIBUTES)
PASSED_BACK = ("Content-Type", CUSTOM_ATTRIBUTES)
UNEMULATED = (
    *("X-Amzn-SageMaker-Target-Model", "X-Amzn-SageMaker-Target-Variant", "X-Amzn-SageMaker-Target-Container-Hostname"),
    *("X-Amzn-SageMaker-Enable-Explanations", "X-Amzn-SageMaker-Inference-Component", "X-Amzn-SageMaker-Session-Id"),
)


class Runtime:
    """Called for hundreds of requests a second, so it only copies bytes and counts."""

    def __init__(self, session: aiohttp.ClientSession, records: Records, fleet: Fleet, measures: Measures) -> None:
        self.session, self.records, self.fleet, self.measures = session, records, fleet, measures

    async def invoke(self, name: str, request: web.Request, body: bytes) -> web.Response:
        """The container's answer; raises AwsError in the codes of sagemaker-runtime."""
        live = self.fleet.live.get(name)
        if live is None:
            raise self._absent(name)
        for header in UNEMULATED:
            if header in request.headers:
                raise AwsError("NotImplemented", f"the sandbox does not emulate {header}", 501)
        if len(body) > MAX_BODY:
            raise AwsError("ValidationError", f"the body has more than {MAX_BODY} bytes", 413)
        container = live.next()
        if container is None:
            self.measures.unreached(name, live.variant)
            raise AwsError("ServiceUnavailable", f"no instance of endpoint {name} is healthy", 503)
        headers = {header: request.headers[header] for header in PASSED_ON if header in request.headers}
        status, started = None, time.perf_counter()  # None: the caller left, and is not counted
        try:
            async with self.session.post(
                f"{container.url}/invocations", data=body, headers=headers, timeout=ANSWER
            ) as answer:
                content = await answer.read()
                status = answer.status
        except TimeoutError as error:
            status = 0
            reason = "Your invocation timed out while waiting for a response from container primary."
            raise self._model_error(name, 0, reason) from error
        except aiohttp.ClientError as error:
            status = 503
            raise AwsError("ServiceUnavailable", f"an instance of endpoint {name} died: {error}", 503) from error
        finally:
            if status is not None:
                self.measures.answered(name, live.variant, status, time.perf_counter() - started)
        if not 200 <= status < 300:
            raise self._model_error(name, status, content.decode(errors="replace"))
        back = {"x-Amzn-Invoked-Production-Variant": live.variant, "x-amzn-RequestId": str(uuid.uuid4())}
        back |= {
            header: answer.headers[header] for header in ("Content-Type", CUSTOM_ATTRIBUTES) if header in answer.headers
        }
        return web.Response(body=content, headers=back)

    def fault(self, name: str, kind: Kind) -> None:
        """The front fails a request instead of us. SageMaker's figures do not have refused or throttled requests."""
        live = self.fleet.live.get(name)
        if live is not None and kind == "unavailable":
            self.measures.unreached(name, live.variant)

    def _model_error(self, name: str, status: int, message: str) -> AwsError:
        return model_error(name, self.records.region, status, message)

    def _absent(self, name: str) -> AwsError:
        if name in self.records.all(ENDPOINT):
            return AwsError("ServiceUnavailable", f"endpoint {name} is not in service", 503)
        return AwsError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")


def model_error(name: str, region: str, status: int, message: str) -> AwsError:
    """What the container answered, wrapped as SageMaker wraps it (424)."""
    kind = "client" if 400 <= status < 500 else "server"
    stream = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/{name}"
    return AwsError(
        "ModelError",
        f'Received {kind} error ({status}) from primary with message "{message}".',
        424,
        OriginalStatusCode=status,
        OriginalMessage=message,
        LogStreamArn=stream,
    )
