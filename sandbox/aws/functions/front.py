"""Lambda within this cloud's front: requests of its API and of its function URLs."""

import random
import re
from dataclasses import replace

from aiohttp import web

from intermodal.sandbox.aws import errors
from intermodal.sandbox.aws.errors import AwsError
from intermodal.sandbox.aws.functions import routes
from intermodal.sandbox.aws.functions.api import Api
from intermodal.sandbox.aws.functions.fleet import Environments
from intermodal.sandbox.aws.functions.measures import FAILED, THROTTLED, FunctionMeasures
from intermodal.sandbox.aws.functions.records import Functions
from intermodal.sandbox.aws.functions.runtime import Runtime
from intermodal.sandbox.aws.functions.versions import PATH
from intermodal.sandbox.aws.signature import Verifier, service_of
from intermodal.sandbox.faults import Kind, Scope
from intermodal.sandbox.front import Context

URL = re.compile(rf"{PATH}([0-9a-f]+)(/.*)")
INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class LambdaFront:
    def __init__(self, context: Context, verifier: Verifier) -> None:
        self.verifier = replace(verifier, service=routes.SERVICE)
        self.functions = Functions(context.state, verifier.region)
        self.environments, self.measures = Environments(context), FunctionMeasures()
        self.api = Api(context, self.functions, self.environments)
        self.runtime = Runtime(context.session, self.functions, self.environments, self.measures, random.Random())

    @staticmethod
    def has(request: web.Request) -> bool:
        """Whether the request is Lambda's."""
        return request.path.startswith(PATH) or service_of(request) == routes.SERVICE

    @staticmethod
    def scope(request: web.Request) -> Scope:
        return "endpoints" if URL.fullmatch(request.path) or INVOKE.fullmatch(request.path) else "api"

    def fault(self, request: web.Request, kind: Kind) -> web.Response:
        """The answer of a fault, which the figures have as Lambda counts it: a refused request not at all."""
        url, invoke = URL.fullmatch(request.path), INVOKE.fullmatch(request.path)
        found = self.runtime.named(url[1]) if url else None
        if invoke:
            found = invoke[1], request.query.get("Qualifier", "")
        if found and kind != "refused":
            self.measures.add(*found, THROTTLED if kind == "throttled" else FAILED)
        if kind == "throttled":
            return AwsError("TooManyRequestsException", "Rate Exceeded.", 429).answer()
        return errors.fault(kind).answer()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            self.verifier.check(request, body)
            if url := URL.fullmatch(request.path):
                return await self.runtime.url(url[1], url[2], request, body)
            name, path = routes.matched(request)
            if name == "Invoke":
                return await self.runtime.invoke(
                    path["FunctionName"], request.query.get("Qualifier", ""), request, body
                )
            return await self.api.handle(name, path, request, body)
        except AwsError as error:
            return error.answer()

    def resume(self) -> None:
        self.environments.resume()
        self.api.resume()
