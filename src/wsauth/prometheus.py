"""Events as Prometheus metrics: few, and with labels of few values, however many users and connections there are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING

from wsauth.core.errors import ConfigurationError
from wsauth.core.events import Event, EventKind

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as error:
    raise ConfigurationError(
        'wsauth.prometheus needs prometheus_client; run `pip install "wsauth[prometheus]"`'
    ) from error

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

MAX_SCHEMES = 50  # different names in the label `scheme`; the rest is "other"

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds, of a look-up
_LONG = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600)  # seconds, of a life


class PrometheusSink:
    """A sink that counts events. One per registry, for every policy: `Policy(events=[sink])`.

    `wsauth_handshakes_total` (outcome, reason, scheme), `wsauth_handshake_duration_seconds` (outcome), `wsauth_connections`,
    `wsauth_connection_duration_seconds`, `wsauth_ended_total` (reason), `wsauth_recheck_duration_seconds` (outcome),
    `wsauth_log_stale`, `wsauth_log_read_timestamp_seconds`, `wsauth_records`, `wsauth_records_oldest_seconds` and
    `wsauth_clock_off_seconds`. Raises ConfigurationError where the registry has metrics of these
    names already.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        # None of them registers itself: the sink does, as one collector, so all of them are registered or none is.
        self._handshakes = Counter(
            "wsauth_handshakes_total",
            "Handshakes by what was decided.",
            ["outcome", "reason", "scheme"],
            registry=None,
        )
        self._decisions = Histogram(
            "wsauth_handshake_duration_seconds",
            "From a handshake's arrival to the decision.",
            ["outcome"],
            buckets=_FAST,
            registry=None,
        )
        self._connections = Gauge(
            "wsauth_connections",
            "Connections that are open.",
            multiprocess_mode="livesum",
            registry=None,
        )
        self._lives = Histogram(
            "wsauth_connection_duration_seconds",
            "How long connections lived.",
            buckets=_LONG,
            registry=None,
        )
        self._ended = Counter(
            "wsauth_ended_total",
            "Connections that were ended, neither by the client nor by the application.",
            ["reason"],
            registry=None,
        )
        self._rechecks = Histogram(
            "wsauth_recheck_duration_seconds",
            "How long the look-up of a re-check took.",
            ["outcome"],
            buckets=_FAST,
            registry=None,
        )
        self._stale = Gauge(
            "wsauth_log_stale",
            "1 while the log of revocations is out of reach.",
            multiprocess_mode="livemax",
            registry=None,
        )
        self._clock_off = Gauge(
            "wsauth_clock_off_seconds",
            "By how much the clock of this machine is wrong; 0 while it is right.",
            multiprocess_mode="livemax",
            registry=None,
        )
        self._read_at = Gauge(
            "wsauth_log_read_timestamp_seconds",
            "When every revocation was last known, in POSIX seconds.",
            multiprocess_mode="livemin",
            registry=None,
        )
        self._records = Gauge(
            "wsauth_records",
            "Revocations that are held in memory.",
            multiprocess_mode="livemax",
            registry=None,
        )
        self._oldest = Gauge(
            "wsauth_records_oldest_seconds",
            "Age of the oldest revocation that is held.",
            multiprocess_mode="livemax",
            registry=None,
        )
        self._schemes: set[str] = set()
        self._open: set[str] = set()  # by id, so that nothing is counted twice or below zero
        self._lock = Lock()  # policies of several event loops may share the sink
        try:
            registry.register(self)
        except ValueError:
            raise ConfigurationError(
                "PrometheusSink(): the registry has a sink already; make one and give it to every policy, or write"
                " PrometheusSink(CollectorRegistry())"
            ) from None

    def __call__(self, event: Event) -> None:
        match event.kind:
            case EventKind.ACCEPTED | EventKind.DENIED | EventKind.WOULD_DENY:
                self._decided(event)
            case EventKind.RECHECKED:
                self._rechecks.labels("ended" if event.reason else "kept").observe(event.seconds)
            case EventKind.CLOSED:  # which an expired and a revoked connection are too, with the same reason
                self._closed(event)
            case EventKind.RECORDS | EventKind.RECORDS_MANY:
                self._records.set(event.count)
                self._oldest.set(event.seconds)
            case EventKind.LOG_READ:
                self._read_at.set(time.time() - event.seconds)
            case EventKind.CLOCK_OFF | EventKind.CLOCK_RIGHT:
                self._clock_off.set(event.seconds)
            case EventKind.LOG_STALE | EventKind.LOG_SYNCED:
                self._stale.set(event.kind is EventKind.LOG_STALE)

    def _decided(self, event: Event) -> None:
        outcome = event.kind.value
        with self._lock:
            if event.scheme and len(self._schemes) < MAX_SCHEMES:
                self._schemes.add(event.scheme)
            scheme = event.scheme if event.scheme in self._schemes or not event.scheme else "other"
            if event.kind is EventKind.ACCEPTED:
                self._open.add(event.connection_id)
                self._connections.set(len(self._open))
        self._handshakes.labels(outcome, _label(event), scheme).inc()
        self._decisions.labels(outcome).observe(event.seconds)

    def _closed(self, event: Event) -> None:
        with self._lock:
            if event.connection_id not in self._open:
                return
            self._open.remove(event.connection_id)
            self._connections.set(len(self._open))
        self._lives.observe(event.seconds)
        if event.reason:
            self._ended.labels(_label(event)).inc()

    # What a registry asks of a collector

    def collect(self) -> Iterator[Metric]:
        return chain.from_iterable(metric.collect() for metric in self._metrics)

    def describe(self) -> Iterator[Metric]:
        return chain.from_iterable(metric.describe() for metric in self._metrics)

    @property
    def _metrics(self) -> tuple[Counter | Gauge | Histogram, ...]:
        return (
            self._handshakes,
            self._decisions,
            self._connections,
            self._lives,
            self._ended,
            self._rechecks,
            self._stale,
            self._read_at,
            self._records,
            self._oldest,
            self._clock_off,
        )


def _label(event: Event) -> str:
    return event.reason.name.lower() if event.reason else ""
