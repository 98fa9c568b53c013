"""OnpremRegistry against docker-registry itself, and the ways to log in."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from intermodal.platform.errors import IntermodalError, Refused, SpecError
from intermodal.platform.targets import Site
from intermodal.resources.images.address import Address
from intermodal.resources.images.login import Header, basic
from intermodal.resources.onprem.images import PASSWORD, USER, OnpremRegistry
from intermodal.resources.onprem.keys import Keys
from intermodal.resources.onprem.registry_login import RegistryLogin
from tests.conformance.image_registry import ImageRegistryConformance, Served
from tests.plain_registry import running
from tests.resources.onprem.site import SETTINGS

KEYS = Keys("robot", "the-password")


class TestOnpremRegistry(ImageRegistryConformance):
    adapter: ClassVar[str] = "onprem"

    @pytest.fixture(scope="class")
    def served(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
        """With a login, which this registry does not ask for."""
        own = {**SETTINGS, USER: KEYS.name, PASSWORD: KEYS.secret}
        with running(tmp_path_factory.mktemp("registry")) as url:
            yield Served(
                url,
                lambda origin: {**own, "INTERMODAL_ONPREM_REGISTRY": f"{origin}/team/models"},
                secrets=lambda _: (KEYS.secret, basic(KEYS.name, KEYS.secret)),
            )


class Registry(ThreadingHTTPServer):
    """Asks for a login by ``challenge``, and gives ``token`` to the user only."""

    challenge, token = "", '{"token": "a-token", "expires_in": 300}'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.queries: list[dict[str, list[str]]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def login(self, keys: Keys = KEYS) -> RegistryLogin:
        return RegistryLogin(Address.read(self.url, "X"), keys)


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/v2/":
            self._answer(401, "{}")
            return
        self.server.queries.append(parse_qs(url.query))
        allowed = self.headers["Authorization"] == basic(KEYS.name, KEYS.secret)
        self._answer(*((200, self.server.token) if allowed else (401, json.dumps({"errors": []}))))

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", self.server.challenge)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def asking() -> Iterator[Registry]:
    with Registry() as found:
        found.challenge = f'Bearer realm="{found.url}/token",service="acme"'
        Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
        yield found
        found.shutdown()


def test_login_that_demands_a_token_is_that_token(asking: Registry) -> None:
    found = asking.login().header("team/a", "team/b")
    assert found.value == "Bearer a-token"
    scopes = ["repository:team/a:pull,push,delete", "repository:team/b:pull"]
    assert asking.queries == [{"service": ["acme"], "scope": scopes}]


def test_login_that_demands_basic_is_the_password(asking: Registry) -> None:
    asking.challenge = 'Basic realm="acme"'
    assert asking.login().header("team/a", "") == Header(basic(KEYS.name, KEYS.secret), float("inf"))
    assert asking.queries == []


def test_login_with_a_wrong_password_is_refused(asking: Registry) -> None:
    with pytest.raises(Refused, match="refused to log in") as caught:
        asking.login(Keys("robot", "another")).header("team/a", "")
    assert "another" not in repr(caught.value)


@pytest.mark.parametrize("token", ["{}", "[]", "no JSON", '{"token": "a", "expires_in": "soon"}'])
def test_login_without_a_token_in_the_answer_is_an_error(asking: Registry, token: str) -> None:
    asking.token = token
    with pytest.raises(IntermodalError, match="gave no token"):
        asking.login().header("team/a", "")


@pytest.mark.parametrize("realm", ["", "nowhere", "http://127.0.0.1:9/token", "http://[::x"])
def test_login_at_a_wrong_realm_is_an_error(asking: Registry, realm: str) -> None:
    asking.challenge = f'Bearer realm="{realm}"'
    with pytest.raises(IntermodalError, match="address") as caught:
        asking.login().header("team/a", "")
    assert caught.value.hint


def test_password_goes_to_no_plain_realm_of_an_https_registry() -> None:
    login = RegistryLogin(Address.read("https://registry.acme.example", "X"), KEYS)
    with pytest.raises(Refused, match="which is not https"):
        login._token({"realm": "http://127.0.0.1:9/token"}, "team/a", "")


def test_registry_without_an_address_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SpecError, match="onprem has no image registry: INTERMODAL_ONPREM_REGISTRY not set"):
        OnpremRegistry.of(Site("onprem"))
    monkeypatch.setenv("INTERMODAL_ONPREM_REGISTRY", "registry.acme.example")
    assert OnpremRegistry.of(Site("onprem")).client._headers.get("a") == ("", True)
    monkeypatch.setenv(USER, "robot")
    with pytest.raises(Refused, match=f"{PASSWORD} is not set"):
        OnpremRegistry.of(Site("onprem"))
