"""A mirror that differs from its manifest is copied anew, from a source that is verified before anything is written."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from intermodal.platform import ports
from intermodal.platform.catalogue import store_name
from intermodal.platform.deployment.copying import copy_of
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.registry import Identity
from intermodal.platform.protocol.keys import Key
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.targets import Site

MAX_NAMED = 5
"""Paths in one sentence."""


class NoSource(IntermodalError):
    """Neither the registry nor another mirror has a package that verifies. Nothing was written."""


def named(site: Site, found: Mapping[str, str]) -> str:
    """What differs, in one sentence without a full stop."""
    paths = sorted(found)
    more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    return f"the package in {store_name(site)} differs from its manifest: {', '.join(paths[:MAX_NAMED])}{more}"


def copy_anew(
    registry: ports.ModelRegistry | None,
    stores: Mapping[Site, ports.ObjectStore],
    others: Sequence[Site],
    site: Site,
    model: str,
    version: Identity,
    trusted: Sequence[Key],
    log: logging.Logger,
) -> str:
    """Make the site's mirror what its version is, from the registry, else from the mirror of one of ``others``. Returns
    the name of the source.

    May be killed anywhere and repeated, and two may run at once. The manifest is deleted before the first change and
    written after the last, so a half-written copy is no mirror. Every object is read before: a damaged one may have the
    ETag that it had when it was whole. And after. NoSource; Unavailable when the store has other bytes even then.
    """
    where, store = prefix(model, version.version), stores[site]
    with TemporaryDirectory() as folder:
        try:
            candidates = [stores[other] for other in others if other != site]
            source, manifest = copy_of(registry, candidates, model, version, Path(folder), log, trusted)
        except IntermodalError as error:
            raise NoSource(
                f"No registry and no other site has a package of {model} {version.version} that verifies, so nothing "
                f"was overwritten in {store_name(site)}: {error.message}",
                hint="Restore the version's files in the registry and run this again, or deploy another version.",
            ) from error
        store.delete(f"{where}/{MANIFEST}")
        store.mirror(source, manifest, where)
        origin = next((store_name(other) for other in others if source == Path(folder) / str(other)), "the registry")
    left = dict(store.damaged(manifest, where))
    left.pop(MANIFEST, None)  # another copy deletes it when it begins, and writes the same bytes
    if left:
        raise Unavailable(
            f"After it was copied anew, {named(site, left)}.", hint="Find out what else writes to that bucket."
        )
    return origin
