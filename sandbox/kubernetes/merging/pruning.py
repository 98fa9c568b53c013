"""What a manager applied last time, does not apply now, and no other manager owns is removed from the object."""

from collections.abc import Iterable
from typing import Any

from intermodal.sandbox.kubernetes.field_types import FieldType
from intermodal.sandbox.kubernetes.merging.edits import remove
from intermodal.sandbox.kubernetes.merging.fields import Fields, Path
from intermodal.sandbox.kubernetes.merging.managers import Entry
from intermodal.sandbox.kubernetes.merging.walks import fields_of


def prune(merged: Any, kind: FieldType, last: Fields, entries: Iterable[Entry]) -> Any:
    """``merged`` without what only ``last`` held. ``entries`` are all owners, the applying one with its new set.

    Three steps, as in ``update.go``: all of ``last`` goes; what another manager owns comes back with all that is
    above it; and what was not in ``last`` itself, but below it, comes back too.
    """
    if not last:
        return merged
    owned = with_structs(frozenset[Path]().union(*(entry.fields for entry in entries)), kind)
    before = with_structs(last, kind)
    held = with_structs(fields_of(merged, kind), kind)
    bare = with_structs(fields_of(remove(merged, before, kind), kind), kind)
    restored = with_structs(fields_of(remove(merged, held - (bare | owned), kind), kind), kind)
    return remove(merged, (held - restored) & before, kind)


def with_structs(fields: Fields, kind: FieldType) -> Fields:
    """``fields`` and the named fields above them, which sets leave out: ``.spec`` for ``.spec.replicas``.

    Maps' keys and lists' items are not added: those are members when they are owned.
    """
    types: dict[Path, FieldType] = {(): kind}
    found = set(fields)
    for path in fields:
        for length, element in enumerate(path[:-1], start=1):
            above, prefix = types[path[: length - 1]], path[:length]
            if prefix not in types:
                types[prefix] = above.field_or_open(element[2:]) if element.startswith("f:") else above.items
                if element.startswith("f:") and element[2:] in above.fields:
                    found.add(prefix)
    return frozenset(found)
