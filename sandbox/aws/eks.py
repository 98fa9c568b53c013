"""EKS: the site's one cluster by DescribeCluster, and the tokens that its API server takes."""

import re
from dataclasses import replace

from aiohttp import web

from intermodal.sandbox.aws import eks_token, errors
from intermodal.sandbox.aws.errors import AwsError
from intermodal.sandbox.aws.identity import ACCOUNT, role
from intermodal.sandbox.aws.signature import Verifier
from intermodal.sandbox.front import Context
from intermodal.sandbox.kubernetes.hosted import Hosted
from intermodal.sandbox.settings import CLUSTER

KIND = "eks"
PATH = re.compile(r"/clusters/([^/]+)")
USER = f"arn:aws:iam::{ACCOUNT}:user/intermodal"


class Eks:
    def __init__(self, context: Context, verifier: Verifier) -> None:
        self._verifier = replace(verifier, service=KIND)
        tokens = replace(verifier, service=eks_token.SERVICE)
        self._hosted = Hosted(
            context,
            KIND,
            lambda token: USER if eks_token.valid(token, tokens, CLUSTER) else "",
            lambda: role(context.settings, context.site),
        )
        self.resume, self.stop = self._hosted.resume, self._hosted.stop

    async def handle(self, request: web.Request) -> web.Response:
        """AwsError for anything else."""
        self._verifier.check(request, await request.read())
        found = PATH.fullmatch(request.path)
        if request.method != "GET" or not found:
            raise errors.not_emulated(f"EKS {request.method} {request.path}")
        if found[1] != CLUSTER:
            raise AwsError("ResourceNotFoundException", f"No cluster found for name: {found[1]}.", 404)
        cluster, region = await self._hosted.get(), self._verifier.region
        return web.json_response(
            {
                "cluster": {
                    "name": CLUSTER,
                    "arn": f"arn:aws:eks:{region}:{ACCOUNT}:cluster/{CLUSTER}",
                    "endpoint": cluster.address,
                    "certificateAuthority": {"data": self._hosted.authority},
                    "status": "ACTIVE",
                    "accessConfig": {"authenticationMode": "API"},
                }
            }
        )
