"""One deploy in steps, each from what there is towards what is requested.

The first version of an endpoint starts in its function app. A changed one starts in the slot ``next`` of an app that
serves, and is swapped with it once it answered: the old container serves until then. A swap ends the functions that are
executing in the old container. What a swap or a failure left in the slot is deleted.

Azure calls an app running whose container never starts. So the app itself is called, and the reasons of a failure
are read in the log of its start.
"""

from __future__ import annotations

import re
from typing import Any

from intermodal.platform.errors import DeployFailed, Refused
from intermodal.platform.ports import ownership
from intermodal.resources.azure.errors import reason_of
from intermodal.resources.azure.targets.functions.documents import READY_TAG, REVISION, Documents
from intermodal.resources.azure.targets.functions.front import Front
from intermodal.resources.azure.targets.functions.sites import Sites

WHAT = "Function app of endpoint"
SLOT = "next"
TAKEN = re.compile(r"already exists|not available", re.IGNORECASE)
"""Azure's reason: "Website with given name <name> already exists." """
FAILED = re.compile(r"^.*\bERROR\b.*$", re.MULTILINE)
"""What App Service writes when an image cannot be pulled, a container exits, or it does not answer in time."""
REASON_BYTES = 600
MAX_REFUSALS = 2
"""Responses 400 or 404 that are not final: a concurrent deploy may have deleted what the call names."""
ELSEWHERE = (
    "Names of function apps are unique over all customers of Azure. Delete the other one if it is yours, or give the "
    "model another name: `name` in its defs.yaml."
)
FIX = "Correct what it names and deploy again. The failed container was deleted."


class Rollout:
    """Call ``step`` until it is true. ``state`` is the last known one, in words."""

    def __init__(self, sites: Sites, front: Front, documents: Documents) -> None:
        self._sites, self._front, self._documents = sites, front, documents
        self._site, self._refusals, self.state = documents.site, 0, "not there"

    def step(self) -> bool:
        """Do the next step; true when nothing is left to do. Raises DeployFailed with Azure's reason."""
        from azure.core.exceptions import HttpResponseError

        try:
            return self._step()
        except HttpResponseError as error:
            if error.status_code == 409:
                return False  # another operation runs on it
            self._refusals += 1
            if error.status_code in (400, 404) and self._refusals <= MAX_REFUSALS:
                return False
            if error.status_code == 400:
                self._fail(reason_of(error))
            raise

    def _step(self) -> bool:
        found, documents = self._sites.get(self._site), self._documents
        if found is None:
            self._create()
            return False
        tags = found.tags or {}
        ownership.require_requested(documents.request, tags, WHAT)
        live = self._sites.settings(self._site).get(REVISION)
        if READY_TAG not in tags:
            if live != documents.revision:
                self._sites.delete(self._site)  # it never served
            elif self._answers(found):
                self._tag(tags)
            return False
        if live != documents.revision:
            self._stage()
            return False
        if found.properties.state != "Running":
            self._sites.start(self._site)
            return False
        if {**documents.tags, READY_TAG: documents.revision}.items() <= tags.items():
            self._sites.delete(self._site, SLOT)
            return True
        self._tag(tags)
        return False

    def _create(self) -> None:
        """Refused when another customer, or another resource group, has an app of this name."""
        from azure.core.exceptions import HttpResponseError

        try:
            self._sites.put(self._site, self._documents.body())
        except HttpResponseError as error:
            if TAKEN.search(reason_of(error)) and self._sites.get(self._site) is None:
                raise Refused(
                    f"The function app '{self._site}' exists in another subscription or resource group: "
                    f"{reason_of(error)}",
                    hint=ELSEWHERE,
                ) from error
            raise

    def _tag(self, tags: dict[str, str]) -> None:
        """Tags that others added, such as a policy of the subscription, stay."""
        own = {**self._documents.tags, READY_TAG: self._documents.revision}
        self._sites.put(self._site, self._documents.tagged({**tags, **own}))

    def _stage(self) -> None:
        """One step towards the changed version in production, by the slot."""
        found = self._sites.get(self._site, SLOT)
        if found is None:
            self._sites.put(self._site, self._documents.body(), SLOT)
        elif self._sites.settings(self._site, SLOT).get(REVISION) != self._documents.revision:
            self._sites.delete(self._site, SLOT)
        elif self._answers(found, SLOT):
            key = self._sites.key(self._site)
            if self._sites.key(self._site, SLOT) != key:  # callers keep their key
                self._sites.put_slot_key(self._site, SLOT, key)
            self._sites.swap(self._site, SLOT)

    def _answers(self, found: Any, slot: str = "") -> bool:
        """Whether its container serves. Raises DeployFailed when its log says that it did not start."""
        if self._front.is_ready(found.properties.default_host_name) and self._sites.key(self._site, slot):
            return True
        self.state = f"{found.properties.state}, and its container does not answer yet"
        if lines := FAILED.findall(self._sites.logs(self._site, slot)):
            self._fail(" ".join(lines)[-REASON_BYTES:])
        return False

    def _fail(self, reason: str) -> None:
        """Raise with the reason, after the container that does not serve was deleted."""
        found = self._sites.get(self._site)
        serves = found is not None and READY_TAG in (found.tags or {})
        if found is not None:
            self._sites.delete(self._site, SLOT if serves else "")
        kept = " What served before still serves." if serves else ""
        raise DeployFailed(f"{WHAT} '{self._documents.request.name}' failed: {reason}", hint=FIX + kept)
