"""Small words of Envoy's configuration language that every part of it uses."""

from typing import Any

from msgspec import Raw, json

Json = dict[str, Any]
TYPES = "type.googleapis.com/"


def raw(fields: object) -> Raw:
    """JSON text, which may stand wherever a value may."""
    return Raw(json.encode(fields))


def typed(name: str, /, **fields: Any) -> Json:
    """A message of type ``name`` inside an Any."""
    return {"@type": TYPES + name, **fields}


def extension(name: str, message: str, /, **fields: Any) -> Json:
    return {"name": name, "typed_config": typed(f"envoy.extensions.{message}", **fields)}


def seconds(value: float) -> str:
    """A protobuf duration in its JSON form."""
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


def set_header(name: str, value: str) -> Json:
    """Set a header whatever was there; '%' is doubled, since Envoy reads the value as a format."""
    return {"header": {"key": name, "value": value.replace("%", "%%")}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def file_source(path: object) -> Json:
    """A resource that Envoy reads from a file and reads again when another file is renamed onto it."""
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}
