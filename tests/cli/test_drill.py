"""Drills from the command line: bounded, waited for, and ended by Ctrl-C."""

from typing import Any

import pytest

from intermodal.sandbox.settings import free_port
from tests.cli.run import run


def test_drill_interrupted_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []

    def interrupted(*_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_, **__: "run-1")
    monkeypatch.setattr("intermodal.resources.dagster_client.wait", interrupted)
    monkeypatch.setattr("intermodal.resources.dagster_client.stop", lambda _, run_id: stopped.append(run_id))
    result = run(monkeypatch, "drill", "outage", "aws")
    assert result.exit_code == 1
    assert stopped == ["run-1"]


def test_drill_waits_as_long_as_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    found = {"reasons": "0 of 9 requests failed.", "requests": 9}
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_, **__: "run-1")
    monkeypatch.setattr("intermodal.resources.dagster_client.wait", lambda _url, _run, seconds: waited.append(seconds))
    monkeypatch.setattr("intermodal.resources.dagster_client.metadata", lambda *_: found)
    for passed in (True, False, None):
        monkeypatch.setattr("intermodal.resources.dagster_client.check_passed", lambda *_, result=passed: result)
        result = run(monkeypatch, "drill", "brownout", "gcp", "--seconds", "1800")
        assert (result.exit_code == 0) == bool(passed)
    assert waited == [2100] * 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("outage", "oracle"), "No adapter provides the cloud 'oracle'. Installed: aws, azure, gcp, onprem."),
        (("outage", "aws/"), "'aws/' is not a target. Write cloud/kind"),
        (("outage", "aws@EU"), "'aws@EU' is not a site. Write cloud or cloud@region"),
        (("flood", "aws"), "'outage', 'brownout', 'throttle', 'corrupt'"),
        (("--help",), "--model TEXT The model whose requests"),
    ],
)
def test_drill_names_what_there_is(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str) -> None:
    assert words in " ".join(run(monkeypatch, "drill", *arguments).output.split())


def test_drill_with_a_dead_webserver_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_, **__: "run-1")
    port = str(free_port())
    result = run(monkeypatch, "drill", "outage", "aws", INTERMODAL_UI_PORT=port)
    assert result.exit_code == 1
    assert "Dagster does not return the status of run run-1" in result.output
    assert f"http://127.0.0.1:{port}/runs/run-1" in result.output.replace("\n", "")


@pytest.mark.parametrize("option", [("--rate", "-5"), ("--rate", "0"), ("--seconds", "nan"), ("--seconds", "1e9")])
def test_drill_without_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, option: tuple[str, str]) -> None:
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_: pytest.fail("it was launched"))
    assert run(monkeypatch, "drill", "outage", "aws", *option).exit_code == 2


@pytest.mark.parametrize("scope", ["aws/sagemaker", "aws/sagemaker@eu-west-1", "aws@default", "aws@eu-west-1", "gcp"])
def test_drill_passes_its_scope_to_the_run(monkeypatch: pytest.MonkeyPatch, scope: str) -> None:
    configs: list[dict[str, object]] = []

    def launch(_url: str, job: str, _tags: object, config: Any, _patience: float) -> str:
        configs.append(config["ops"]["m__drill"]["config"])
        return job

    monkeypatch.setattr("intermodal.resources.dagster_client.launch", launch)
    monkeypatch.setattr("intermodal.resources.dagster_client.wait", lambda *_: None)
    monkeypatch.setattr("intermodal.resources.dagster_client.metadata", lambda *_: {"reasons": "well"})
    monkeypatch.setattr("intermodal.resources.dagster_client.check_passed", lambda *_: True)
    assert run(monkeypatch, "drill", "outage", scope, "--model", "m").exit_code == 0
    assert [(config["kind"], config["target"]) for config in configs] == [("outage", scope)]
