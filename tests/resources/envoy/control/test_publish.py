"""Publishing: blocks until taken, atomic, repeatable, safe against rejects, rivals and kills."""

import json
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from intermodal.platform.errors import IntermodalError, NotFound, SpecError, Unavailable
from intermodal.platform.ports.endpoints import BearerToken, Upstream
from intermodal.resources.envoy import files
from intermodal.resources.envoy.control import state
from intermodal.resources.envoy.control.admin import Admin, Rejected
from intermodal.resources.envoy.gateway import EnvoyGateway, write_bootstrap
from intermodal.resources.envoy.upstream import is_order
from intermodal.sandbox.settings import free_port
from tests.resources.envoy.conftest import Model, running, target_of, until
from tests.resources.envoy.upstreams import FakeUpstream
from tests.targets import AWS, AZURE, GCP


def snapshot(gateway: EnvoyGateway) -> dict[str, tuple[int, bytes]]:
    folder = Path(gateway.directory)
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".json", ".ini")
    }


def contents(gateway: EnvoyGateway) -> dict[str, bytes]:
    return {name: text for name, (_, text) in snapshot(gateway).items()}


def test_published_route_is_read_back(model: Model) -> None:
    assert model.gateway.route(model.name) is None
    assert model.gateway.addresses(model.name) == {}
    model.publish({AWS: 1, GCP: 2, AZURE: 0})
    assert model.gateway.route(model.name) == model.route({AWS: 1, GCP: 2, AZURE: 0})
    assert model.name in model.gateway.models()
    assert model.gateway.addresses(model.name) == {target: fake.url for target, fake in model.fakes.items()}
    assert set(model.gateway.upstream_health(model.name)) == {AWS, GCP, AZURE}


def test_publish_of_the_same_route_writes_nothing(model: Model) -> None:
    model.credentials = {AWS: BearerToken("one")}
    model.publish()
    before = snapshot(model.gateway)
    model.publish()
    assert snapshot(model.gateway) == before


def test_withdrawn_model_is_unknown_and_leaves_no_file(model: Model) -> None:
    before = contents(model.gateway)
    model.credentials = {AWS: BearerToken("one")}
    model.publish()
    model.gateway.withdraw(model.name)
    assert model.infer().status_code == 404
    assert contents(model.gateway) == before
    model.gateway.withdraw(model.name)
    with pytest.raises(NotFound):
        model.gateway.upstream_health(model.name)


def test_refused_configuration_leaves_the_old_one_serving(model: Model, tmp_path: Path) -> None:
    model.publish()
    before = contents(model.gateway)
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("not a certificate")
    broken = model.gateway.model_copy(update={"ca_bundle": str(nonsense)})
    upstreams = [Upstream(AWS, "2.0.0", "https://127.0.0.1:9/score", BearerToken("s3cr3t-token"))]
    with pytest.raises(Rejected, match=r"ca\.pem|certificate") as refusal:
        broken.publish(model.route({AWS: 1}), upstreams)
    assert "s3cr3t-token" not in str(refusal.value)
    assert contents(model.gateway) == before
    assert model.infer().headers["x-intermodal-version"] == "1.0.0"
    model.publish({GCP: 1})
    assert target_of(model.infer()) == GCP


def test_publish_without_envoy_writes_nothing(tmp_path: Path) -> None:
    port = free_port()
    write_bootstrap(tmp_path, free_port(), port)
    gateway = EnvoyGateway(directory=str(tmp_path), url="http://127.0.0.1:1", admin_url=f"http://127.0.0.1:{port}")
    before = contents(gateway)
    model = Model(gateway, "flight_delay", {AWS: FakeUpstream()})
    with pytest.raises(Unavailable, match="intermodal up"):
        model.publish()
    assert contents(gateway) == before
    model.fakes[AWS].close()


def test_publish_to_an_envoy_of_another_directory_is_refused(model: Model, tmp_path: Path) -> None:
    write_bootstrap(tmp_path, free_port(), free_port())
    elsewhere = model.gateway.model_copy(update={"directory": str(tmp_path), "take_seconds": 0.3})
    before = contents(elsewhere)
    with pytest.raises(Unavailable, match="did not take"):
        elsewhere.publish(model.route(), model.upstreams())
    assert contents(elsewhere) == before


def test_publishers_at_once_keep_each_others_routes(gateway: EnvoyGateway) -> None:
    fake = FakeUpstream()
    models = [Model(gateway, f"rival_{number}", {AWS: fake}) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda model: model.publish(), models))
    assert {model.name for model in models} <= set(gateway.models())
    assert [model.infer().status_code for model in models] == [200] * 4
    for model in models:
        gateway.withdraw(model.name)
    fake.close()


class Killed(BaseException):
    """Stands for SIGKILL: nothing may run after it."""


@pytest.mark.parametrize("survives", range(1, 6))
def test_publish_killed_between_any_writes_leaves_a_working_route(
    model: Model, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    model.credentials = {AWS: BearerToken("one")}
    model.publish()
    model.version, real = "2.0.0", files.write
    written: list[str] = []
    model.credentials = {AWS: BearerToken("two")}

    def write(path: Path, text: str) -> bool:
        if len(written) >= survives:
            raise Killed
        written.append(path.name)
        return real(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", write)
        patch.setattr(files, "put_back", lambda _path, _text: None)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Killed):
            model.publish()
    assert model.infer().headers["x-intermodal-version"] in ("1.0.0", "2.0.0")
    model.publish()
    assert model.infer().headers["x-intermodal-version"] == "2.0.0"
    assert len(list((Path(model.gateway.directory) / "secrets").iterdir())) == 1


def test_publish_removes_what_killed_writers_left(model: Model) -> None:
    folder, long_ago = Path(model.gateway.directory), time.time() - 2 * files.LEFTOVER_SECONDS
    old = [folder / ".clusters.json.abcdefgh", folder / "routes" / ".m.json.abcdefgh"]
    fresh = folder / ".entrance.json.abcdefgh"
    for path in (*old, fresh):
        path.write_text("half")
    for path in old:
        os.utime(path, (long_ago, long_ago))
    model.publish()
    assert [path for path in old if path.exists()] == []
    assert fresh.exists()


def test_what_cannot_be_retired_now_goes_later_and_the_new_route_counts(
    model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def silent(*_: object) -> None:
        raise Unavailable("Envoy does not say")

    def versions() -> set[str]:
        clusters = json.loads(contents(model.gateway)["clusters.json"])["resources"]
        return {cluster["name"] for cluster in clusters if cluster["name"].startswith(f"{model.name}/")}

    model.publish()
    old, model.version = versions(), "2.0.0"
    with monkeypatch.context() as patch:
        patch.setattr(Admin, "wait_idle", silent)
        model.publish()
    assert model.infer().headers["x-intermodal-version"] == "2.0.0"
    assert "until something is published: Envoy does not say" in caplog.text
    assert old < versions()
    model.publish()
    hosted = {name for name in old if not is_order(name)}  # an order may still have requests to try again
    assert not hosted & versions()


def test_restarted_envoy_serves_the_published_routes(tmp_path: Path) -> None:
    fake = FakeUpstream()
    for _ in range(2):
        with running(tmp_path) as gateway:
            model = Model(gateway, "flight_delay", {AZURE: fake})
            if not gateway.models():
                model.publish()
            until(lambda: model.infer().status_code == 200)  # noqa: B023
    fake.close()


def test_files_are_only_for_their_owner(model: Model) -> None:
    model.credentials = {AWS: BearerToken("one")}
    model.publish()
    folder = Path(model.gateway.directory)
    for path in [*folder.glob("*.json"), *folder.glob("*/*")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for path in (folder / "secrets", folder / "upstreams"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("url", "says"),
    [("not a url", "no usable URL"), ("ftp://host/x", "no usable URL"), ("http://h:99999/", "no usable URL")],
)
def test_wrong_upstream_is_refused_before_any_write(model: Model, url: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        model.gateway.publish(model.route({AWS: 1}), [Upstream(AWS, "1.0.0", url)])
    with pytest.raises(SpecError, match="no upstream there"):
        model.gateway.publish(model.route({AWS: 1}), [])


def test_state_and_metadata_carry_no_secret(model: Model) -> None:
    model.credentials = {AWS: BearerToken("s3cr3t-token")}
    model.publish()
    for name, text in contents(model.gateway).items():
        assert name.startswith("secrets/") or b"s3cr3t-token" not in text
    dump = httpx.get(f"{model.gateway.admin_url}/config_dump").text
    assert "s3cr3t-token" not in dump
    assert json.loads(dump)
    assert "s3cr3t-token" not in repr(model.upstreams())


def test_health_has_all_models_and_follows_what_others_publish(model: Model) -> None:
    other = Model(model.gateway, f"{model.name}_other", model.fakes)
    reader = model.gateway.model_copy()
    model.publish({AWS: 1})
    other.publish({AWS: 1, GCP: 1, AZURE: 0})
    assert {name: reader.health()[name] for name in (model.name, other.name)} == {
        model.name: {AWS: True},
        other.name: {AWS: True, GCP: True, AZURE: True},
    }
    other.gateway.publish(other.route({GCP: 1}), [upstream for upstream in other.upstreams() if upstream.target == GCP])
    assert reader.health()[other.name] == {GCP: True}
    assert reader.upstream_health(other.name) == {GCP: True}
    other.gateway.withdraw(other.name)
    assert other.name not in reader.health()
    assert other.name not in reader.models()


def test_damaged_route_hides_no_other_and_is_not_overwritten(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    other = Model(model.gateway, f"{model.name}_other", model.fakes)
    model.publish({AWS: 1})
    other.publish({GCP: 1})
    written = Path(model.gateway.directory) / "routes" / f"{other.name}.json"
    sound = written.read_text()
    files.write(written, "{")
    assert other.gateway.route(other.name) is not None  # by its spare
    model.publish({AWS: 1})
    assert other.infer().status_code == 200
    for file in (written, state.spare_of(written)):
        files.write(file, sound.replace('"region"', '"field_of_a_newer_version"'))
    health = model.gateway.health()
    assert (health[model.name], other.name in health) == ({AWS: True}, False)
    assert f"{other.name}.json is damaged" in caplog.text
    assert {model.name, other.name} <= set(model.gateway.models())
    for call in (lambda: other.gateway.route(other.name), lambda: model.publish({AWS: 1, GCP: 1})):
        with pytest.raises(IntermodalError, match=r"_other\.json is damaged"):
            call()
    assert other.infer().status_code == 200
    files.write(written, sound)
    assert model.gateway.health()[other.name] == {GCP: True}
    files.write(written, "{")
    other.gateway.withdraw(other.name)
    assert other.infer().status_code == 404
    model.publish({AWS: 1, GCP: 1})
