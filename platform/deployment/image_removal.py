"""Delete the images of a model that is no longer served from the registry of a site."""

import logging

from intermodal.platform import ports
from intermodal.platform.deployment.images import PushedImage, document_folder
from intermodal.platform.errors import NotFound, Refused, SpecError

log = logging.getLogger(__name__)


def remove_images(images: ports.Images, store: ports.ObjectStore, model: str) -> list[str]:
    """Delete the images that the site's store names, with the documents beside them, and then their names. What could
    not be deleted, in a sentence each: a registry that deletes nothing stops nothing else. Only what this deployment
    pushed is looked at, so that another one that shares the registry keeps its own.

    Idempotent. Raises the registry's error when it does not answer, so that it is tried again.
    """
    kept = []
    for key in sorted(store.list(document_folder(model))):
        try:
            pushed = PushedImage.from_json(store.get(key))
        except NotFound:
            continue  # another withdrawal was faster
        except (ValueError, KeyError, TypeError) as error:
            kept.append(f"{store.uri(key)} is damaged, so its image is not known: {error!r}")
            continue
        if reference := pushed.references.get(str(store.site)):
            try:
                _delete(images, store, model, reference)
            except (Refused, NotFound, SpecError) as error:
                kept.append(f"{reference} is kept: {error}")
                continue
        store.delete(key)
    return kept


def _delete(images: ports.Images, store: ports.ObjectStore, model: str, reference: str) -> None:
    registry = images.get(store.site)
    name, _, digest = reference.partition("@")
    repository = registry.repository(model)
    if not name.endswith(f"/{repository}"):
        raise SpecError(
            f"it is not in the model's repository '{repository}'.", hint="Was the registry's setting changed?"
        )
    found = registry.delete(repository, digest, model)
    log.info("%s: %s", reference, "deleted" if found else "it was not there")
