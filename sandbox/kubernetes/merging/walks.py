"""Walks over an object by its type: what it holds, how two differ, one merged into another, some fields removed.

Null stands for an absent value, as in structured-merge-diff ``typed``: an object or list of which everything was removed
becomes null, and the caller drops nulls at the end. Differences are sets of paths, as managers own them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from intermodal.sandbox.kubernetes.field_types import FieldType
from intermodal.sandbox.kubernetes.merging.errors import MalformedItem
from intermodal.sandbox.kubernetes.merging.fields import Fields, Path, compact, item_element

ABSENT: Any = object()
"""Unlike null, which is a value."""


def is_granular(value: object, kind: FieldType) -> bool:
    """Whether fields or items of this value are merged and owned one by one."""
    if isinstance(value, Mapping):
        return not kind.atomic
    return isinstance(value, list) and kind.list_type != "atomic"


def children(value: object, kind: FieldType) -> dict[str, tuple[Any, FieldType]]:
    """Values below a granular value by their element. Of items with the same keys, the first counts."""
    if isinstance(value, Mapping):
        return {f"f:{name}": (child, kind.field_or_open(name)) for name, child in value.items()}
    found: dict[str, tuple[Any, FieldType]] = {}
    for item in value if isinstance(value, list) else ():
        found.setdefault(item_element(item, kind), (item, kind.items))
    return found


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
    granular = is_granular(before, kind) or is_granular(after, kind)
    if granular and (_filled(before) or _filled(after)):
        old, new = (children(value, kind) if is_granular(value, kind) else {} for value in (before, after))
        for element in old | new:
            below = (new.get(element) or old[element])[1]
            _compare(_value(old, element), _value(new, element), below, (*path, element), found)
    elif before is not ABSENT and after is not ABSENT and compact(before) != compact(after):
        found["modified"].add(path)
    if before is ABSENT:
        found["added"].add(path)
    elif after is ABSENT:
        found["removed"].add(path)


def _filled(value: Any) -> bool:
    return isinstance(value, Mapping | list) and bool(value)


def merge(live: Any, config: Any, kind: FieldType) -> Any:
    """``live`` with all of ``config``; nothing is removed. Order of items: see ``order``."""
    if config is ABSENT:
        return live
    granular = is_granular(config, kind) or (config is None and is_granular(live, kind))
    if live is ABSENT or not granular or not (_filled(live) or _filled(config)):
        return config
    old, new = (children(value, kind) if is_granular(value, kind) else {} for value in (live, config))
    if isinstance(config, list) and len(new) < len(config):
        raise MalformedItem(f"duplicate entries for a key among {', '.join(new)}")
    elements = order(list(old), list(new))
    merged = {
        element: merge(_value(old, element), _value(new, element), (new.get(element) or old[element])[1])
        for element in elements
    }
    if isinstance(config if config is not None else live, Mapping):
        return {element[2:]: child for element, child in merged.items()}
    return list(merged.values())


def _value(values: Mapping[str, tuple[Any, FieldType]], element: str) -> Any:
    return values[element][0] if element in values else ABSENT


def order(live: list[str], config: list[str]) -> list[str]:
    """Items in the order of ``config``; those that only ``live`` has stay where they were between the shared ones."""
    shared = [element for element in config if element in live]
    merged: list[str] = []
    left, right = list(live), list(config)
    while left or right:
        if left and right and left[0] == right[0]:
            merged.append(right.pop(0))
            shared.remove(left.pop(0))
        elif left and right and left[0] in config and shared and shared[0] != left[0]:
            left.pop(0)
        elif left and left[0] not in config:
            merged.append(left.pop(0))
        else:
            if left and left[0] in merged:
                left.pop(0)
            if right:
                merged.append(right.pop(0))
                if shared and shared[0] == merged[-1]:
                    shared.pop(0)
    return merged


def remove(value: Any, fields: Fields, kind: FieldType) -> Any:
    """``value`` without what is in ``fields``; null when nothing remains of an object or list."""
    if not isinstance(value, Mapping | list):
        return value
    if not is_granular(value, kind):
        return None
    below: dict[str, set[Path]] = {}
    for path in fields:
        below.setdefault(path[0], set()).add(path[1:])
    kept: list[tuple[str, Any]] = []
    for element, child, child_kind in _all_children(value, kind):
        inside = below.get(element, set())
        if () not in inside:
            kept.append((element, remove(child, frozenset(inside), child_kind) if inside else child))
    if not kept:
        return None
    return {element[2:]: child for element, child in kept} if isinstance(value, Mapping) else [c for _, c in kept]


def _all_children(value: Any, kind: FieldType) -> Iterator[tuple[str, Any, FieldType]]:
    if isinstance(value, Mapping):
        yield from ((element, *found) for element, found in children(value, kind).items())
    else:
        yield from ((item_element(item, kind), item, kind.items) for item in value)


def without_nulls(value: Any) -> Any:
    """What a typed object keeps of ``value``: null equals an absent field. Items of lists stay."""
    if isinstance(value, Mapping):
        return {name: without_nulls(child) for name, child in value.items() if child is not None}
    return [without_nulls(child) for child in value] if isinstance(value, list) else value
