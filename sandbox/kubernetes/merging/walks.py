"""Walks over an object by its type: what it holds, and how two objects differ.

Differences are sets of paths, as managers own them. Source: structured-merge-diff ``typed``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from intermodal.sandbox.kubernetes.field_types import FieldType
from intermodal.sandbox.kubernetes.merging.fields import Fields, Path, compact, item_element

ABSENT: Any = object()
"""Unlike null, which is a value."""
Shape = Literal["map", "list", "scalar"]
Parts = dict[str, tuple[Any, FieldType]]
"""Values below another with their types, by their path element."""
NULLS: Mapping[str, Shape] = {"object": "map", "array": "list", "": "map"}


def is_granular(value: object, kind: FieldType) -> bool:
    """Whether fields or items of this value are merged and owned one by one."""
    if isinstance(value, Mapping):
        return not kind.atomic
    return isinstance(value, list) and kind.list_type != "atomic"


def children(value: object, kind: FieldType) -> Parts:
    """Values below a granular value by their element. Of items with the same keys, the first counts."""
    if isinstance(value, Mapping):
        return {f"f:{name}": (child, kind.field_or_open(name)) for name, child in value.items()}
    found: Parts = {}
    for item in value if isinstance(value, list) else ():
        found.setdefault(item_element(item, kind), (item, kind.items))
    return found


def shape_of(value: object, kind: FieldType) -> Shape:
    """Null has the shape that its type declares."""
    if value is None:
        return NULLS.get(kind.json_type, "scalar")
    return "map" if isinstance(value, Mapping) else "list" if isinstance(value, list) else "scalar"


def parts(value: object, kind: FieldType, shape: Shape) -> Parts:
    """Values below ``value`` that are merged one by one; none for a value of another shape, or that is atomic."""
    return children(value, kind) if shape_of(value, kind) == shape and is_granular(value, kind) else {}


def fields_of(value: object, kind: FieldType) -> Fields:
    """What a manager owns that applies ``value``: leaves, items of lists, keys of maps, empty objects."""
    return frozenset(_fields(value, kind, ()))


def _fields(value: object, kind: FieldType, path: Path) -> Iterator[Path]:
    if not is_granular(value, kind):
        if path and not (value is None and kind.json_type in ("object", "array")):
            yield path
        return
    for element, (child, child_kind) in children(value, kind).items():
        below = (*path, element)
        yield from _fields(child, child_kind, below)
        named = element.startswith("f:") and element[2:] in kind.fields
        if not named or child is None or child == {}:
            yield below


def value_at(values: Parts, element: str) -> Any:
    return values[element][0] if element in values else ABSENT


@dataclass(frozen=True)
class Difference:
    added: Fields
    modified: Fields
    removed: Fields


def compare(before: object, after: object, kind: FieldType) -> Difference:
    found: dict[str, set[Path]] = {"added": set(), "modified": set(), "removed": set()}
    _compare(before, after, kind, (), found)
    return Difference(*(frozenset(found[name] - {()}) for name in ("added", "modified", "removed")))


def _compare(before: Any, after: Any, kind: FieldType, path: Path, found: dict[str, set[Path]]) -> None:
    present = [value for value in (before, after) if value is not ABSENT]
    for shape in dict.fromkeys(shape_of(value, kind) for value in present):
        old, new = ({} if value is ABSENT else parts(value, kind, shape) for value in (before, after))
        for element in old | new:
            below = (new.get(element) or old[element])[1]
            _compare(value_at(old, element), value_at(new, element), below, (*path, element), found)
        if not old and not new and len(present) == 2 and compact(before) != compact(after):
            found["modified"].add(path)
    if before is ABSENT:
        found["added"].add(path)
    elif after is ABSENT:
        found["removed"].add(path)
