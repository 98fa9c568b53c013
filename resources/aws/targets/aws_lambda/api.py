"""The calls of Lambda that the adapter makes, with Intermodal's errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from intermodal.platform.errors import NotFound, SpecError, Unavailable
from intermodal.platform.ports import ownership
from intermodal.resources.aws import tags
from intermodal.resources.aws.errors import Busy, translated
from intermodal.resources.aws.targets.aws_lambda.plan import ALIAS, PREDICT_PATH, READY_PATH, Plan, event

Record = dict[str, Any]
KIND = "Lambda function"
LATEST = "$LATEST"


class Lambda:
    """Wraps boto3's client; each call raises Refused, Throttled, Unavailable, NotFound, Busy or Rejected."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def find(self, name: str) -> Record | None:
        """Configuration, code and reserved concurrency of the function; its tags are read with ``tags``."""
        return self._found(f"describe {KIND} '{name}'", lambda: self.client.get_function(FunctionName=name))

    def describe(self, name: str) -> tuple[Record, dict[str, str]] | None:
        """Record and tags of a function that Intermodal made under this name; None when it is gone or another's."""
        record = self.find(name)
        try:
            found = self.tags(record) if record else {}
        except NotFound:
            return None
        return (record, found) if record and ownership.is_named_so(name, found) else None

    def names(self) -> Iterator[str]:
        """All functions of an image in the region: Lambda lists neither by tags nor by parts of a name."""
        with translated("list Lambda functions"):
            for page in self.client.get_paginator("list_functions").paginate():
                found = (function for function in page["Functions"] if function.get("PackageType") == "Image")
                yield from (function["FunctionName"] for function in found)

    def tags(self, record: Record) -> dict[str, str]:
        arn = record["Configuration"]["FunctionArn"]
        with translated(f"list the tags of {arn}"):
            found = self.client.list_tags(Resource=arn)["Tags"]
        return tags.from_aws({"Key": key, "Value": value} for key, value in found.items())

    def add_tags(self, record: Record, added: dict[str, str]) -> None:
        arn = record["Configuration"]["FunctionArn"]
        with translated(f"tag {arn}"):
            self.client.tag_resource(Resource=arn, Tags=as_map(added))

    def require_requested(self, record: Record, plan: Plan) -> dict[str, str]:
        """The function's tags. Refused when they are not those of the plan's model, version and environment."""
        found = self.tags(record)
        ownership.require_requested(plan.request, found, KIND)
        return found

    def create(self, plan: Plan) -> None:
        with translated(f"create {KIND} '{plan.name}'"):
            self.client.create_function(
                FunctionName=plan.name,
                PackageType="Image",
                Code={"ImageUri": plan.request.image},
                Architectures=["x86_64"],
                Tags=as_map(plan.request.all_tags),
                **plan.configuration,
            )

    def update_image(self, plan: Plan, record: Record) -> None:
        with translated(f"update the image of {KIND} '{plan.name}'"):
            self.client.update_function_code(
                FunctionName=plan.name, ImageUri=plan.request.image, Publish=False, RevisionId=_revision(record)
            )

    def update_configuration(self, plan: Plan, record: Record) -> None:
        with translated(f"update {KIND} '{plan.name}'"):
            self.client.update_function_configuration(
                FunctionName=plan.name, RevisionId=_revision(record), **plan.configuration
            )

    def publish(self, plan: Plan, record: Record) -> None:
        """Nothing happens when the newest version has this content already."""
        with translated(f"publish a version of {KIND} '{plan.name}'"):
            self.client.publish_version(FunctionName=plan.name, Description=plan.revision, RevisionId=_revision(record))

    def versions(self, name: str) -> list[Record]:
        """Configurations of the published versions, the newest first."""
        with translated(f"list the versions of {KIND} '{name}'"):
            pages = self.client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
            found = [version for page in pages for version in page["Versions"] if version["Version"] != LATEST]
        return sorted(found, key=lambda version: int(version["Version"]), reverse=True)

    def version(self, name: str, number: str) -> Record | None:
        """The configuration of a published version."""
        call = lambda: self.client.get_function_configuration(FunctionName=name, Qualifier=number)  # noqa: E731
        return self._found(f"describe version {number} of {KIND} '{name}'", call)

    def alias(self, name: str) -> Record | None:
        call = lambda: self.client.get_alias(FunctionName=name, Name=ALIAS)  # noqa: E731
        return self._found(f"describe the alias of {KIND} '{name}'", call)

    def point(self, name: str, number: str, alias: Record | None) -> None:
        """Send all requests to one version. Of two deployments the second to read the alias is Busy."""
        members: Record = {"FunctionName": name, "Name": ALIAS, "FunctionVersion": number}
        with translated(f"point the alias of {KIND} '{name}'"):
            if alias is None:
                self.client.create_alias(**members)
            else:
                routing: Record = {"AdditionalVersionWeights": {}}
                self.client.update_alias(**members, RoutingConfig=routing, RevisionId=alias["RevisionId"])

    def url(self, name: str) -> Record | None:
        call = lambda: self.client.get_function_url_config(FunctionName=name, Qualifier=ALIAS)  # noqa: E731
        return self._found(f"describe the URL of {KIND} '{name}'", call)

    def open_url(self, name: str, existing: Record | None) -> None:
        """Only signed requests are answered: the caller's identity needs both lambda:InvokeFunctionUrl and
        lambda:InvokeFunction."""
        members = {"FunctionName": name, "Qualifier": ALIAS, "AuthType": "AWS_IAM", "InvokeMode": "BUFFERED"}
        with translated(f"open the URL of {KIND} '{name}'"):
            if existing is None:
                self.client.create_function_url_config(**members)
            else:
                self.client.update_function_url_config(**members)

    def unreserve(self, name: str) -> None:
        with translated(f"remove the reserved concurrency of {KIND} '{name}'"):
            self.client.delete_function_concurrency(FunctionName=name)

    def discard(self, name: str, keep: set[str]) -> None:
        """Delete versions, except those with these numbers. One that an alias still has is kept."""
        for version in self.versions(name):
            if version["Version"] not in keep:
                self.remove_version(name, version["Version"])

    def remove_version(self, name: str, number: str) -> None:
        try:
            with translated(f"delete version {number} of {KIND} '{name}'"):
                self.client.delete_function(FunctionName=name, Qualifier=number)
        except (Busy, NotFound):
            return

    def remove(self, name: str) -> bool:
        """Whether the function is still there. Its versions, alias and URL go with it."""
        record = self.find(name)
        if record is None:
            return False
        try:
            ownership.require_own_name(name, self.tags(record), KIND)
            with translated(f"delete {KIND} '{name}'"):
                self.client.delete_function(FunctionName=name)
        except (Busy, NotFound):
            return True
        return self.find(name) is not None

    def predict(self, name: str, body: bytes) -> bytes:
        """SpecError, with the model's message, when the model itself answers 4xx."""
        status, answer, _ = self._invoke(name, ALIAS, event("POST", PREDICT_PATH, body))
        if 400 <= status < 500:
            raise SpecError(f"The model rejects the request ({status}): {answer.decode()}", hint="Correct the body.")
        if not 200 <= status < 300:
            raise Unavailable(f"{KIND} '{name}' answered {status}: {answer.decode()}", hint="See its log group.")
        return answer

    def failure(self, name: str, number: str) -> str:
        """Why the server of a version does not serve, with the end of its log; empty when it is ready.

        Lambda starts nothing before the first request: an active version may hold a server that never starts.
        """
        status, answer, log = self._invoke(name, number, event("GET", READY_PATH))
        return "" if status == 200 else f"{READY_PATH} answered {status}: {answer.decode(errors='replace')} {log}"

    def _invoke(self, name: str, qualifier: str, payload: bytes) -> tuple[int, bytes, str]:
        """Status and body of the server's answer, and the end of its log. A function error is 502."""
        with translated(f"invoke {KIND} '{name}'"):
            answer = self.client.invoke(FunctionName=name, Qualifier=qualifier, LogType="Tail", Payload=payload)
            content = answer["Payload"].read()
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        document = json.loads(content or b"{}")
        if answer.get("FunctionError"):
            return 502, str(document.get("errorMessage", answer["FunctionError"])).encode(), log
        text = document.get("body", "")
        body = base64.b64decode(text) if document.get("isBase64Encoded") else text.encode()
        return int(document.get("statusCode", 502)), body, log

    def _found(self, doing: str, call: Callable[[], Record]) -> Record | None:
        try:
            with translated(doing):
                return call()
        except NotFound:
            return None


def as_map(found: dict[str, str]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags.to_aws(found)}


def _revision(record: Record) -> str:
    return str(record["Configuration"]["RevisionId"])
