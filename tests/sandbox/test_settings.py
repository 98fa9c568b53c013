"""Ports, faults and state: what people set, and what survives."""

import random
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.sandbox.faults import Faults
from intermodal.sandbox.settings import Settings, free_port, require_free
from intermodal.sandbox.state import State


def test_home_and_ports_come_from_the_environment(tmp_path: Path) -> None:
    settings = Settings.read({"INTERMODAL_HOME": str(tmp_path), "INTERMODAL_AWS_PORT": "4999"})
    assert (settings.home, settings.ports.aws, settings.ports.gcp) == (tmp_path, 4999, 4520)


@pytest.mark.parametrize("text", ["", "http", "0", "65536", "-1", "80.5"])
def test_invalid_port_names_the_setting(text: str) -> None:
    with pytest.raises(IntermodalError, match="INTERMODAL_UI_PORT"):
        Settings.read({"INTERMODAL_UI_PORT": text})


def test_port_in_use_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(IntermodalError, match=f"{port}.*gateway.*INTERMODAL_GATEWAY_PORT"):
            require_free("gateway", port)


def test_free_port_is_free() -> None:
    require_free("gateway", free_port())


@pytest.mark.parametrize(
    "wrong", [{"eror_rate": 1}, {"error_rate": 2}, {"throttle_rate": -0.1}, {"latency_ms": -1}, {"scope": "moon"}]
)
def test_unknown_fault_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SpecError):
        Faults.from_dict(wrong)


@given(st.floats(0, 1), st.floats(0, 1), st.booleans(), st.sampled_from(["all", "api", "storage", "endpoints"]))
def test_faults_read_back_what_they_write(errors: float, throttled: float, refuse: bool, scope: str) -> None:
    faults = Faults(error_rate=errors, throttle_rate=throttled, refuse=refuse, scope=scope)  # type: ignore[arg-type]
    assert Faults.from_dict(faults.to_dict()) == faults


def test_rate_of_one_fails_each_request_and_of_zero_none() -> None:
    dice = random.Random(1)
    assert {Faults(error_rate=1).strikes("api", dice) for _ in range(50)} == {"unavailable"}
    assert {Faults(throttle_rate=1).strikes("api", dice) for _ in range(50)} == {"throttled"}
    assert {Faults().strikes("api", dice) for _ in range(50)} == {None}


def test_fault_with_a_scope_spares_other_surfaces() -> None:
    faults = Faults(refuse=True, latency_ms=100, scope="storage")
    assert faults.strikes("endpoints", random.Random()) is None
    assert faults.delay_seconds("endpoints") == 0
    assert faults.delay_seconds("storage") == 0.1


def test_state_survives_and_a_crash_while_saving_keeps_the_old(tmp_path: Path) -> None:
    state = State(tmp_path / "aws" / "state.json")
    state.table("endpoints")["a"] = {"status": "InService"}
    state.save()
    (tmp_path / "aws" / "state.new").write_text('{"endpo')
    assert State(tmp_path / "aws" / "state.json").table("endpoints") == {"a": {"status": "InService"}}
