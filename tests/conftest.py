"""What holds for every test: loopback only, fake credentials, a DAGSTER_HOME of its own for each worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import loopback

# A timing is never asserted in a test, and a deadline is one: the machine may be busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

FAKE_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAFAKEFAKEFAKEFAKE",
    "AWS_SECRET_ACCESS_KEY": "fake-secret-key-for-tests-only",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_CLIENT_SECRET": "fake",
    "AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000002",
    "GOOGLE_CLOUD_PROJECT": "intermodal-tests",
    "NO_GCE_CHECK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "DAGSTER_DISABLE_TELEMETRY": "true",
}


@pytest.fixture(autouse=True, scope="session")
def _alone_on_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        loopback.install(patch)
        for name, value in FAKE_CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster-home")))
        patch.setenv("INTERMODAL_HOME", str(tmp_path_factory.mktemp("intermodal-home")))
        yield


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty INTERMODAL_HOME for one test."""
    return tmp_path
