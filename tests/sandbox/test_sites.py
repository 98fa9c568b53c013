"""Which sites run, where they listen, and what adapters read of them."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.targets import Site
from intermodal.resources.settings import regional_variable
from intermodal.sandbox import clouds
from intermodal.sandbox.local import services
from intermodal.sandbox.processes import Programs
from intermodal.sandbox.settings import EMULATED, REGION_PORTS, Ports, Settings, free_port, port_variable, regional

AWS, GCP, AZURE, EU = Site("aws"), Site("gcp"), Site("azure"), Site("aws", "eu-west-1")


def read(home: Path, **environ: str) -> Settings:
    return Settings.read({"INTERMODAL_HOME": str(home), **environ})


@pytest.mark.parametrize(
    ("sites", "clouds", "found"),
    [
        ("", "", [AWS, GCP, AZURE]),
        ("", "gcp,aws", [AWS, GCP]),
        ("aws,aws@eu-west-1 gcp", "", [AWS, EU, GCP]),
        ("aws@eu-west-1", "", [AWS, EU]),
        ("aws@default,aws", "", [AWS]),
        ("aws@eu-west-1,gcp", "gcp", [GCP]),
    ],
)
def test_read_sites_are_those_stated_of_enabled_clouds(
    tmp_path: Path, sites: str, clouds: str, found: list[Site]
) -> None:
    settings = read(tmp_path, INTERMODAL_SANDBOX_SITES=sites, INTERMODAL_CLOUDS=clouds)
    assert list(settings.sites) == found


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"INTERMODAL_SANDBOX_SITES": "oracle"}, "does not emulate 'oracle'.*aws, gcp, azure"),
        ({"INTERMODAL_SANDBOX_SITES": "aws/sagemaker"}, "not a site"),
        ({"INTERMODAL_SANDBOX_SITES": "gcp@europe-west1"}, "runs gcp in one region, not in gcp@europe-west1"),
        ({"INTERMODAL_CLOUDS": "awz"}, "INTERMODAL_CLOUDS names awz, which no adapter provides"),
    ],
)
def test_read_with_an_unknown_site_is_refused(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        read(tmp_path, **environ)


def test_read_cloud_of_a_plug_in_stays_enabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intermodal.sandbox.settings.names", lambda _: ("aws", "lab"))
    settings = read(tmp_path, INTERMODAL_CLOUDS="lab,aws")
    assert settings.sites == (AWS,)
    assert services.variables(settings)["INTERMODAL_CLOUDS"] == "aws,lab"


def test_read_port_of_a_region_stays_the_same(tmp_path: Path) -> None:
    sites = {"INTERMODAL_SANDBOX_SITES": "aws@eu-west-1,aws@eu-west-2"}
    first = read(tmp_path, **sites)
    assert read(tmp_path, **sites) == first
    assert len(set(first.region_ports.values()) & set(REGION_PORTS)) == 2
    stated = read(tmp_path, **sites, INTERMODAL_AWS_EU_WEST_1_PORT="4999")
    assert stated.port(EU) == 4999
    assert stated.port(Site("aws", "eu-west-2")) == first.port(Site("aws", "eu-west-2"))
    with pytest.raises(IntermodalError, match="INTERMODAL_AWS_EU_WEST_1_PORT is 'x'"):
        read(tmp_path, **sites, INTERMODAL_AWS_EU_WEST_1_PORT="x")


def test_read_without_regions_writes_nothing(tmp_path: Path) -> None:
    read(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_site_process_reads_the_settings_of_its_parent(tmp_path: Path) -> None:
    settings = replace(Settings(tmp_path, Ports(aws=4999), (AWS, EU)), region_ports={EU: 4998})
    assert Settings.read(clouds._own_variables(settings)) == settings


@pytest.mark.parametrize(
    ("scope", "sites", "kind"),
    [
        ("aws", (AWS, EU), ""),
        ("aws@default", (AWS,), ""),
        ("aws@eu-west-1", (EU,), ""),
        ("gcp", (GCP,), ""),
        ("aws/sagemaker", (AWS,), "sagemaker"),
        ("aws/sagemaker@eu-west-1", (EU,), "sagemaker"),
    ],
)
def test_select_gives_the_sites_of_a_scope(tmp_path: Path, scope: str, sites: tuple[Site, ...], kind: str) -> None:
    assert Settings(tmp_path, Ports(), (AWS, EU, GCP)).select(scope) == (sites, kind)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("oracle", "No site 'oracle' runs in the sandbox. It runs: aws, gcp, azure."),
        ("aws@eu-west-1", "No site 'aws@eu-west-1' runs in the sandbox."),
        ("aws/eks", "The sandbox emulates no target 'aws/eks'. At aws it emulates: aws/sagemaker, aws/lambda."),
    ],
)
def test_select_of_what_does_not_run_lists_what_does(tmp_path: Path, scope: str, words: str) -> None:
    with pytest.raises(SpecError) as error:
        Settings(tmp_path, Ports()).select(scope)
    assert words in str(error.value)


def test_variables_of_one_cloud_name_no_other(tmp_path: Path) -> None:
    settings = read(tmp_path, INTERMODAL_CLOUDS="aws")
    found = services.variables(settings)
    assert found["INTERMODAL_CLOUDS"] == "aws"
    assert [name for name in found if any(word in name for word in ("GCP", "GOOGLE", "AZURE", "CA_BUNDLE"))] == []
    assert sorted(path.name for path in (tmp_path / "sandbox").iterdir()) == ["aws"]


def test_variables_of_one_cloud_import_no_other(tmp_path: Path) -> None:
    code = (
        "import sys; from intermodal.sandbox.local.services import variables;"
        "from intermodal.sandbox.settings import Settings; variables(Settings.read());"
        "others = ('intermodal.sandbox.gcp', 'intermodal.sandbox.azure');"
        "print([name for name in sys.modules if name.startswith(others)]);"
        "print([name for name in ('google.cloud', 'azure', 'boto3', 'cryptography') if name in sys.modules])"
    )
    environ = {**os.environ, "INTERMODAL_CLOUDS": "aws", "INTERMODAL_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout.split() == ["[]", "[]"]


def test_variables_of_a_region_are_its_own(tmp_path: Path) -> None:
    settings = read(tmp_path, INTERMODAL_SANDBOX_SITES="aws@eu-west-1", INTERMODAL_AWS_EU_WEST_1_PORT="4999")
    found = services.variables(settings)
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4510"
    assert found["AWS_ENDPOINT_URL_EU_WEST_1"] == "http://127.0.0.1:4999"
    assert found["INTERMODAL_AWS_BUCKET_EU_WEST_1"] != found["INTERMODAL_AWS_BUCKET"]
    assert ".eu-west-1." in found["INTERMODAL_AWS_IMAGE_EU_WEST_1"]
    assert found["AWS_REGION"] == "us-east-1"


def test_names_of_variables_are_the_adapters() -> None:
    assert regional("AWS_ENDPOINT_URL", EU) == regional_variable("AWS_ENDPOINT_URL", EU.region)
    assert regional("AWS_ENDPOINT_URL", AWS) == "AWS_ENDPOINT_URL"
    assert port_variable(str(EU)) == "INTERMODAL_AWS_EU_WEST_1_PORT"


def test_emulated_clouds_are_subpackages_with_their_kinds() -> None:
    from intermodal.sandbox.aws import fleet as aws
    from intermodal.sandbox.aws.functions import fleet as functions
    from intermodal.sandbox.azure import fleet as azure
    from intermodal.sandbox.azure.functions import workers
    from intermodal.sandbox.gcp import launch as gcp

    assert EMULATED == {"aws": (aws.KIND, functions.KIND), "gcp": (gcp.KIND,), "azure": (azure.KIND, workers.KIND)}


def test_client_headers_are_those_of_enabled_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_CLOUDS", "aws,azure")
    names, prefixes = services.client_headers()
    assert list(names) == ["azureml-model-deployment"]
    assert list(prefixes) == ["x-amz", "x-arr-", "x-functions-", "x-ms-"]


@pytest.mark.sandbox
def test_up_of_one_cloud_starts_no_other(tmp_path: Path) -> None:
    ports = {port_variable(name): str(free_port()) for name in ("aws", "gcp", "azure", "azure_blob")}
    settings = read(tmp_path, INTERMODAL_CLOUDS="aws", **ports)
    programs = Programs(tmp_path)
    try:
        clouds.up(settings)
        assert programs.names() == ["cloud-aws"]
        assert clouds.answers(settings, AWS)
    finally:
        clouds.down(settings)
    assert programs.names() == []
