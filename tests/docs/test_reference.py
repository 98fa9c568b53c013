"""The generated reference has everything that the code has, and its examples are valid."""

import re

import click
import pytest
import yaml

from docs.generate import cli, decisions, diagrams, metrics, ports, settings, spec, spec_examples, variables
from docs.generate.markdown import ROOT
from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.spec import ModelSpec

FIELDS = [path for path, _, _ in spec.fields()]


def test_spec_page_has_every_field_of_every_part() -> None:
    page = spec.page()
    assert set(ModelSpec.model_fields) <= set(FIELDS)
    assert {"route.weights", "data.partitions.monthly.start", "drift.psi"} <= set(FIELDS)
    assert [path for path in FIELDS if f"# `{path}` {{" not in page] == []


def test_spec_page_describes_every_field() -> None:
    assert [path for path, field, _ in spec.fields() if not spec.description(path, field)] == []


def test_spec_examples_are_of_the_fields_that_exist() -> None:
    assert set(spec_examples.EXAMPLES) == set(FIELDS)


@pytest.mark.parametrize("path", FIELDS)
def test_spec_example_of_a_field_is_valid_and_names_it(path: str) -> None:
    example = yaml.safe_load(spec_examples.EXAMPLES[path])
    ModelSpec.model_validate({**yaml.safe_load(spec_examples.BASE), **example})
    for part in path.split("."):
        example = example[part]


def test_cli_page_has_every_command_and_option() -> None:
    page = cli.page()
    commands = dict(cli.commands())
    assert {"up", "status", "predict", "drill", "incident close", "withdraw", "sandbox outage"} <= set(commands)
    for name, command in commands.items():
        assert re.search(rf"^##+ intermodal {name}$", page, re.MULTILINE), name
        assert all(
            option in page for found in command.params if isinstance(found, click.Option) for option in found.opts
        )


def test_cli_examples_are_of_commands_that_exist() -> None:
    assert set(cli.EXAMPLES) <= {name for name, _ in cli.commands()}


def test_settings_page_has_every_variable_of_the_source() -> None:
    page = settings.page()
    found = variables.in_source()
    assert {"INTERMODAL_ENV", "INTERMODAL_CLOUDS", "INTERMODAL_AWS_BUCKET"} <= found
    assert sorted(name for name in found if f"| `{name}` |" not in page) == []


def test_settings_page_has_every_field_of_every_cloud() -> None:
    page = settings.page()
    clouds = dict(settings.clouds())
    assert set(clouds) == {"aws", "gcp", "azure", "onprem"}
    names = [str(field.validation_alias) for found in clouds.values() for field in found.model_fields.values()]
    assert [name for name in names if f"| `{name}` |" not in page] == []


def test_settings_page_is_where_errors_say_it_is() -> None:
    hooks = (ROOT / "docs/generate/hooks.py").read_text("utf-8")
    assert f'"{SETTINGS_PAGE.removeprefix("docs/")}": settings.page' in hooks


def test_metrics_page_has_every_alert_and_recording_rule() -> None:
    page = metrics.page()
    rules = (ROOT / "deploy/prometheus/rules/recording.yml").read_text("utf-8")
    names = re.findall(r"record: (\S+)", rules)
    assert names
    assert [name for name in names if f"`{name}`" not in page] == []
    assert [name for name in metrics.alerts() if f"### {name}\n" not in page] == []


def test_metrics_page_has_every_gauge_that_is_pushed() -> None:
    page = metrics.page()
    sources = [file for folder in ("assets", "sensors") for file in (ROOT / folder).rglob("*.py")]
    names = {
        name for file in sources for name in re.findall(r'f?"(intermodal_[a-z0-9_]+)["{]', file.read_text("utf-8"))
    }
    assert "intermodal_drift_psi" in names
    assert sorted(name for name in names if f"`{name}" not in page) == []


def test_ports_page_has_every_protocol() -> None:
    page = ports.page()
    for name in ("EndpointTarget", "Gateway", "Incidents", "ObjectStore", "Notifier", "Metrics", "Targets", "Stores"):
        assert f"### {name} (port)\n" in page


def test_decisions_are_numbered_without_a_gap() -> None:
    found = decisions.decisions()
    assert [decision.number for decision in found] == list(range(1, len(found) + 1))
    assert all(decision.summary for decision in found)
    assert [decision.file for decision in found if int(decision.file[:4]) != decision.number] == []


@pytest.mark.parametrize("name", diagrams.DIAGRAMS)
def test_diagram_file_is_what_the_script_draws(name: str) -> None:
    assert (diagrams.FOLDER / name).read_text("utf-8") == diagrams.DIAGRAMS[name](), "run docs.generate.diagrams"
