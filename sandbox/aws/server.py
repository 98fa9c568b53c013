"""AWS on loopback: SageMaker, Lambda, their figures in CloudWatch, ECR and EKS are ours; S3 and a few are moto's;
others get 501."""

import asyncio
import re
import ssl
import sys
from dataclasses import replace

import aiohttp
from aiohttp import web

from intermodal.sandbox import proxy
from intermodal.sandbox.aws import cloudwatch, errors
from intermodal.sandbox.aws.api import Api
from intermodal.sandbox.aws.cloudwatch import CloudWatch
from intermodal.sandbox.aws.download import Downloads
from intermodal.sandbox.aws.ecr import Ecr
from intermodal.sandbox.aws.eks import KIND as EKS
from intermodal.sandbox.aws.eks import Eks
from intermodal.sandbox.aws.errors import AwsError
from intermodal.sandbox.aws.fleet import KIND, Fleet
from intermodal.sandbox.aws.functions.fleet import KIND as LAMBDA
from intermodal.sandbox.aws.functions.front import LambdaFront
from intermodal.sandbox.aws.identity import account_keys, bucket_of, region_of
from intermodal.sandbox.aws.measures import Measures
from intermodal.sandbox.aws.records import Records
from intermodal.sandbox.aws.runtime import Runtime
from intermodal.sandbox.aws.signature import Verifier, service_of
from intermodal.sandbox.faults import Kind, Scope
from intermodal.sandbox.front import Context
from intermodal.sandbox.images import front as images
from intermodal.sandbox.settings import free_port

MOTO = {"s3", "sts", "iam", "secretsmanager", "sns", "sqs"}
"""What moto does soundly (shared/FACTS.md, "Emulators")."""
INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations")
TARGET = "SageMaker."
MONITORING = "monitoring"
DROPPED = frozenset({"expect"})
"""aiohttp has answered ``Expect: 100-continue`` already; moto never would."""


class Server:
    """Fulfils front.CloudServer."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.storage_port = free_port()
        self.storage: asyncio.subprocess.Process | None = None
        access_key, secret = account_keys(context.settings)
        self.region, self.bucket = region_of(context.site), bucket_of(context.site)
        self.sagemaker = Verifier(access_key, secret, "sagemaker", self.region)
        self.s3 = replace(self.sagemaker, service="s3")
        self.records = Records(context.state, self.region)
        self.fleet = Fleet(context, self.records, Downloads(self.storage_url, self.region, access_key, secret))
        elsewhere = {bucket_of(site) for site in context.settings.sites if site.cloud == "aws"} - {self.bucket}
        self.api = Api(self.records, self.fleet, elsewhere)
        self.measures = Measures(self.fleet)
        self.runtime = Runtime(context.session, self.records, self.fleet, self.measures)
        self.monitoring = replace(self.sagemaker, service=MONITORING)
        self.functions = LambdaFront(context, self.sagemaker)
        self.cloudwatch = CloudWatch(self.measures, self.functions.measures)
        self.eks = Eks(context, self.sagemaker)
        self.ecr = Ecr(context, replace(self.sagemaker, service="ecr"), secret)

    @property
    def storage_url(self) -> str:
        return f"http://127.0.0.1:{self.storage_port}"

    def scope(self, request: web.Request) -> Scope:
        if service_of(request) == "s3" or request.path.startswith(images.PATH):
            return "storage"
        if self.functions.has(request):
            return self.functions.scope(request)
        return "endpoints" if INVOCATION.fullmatch(request.path) else "api"

    def target(self, request: web.Request) -> str:
        if request.path.startswith(images.PATH):
            return ""
        if self.functions.has(request):
            return LAMBDA
        if service_of(request) == EKS:
            return EKS
        return KIND if service_of(request) in ("", "sagemaker") else ""

    def fault(self, request: web.Request, kind: Kind) -> web.Response:
        if request.path.startswith(images.PATH):
            return images.fault(kind)
        if service_of(request) in MOTO:
            return errors.xml(*errors.S3_FAULTS[kind])
        if self.functions.has(request):
            return self.functions.fault(request, kind)
        if invocation := INVOCATION.fullmatch(request.path):
            self.runtime.fault(invocation[1], kind)
        error = errors.fault(kind)
        return errors.as_query(error) if service_of(request) == MONITORING else error.answer()

    def listeners(self) -> list[tuple[int, ssl.SSLContext | None]]:
        return [(self.context.port, None)]

    async def start(self, app: web.Application) -> None:
        app.router.add_route("*", "/{path:.*}", self.handle)
        self.storage = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "intermodal.sandbox.aws.storage"),
            *(str(self.storage_port), str(self.context.home / "s3"), self.region, self.bucket),
            stdin=asyncio.subprocess.DEVNULL,
        )
        while not await self._storage_answers():
            if self.storage.returncode is not None:
                raise RuntimeError(f"moto ended with {self.storage.returncode} while starting")
            await asyncio.sleep(0.05)
        self.fleet.resume()
        self.functions.resume()
        await self.eks.resume()
        self.context.spawn(self.measures.usage.watch())

    async def stop(self) -> None:
        await self.eks.stop()
        await self.fleet.stop()
        await self.functions.environments.stop()
        await self.ecr.stop()
        if self.storage is not None and self.storage.returncode is None:
            self.storage.terminate()
            await self.storage.wait()

    async def _storage_answers(self) -> bool:
        try:
            async with self.context.session.get(f"{self.storage_url}/moto-api/"):
                return True
        except aiohttp.ClientError:
            return False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(images.PATH):
            return await self.ecr.images.handle(request)
        service = service_of(request)
        if service in MOTO:
            return await self._moto(request, service)
        if self.functions.has(request):
            return await self.functions.handle(request)
        if service == MONITORING:
            return await self._cloudwatch(request)
        try:
            if service == "ecr":
                return await self.ecr.handle(request)
            if service == EKS:
                return await self.eks.handle(request)
            return await self._sagemaker(request, service)
        except AwsError as error:
            return error.answer()

    async def _moto(self, request: web.Request, service: str) -> web.StreamResponse:
        try:
            if service == "s3":
                self.s3.check(request, None)
        except AwsError as error:
            return errors.xml(error.status, error.code, error.message)
        url = self.storage_url + request.raw_path
        return await proxy.forward(request, self.context.session, url, drop=DROPPED)

    async def _cloudwatch(self, request: web.Request) -> web.Response:
        operation = request.headers.get("X-Amz-Target", "")
        body = await request.read()
        try:
            self.monitoring.check(request, body)
            if request.method != "POST" or not operation.startswith(cloudwatch.TARGET):
                raise errors.not_emulated(f"another protocol of CloudWatch ({request.method} {request.path})")
            answer = self.cloudwatch.handle(operation.removeprefix(cloudwatch.TARGET), body)
        except AwsError as error:
            return errors.as_query(error)
        return web.json_response(answer, content_type="application/x-amz-json-1.0")

    async def _sagemaker(self, request: web.Request, service: str) -> web.Response:
        operation = request.headers.get("X-Amz-Target", "")
        invocation = INVOCATION.fullmatch(request.path)
        if service not in ("", "sagemaker"):
            raise errors.not_emulated(f"the service '{service}' ({request.method} {request.path} {operation})".strip())
        body = await request.read()
        self.sagemaker.check(request, body)
        if invocation and request.method == "POST":
            return await self.runtime.invoke(invocation[1], request, body)
        if operation.startswith(TARGET) and request.method == "POST":
            answer = self.api.handle(operation.removeprefix(TARGET), body)
            return web.json_response(answer, content_type="application/x-amz-json-1.1")
        status = 405 if invocation else 404
        raise AwsError("UnknownOperationException", f"SageMaker does not offer {request.method} {request.path}", status)
