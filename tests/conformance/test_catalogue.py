"""Every entry point keeps the catalogue's promises and has a fixture in the conformance suites."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from intermodal.platform import catalogue
from intermodal.platform.targets import Feature, Limits
from tests.conformance.endpoint_target import require
from tests.conformance.fixtures import fixtures

TARGETS, STORES = catalogue.names("targets"), catalogue.names("object_stores")
BILLS = catalogue.names("bills")
SDKS = (
    "boto3",
    "botocore",
    "google.cloud",
    "google.auth",
    "googleapiclient",
    "azure.mgmt",
    "azure.identity",
    "kubernetes",
    "mlflow",
)
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
HEADER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(-?\*)?")


@pytest.mark.parametrize("name", TARGETS)
def test_target_has_a_fixture_in_each_suite(name: str) -> None:
    assert name in fixtures("EndpointTargetConformance"), f"{name}: no test class inherits EndpointTargetConformance"
    if Feature.MONITOR not in catalogue.load("targets", name).lacks:
        assert name in fixtures("MonitorConformance"), f"{name}: no test class inherits MonitorConformance"


@pytest.mark.parametrize("name", STORES)
def test_object_store_has_a_fixture(name: str) -> None:
    assert name in fixtures("ObjectStoreConformance"), f"{name}: no test class inherits ObjectStoreConformance"


@pytest.mark.parametrize("name", BILLS)
def test_bills_adapter_has_a_fixture(name: str) -> None:
    assert name in fixtures("BillsConformance"), f"{name}: no test class inherits BillsConformance"
    adapter = catalogue.bills_adapter(name)
    _require_kinds(adapter.kinds)
    assert isinstance(adapter.extra, str)
    assert adapter.of("here", "/bills").source == "here"


def test_fixtures_are_found_by_their_entry_point(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text('class TestOne(Suite):\n    adapter: ClassVar[str] = "a/b"\n')
    (tmp_path / "test_two.py").write_text("class TestTwo(Suite):\n    pass\n\nclass TestOther:\n    adapter = 'x'\n")
    assert fixtures("Suite", tmp_path) == {"a/b": "test_one.py::TestOne"}
    assert fixtures("Another", tmp_path) == {}


def test_skip_of_a_lacking_feature_has_the_adapters_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = catalogue.load("targets", "aws/sagemaker")
    require("aws/sagemaker", Feature.MONITOR)
    monkeypatch.setattr(adapter, "lacks", {Feature.MONITOR: "its monitor is closed on Sundays"})
    with pytest.raises(pytest.skip.Exception, match="aws/sagemaker: its monitor is closed on Sundays"):
        require("aws/sagemaker", Feature.MONITOR)


@pytest.mark.parametrize("name", TARGETS)
def test_target_declares_what_the_catalogue_reads(name: str) -> None:
    adapter = catalogue.load("targets", name)
    cloud, _, kind = name.partition("/")
    assert NAME.fullmatch(cloud)
    assert NAME.fullmatch(kind)
    assert cloud in STORES, f"{name}: its cloud has no object store"
    _require_kinds(adapter.kinds)
    assert isinstance(adapter.extra, str)
    assert isinstance(adapter.default, bool)
    assert isinstance(adapter.limits, Limits)
    for limit, value in vars(adapter.limits).items():
        assert value > 0, limit
    assert all(isinstance(feature, Feature) and len(reason) > 10 for feature, reason in adapter.lacks.items())
    assert isinstance(adapter.reserved_headers, tuple)
    assert all(HEADER.fullmatch(header) for header in adapter.reserved_headers)
    assert callable(adapter.of)


@pytest.mark.parametrize("cloud", STORES)
def test_object_store_declares_what_the_catalogue_reads(cloud: str) -> None:
    adapter = catalogue.load("object_stores", cloud)
    assert NAME.fullmatch(adapter.kind)
    _require_kinds(adapter.kinds)
    assert isinstance(adapter.extra, str)
    assert catalogue._is_present(adapter.package)
    assert callable(adapter.of)
    assert callable(adapter.missing)


def _require_kinds(kinds: object) -> None:
    assert isinstance(kinds, frozenset)
    assert kinds
    assert all(isinstance(kind, str) and kind == kind.lower() for kind in kinds)


def test_mirror_kinds_of_clouds_differ() -> None:
    """They are asset keys: two clouds with one kind would be one asset."""
    assert len({catalogue.load("object_stores", cloud).kind for cloud in STORES}) == len(STORES)


def test_every_cloud_of_a_default_target_has_one() -> None:
    defaults = [name for name in TARGETS if catalogue.load("targets", name).default]
    assert len({name.partition("/")[0] for name in defaults}) == len(defaults)


@pytest.mark.parametrize(("group", "names"), [("targets", TARGETS), ("object_stores", STORES), ("bills", BILLS)])
def test_import_of_every_adapter_imports_no_sdk(group: str, names: tuple[str, ...]) -> None:
    script = f"""
import json, sys
from intermodal.platform import catalogue
for name in {names!r}:
    catalogue.load({group!r}, name)
print(json.dumps(sorted(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    modules = json.loads(run.stdout.splitlines()[-1])
    assert [name for name in modules if any(name == sdk or name.startswith(f"{sdk}.") for sdk in SDKS)] == []


def test_names_are_known_without_an_import() -> None:
    script = """
import json, sys
from intermodal.platform import catalogue
catalogue.names("targets"), catalogue.names("object_stores")
print(json.dumps([name for name in sys.modules if name.startswith("intermodal.resources")]))
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert json.loads(run.stdout) == []
