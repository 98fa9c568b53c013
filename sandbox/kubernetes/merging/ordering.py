"""Order of a list after a strategic merge: the patch's order, with the server's own items where they were.

Source: ``normalizeElementOrder`` of ``strategicpatch/patch.go``.
"""

from typing import Any

from intermodal.sandbox.kubernetes.merging.errors import PatchRefused


def key_of(item: Any, key: str) -> Any:
    """Value that names an item; the item itself in a list of scalars. Raises PatchRefused for an item without."""
    if not key:
        return item
    if not isinstance(item, dict) or key not in item:
        raise PatchRefused(f"map: {item} does not contain declared merge key: {key}")
    return item[key]


def ordered(merged: list[Any], patch_order: list[Any], server_order: list[Any], key: str) -> list[Any]:
    """``merged`` with the items of ``patch_order`` in that order; the others go before a patched item that they were
    before on the server, and else to the end.
    """
    wanted = [key_of(item, key) for item in patch_order]
    server = [key_of(item, key) for item in server_order]
    patched = sorted(
        (item for item in merged if key_of(item, key) in wanted), key=lambda item: wanted.index(key_of(item, key))
    )
    others = [item for item in merged if key_of(item, key) not in wanted]
    result: list[Any] = []
    while patched or others:
        if not patched or (others and _before(key_of(others[0], key), key_of(patched[0], key), server)):
            result.append(others.pop(0))
        else:
            result.append(patched.pop(0))
    return result


def _before(left: Any, right: Any, server: list[Any]) -> bool:
    return left in server and right in server and server.index(left) < server.index(right)


def check_order(patch: list[Any], order: list[Any], key: str) -> None:
    """Items that the patch sets must be in ``$setElementOrder``, in the same order."""
    remaining = iter(key_of(item, key) for item in order)
    kept = [item for item in patch if not (isinstance(item, dict) and "$patch" in item)]
    if order and not all(key_of(item, key) in remaining for item in kept):
        raise PatchRefused(f"The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n")
