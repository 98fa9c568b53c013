"""Lambda's control plane: functions of an image, versions, aliases, URLs, tags and reserved concurrency.

https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from intermodal.sandbox import containers
from intermodal.sandbox.aws import contract
from intermodal.sandbox.aws.errors import AwsError, not_emulated
from intermodal.sandbox.aws.functions import routes
from intermodal.sandbox.aws.functions.fleet import Environments
from intermodal.sandbox.aws.functions.records import CONTENT, Document, Functions, conflict, public, versions_of, wrong
from intermodal.sandbox.aws.functions.versions import Versions
from intermodal.sandbox.aws.identity import ROLE
from intermodal.sandbox.containers import StartFailed
from intermodal.sandbox.front import Context

CREATING_SECONDS = 0.1
VARIABLES_BYTES = 4096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
EMULATED = {
    "CreateFunction": {"FunctionName", "Code", "Tags", "Description", *CONTENT},
    "UpdateFunctionCode": {"FunctionName", "ImageUri", "Publish", "RevisionId", "Architectures"},
    "UpdateFunctionConfiguration": {"FunctionName", "RevisionId", "Description", *CONTENT},
    "PublishVersion": {"FunctionName", "Description", "RevisionId"},
    "CreateFunctionUrlConfig": {"FunctionName", "Qualifier", "AuthType", "InvokeMode"},
    "UpdateFunctionUrlConfig": {"FunctionName", "Qualifier", "AuthType", "InvokeMode"},
}
"""Members that are emulated. Others are refused, since a client would expect their effect."""


class Api:
    """A method for each operation. An operation without one gets 501."""

    def __init__(self, context: Context, functions: Functions, environments: Environments) -> None:
        self.context, self.functions, self.environments = context, functions, environments
        self.operations: dict[str, Callable[[Document], Awaitable[Any]]] = {
            "CreateFunction": self.create,
            "GetFunction": self.get,
            "ListFunctions": self.list,
            "UpdateFunctionCode": self.update_code,
            "UpdateFunctionConfiguration": self.update_configuration,
            "PublishVersion": self.publish,
            "DeleteFunction": self.delete,
            "PutFunctionConcurrency": self.reserve,
            "DeleteFunctionConcurrency": self.unreserve,
            "ListTags": self.list_tags,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            **Versions(functions, f"http://127.0.0.1:{context.port}").operations,
        }

    def resume(self) -> None:
        for function in self.functions.all.values():
            for configuration in (function["Latest"], *function["Versions"].values()):
                self._end_later(configuration)

    async def handle(self, name: str, path: Document, request: web.Request, body: bytes) -> web.Response:
        """Answer one operation; raises AwsError."""
        if name not in self.operations:
            raise not_emulated(f"Lambda's {name}")
        parameters = routes.parameters(name, path, request, body)
        if unknown := set(parameters) - EMULATED.get(name, set(parameters)):
            raise not_emulated(f"{name}.{sorted(unknown)[0]}")
        answer = await self.operations[name](parameters)
        status = contract.operation(name, routes.SERVICE).http.get("responseCode", 200)
        return routes.answer(status, answer)

    async def create(self, p: Document) -> Document:
        if p.get("PackageType") != "Image" or set(p["Code"]) != {"ImageUri"}:
            raise not_emulated("a function that is not of an image")
        self._check_content(p)
        await self._check_image(p["Code"]["ImageUri"])
        created = self.functions.create(p)
        self._end_later(created)
        return public(created)

    async def get(self, p: Document) -> Document:
        function = self.functions.get(p["FunctionName"])
        configuration = self.functions.configuration(p["FunctionName"], p.get("Qualifier", ""))
        image = configuration["ImageUri"]
        reserved = function.get("Reserved")
        return {
            "Configuration": public(configuration),
            "Code": {"RepositoryType": "ECR", "ImageUri": image, "ResolvedImageUri": image},
            "Tags": function["Tags"],
            **({} if reserved is None else {"Concurrency": {"ReservedConcurrentExecutions": reserved}}),
        }

    async def list(self, p: Document) -> Document:
        names, first = sorted(self.functions.all), int(p.get("Marker") or 0)
        last = first + min(p.get("MaxItems", 50), 50)
        page = [public(self.functions.all[name]["Latest"]) for name in names[first:last]]
        return {"Functions": page, **({"NextMarker": str(last)} if last < len(names) else {})}

    async def update_code(self, p: Document) -> Document:
        self._check_changeable(p)
        if p.get("Publish") or "ImageUri" not in p:
            raise not_emulated("UpdateFunctionCode with Publish, or of no image")
        await self._check_image(p["ImageUri"])
        self._check_changeable(p)
        return self._updated(p, ("ImageUri",))

    async def update_configuration(self, p: Document) -> Document:
        self._check_changeable(p)
        self._check_content(p)
        return self._updated(p, (*CONTENT, "Description"))

    def _updated(self, p: Document, members: tuple[str, ...]) -> Document:
        changes = {member: p[member] for member in members if member in p}
        updated = self.functions.update(p["FunctionName"], changes)
        self._end_later(updated)
        return public(updated)

    async def publish(self, p: Document) -> Document:
        self._check_changeable(p)
        version, fresh = self.functions.publish(p["FunctionName"], p.get("Description", ""))
        if fresh:
            self._end_later(version)
        return public(version)

    async def delete(self, p: Document) -> None:
        name, number = p["FunctionName"], p.get("Qualifier", "")
        function = self.functions.get(name)
        if not number:
            del self.functions.all[name]
        elif using := [alias for alias, found in function["Aliases"].items() if number in versions_of(found)]:
            raise conflict(f"Unable to delete version because the following aliases reference it: {using}")
        elif function["Versions"].pop(number, None) is None:
            return  # as on AWS, deleting a version twice is a success
        self.functions.save()
        self.context.spawn(self.environments.end(name, number))

    async def reserve(self, p: Document) -> Document:
        self.functions.get(p["FunctionName"])["Reserved"] = p["ReservedConcurrentExecutions"]
        self.functions.save()
        return {"ReservedConcurrentExecutions": p["ReservedConcurrentExecutions"]}

    async def unreserve(self, p: Document) -> None:
        self.functions.get(p["FunctionName"]).pop("Reserved", None)
        self.functions.save()

    async def list_tags(self, p: Document) -> Document:
        return {"Tags": self.functions.by_arn(p["Resource"])["Tags"]}

    async def tag(self, p: Document) -> None:
        self.functions.by_arn(p["Resource"])["Tags"].update(p["Tags"])
        self.functions.save()

    async def untag(self, p: Document) -> None:
        for key in p["TagKeys"]:
            self.functions.by_arn(p["Resource"])["Tags"].pop(key, None)
        self.functions.save()

    def _end_later(self, configuration: Document) -> None:
        if configuration.get("State") == "Pending" or configuration.get("LastUpdateStatus") == "InProgress":
            self.context.spawn(self._ended_later(configuration))

    async def _ended_later(self, configuration: Document) -> None:
        await asyncio.sleep(CREATING_SECONDS + self.context.faults.slow_start_seconds)
        self.functions.end(configuration)

    def _check_changeable(self, p: Document) -> None:
        latest = self.functions.configuration(p["FunctionName"])
        if latest.get("State") == "Pending":
            raise conflict(
                "The operation cannot be performed at this time. The function is currently in the following state: "
                "Pending"
            )
        if latest.get("LastUpdateStatus") == "InProgress":
            raise conflict(
                "The operation cannot be performed at this time. An update is in progress for resource: "
                f"{latest['FunctionArn']}"
            )
        if p.get("RevisionId", latest["RevisionId"]) != latest["RevisionId"]:
            message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction API."
            raise AwsError("PreconditionFailedException", message, 412)

    def _check_content(self, p: Document) -> None:
        if p.get("Role", ROLE) != ROLE:
            raise wrong("The role defined for the function cannot be assumed by Lambda.")
        variables = p.get("Environment", {}).get("Variables", {})
        if sum(len(key) + len(value) for key, value in variables.items()) > VARIABLES_BYTES:
            raise wrong(
                "Lambda was unable to configure your environment variables because the environment variables you have "
                "provided exceeded the 4KB limit."
            )

    async def _check_image(self, image: str) -> None:
        try:
            await containers.pull(image, self.context)
        except StartFailed as error:
            raise wrong(f"Source image {image} does not exist. Provide a valid source image. ({error})") from error
