"""Prometheus and its company in the sandbox: what is started, what it reads, and what it finds to scrape."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from intermodal.sandbox import containers
from intermodal.sandbox.containers import Container
from intermodal.sandbox.local import monitoring, scrape
from intermodal.sandbox.processes import Programs
from intermodal.sandbox.settings import Ports, Settings
from tests.targets import AWS, AWS_EU, GCP


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, Ports(gateway_admin=1901, prometheus=1902, alertmanager=1903, pushgateway=1904))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which nothing is, until a test puts something there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _install(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch(mode=0o755)


@pytest.mark.usefixtures("installed")
def test_monitoring_without_its_programs_starts_nothing(settings: Settings) -> None:
    assert monitoring.services(settings, {}) == []
    assert set(monitoring.variables(settings, {}).values()) == {""}
    assert monitoring.missing(settings, {}) == ["prometheus", "alertmanager", "pushgateway"]


@pytest.mark.parametrize("prefix", ["", "prometheus-"])
def test_upstreams_names_and_debians_are_found(settings: Settings, installed: Path, prefix: str) -> None:
    _install(installed, "prometheus", f"{prefix}alertmanager", f"{prefix}pushgateway")
    assert [service.port for service in monitoring.services(settings, {})] == [1902, 1903, 1904]
    assert monitoring.missing(settings, {}) == []
    assert monitoring.variables(settings, {}) == {
        "INTERMODAL_PROMETHEUS_URL": "http://127.0.0.1:1902",
        "INTERMODAL_PUSHGATEWAY_URL": "http://127.0.0.1:1904",
    }


def test_address_of_the_user_is_used_and_nothing_is_started(settings: Settings, installed: Path) -> None:
    _install(installed, "prometheus", "alertmanager", "pushgateway")
    own = {"INTERMODAL_PROMETHEUS_URL": "http://127.0.0.1:9999"}
    assert monitoring.variables(settings, own)["INTERMODAL_PROMETHEUS_URL"] == "http://127.0.0.1:9999"
    assert [service.name for service in monitoring.services(settings, own)] == ["pushgateway"]


def test_address_of_the_sandbox_itself_is_not_the_users(settings: Settings, installed: Path) -> None:
    """The command line puts it there for what it starts."""
    _install(installed, "prometheus", "alertmanager", "pushgateway")
    names = [service.name for service in monitoring.services(settings, monitoring.variables(settings, {}))]
    assert names == ["prometheus", "alertmanager", "pushgateway"]


def test_services_listen_on_loopback_only(settings: Settings, installed: Path) -> None:
    _install(installed, "prometheus", "alertmanager", "pushgateway")
    for service in monitoring.services(settings, {}):
        assert f"--web.listen-address=127.0.0.1:{service.port}" in service.command
    assert "--cluster.listen-address=" in monitoring.services(settings, {})[1].command


def test_configuration_is_productions_with_local_addresses(settings: Settings) -> None:
    config = monitoring.prometheus_config(settings)
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert set(jobs) == {"gateway", "pushgateway", "servers"}
    assert jobs["gateway"]["static_configs"][0]["targets"] == ["127.0.0.1:1901"]
    assert jobs["pushgateway"]["static_configs"][0]["targets"] == ["127.0.0.1:1904"]
    assert f"{settings.home}/sandbox/aws/scrape/*.json" in jobs["servers"]["file_sd_configs"][0]["files"]
    assert all(Path(file).is_file() for file in config["rule_files"])


def test_announce_labels_a_server_with_target_and_cloud(tmp_path: Path) -> None:
    listing = scrape.announce(tmp_path / "aws@eu-west-1" / "endpoints" / "flight-delay", 1234, AWS_EU)
    assert listing.parent == tmp_path / "aws@eu-west-1" / "scrape"
    labels = {"target": "aws/sagemaker@eu-west-1", "cloud": "aws"}
    assert json.loads(listing.read_text()) == [{"targets": ["127.0.0.1:1234"], "labels": labels}]


def test_announce_after_a_kill_removes_what_was_left(tmp_path: Path) -> None:
    left = tmp_path / "aws" / "scrape" / "old-99.json"
    left.parent.mkdir(parents=True)
    left.write_text("[]")
    first = scrape.announce(tmp_path / "aws" / "endpoints" / "a", 1, AWS)
    second = scrape.announce(tmp_path / "aws" / "endpoints" / "b", 2, AWS)
    assert sorted(left.parent.iterdir()) == [first, second]


def test_forget_servers_removes_those_of_sites_that_do_not_run(settings: Settings) -> None:
    for target in (AWS, GCP):
        scrape.announce(settings.folder(target.site) / "endpoints" / "a", 1, target)
    programs = Programs(settings.home)
    programs.start("cloud-gcp", [sys.executable, "-c", "import time; time.sleep(60)"], {})
    try:
        monitoring.forget_servers(settings)
    finally:
        programs.stop("cloud-gcp")
    assert [path.parts[-3] for path in settings.home.glob("sandbox/*/scrape/*.json")] == ["gcp"]


@pytest.mark.parametrize("stopped", [True, False])
def test_server_is_scraped_while_it_runs(tmp_path: Path, stopped: bool) -> None:
    """Whether its cloud stops it or it ends by itself."""

    async def life() -> tuple[bool, bool]:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
        listing = scrape.announce(tmp_path / "aws" / "endpoints" / "a", 1, AWS)
        running = Container(process, 1, tmp_path / "log", asyncio.create_task(containers._listed(process, listing)))
        await asyncio.sleep(0)
        before = listing.exists()
        if stopped:
            await running.stop()
        else:
            process.kill()
            assert running.ended is not None
            await running.ended
        return before, listing.exists()

    assert asyncio.run(life()) == (True, False)
