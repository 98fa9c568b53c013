"""The port rule and the identity, by each cloud's variables."""

import pytest

from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from intermodal.serving.errors import StartError
from intermodal.serving.settings import PORTS, Identity, Settings


def test_without_any_variable() -> None:
    assert Settings.of({}) == Settings(8080, MAX_BODY_BYTES, "", "", Identity("0.0.0", "", ""))


def test_the_prediction_log_has_a_place_and_a_share() -> None:
    assert (Settings().predictions, Settings.of({"INTERMODAL_PREDICTIONS": ""}).predictions) == ("", "")
    found = Settings.of({"INTERMODAL_PREDICTIONS": "gs://b", "INTERMODAL_PREDICTIONS_SAMPLE": "0.25"})
    assert (found.predictions, found.sample) == ("gs://b", 0.25)
    assert Settings.of({"INTERMODAL_PREDICTIONS": "gs://b"}).sample == 1
    assert Settings.of({}).rows_per_second == ROWS_PER_SECOND
    assert Settings.of({"INTERMODAL_PREDICTIONS_ROWS_PER_SECOND": "5"}).rows_per_second == 5


@pytest.mark.parametrize("text", ["x", "1.01", "-0.1", "nan", "inf"])
def test_a_bad_share_names_its_variable(text: str) -> None:
    with pytest.raises(StartError, match=r"INTERMODAL_PREDICTIONS_SAMPLE is '.*'. Set it to a number from 0 to 1"):
        Settings.of({"INTERMODAL_PREDICTIONS_SAMPLE": text})


def test_sensitive_columns_have_names() -> None:
    assert Settings.of({}).sensitive == ()
    assert Settings.of({"INTERMODAL_PREDICTIONS_SENSITIVE": '["a, b", "c"]'}).sensitive == ("a, b", "c")


@pytest.mark.parametrize("text", ["postcode", '["a"', '"a"', "[1]", "{}"])
def test_sensitive_columns_that_are_no_list_of_names_name_their_variable(text: str) -> None:
    with pytest.raises(StartError, match=r"INTERMODAL_PREDICTIONS_SENSITIVE holds no names. Set it to a JSON list"):
        Settings.of({"INTERMODAL_PREDICTIONS_SENSITIVE": text})


def test_the_first_port_that_is_set_wins() -> None:
    environment = {name: str(9000 + i) for i, name in enumerate(PORTS)}
    for i, name in enumerate(PORTS):
        assert Settings.of(environment).port == 9000 + i
        environment[name] = ""
    assert Settings.of(environment).port == 8080
    assert Settings.of({"PORT": "x"}, port=0).port == 0


@pytest.mark.parametrize("text", ["x", "0", "70000", "-1", "8080 ", "٣", "9" * 5000])
def test_a_bad_port_names_its_variable(text: str) -> None:
    with pytest.raises(StartError, match=r"AIP_HTTP_PORT is '.*'. Set it to a whole number from 1 to 65535"):
        Settings.of({"AIP_HTTP_PORT": text})


def test_what_vertex_and_the_platform_say() -> None:
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
    assert settings == Settings(8080, 6_000_000, "/health", "/v1/endpoints/1:predict", identity)


@pytest.mark.parametrize(
    "environment",
    [{"AIP_PREDICT_ROUTE": "predict"}, {"INTERMODAL_VERSION": "1\r\nx: y"}, {"INTERMODAL_MAX_BODY_BYTES": "0"}],
)
def test_other_bad_values_name_their_variable(environment: dict[str, str]) -> None:
    (name,) = environment
    with pytest.raises(StartError, match=name):
        Settings.of(environment)
