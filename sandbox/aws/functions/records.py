"""Lambda functions as AWS remembers them: the newest content, published versions, aliases, URLs and tags."""

import hashlib
import json
import secrets
import time
import uuid
from typing import Any

from intermodal.sandbox.aws.errors import AwsError
from intermodal.sandbox.aws.identity import ACCOUNT
from intermodal.sandbox.state import State

Document = dict[str, Any]
TABLE, LATEST = "function", "$LATEST"
CONTENT = ("Role", "Timeout", "MemorySize", "EphemeralStorage", "Environment", "Architectures", "PackageType")
DEFAULTS: Document = {
    "Timeout": 3,
    "MemorySize": 128,
    "EphemeralStorage": {"Size": 512},
    "Architectures": ["x86_64"],
    "PackageType": "Image",
    "Description": "",
}


def conflict(message: str) -> AwsError:
    return AwsError("ResourceConflictException", message, 409)


def missing(what: str) -> AwsError:
    return AwsError("ResourceNotFoundException", what, 404)


def wrong(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


class Functions:
    """Each change is durable before it is answered. Messages are Lambda's own."""

    def __init__(self, state: State, region: str) -> None:
        self._state, self.region = state, region
        self.all: dict[str, Document] = state.table(TABLE)

    def save(self) -> None:
        self._state.save()

    def arn(self, name: str, qualifier: str = "") -> str:
        return f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:{name}" + (f":{qualifier}" if qualifier else "")

    def get(self, name: str) -> Document:
        if name not in self.all:
            raise missing(f"Function not found: {self.arn(name)}")
        found: Document = self.all[name]
        return found

    def by_arn(self, arn: str) -> Document:
        return self.get(arn.removeprefix(f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:"))

    def configuration(self, name: str, qualifier: str = "") -> Document:
        """Of the newest content, of a version, or of the version behind an alias."""
        function = self.get(name)
        number = function["Aliases"].get(qualifier, {}).get("FunctionVersion", qualifier)
        if number in ("", LATEST):
            latest: Document = function["Latest"]
            return latest
        if number not in function["Versions"]:
            raise missing(f"Function not found: {self.arn(name, qualifier)}")
        version: Document = function["Versions"][number]
        return version

    def alias(self, name: str, alias: str) -> Document:
        found: Document | None = self.get(name)["Aliases"].get(alias)
        if found is None:
            raise missing(f"Cannot find alias arn: {self.arn(name, alias)}")
        return found

    def url(self, name: str, alias: str) -> Document:
        found: Document | None = self.get(name)["Urls"].get(alias)
        if found is None:
            raise missing("The resource you requested does not exist.")
        return found

    def create(self, parameters: Document) -> Document:
        name = parameters["FunctionName"]
        if name in self.all:
            raise conflict(f"Function already exist: {name}")
        latest = {**DEFAULTS, **{member: value for member, value in parameters.items() if member in CONTENT}}
        latest |= {"FunctionName": name, "FunctionArn": self.arn(name), "Version": LATEST, "State": "Pending"}
        latest |= {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
        latest |= {"Description": parameters.get("Description", ""), "ImageUri": parameters["Code"]["ImageUri"]}
        self.all[name] = {"Latest": latest, "Versions": {}, "Aliases": {}, "Urls": {}, "Counter": 0}
        self.all[name]["Tags"] = dict(parameters.get("Tags", {}))
        return self.change(latest)

    def update(self, name: str, changes: Document) -> Document:
        """A new content of ``$LATEST``, which ends later."""
        latest: Document = self.get(name)["Latest"]
        update = {"LastUpdateStatus": "InProgress", "LastUpdateStatusReasonCode": "Creating"}
        return self.change(latest, **changes, **update)

    def publish(self, name: str, description: str) -> tuple[Document, bool]:
        """The new version; or the newest one, when nothing changed since."""
        function = self.get(name)
        latest, versions = function["Latest"], function["Versions"]
        newest = versions.get(str(function["Counter"]))
        if newest is not None and fingerprint(newest) == fingerprint(latest):
            return newest, False
        function["Counter"] += 1
        number = str(function["Counter"])
        version = {**latest, "Version": number, "FunctionArn": self.arn(name, number), "State": "Pending"}
        version |= {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
        version["Description"] = description or latest["Description"]
        versions[number] = version
        return self.change(version), True

    def change(self, configuration: Document, **members: Any) -> Document:
        """Change members; None removes one."""
        configuration.update(members, RevisionId=str(uuid.uuid4()), CodeSha256=code(configuration))
        configuration["LastModified"] = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
        for member in [member for member, value in members.items() if value is None]:
            del configuration[member]
        self.save()
        return configuration

    def end(self, configuration: Document) -> None:
        """What was under way has ended well."""
        ended = ("StateReason", "StateReasonCode", "LastUpdateStatusReason", "LastUpdateStatusReasonCode")
        gone = dict.fromkeys([member for member in ended if member in configuration])
        self.change(configuration, State="Active", LastUpdateStatus="Successful", **gone)


def code(configuration: Document) -> str:
    return hashlib.sha256(configuration["ImageUri"].encode()).hexdigest()


def fingerprint(configuration: Document) -> str:
    """Equal for equal contents."""
    content = {member: configuration.get(member) for member in (*CONTENT, "ImageUri")}
    return json.dumps(content, sort_keys=True)


def url_id() -> str:
    return secrets.token_hex(16)


def versions_of(alias: Document) -> set[str]:
    """The versions that get requests of an alias."""
    return {alias["FunctionVersion"], *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})}


def public(configuration: Document) -> Document:
    return {member: value for member, value in configuration.items() if member != "ImageUri"}
