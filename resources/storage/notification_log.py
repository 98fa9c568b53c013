"""Which notices were delivered, as JSON documents beside the incidents: people are notified of each event once."""

import hashlib
import json
import logging
import random
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import dagster as dg
from pydantic import Field

from intermodal.platform.ports.notifications import Delivery, Notice, Notifier, Receipt
from intermodal.resources.storage.documents import Document, Documents
from intermodal.resources.storage.incidents import documents

log = logging.getLogger(__name__)
FOLDER = "notifications"
RETENTION_SECONDS = 90 * 24 * 3600.0
MAX_EXPIRY_READS = 3
"""How many records a new one makes us look at, to remove those that are too old."""
MAX_RACES = 10
"""How often a record is made anew because another writer was first."""


@dataclass(frozen=True)
class Record:
    """``recipients`` have the notice; when it was not ``delivered``, more are needed. ``recorded_at``: Unix seconds."""

    key: str
    recorded_at: float
    recipients: tuple[str, ...] = ()
    delivered: bool = False

    def with_receipt(self, receipt: Receipt) -> "Record":
        recipients = tuple(sorted({*self.recipients, *receipt.recipients}))
        return Record(self.key, self.recorded_at, recipients, self.delivered or receipt.failure is None)


class NotificationLog(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Fulfils ``platform.ports.Notifications``. Layout: ``<address>/notifications/<hh>/<hash of the key>.json``.

    People come first: a log that cannot be read or written keeps no notice back. It is sent, our own log says that this
    was not recorded, and it may be sent again. A record that is damaged is taken for none. No process claims a notice
    before it sends it, since the claim of one that was killed would delay a page: two that begin at the same moment
    both send.
    """

    address: str = Field(description="The address of the incidents: a folder or a bucket.")
    notifier: dg.ResourceDependency[Any]

    def notify(self, notice: Notice) -> Delivery:
        name, transport = _name(notice.key), self._transport
        try:
            document, reached = self._documents.read(name), True
        except Exception as error:  # noqa: BLE001 each kind of store raises its own
            log.error("'%s' is sent unrecorded, and may be sent again: %s", notice.title, _text_of(error))
            document, reached = None, False
        known = _parse(document, notice.key)
        if known.delivered:
            return "delivered"
        receipt = transport.send(notice, known.recipients)
        if reached and receipt.recipients and known.with_receipt(receipt) != known:
            self._record(name, document, notice, receipt)
        if receipt.failure is not None:
            raise receipt.failure
        return "delivered" if receipt.recipients else "no recipient"

    @property
    def _transport(self) -> Notifier:
        transport: Notifier = self.notifier
        return transport

    @cached_property
    def _documents(self) -> Documents:
        return documents(self.address)

    def _record(self, name: str, document: Document | None, notice: Notice, receipt: Receipt) -> None:
        try:
            for _ in range(MAX_RACES):
                text = json.dumps(asdict(_parse(document, notice.key).with_receipt(receipt)), indent=1)
                if document is None and self._documents.create(name, text):
                    return self._expire(name.rpartition("/")[0])
                if document is not None and self._documents.replace(name, text, document.version):
                    return None
                document = self._documents.read(name)
            raise TimeoutError(f"it was changed by others {MAX_RACES} times")
        except Exception as error:  # noqa: BLE001 it was sent: no failure of the log undoes that
            log.error("'%s' was sent, but not recorded, and may be sent again: %s", notice.title, _text_of(error))

    def _expire(self, folder: str) -> None:
        """Remove records that are too old: a few of this folder, by lot, for each record that comes in."""
        try:
            names = list(self._documents.names(folder))
            for name in random.sample(names, min(MAX_EXPIRY_READS, len(names))):
                found = self._documents.read(f"{folder}/{name}")
                if found is not None and time.time() - _parse(found, name).recorded_at > RETENTION_SECONDS:
                    self._documents.delete(f"{folder}/{name}")
        except Exception as error:  # noqa: BLE001 the next record that comes in does it
            log.warning("Old records in %s/%s were not removed: %s", self.address, folder, _text_of(error))


def _name(key: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{FOLDER}/{digest[:2]}/{digest}.json"


def _parse(document: Document | None, key: str) -> Record:
    """The record; without one, or with one that is damaged, that of a notice that was not sent yet."""
    if document is not None:
        try:
            data = json.loads(document.text)
            recipients = tuple(map(str, data["recipients"]))
            recorded_at = data["recorded_at"] if "recorded_at" in data else data["at"]  # ``at`` in release 0.1
            return Record(str(data["key"]), float(recorded_at), recipients, bool(data["delivered"]))
        except (ValueError, KeyError, TypeError) as error:
            log.error("The record of the notice '%s' is damaged, and taken for none: %r", key, error)
    return Record(key, time.time())


def _text_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
