"""The command line in a process of its own making: no setting of another test's is left."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.resources.storage.incidents import JsonIncidents
from tests.targets import AWS, GCP


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """The command line sets what adapters read; other tests must not see it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def incidents(tmp_path: Path) -> JsonIncidents:
    """Of the installation in ``tmp_path``: one is open, and one is over."""
    store = JsonIncidents(address=str(tmp_path / "incidents"))
    store.open(Incident("m-aws.sagemaker-1700000000", "m", AWS, 1_700_000_000))
    store.note("m-aws.sagemaker-1700000000", Entry(1_700_000_002, "detected", "0", "aws/sagemaker cannot serve m"))
    store.note("m-aws.sagemaker-1700000000", Entry(1_700_000_003, "drained", "0", "no traffic to [aws]"))
    store.open(Incident("m-gcp.cloud-run-1600000000", "m", GCP, 1_600_000_000))
    store.close("m-gcp.cloud-run-1600000000", 1_600_000_009)
    return store
