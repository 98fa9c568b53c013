"""People are told by apprise: Slack, Teams, mail, PagerDuty and some hundred others, by the address of each."""

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import dagster as dg

from intermodal.platform.errors import MissingExtra, Unavailable
from intermodal.platform.ports.notifications import Notice, Severity

AGAIN_SECONDS = 600.0
_KNOWING: dict[str, tuple[float, frozenset[str]]] = {}
"""The addresses that took a notice for which somebody is still to be woken, and when, by its key: tried again by this
process within AGAIN_SECONDS, it does not tell them a second time."""
TYPES: Mapping[Severity, str] = {"info": "info", "warning": "warning", "page": "failure"}


class AppriseNotifier(dg.ConfigurableResource):  # type: ignore[type-arg]
    """``targets`` and ``page_targets`` are the names of environment variables, never their values: what they hold are
    apprise addresses (``slack://... mailtos://...``, separated by spaces or commas) with passwords and tokens in them.

    Every notice goes to ``targets``; one of severity ``page`` goes to ``page_targets`` as well, who are to be woken.
    """

    targets: str = "INTERMODAL_NOTIFY"
    page_targets: str = "INTERMODAL_NOTIFY_PAGE"

    def tell(self, notice: Notice) -> bool:
        """Send to everybody who is configured; False when nobody is. Unavailable when nobody took it or, of a page,
        nobody who is to be woken, whoever else took it. Its message names no address; those who did not take it while
        others did are named by their kind in the log."""
        log, woken = dg.get_dagster_logger(), self._addresses(self.page_targets) if notice.severity == "page" else []
        addresses = list(dict.fromkeys([*self._addresses(self.targets), *woken]))
        if not addresses:
            log.warning("%s is not set, so nobody was told: %s. %s", self.targets, notice.title, notice.text)
            return False
        at, knowing = _KNOWING.pop(notice.key, (0.0, frozenset[str]()))
        if time.monotonic() - at > AGAIN_SECONDS:
            knowing = frozenset()
        left = [address for address in addresses if address not in knowing]
        with _silenced():
            answers = dict(zip(left, _send(left, notice), strict=True))
        failed = [kind for kind, took in answers.values() if not took]
        knowing |= {address for address, (_, took) in answers.items() if took}
        if not knowing.intersection(woken or addresses):
            _KNOWING[notice.key] = time.monotonic(), knowing
            if woken:
                raise _nobody("woken by", notice, failed, self.page_targets)
            raise _nobody("told", notice, failed, self.targets)
        if failed:
            log.error("Not everybody was told '%s': %s did not take it.", notice.title, _listed(failed))
        return True

    def _addresses(self, name: str) -> Sequence[str]:
        text = os.environ.get(name, "").strip()
        return list(_apprise("utils.parse").parse_urls(text)) if text else []


def _nobody(reached: str, notice: Notice, kinds: Sequence[str], variable: str) -> Unavailable:
    return Unavailable(
        f"Nobody could be {reached} '{notice.title}': {_listed(kinds)} did not take it.",
        hint=f"Check {variable} with 'apprise -vv -b test <address>'.",
    )


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
