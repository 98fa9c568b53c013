"""One object merged into another by their type, and some fields removed.

Null stands for an absent value, as in structured-merge-diff ``typed``: an object or list of which everything was
removed becomes null, and the caller drops nulls at the end.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from intermodal.sandbox.kubernetes.field_types import FieldType
from intermodal.sandbox.kubernetes.merging.errors import MalformedItem
from intermodal.sandbox.kubernetes.merging.fields import Fields, Path, item_element
from intermodal.sandbox.kubernetes.merging.walks import ABSENT, Parts, children, is_granular, parts, shape_of, value_at


def merge(live: Any, config: Any, kind: FieldType) -> Any:
    """``live`` with all of ``config``; nothing is removed. Order of items: see ``order``."""
    if config is ABSENT:
        return live
    shape = shape_of(config, kind)
    old, new = ({} if value is ABSENT else parts(value, kind, shape) for value in (live, config))
    if not old and not new:
        return config
    if isinstance(config, list) and len(new) < len(config):
        raise MalformedItem(f"duplicate entries for a key among {', '.join(new)}")
    if shape == "map":
        names = [*old, *(element for element in new if element not in old)]
        return {element[2:]: _merge_at(old, new, element) for element in names}
    return [_merge_at(old, new, element) for element in order(list(old), list(new))]


def _merge_at(old: Parts, new: Parts, element: str) -> Any:
    return merge(value_at(old, element), value_at(new, element), (new.get(element) or old[element])[1])


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
