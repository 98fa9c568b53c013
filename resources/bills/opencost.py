"""What a Kubernetes cluster's money is for: the API ``/allocation`` of OpenCost and Kubecost.

https://opencost.io/docs/integrations/api; https://github.com/kubecost/docs, ``apis/monitoring-apis/api-allocation.md``.
A request is one UTC day, so an answer is one set, and the days are the pages. Idle and shared cost are not spread: they
are rows of their own. An allocation's cost is a share of nodes that the cloud's own bill has too: use one of both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from intermodal.platform.cost import allocations
from intermodal.platform.errors import Refused, SpecError, Throttled, Unavailable
from intermodal.platform.ports.bills import Bill, Read, Snapshot
from intermodal.platform.ports.findings import Finding, Lack
from intermodal.resources.storage.addresses import without_passwords

ATTEMPTS = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds; a server's Retry-After is obeyed up to the longest."""
ANSWER_SECONDS = 60.0
"""The server computes a day from Prometheus at the first request for it."""
AGGREGATE = ",".join(f"label:{label}" for label in allocations.LABELS)


class _TryAgain(Exception):
    """The server is not ready, or asks for a pause."""

    def __init__(self, error: Unavailable | Throttled, seconds: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


@dataclass(frozen=True)
class OpenCost:
    """``address`` is ``http://opencost.opencost:9003`` or ``http://kubecost/model``."""

    kinds: ClassVar[frozenset[str]] = frozenset({"kubernetes"})
    extra: ClassVar[str] = "cost"

    source: str
    address: str
    currency: str = "USD"
    """What the cluster's prices are in. The API does not say."""
    first_pause: float = FIRST_PAUSE

    @classmethod
    def of(cls, source: str, address: str) -> OpenCost:
        """``address#EUR`` for a cluster whose prices are in euros."""
        url, _, currency = address.partition("#")
        return cls(source, url, currency or "USD")

    def read(self, since: date, until: date) -> Iterator[Read]:
        """A day at a time. A day that is not over in UTC is not read: its cost would be too low."""
        with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client:
            day = since
            while day < until:
                now = _now()
                start = datetime(day.year, day.month, day.day, tzinfo=UTC)
                day += timedelta(days=1)
                if start + timedelta(days=1) > now:
                    yield Read((), (Finding(Lack.INCOMPLETE_DAY, self.source, example=f"{start:%Y-%m-%d}"),))
                    continue
                yield self._day(client, start, now)

    def _day(self, client: httpx.Client, start: datetime, now: datetime) -> Read:
        end = start + timedelta(days=1)
        where = f"{self.source} {start:%Y-%m-%d}"
        table, findings = allocations.charges(self._sets(client, start, end), start, end, self.currency, where)
        if not table.num_rows:  # a server that lost its data has no cost to tell, which is not a cost of zero
            return Read((), findings)
        return Read((Snapshot(Bill(self.source, self.source, start, end), now, table),), findings)

    def _sets(self, client: httpx.Client, start: datetime, end: datetime) -> Sequence[Mapping[str, Any] | None]:
        query = {
            "window": f"{start:%Y-%m-%dT%H:%M:%SZ},{end:%Y-%m-%dT%H:%M:%SZ}",
            "aggregate": AGGREGATE,
            "accumulate": "false",
            "step": "1d",
            **dict.fromkeys(("idle", "includeIdle"), "true"),
            **dict.fromkeys(("shareIdle", "shareTenancyCosts"), "false"),
        }
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgain), stop=stop_after_attempt(ATTEMPTS), wait=self._pause, reraise=True
        )
        try:
            return retrying(self._get, client, query)
        except _TryAgain as last:
            raise last.error from last

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        retry_after = error.seconds if isinstance(error, _TryAgain) else 0.0
        backoff = wait_exponential_jitter(initial=self.first_pause, max=LONGEST_PAUSE, jitter=self.first_pause)
        return min(LONGEST_PAUSE, max(retry_after, backoff(state)))

    def _get(self, client: httpx.Client, query: Mapping[str, str]) -> Sequence[Mapping[str, Any] | None]:
        server = without_passwords(self.address)
        try:
            answer = client.get(f"{self.address.rstrip('/')}/allocation", params=query)
        except httpx.TransportError as error:
            hint = "Check the address of this source of bills, and that the service runs."
            raise _TryAgain(Unavailable(f"{server} does not answer: {error}.", hint=hint)) from error
        if answer.status_code == 429:
            hint = "Read fewer days at once, or later."
            raise _TryAgain(
                Throttled(f"{server} throttles.", hint=hint), _seconds(answer.headers.get("Retry-After", ""))
            )
        if answer.status_code in (401, 403):
            raise Refused(f"{server} refuses access: {answer.status_code}.", hint="Put credentials into the address.")
        if answer.status_code >= 500:
            hint = "Look at its log: it needs Prometheus."
            raise _TryAgain(Unavailable(f"{server} answers {answer.status_code}.", hint=hint))
        if answer.status_code != 200:
            raise SpecError(f"{server} answers {answer.status_code}: {answer.text[:200]}", hint="Check the address.")
        try:
            # A cost is read as the decimal that was written, and never as a float.
            body = json.loads(answer.text, parse_float=Decimal)
        except ValueError as error:
            raise _TryAgain(Unavailable(f"{server} answers half a document: {error}.", hint="Read again.")) from error
        if not isinstance(body, dict) or body.get("code", 200) != 200 or not isinstance(body.get("data"), list):
            hint = "Its message says why. A cluster that was installed on that day has no earlier data."
            raise Unavailable(f"{server} has no allocations: {str(body)[:200]}", hint=hint)
        found: Sequence[Mapping[str, Any] | None] = body["data"]
        return found


def _now() -> datetime:
    return datetime.now(UTC)


def _seconds(header: str) -> float:
    """Retry-After in seconds; a date counts as no wish."""
    return float(header) if header.isdigit() else 0.0
