"""Server-side apply, and the tracking of ordinary writes.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/, ``structured-merge-diff/merge/update.go`` and
``apimachinery/pkg/util/managedfields``. ``tests/sandbox/kubernetes/merging/vectors`` has what that library answers.
"""

from dataclasses import replace

from intermodal.sandbox.kubernetes.field_types import FieldType, Json
from intermodal.sandbox.kubernetes.merging.edits import merge, remove, without_nulls
from intermodal.sandbox.kubernetes.merging.errors import Cause, Conflicts
from intermodal.sandbox.kubernetes.merging.fields import Fields, show
from intermodal.sandbox.kubernetes.merging.managers import (
    IGNORED,
    METADATA,
    STATUS,
    Entries,
    Entry,
    ignored,
    kept,
    read,
    write,
)
from intermodal.sandbox.kubernetes.merging.pruning import prune
from intermodal.sandbox.kubernetes.merging.walks import compare, fields_of
from intermodal.sandbox.kubernetes.schemas import Schemas

BEFORE_FIRST_APPLY = "before-first-apply"
"""Owner of all that an object has when another manager applies to it and no manager is recorded."""
SERVER_SET = frozenset(METADATA) - {"name", "namespace"}


def server_side_apply(
    live: Json | None,
    config: Json,
    manager: str,
    schemas: Schemas,
    *,
    force: bool,
    now: str,
    subresource: str = "",
) -> Json:
    """The object after ``manager`` applied ``config``; ``live`` is ``None`` for an object that does not exist.

    Raises Conflicts when others own what changes and ``force`` is false, and MalformedItem for a list without keys.
    """
    kind = schemas.of_document(config)
    before = write(live or {}, {})
    entries = read(live or {})
    if not entries and before:
        entries = read(track_update({}, before, BEFORE_FIRST_APPLY, schemas, now=now))
    wanted = _reachable(config, kind, subresource)
    entry = Entry(manager, "Apply", str(config.get("apiVersion", "")), subresource, fields_of(wanted, kind), now)
    last = entries.get(entry.key)
    claimed = entries | {entry.key: entry}
    merged = prune(merge(before, wanted, kind), kind, last.fields if last else frozenset(), claimed.values())

    changed = compare(before, merged, kind)
    taken = changed.added | changed.modified
    others = [owner for owner in entries.values() if owner.key != entry.key]
    causes = [cause for owner in others for cause in _causes(owner, owner.fields & taken)]
    if causes and not force:
        raise Conflicts(causes)
    result = kept([entry, *(owner.without(taken | changed.removed) for owner in others)])
    answer = without_nulls(merged)
    if entry.key in result and last and answer == before and _sets(result) == _sets(entries):
        result[entry.key] = replace(result[entry.key], time=last.time)
    return write(answer, result)


def track_update(before: Json, after: Json, manager: str, schemas: Schemas, *, now: str, subresource: str = "") -> Json:
    """``after`` with the owners of its fields: what ``manager`` changed is its own, and no longer another's.

    ``before`` is empty for a new object. ``managedFields`` in ``after`` replace those of ``before``; ``[{}]`` clears
    them. An object that exists and has no owners stays without, until another manager applies.
    """
    kind = schemas.of_document(after)
    stated = [] if subresource else after.get("metadata", {}).get("managedFields")
    entries = read(after if stated else before)
    if stated == [{}] or (not entries and before.get("metadata", {}).get("uid")):
        return write(after, {})
    changed = compare(write(before, {}), write(after, {}), kind)
    unreachable = ignored(changed.added | changed.modified | changed.removed, subresource)
    taken = (changed.added | changed.modified) - unreachable
    lost = taken | (changed.removed - unreachable)
    entries = {key: entry.without(lost) for key, entry in entries.items()}
    if taken:
        entry = Entry(manager, "Update", str(after.get("apiVersion", "")), subresource, taken, now)
        previous = entries.get(entry.key)
        entries[entry.key] = replace(entry, fields=taken | previous.fields) if previous else entry
    return write(without_nulls(after), kept(entries.values()))


def _reachable(config: Json, kind: FieldType, subresource: str) -> Json:
    """``config`` without what the server sets and what ``subresource`` does not reach."""
    metadata = {name: value for name, value in config.get("metadata", {}).items() if name not in SERVER_SET}
    whole = config | ({"metadata": metadata} if "metadata" in config else {})
    found: Json = remove(whole, IGNORED.get(subresource, STATUS), kind) or {}
    return found


def _causes(owner: Entry, fields: Fields) -> list[Cause]:
    return [Cause(owner.manager, show(path), f"conflict with {owner.printed}") for path in fields]


def _sets(entries: Entries) -> dict[tuple[str, ...], Fields]:
    return {key: entry.fields for key, entry in entries.items()}
