"""Drills from the command line: bounded, waited for, and ended by Ctrl-C."""

import pytest

from intermodal.sandbox.settings import free_port
from tests.cli.run import run


def test_ctrl_c_at_a_drill_ends_the_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []

    def interrupted(*_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_, **__: "run-1")
    monkeypatch.setattr("intermodal.resources.dagster_client.wait", interrupted)
    monkeypatch.setattr("intermodal.resources.dagster_client.stop", lambda _, run_id: stopped.append(run_id))
    result = run(monkeypatch, "drill", "outage", "aws")
    assert result.exit_code == 1
    assert stopped == ["run-1"]


def test_a_drill_is_waited_for_as_long_as_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    found = {"passed": True, "reasons": "0 of 9 requests failed.", "requests": 9}
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_, **__: "run-1")
    monkeypatch.setattr("intermodal.resources.dagster_client.wait", lambda _url, _run, seconds: waited.append(seconds))
    monkeypatch.setattr("intermodal.resources.dagster_client.metadata", lambda *_: found)
    assert run(monkeypatch, "drill", "brownout", "gcp", "--seconds", "1800").exit_code == 0
    assert waited == [2100]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("outage", "oracle"), "'aws', 'gcp', 'azure'"),
        (("flood", "aws"), "'outage', 'brownout', 'throttle', 'corrupt'"),
        (("--help",), "--model TEXT Whose requests"),
    ],
)
def test_a_drill_says_what_there_is(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str) -> None:
    assert words in " ".join(run(monkeypatch, "drill", *arguments).output.split())


def test_a_webserver_that_dies_during_a_drill_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_, **__: "run-1")
    port = str(free_port())
    result = run(monkeypatch, "drill", "outage", "aws", INTERMODAL_UI_PORT=port)
    assert result.exit_code == 1
    assert "Dagster does not say how run run-1 is going" in result.output
    assert f"http://127.0.0.1:{port}/runs/run-1" in result.output.replace("\n", "")


@pytest.mark.parametrize("option", [("--rate", "-5"), ("--rate", "0"), ("--seconds", "nan"), ("--seconds", "1e9")])
def test_a_drill_without_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, option: tuple[str, str]) -> None:
    monkeypatch.setattr("intermodal.resources.dagster_client.launch", lambda *_: pytest.fail("it was launched"))
    assert run(monkeypatch, "drill", "outage", "aws", *option).exit_code == 2
