"""People are notified by apprise: Slack, Teams, mail, PagerDuty and some hundred others, by the address of each."""

import hashlib
import logging
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import dagster as dg

from intermodal.platform.errors import MissingExtra, Unavailable
from intermodal.platform.ports.notifications import Notice, Receipt, Severity

TYPES: Mapping[Severity, str] = {"info": "info", "warning": "warning", "page": "failure"}


class AppriseNotifier(dg.ConfigurableResource):  # type: ignore[type-arg]
    """``variable`` and ``page_variable`` are the names of environment variables, never their values: what they hold are
    apprise addresses (``slack://... mailtos://...``, separated by spaces or commas) with passwords and tokens in them.

    Every notice goes to those in ``variable``. One of severity ``page`` goes to those in ``page_variable`` as well, who
    are to be woken.
    """

    variable: str = "INTERMODAL_NOTIFY"
    page_variable: str = "INTERMODAL_NOTIFY_PAGE"

    def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:
        """Send to every configured recipient that is not in ``skip``. It failed when no recipient took it or, of a
        page, no recipient of pages. The failure names no address. Recipients that did not take it while others did are
        logged by their kind."""
        woken = self._addresses(self.page_variable) if notice.severity == "page" else {}
        addresses = {**self._addresses(self.variable), **woken}
        if not addresses:
            text = "%s is not set, so no notice was sent: %s. %s"
            dg.get_dagster_logger().warning(text, self.variable, notice.title, notice.text)
            return Receipt()
        left = {name: address for name, address in addresses.items() if name not in skip}
        with _silenced():
            answers = dict(zip(left, _send(left.values(), notice), strict=True))
        failed = [kind for kind, took in answers.values() if not took]
        taken = frozenset(name for name in addresses if name in skip or answers[name][1])
        if not taken.intersection(woken or addresses):
            recipient, variable = ("recipient of pages", self.page_variable) if woken else ("recipient", self.variable)
            return Receipt(taken, _not_delivered(recipient, notice, failed, variable))
        if failed:
            dg.get_dagster_logger().error(
                "Some recipients did not take '%s': %s failed.", notice.title, _listed(failed)
            )
        return Receipt(taken)

    def _addresses(self, variable: str) -> Mapping[str, str]:
        """The addresses by names that do not show them."""
        text = os.environ.get(variable, "").strip()
        addresses = _apprise("utils.parse").parse_urls(text) if text else []
        return {hashlib.sha256(address.encode()).hexdigest()[:16]: address for address in addresses}


def _not_delivered(recipient: str, notice: Notice, kinds: Sequence[str], variable: str) -> Unavailable:
    return Unavailable(
        f"No {recipient} took '{notice.title}': {_listed(kinds)} failed.",
        hint=f"Check {variable} with 'apprise -vv -b test <address>'.",
    )


def _send(addresses: Iterable[str], notice: Notice) -> Iterator[tuple[str, bool]]:
    """Each address's kind (``slack``), and whether it took the notice. One by one in this thread, so that one who does
    not answer (apprise gives up after some seconds) keeps it from no other."""
    apprise = _apprise()
    body = f"{notice.text}\n\nOwner: {notice.owner}. Event: {notice.key}."
    title, urgency = f"[{notice.severity}] {notice.title}", TYPES[notice.severity]
    for address in addresses:
        # apprise keeps what has no :// as an address too; its kind would be the whole of it, perhaps a password.
        kind = address.split("://")[0] if "://" in address else "something without ://"
        try:
            service = apprise.Apprise.instantiate(address)
            took = service is not None and bool(service.notify(title=title, body=body, notify_type=urgency))
        except Exception:  # noqa: BLE001 - whatever a plug-in raises may repeat the address: only its kind is given
            took = False
        yield kind, took


def _listed(kinds: Sequence[str]) -> str:
    return ", ".join(kinds)


def _apprise(part: str = "") -> Any:
    try:
        return import_module(f"apprise.{part}".rstrip("."))
    except ImportError as error:
        raise MissingExtra("apprise", "watch") from error


class _Silence(logging.Filter):
    """Drops what a thread logs while it sends: apprise and urllib3 log addresses, and there tokens are part of the path
    (``https://hooks.slack.com/services/<token>``)."""

    sending = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        return not getattr(self.sending, "on", False)


_SILENCE = _Silence()


@contextmanager
def _silenced() -> Iterator[None]:
    for name in ("apprise", "urllib3.connectionpool", "requests"):
        logging.getLogger(name).addFilter(_SILENCE)  # adding it again changes nothing
    _SILENCE.sending.on = True
    try:
        yield
    finally:
        _SILENCE.sending.on = False
