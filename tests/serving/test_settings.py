"""The settings that the environment of a container gives."""

import pytest

from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from intermodal.serving.contract import PORTS
from intermodal.serving.errors import StartError
from intermodal.serving.settings import Identity, Settings


def test_settings_empty_environment_gives_defaults() -> None:
    assert Settings.of({}) == Settings()
    default = Settings()
    assert (default.port, default.max_body_bytes, default.identity) == (8080, MAX_BODY_BYTES, Identity("0.0.0", "", ""))
    assert (default.health_routes, default.predict_routes) == (("/ping",), ("/invocations", "/score"))
    assert default.request_id_headers == (b"x-request-id", b"x-amzn-sagemaker-custom-attributes")
    assert default.fast_path


def test_settings_prediction_log_address_and_sample_are_read() -> None:
    assert (Settings().predictions, Settings.of({"INTERMODAL_PREDICTIONS": ""}).predictions) == ("", "")
    found = Settings.of({"INTERMODAL_PREDICTIONS": "gs://b", "INTERMODAL_PREDICTIONS_SAMPLE": "0.25"})
    assert (found.predictions, found.sample) == ("gs://b", 0.25)
    assert Settings.of({"INTERMODAL_PREDICTIONS": "gs://b"}).sample == 1
    assert Settings.of({}).rows_per_second == ROWS_PER_SECOND
    assert Settings.of({"INTERMODAL_PREDICTIONS_ROWS_PER_SECOND": "5"}).rows_per_second == 5


@pytest.mark.parametrize("text", ["x", "1.01", "-0.1", "nan", "inf"])
def test_settings_invalid_share_names_variable(text: str) -> None:
    with pytest.raises(StartError, match=r"INTERMODAL_PREDICTIONS_SAMPLE is '.*'. Set it to a number from 0 to 1"):
        Settings.of({"INTERMODAL_PREDICTIONS_SAMPLE": text})


def test_settings_sensitive_columns_are_read() -> None:
    assert Settings.of({}).sensitive == ()
    assert Settings.of({"INTERMODAL_PREDICTIONS_SENSITIVE": '["a, b", "c"]'}).sensitive == ("a, b", "c")


@pytest.mark.parametrize("text", ["postcode", '["a"', '"a"', "[1]", "{}"])
def test_settings_invalid_sensitive_list_names_variable(text: str) -> None:
    with pytest.raises(StartError, match=r"INTERMODAL_PREDICTIONS_SENSITIVE holds no names. Set it to a JSON list"):
        Settings.of({"INTERMODAL_PREDICTIONS_SENSITIVE": text})


def test_settings_first_port_variable_wins() -> None:
    environment = {rule.name: str(9000 + i) for i, rule in enumerate(PORTS)}
    for i, rule in enumerate(PORTS):
        assert Settings.of(environment).port == 9000 + i
        environment[rule.name] = ""
    assert Settings.of(environment).port == 8080
    assert Settings.of({"PORT": "x"}, port=0).port == 0


@pytest.mark.parametrize("text", ["x", "0", "70000", "-1", "8080 ", "٣", "9" * 5000])
def test_settings_invalid_port_names_variable(text: str) -> None:
    with pytest.raises(StartError, match=r"AIP_HTTP_PORT is '.*'. Set it to a whole number from 1 to 65535"):
        Settings.of({"AIP_HTTP_PORT": text})


def test_settings_routes_and_identity_are_read() -> None:
    settings = Settings.of(
        {
            "AIP_HEALTH_ROUTE": "/health",
            "AIP_PREDICT_ROUTE": "/v1/endpoints/1:predict",
            "INTERMODAL_VERSION": "2.0.1",
            "INTERMODAL_CLOUD": "gcp",
            "INTERMODAL_TARGET": "gcp/cloud-run",
            "INTERMODAL_MAX_BODY_BYTES": "6000000",
        }
    )
    identity = Identity("2.0.1", "gcp", "gcp/cloud-run")
    routes = ("/ping", "/health"), ("/invocations", "/score", "/v1/endpoints/1:predict")
    assert settings == Settings(8080, 6_000_000, *routes, identity)


@pytest.mark.parametrize(
    "environment",
    [
        {"AIP_PREDICT_ROUTE": "predict"},
        {"INTERMODAL_VERSION": "1\r\nx: y"},
        {"INTERMODAL_MAX_BODY_BYTES": "0"},
        {"INTERMODAL_FAST_PATH": "no"},
        {"INTERMODAL_PROCESSES": "0"},
        {"INTERMODAL_PROCESSES": "all"},
        {"INTERMODAL_UNSIGNED": "yes"},
        {"INTERMODAL_REQUEST_ID_HEADER": "x-id: 7"},
        {"INTERMODAL_REQUEST_ID_HEADER": "x id"},
    ],
)
def test_settings_invalid_value_names_variable(environment: dict[str, str]) -> None:
    (name,) = environment
    with pytest.raises(StartError, match=name):
        Settings.of(environment)


def test_settings_id_headers_named_come_before_the_contracts() -> None:
    found = Settings.of({"INTERMODAL_REQUEST_ID_HEADER": " X-Correlation-Id, x-ms-client-request-id,"})
    named = (b"x-correlation-id", b"x-ms-client-request-id")
    assert found.request_id_headers == (*named, *Settings().request_id_headers)


@pytest.mark.parametrize(("text", "on"), [("", True), ("1", True), ("0", False)])
def test_settings_fast_path_switch_is_read(text: str, on: bool) -> None:
    assert Settings.of({"INTERMODAL_FAST_PATH": text}).fast_path is on
