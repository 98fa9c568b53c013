"""Strategic merge patch: lists are merged by the key that the type names, and directives remove, replace and order.

Source: ``apimachinery/pkg/util/strategicpatch`` and
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from intermodal.sandbox.kubernetes.field_types import FieldType, Json
from intermodal.sandbox.kubernetes.merging.errors import PatchRefused
from intermodal.sandbox.kubernetes.merging.ordering import check_order, key_of, ordered

DIRECTIVE = "$patch"
RETAIN_KEYS = "$retainKeys"
SET_ORDER = "$setElementOrder/"
DELETE_ITEMS = "$deleteFromPrimitiveList/"


def strategic_merge(live: Json, patch: Mapping[str, Any], schema: FieldType) -> Json:
    """``live`` with ``patch``. Raises PatchRefused (422 or 400) for directives that are malformed or do not fit."""
    merged: Json = _plain(_merge(deepcopy(live), deepcopy(dict(patch)), schema))
    return merged


def _merge(live: Json, patch: Json, kind: FieldType) -> Json:
    if DIRECTIVE in patch:
        directive = patch.pop(DIRECTIVE)
        if directive not in ("replace", "delete"):
            raise PatchRefused(f"unknown patch type: {directive} in map: {patch}", 400)
        return patch if directive == "replace" else {}
    _retain(live, patch)
    for directive in [name for name in patch if name.startswith(SET_ORDER)]:
        _set_order(live, patch, directive, kind)
    for name, value in patch.items():
        if name.startswith(DELETE_ITEMS):
            _delete_items(live, name.removeprefix(DELETE_ITEMS), value)
        elif value is None:
            live.pop(name, None)
        else:
            _merge_field(live, name, value, kind.field_or_open(name))
    return live


def _merge_field(live: Json, name: str, value: Any, kind: FieldType) -> None:
    old = live.get(name)
    if isinstance(old, dict) and isinstance(value, dict):
        live[name] = value if "replace" in kind.patch_strategies else _merge(old, value, kind)
    elif isinstance(old, list) and isinstance(value, list) and "merge" in kind.patch_strategies:
        live[name] = _merge_lists(old, value, kind)
    elif isinstance(old, list) and isinstance(value, list):
        live[name] = value
    elif isinstance(value, dict) and DIRECTIVE in value:
        live.pop(name, None)
    else:
        live[name] = _plain(value)


def _plain(value: Any) -> Any:
    """What a typed object keeps of a value: no null, no directive, no item that holds one."""
    if isinstance(value, dict):
        kept = {name: child for name, child in value.items() if child is not None and not name.startswith("$")}
        return {name: _plain(child) for name, child in kept.items() if not _is_directive(child)}
    return [_plain(item) for item in value if not _is_directive(item)] if isinstance(value, list) else value


def _is_directive(value: Any) -> bool:
    return isinstance(value, dict) and DIRECTIVE in value


def _merge_lists(live: list[Any], patch: list[Any], kind: FieldType) -> list[Any]:
    if not kind.merge_key:
        if any(isinstance(item, dict) for item in [*live, *patch]):
            raise PatchRefused(f"cannot merge lists without merge key for {kind.name or 'list'}")
        return ordered(list(dict.fromkeys([*live, *patch])), patch, live, "")
    key, items, replaces = kind.merge_key, [], False
    for item in patch:
        value = key_of(item, key) if not _is_directive(item) or item[DIRECTIVE] != "replace" else None
        if not _is_directive(item):
            items.append(item)
        elif item[DIRECTIVE] == "delete":
            live = [old for old in live if key_of(old, key) != value]
        elif item[DIRECTIVE] == "replace":
            replaces = True
        else:
            raise PatchRefused(f"unknown patch type: {item[DIRECTIVE]} in list", 400)
    if replaces:
        return items
    merged, positions = list(live), {key_of(item, key): index for index, item in reversed(list(enumerate(live)))}
    for item in items:
        position = positions.get(key_of(item, key))
        if position is None:
            positions[key_of(item, key)] = len(merged)
            merged.append(item)
        else:
            merged[position] = _merge(merged[position], item, kind.items)
    return ordered(merged, items, live, key)


def _retain(live: Json, patch: Json) -> None:
    """``$retainKeys`` removes what it does not list, for unions such as a strategy."""
    if RETAIN_KEYS not in patch:
        return
    retained = patch.pop(RETAIN_KEYS)
    set_names = {name for name, value in patch.items() if value is not None and not name.startswith("$")}
    if not isinstance(retained, list) or not set_names <= set(retained):
        raise PatchRefused("invalid patch format of retainKeys", 400)
    for name in [name for name in live if name not in retained]:
        del live[name]


def _set_order(live: Json, patch: Json, directive: str, kind: FieldType) -> None:
    """``$setElementOrder/<list>`` orders the merged list; items of the server only keep their positions between."""
    name, order = directive.removeprefix(SET_ORDER), patch.pop(directive)
    field, old, new = kind.field_or_open(name), live.get(name), patch.pop(name, None)
    if not isinstance(order, list) or any(not isinstance(found, list) for found in (old, new) if found is not None):
        raise PatchRefused("invalid patch format of setElementOrder list", 400)
    check_order(new or [], order, field.merge_key)
    if old is None and new is None:
        return
    if not old and not new:
        raise PatchRefused("no elements in any of the given slices")  # A limit of the library, kept as it is.
    if new is not None:
        _merge_field(live, name, new, field)
    live[name] = ordered(live[name], order, old or [], field.merge_key)


def _delete_items(live: Json, name: str, items: Any) -> None:
    if not isinstance(items, list):
        raise PatchRefused("invalid patch format of primitive list", 400)
    if isinstance(old := live.get(name), list):
        live[name] = [item for item in old if item not in items]
