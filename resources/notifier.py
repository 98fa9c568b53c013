"""People are told by apprise: Slack, Teams, mail, PagerDuty and some hundred others, by the address of each."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import dagster as dg

from intermodal.platform.errors import MissingExtra, Unavailable
from intermodal.platform.notices import Notice, Severity

TYPES: Mapping[Severity, str] = {"info": "info", "warning": "warning", "page": "failure"}


class AppriseNotifier(dg.ConfigurableResource):  # type: ignore[type-arg]
    """``targets`` and ``page_targets`` are the names of environment variables, never their values: what they hold are
    apprise addresses (``slack://... mailtos://...``, separated by spaces or commas) with passwords and tokens in them.

    Every notice goes to ``targets``; one of severity ``page`` goes to ``page_targets`` as well.
    """

    targets: str = "INTERMODAL_NOTIFY"
    page_targets: str = "INTERMODAL_NOTIFY_PAGE"

    def tell(self, notice: Notice) -> None:
        """Send to everybody who is configured. Unavailable when nobody took it, whose message names no address; those
        who did not take it while others did are named by their kind in the log."""
        log, addresses = dg.get_dagster_logger(), self._addresses(notice.severity)
        if not addresses:
            log.warning("%s is not set, so nobody was told: %s. %s", self.targets, notice.title, notice.text)
            return
        with _silenced():
            failed = [kind for kind, took in _send(addresses, notice) if not took]
        if len(failed) == len(addresses):
            raise Unavailable(
                f"Nobody could be told '{notice.title}': {_listed(failed)} did not take it.",
                hint=f"Check {self.targets} with 'apprise -vv -b test <address>'.",
            )
        if failed:
            log.error("Not everybody was told '%s': %s did not take it.", notice.title, _listed(failed))

    def _addresses(self, severity: Severity) -> Sequence[str]:
        names = (self.targets, self.page_targets) if severity == "page" else (self.targets,)
        texts = [os.environ[name] for name in names if os.environ.get(name, "").strip()]
        return list(dict.fromkeys(address for text in texts for address in _apprise("utils.parse").parse_urls(text)))


def _send(addresses: Sequence[str], notice: Notice) -> Iterator[tuple[str, bool]]:
    """Each address's kind (``slack``), and whether it took the notice. One by one in this thread, so that one who does
    not answer (apprise gives up after some seconds) keeps no other from being told."""
    apprise = _apprise()
    body = f"{notice.text}\n\nAsked: {notice.owner}. Event: {notice.key}."
    title, urgency = f"[{notice.severity}] {notice.title}", TYPES[notice.severity]
    for address in addresses:
        # apprise keeps what has no :// as an address too; its kind would be the whole of it, perhaps a password.
        kind = address.split("://")[0] if "://" in address else "something without ://"
        try:
            one = apprise.Apprise.instantiate(address)
            took = one is not None and bool(one.notify(title=title, body=body, notify_type=urgency))
        except Exception:  # noqa: BLE001 - whatever a plug-in raises may repeat the address: only its kind is told
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
