"""Answers of Google that the sandbox does not give."""

import json
from typing import Any

import pytest
from googleapiclient.errors import HttpError
from httplib2 import Response

from intermodal.platform.errors import Refused
from intermodal.resources.gcp.targets.vertex.client import Vertex


class Refusing:
    """The endpoints' methods, whose list is refused for a reason."""

    def __init__(self, reason: str) -> None:
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
        error = {"code": 403, "message": "no", "status": "PERMISSION_DENIED", "details": details}
        self._error = HttpError(Response({"status": 403}), json.dumps({"error": error}).encode())

    def endpoints(self) -> Any:
        return self

    def list(self, **_: object) -> Any:
        return self

    def execute(self) -> None:
        raise self._error


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Vertex, "__post_init__", lambda _: None)

    def client(reason: str) -> Vertex:
        found = Vertex("p", "r", "", 0.1)
        found._locations = Refusing(reason)
        return found

    return client


def test_endpoints_of_a_project_without_the_api_are_none(make: Any) -> None:
    assert make("SERVICE_DISABLED").endpoints() == []


def test_endpoints_without_permission_are_refused_with_the_role(make: Any) -> None:
    with pytest.raises(Refused) as caught:
        make("IAM_PERMISSION_DENIED").endpoints()
    assert "roles/aiplatform.user" in caught.value.hint
