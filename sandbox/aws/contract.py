"""AWS's own contract: each request is checked against the service model that botocore ships."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from intermodal.sandbox.aws.errors import AwsError, invalid


@cache
def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def operation(name: str, service: str = "sagemaker") -> OperationModel:
    """The operation's model. Raises UnknownOperationException."""
    if name not in model(service).operation_names:
        raise AwsError("UnknownOperationException", f"{service} has no operation '{name}'", 404)
    return model(service).operation_model(name)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object that a request of SageMaker's and CloudWatch's protocol is; SerializationException otherwise."""
    try:
        parameters: Any = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", f"the body is not JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise AwsError("SerializationException", "the body is not a JSON object")
    return parameters


def check(name: str, parameters: dict[str, Any], service: str = "sagemaker") -> None:
    """Raise ValidationException for members that are missing, unknown, of a wrong type or outside their constraints."""
    shape = operation(name, service).input_shape
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise invalid(report.generate_report())
    errors = list(_constraints(shape, parameters, ""))
    if errors:
        count = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected"
        raise invalid(f"{count}: {'; '.join(errors)}")


def _constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """What botocore leaves to the service: patterns, enumerations, upper limits."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from _constraints(shape.members[name], inner, f"{path}.{name}".lstrip("."))
    elif shape.type_name == "list":
        for index, inner in enumerate(value, 1):
            yield from _constraints(shape.member, inner, f"{path}.{index}.member")
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from _constraints(shape.key, key, f"{path}.key")
            yield from _constraints(shape.value, inner, f"{path}.{key}.member")
    if (failed := _failed(shape, value)) is not None:
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: {failed}"


def _failed(shape: Shape, value: Any) -> str | None:
    rules = shape.metadata
    if "enum" in rules and value not in rules["enum"]:
        return f"Member must satisfy enum value set: {rules['enum'][:8]}"
    if "pattern" in rules and not _pattern(rules["pattern"]).fullmatch(value):
        return f"Member must satisfy regular expression pattern: {rules['pattern']}"
    size = value if isinstance(value, int | float) else len(value) if hasattr(value, "__len__") else None
    if "max" in rules and size is not None and size > rules["max"]:
        return f"Member must have length or value less than or equal to {rules['max']}"
    return None


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """AWS writes Java's classes of letters, separators and numbers, which Python's re does not have."""
    return re.compile(text.replace(r"\p{L}\p{Z}\p{N}", r"\w\s"))
