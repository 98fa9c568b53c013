"""Models, endpoint configurations and endpoints as SageMaker remembers them, with their tags."""

import base64
import binascii
import time
from dataclasses import dataclass
from typing import Any

from intermodal.sandbox.aws.errors import invalid
from intermodal.sandbox.aws.identity import ACCOUNT
from intermodal.sandbox.state import State

Document = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """``word`` is SageMaker's in messages; ``part`` is that in ARNs; ``members`` is what a summary shows besides."""

    word: str
    part: str
    prefix: str
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.prefix}Name"

    @property
    def arn(self) -> str:
        return f"{self.prefix}Arn"

    def arn_of(self, name: str, region: str) -> str:
        return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{self.part}/{name}"


MODEL = Kind("model", "model", "Model")
CONFIG = Kind("endpoint configuration", "endpoint-config", "EndpointConfig")
ENDPOINT = Kind("endpoint", "endpoint", "Endpoint", ("EndpointStatus", "LastModifiedTime"))
KINDS = (MODEL, CONFIG, ENDPOINT)


class Records:
    """Each change is durable before it is answered. Messages are SageMaker's own: clients match on them."""

    def __init__(self, state: State, region: str) -> None:
        self._state, self.region = state, region

    def arn(self, kind: Kind, name: str) -> str:
        return kind.arn_of(name, self.region)

    def save(self) -> None:
        self._state.save()

    def all(self, kind: Kind) -> dict[str, Document]:
        return self._state.table(kind.part)

    def get(self, kind: Kind, name: str) -> Document:
        found = self.all(kind).get(name)
        if found is None:
            raise invalid(f'Could not find {kind.word} "{self.arn(kind, name)}".')
        return dict(found)

    def create(self, kind: Kind, parameters: Document, **more: Any) -> Document:
        name, now = parameters[kind.name], time.time()
        if name in self.all(kind):
            raise invalid(f'Cannot create already existing {kind.word} "{self.arn(kind, name)}".')
        members = {key: value for key, value in parameters.items() if key != "Tags"}
        self.all(kind)[name] = {**members, **more, kind.arn: self.arn(kind, name), "CreationTime": now}
        self.tags(self.arn(kind, name)).update({tag["Key"]: tag["Value"] for tag in parameters.get("Tags", [])})
        self.save()
        return {kind.arn: self.arn(kind, name)}

    def change(self, name: str, **members: Any) -> None:
        """Change members of an endpoint; None removes one. An endpoint that is gone stays gone."""
        found = self.all(ENDPOINT).get(name)
        if found is None:
            return
        found.update(members, LastModifiedTime=time.time())
        for member in [member for member, value in members.items() if value is None]:
            del found[member]
        self.save()

    def delete(self, kind: Kind, name: str) -> None:
        self.get(kind, name)
        del self.all(kind)[name]
        self._state.table("tags").pop(self.arn(kind, name), None)
        self.save()

    def tags(self, arn: str) -> dict[str, str]:
        found: dict[str, str] = self._state.table("tags").setdefault(arn, {})
        return found

    def known(self, arn: str) -> bool:
        return any(arn == self.arn(kind, name) for kind in KINDS for name in self.all(kind))

    def page(self, kind: Kind, parameters: Document) -> tuple[list[Document], Document]:
        """Summaries of one page, newest first unless sorted otherwise, and ``NextToken`` where there is more."""
        found = [
            record
            for record in self.all(kind).values()
            if parameters.get("NameContains", "") in record[kind.name]
            and parameters.get("StatusEquals", record.get("EndpointStatus")) == record.get("EndpointStatus")
        ]
        sort = {"Name": kind.name, "Status": "EndpointStatus"}.get(parameters.get("SortBy", ""), "CreationTime")
        found.sort(key=lambda record: record[sort], reverse=parameters.get("SortOrder", "Descending") == "Descending")
        first, size = _offset(parameters.get("NextToken")), parameters.get("MaxResults", 10)
        more = {"NextToken": _token(first + size)} if first + size < len(found) else {}
        members = (kind.name, kind.arn, "CreationTime", *kind.members)
        return [{member: record[member] for member in members} for record in found[first : first + size]], more


def _token(offset: int) -> str:
    return base64.b64encode(str(offset).encode()).decode()


def _offset(token: str | None) -> int:
    try:
        return int(base64.b64decode(token, validate=True)) if token else 0
    except (ValueError, binascii.Error) as error:
        raise invalid("Invalid pagination token.") from error
