"""Lambda's control plane for what stands before versions: aliases with weights, and function URLs."""

from collections.abc import Awaitable, Callable
from typing import Any

from intermodal.sandbox.aws.errors import AwsError, not_emulated
from intermodal.sandbox.aws.functions.records import Document, Functions, conflict, missing, public, url_id, wrong

PATH = "/lambda-url/"
"""What a function URL's path begins with here; on AWS each URL has a host of its own."""


class Versions:
    def __init__(self, functions: Functions, address: str) -> None:
        self.functions, self.address = functions, address
        self.operations: dict[str, Callable[[Document], Awaitable[Any]]] = {
            "GetFunctionConfiguration": self.configuration,
            "ListVersionsByFunction": self.list,
            "GetAlias": self.get_alias,
            "CreateAlias": self.create_alias,
            "UpdateAlias": self.update_alias,
            "GetFunctionUrlConfig": self.get_url,
            "CreateFunctionUrlConfig": self.create_url,
            "UpdateFunctionUrlConfig": self.update_url,
        }

    async def configuration(self, p: Document) -> Document:
        return public(self.functions.configuration(p["FunctionName"], p.get("Qualifier", "")))

    async def list(self, p: Document) -> Document:
        function = self.functions.get(p["FunctionName"])
        return {"Versions": [public(found) for found in (function["Latest"], *function["Versions"].values())]}

    async def get_alias(self, p: Document) -> Document:
        return self.functions.alias(p["FunctionName"], p["Name"])

    async def create_alias(self, p: Document) -> Document:
        name, alias = p["FunctionName"], p["Name"]
        if alias in self.functions.get(name)["Aliases"]:
            raise conflict(f"Alias already exists: {self.functions.arn(name, alias)}")
        return self._pointed({"AliasArn": self.functions.arn(name, alias), "Name": alias}, p)

    async def update_alias(self, p: Document) -> Document:
        found = self.functions.alias(p["FunctionName"], p["Name"])
        if p.get("RevisionId", found["RevisionId"]) != found["RevisionId"]:
            message = "The Revision Id provided does not match the latest Revision Id. Call the GetAlias API."
            raise AwsError("PreconditionFailedException", message, 412)
        return self._pointed(found, p)

    def _pointed(self, found: Document, p: Document) -> Document:
        """The alias, changed and kept. Weights are those of at most one further version."""
        weights = p.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        for number in [p.get("FunctionVersion", found.get("FunctionVersion", "")), *weights]:
            if number not in self.functions.get(p["FunctionName"])["Versions"]:
                raise missing(f"Function not found: {self.functions.arn(p['FunctionName'], number)}")
        if len(weights) > 1 or any(not 0 <= weight <= 1 for weight in weights.values()):
            raise wrong("An alias takes one further version, with a weight of 0 to 1.")
        found.update({member: p[member] for member in ("FunctionVersion", "Description") if member in p})
        found["RevisionId"] = url_id()
        if "RoutingConfig" in p:
            found.pop("RoutingConfig", None)
            if weights:
                found["RoutingConfig"] = {"AdditionalVersionWeights": weights}
        self.functions.get(p["FunctionName"])["Aliases"][p["Name"]] = found
        self.functions.save()
        return found

    async def get_url(self, p: Document) -> Document:
        return _displayed(self.functions.url(p["FunctionName"], p.get("Qualifier", "")))

    async def create_url(self, p: Document) -> Document:
        name, alias, id = p["FunctionName"], p.get("Qualifier", ""), url_id()
        self.functions.alias(name, alias)
        if alias in self.functions.get(name)["Urls"]:
            raise conflict(f"FunctionUrlConfig exists for this Lambda function: {self.functions.arn(name, alias)}")
        arn, address = self.functions.arn(name, alias), f"{self.address}{PATH}{id}/"
        self.functions.get(name)["Urls"][alias] = {"Id": id, "FunctionUrl": address, "FunctionArn": arn}
        return await self.update_url(p)

    async def update_url(self, p: Document) -> Document:
        found = self.functions.url(p["FunctionName"], p.get("Qualifier", ""))
        if p.get("InvokeMode", "BUFFERED") != "BUFFERED":
            raise not_emulated("a function URL that streams its answer")
        found.update(AuthType=p.get("AuthType", found.get("AuthType")), InvokeMode="BUFFERED")
        self.functions.save()
        return _displayed(found)


def _displayed(url: Document) -> Document:
    return {member: value for member, value in url.items() if member != "Id"}
