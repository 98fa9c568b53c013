"""Label and field selectors, as text in a query and as ``matchLabels``/``matchExpressions`` in a spec."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intermodal.sandbox.kubernetes.errors import bad_request

FIELDS = ("metadata.name", "metadata.namespace", "status.phase", "spec.nodeName", "type", "involvedObject.name",
    "involvedObject.namespace", "involvedObject.kind", "involvedObject.uid", "reason")  # fmt: skip
_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_COMMA = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True)
class Requirement:
    """``values`` empty and ``wanted`` true: the key exists. A missing key fulfils every negative requirement."""

    key: str
    wanted: bool
    values: frozenset[str] = frozenset()
    exists: bool = False

    def holds(self, labels: Mapping[str, str]) -> bool:
        if self.exists:
            return (self.key in labels) is self.wanted
        return (labels.get(self.key) in self.values) is self.wanted


Selector = tuple[Requirement, ...]


def _requirement(text: str) -> Requirement:
    if found := _SET.fullmatch(text):
        values = frozenset(value.strip() for value in found[3].split(","))
        return Requirement(found[1], found[2] == "in", values)
    if found := _EQUAL.fullmatch(text):
        return Requirement(found[1], found[2] != "!=", frozenset((found[3],)))
    if found := _EXISTS.fullmatch(text):
        return Requirement(found[2], not found[1], exists=True)
    raise bad_request(f'unable to parse requirement: couldn\'t parse the selector string "{text}"')


def parse_labels(text: str) -> Selector:
    """``a=b,c in (d, e),!f``. Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"""
    return tuple(_requirement(part.strip()) for part in _COMMA.split(text)) if text.strip() else ()


def parse_fields(text: str) -> Selector:
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        parsed = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", part)
        if parsed is None:
            raise bad_request(f'invalid field selector: "{part}"; can\'t understand it')
        if parsed[1] not in FIELDS:
            raise bad_request(f"field label not supported: {parsed[1]}")
        found.append(Requirement(parsed[1], parsed[2] != "!=", frozenset((parsed[3],))))
    return tuple(found)


def from_spec(selector: Mapping[str, Any]) -> Selector:
    """A LabelSelector of a spec."""
    found = [Requirement(key, True, frozenset((value,))) for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or []:
        operator, values = expression["operator"], frozenset(expression.get("values") or ())
        exists = operator in ("Exists", "DoesNotExist")
        found.append(Requirement(expression["key"], operator in ("In", "Exists"), values, exists))
    return tuple(found)


def as_text(selector: Mapping[str, Any]) -> str:
    """A LabelSelector as a query has it, sorted by key, as /scale gives it."""
    parts = []
    for requirement in sorted(from_spec(selector), key=lambda item: item.key):
        values = ",".join(sorted(requirement.values))
        if requirement.exists:
            parts.append(("" if requirement.wanted else "!") + requirement.key)
        elif (
            requirement.wanted
            and len(requirement.values) == 1
            and requirement.key in (selector.get("matchLabels") or {})
        ):
            parts.append(f"{requirement.key}={values}")
        else:
            parts.append(f"{requirement.key} {'in' if requirement.wanted else 'notin'} ({values})")
    return ",".join(parts)


def field_values(document: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for path in FIELDS:
        value: Any = document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        found[path] = str(value) if value is not None else ""
    return found


@dataclass(frozen=True)
class Filter:
    """Which objects a list or a watch is about."""

    namespace: str = ""
    labels: Selector = ()
    fields: Selector = ()

    @property
    def selects(self) -> bool:
        return bool(self.labels or self.fields)

    def matches(self, document: Mapping[str, Any]) -> bool:
        metadata = document["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        if not all(requirement.holds(metadata.get("labels") or {}) for requirement in self.labels):
            return False
        if not self.fields:
            return True
        values = field_values(document)
        return all(requirement.holds(values) for requirement in self.fields)
