"""The reference of the settings: the clouds' from their pydantic classes, the others from variables.py."""

import importlib
from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from typing import Any

from docs.generate.markdown import GENERATED, ROOT, code, fence, from_docstring, table
from docs.generate.variables import EXAMPLES, VARIABLES, Variable

CLOUDS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", "onprem": "A site of your own"}
CREDENTIALS = {
    "aws": "boto3 finds them: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, or the role of the machine.",
    "gcp": "Application Default Credentials: `GOOGLE_APPLICATION_CREDENTIALS`, or the machine's service account.",
    "azure": "azure-identity finds them: `AZURE_CLIENT_ID`, `AZURE_TENANT_ID` and `AZURE_CLIENT_SECRET`, or a managed "
    "identity.",
    "onprem": "The cluster's are in the kubeconfig: a token, a client certificate, or a command that prints one. Those "
    "of the store and of the registry are [below](#keys-of-your-own-store-and-registry).",
}


def clouds() -> Iterator[tuple[str, Any]]:
    """Each cloud's settings class, found by the file resources/<cloud>/settings.py."""
    from intermodal.resources.settings import SiteSettings

    for file in sorted((ROOT / "resources").glob("*/settings.py")):
        module = importlib.import_module(f"intermodal.resources.{file.parent.name}.settings")
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, SiteSettings) and found is not SiteSettings:
                yield file.parent.name, found


def page() -> str:
    parts = [
        GENERATED.format(name="settings"),
        "# Settings\n",
        "Settings are environment variables. They are read when an adapter is built, not when a module is imported, "
        "so a cloud that is not used needs none. An error names the variable that is missing. In the sandbox "
        "`intermodal up` sets all of them. In staging and production you set them for Dagster's webserver, daemon "
        "and runs.\n",
        "A minimal environment for one cloud:\n",
        fence(
            "INTERMODAL_ENV=production\nINTERMODAL_CLOUDS=aws\nAWS_REGION=us-east-1\n"
            "INTERMODAL_AWS_BUCKET=models-prod\n"
            "INTERMODAL_AWS_ROLE_ARN=arn:aws:iam::123456789012:role/intermodal\n"
            "INTERMODAL_AWS_IMAGE=123456789012.dkr.ecr.us-east-1.amazonaws.com/intermodal/server:0.1.0\n"
            "INTERMODAL_MLFLOW_URL=https://mlflow.example.com\nINTERMODAL_GATEWAY_URL=https://models.example.com\n"
            "INTERMODAL_GATEWAY_ADMIN_URL=http://127.0.0.1:9901\n"
            "INTERMODAL_GATEWAY_DIRECTORY=/var/lib/intermodal/gateway\n"
            "INTERMODAL_TABLES=s3://models-prod/tables\nINTERMODAL_INCIDENTS=/var/lib/intermodal/incidents",
            "bash",
        ),
        *_group("The environment", ("platform",)),
        *(text for name, found in clouds() for text in _cloud(name, found)),
        *_group("Keys of your own store and registry", ("onprem",)),
        _regions(),
        *_group("Images", ("images",)),
        *_group("Registry, tables and incidents", ("state",)),
        *_group("Gateway", ("gateway",)),
        *_group("Metrics", ("metrics",)),
        *_group("Notifications", ("notifications",)),
        *_watch(),
        *_group("Server", ("server",)),
        *_group("Sandbox", ("sandbox",)),
        *_ports(),
    ]
    return "\n".join(parts)


def _group(title: str, groups: tuple[str, ...]) -> Iterator[str]:
    yield f"## {title}\n"
    found = [(name, variable) for name, variable in VARIABLES.items() if variable.group in groups]
    if intro := next((variable.intro for _, variable in found if variable.intro), ""):
        yield intro + "\n"
    yield table(("Variable", "Default", "Meaning", "Example"), (_row(name, variable) for name, variable in found))


def _row(name: str, variable: Variable) -> tuple[str, str, str, str]:
    return code(name), variable.default, variable.meaning, code(variable.example)


def _cloud(name: str, found: Any) -> Iterator[str]:
    yield f"## {CLOUDS.get(name, name)}\n"
    if name in CREDENTIALS:
        yield f"Credentials are not settings of Intermodal. {CREDENTIALS[name]}\n"
    rows = []
    for field in found.model_fields.values():
        variable = str(field.validation_alias)
        extra = field.json_schema_extra
        regional = "yes" if isinstance(extra, dict) and extra.get("regional") else "no"
        default = "required" if field.is_required() else code(str(field.default)) or "empty"
        example = code(EXAMPLES[variable])
        rows.append((code(variable), default, regional, from_docstring(field.description or ""), example))
    yield table(("Variable", "Default", "Per region", "Meaning", "Example"), rows)


def _regions() -> str:
    return (
        "## Regions\n\nA target that names a region, such as `aws/sagemaker@eu-west-1`, reads its settings from "
        "variables that end in the region: upper case, with `_` for `-`. A setting that is *per region* must "
        "be set so when it is required, and else has its default. The others fall back to the cloud's own value.\n\n"
        + fence(
            "INTERMODAL_AWS_BUCKET=models-prod\nINTERMODAL_AWS_BUCKET_EU_WEST_1=models-prod-eu\n"
            "AWS_ENDPOINT_URL_EU_WEST_1=https://vpce-0a1b2c3d.example.com",
            "bash",
        )
    )


def _watch() -> Iterator[str]:
    from intermodal.platform.resilience.detection import DetectionPolicy

    yield "## Outage detection\n"
    yield (
        "The outage sensor counts observations. With the defaults it finds an outage 5 to 10 seconds after it began, "
        "and a recovery after 10 to 15 seconds.\n"
    )
    meanings = {
        "watchers": ("INTERMODAL_WATCHERS", "Who observes: `gateway`, `endpoint`, or both.", "gateway,endpoint"),
        "quorum": ("", "`any`: one watcher is enough. `all`: all of them must observe the failure.", "any"),
        "down_observations": ("", "Failed observations in a row until an upstream is unavailable.", "3"),
        "down_seconds": ("", "Seconds that the failure must last as well.", "8"),
        "up_observations": ("", "Good observations in a row until it may recover.", "5"),
        "up_seconds": ("", "Seconds that it must be well.", "20"),
        "redeploy_seconds": (
            "",
            "After so many seconds in which the cloud's API answers and the upstream fails, the endpoint is deployed "
            "again.",
            "600",
        ),
    }
    rows = []
    for field in dataclass_fields(DetectionPolicy):
        name, meaning, example = meanings.get(field.name, ("", "", ""))
        default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        rows.append((code(name or f"INTERMODAL_WATCH_{field.name.upper()}"), code(default), meaning, code(example)))
    yield table(("Variable", "Default", "Meaning", "Example"), rows)


def _ports() -> Iterator[str]:
    from intermodal.sandbox.settings import Ports, port_variable

    yield "### Ports of the sandbox\n"
    yield (
        "TCP ports on 127.0.0.1. Change one when another program listens on it. A named region of a cloud has a port "
        "of its own, `INTERMODAL_<CLOUD>_<REGION>_PORT`.\n"
    )
    rows = [
        (code(port_variable(port.name)), code(str(port.default)), port.name.replace("_", " "))
        for port in dataclass_fields(Ports)
    ]
    yield table(("Variable", "Default", "Of"), rows)
    yield fence("INTERMODAL_UI_PORT=3001 INTERMODAL_GATEWAY_PORT=8081 make up", "console")
