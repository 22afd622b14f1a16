"""Events as metrics, read as Prometheus reads them: from the text that is scraped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from wsauth import ConfigurationError, Reason
from wsauth.core.events import Event, EventKind, emit
from wsauth.prometheus import MAX_SCHEMES, PrometheusSink

PAGE = (Path(__file__).parents[1] / "docs" / "events.md").read_text("utf-8")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def sink(registry: CollectorRegistry) -> PrometheusSink:
    return PrometheusSink(registry)


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    """Return every sample, without the times at which series began."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        _series(sample.name, sample.labels): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def _series(name: str, labels: dict[str, str]) -> str:
    return name + "".join(f" {key}={value}" for key, value in sorted(labels.items()))


def accepted(connection_id: str, **fields: object) -> Event:
    return Event(EventKind.ACCEPTED, connection_id=connection_id, **fields)  # type: ignore[arg-type]


def closed(connection_id: str, **fields: object) -> Event:
    return Event(EventKind.CLOSED, connection_id=connection_id, **fields)  # type: ignore[arg-type]


def test_handshakes_are_counted_by_outcome_reason_and_scheme(registry: CollectorRegistry, sink: PrometheusSink):
    """With how long each outcome took."""
    sink(accepted("1", scheme="queryToken", seconds=0.002))
    for kind in (EventKind.DENIED, EventKind.WOULD_DENY, EventKind.DENIED):
        sink(Event(kind, Reason.FOREIGN_ORIGIN, seconds=0.25))
    found = scraped(registry)
    assert {name: value for name, value in found.items() if name.startswith("wsauth_handshakes")} == {
        "wsauth_handshakes_total outcome=accepted reason= scheme=queryToken": 1,
        "wsauth_handshakes_total outcome=denied reason=foreign_origin scheme=": 2,
        "wsauth_handshakes_total outcome=would_deny reason=foreign_origin scheme=": 1,
    }
    assert found["wsauth_handshake_duration_seconds_bucket le=0.0025 outcome=accepted"] == 1
    assert found["wsauth_handshake_duration_seconds_sum outcome=denied"] == 0.5


def test_open_connections_are_those_accepted_and_not_closed(registry: CollectorRegistry, sink: PrometheusSink):
    """Every one once, whatever else happens to it in between."""
    for event in (
        accepted("1"),
        accepted("2"),
        Event(EventKind.DENIED, Reason.INVALID, connection_id="3"),
        Event(EventKind.RECHECKED, connection_id="1"),
        Event(EventKind.REVOKED, Reason.REVOKED, connection_id="1"),
    ):
        sink(event)
    assert scraped(registry)["wsauth_connections"] == 2
    sink(closed("1", reason=Reason.REVOKED))
    assert scraped(registry)["wsauth_connections"] == 1


def test_open_connections_are_never_negative(registry: CollectorRegistry, sink: PrometheusSink):
    """A close that comes twice, or of nobody, is none; an accept under two policies is one connection."""
    for event in (closed("1"), accepted("1"), accepted("1"), closed("1"), closed("1"), closed("2")):
        sink(event)
    found = scraped(registry)
    assert found["wsauth_connections"] == 0
    assert found["wsauth_connection_duration_seconds_count"] == 1


def test_nothing_is_kept_of_a_connection_that_closed(sink: PrometheusSink):
    """Memory is flat, however many come and go."""
    for number in range(1000):
        sink(accepted(f"{number:x}"))
        sink(closed(f"{number:x}"))
    assert not sink._open


def test_a_connection_that_was_ended_is_counted_once(registry: CollectorRegistry, sink: PrometheusSink):
    """By its close, which has the reason; one that the client or the application closed was not ended."""
    for number, (kind, reason) in enumerate(
        [
            (EventKind.EXPIRED, Reason.EXPIRED),
            (EventKind.REVOKED, Reason.REVOKED),
            (None, Reason.GOING_AWAY),
            (None, None),
        ]
    ):
        sink(accepted(str(number)))
        if kind:
            sink(Event(kind, reason, connection_id=str(number), seconds=90))
        sink(closed(str(number), reason=reason, seconds=90))
    found = scraped(registry)
    assert {name: value for name, value in found.items() if name.startswith("wsauth_ended")} == {
        "wsauth_ended_total reason=expired": 1,
        "wsauth_ended_total reason=revoked": 1,
        "wsauth_ended_total reason=going_away": 1,
    }
    assert found["wsauth_connection_duration_seconds_sum"] == 360
    assert found["wsauth_connection_duration_seconds_bucket le=60.0"] == 0


def test_rechecks_are_timed_by_outcome(registry: CollectorRegistry, sink: PrometheusSink):
    """Without a reason the connection goes on."""
    for reason in (None, None, Reason.FORBIDDEN):
        sink(Event(EventKind.RECHECKED, reason, seconds=0.5))
    found = scraped(registry)
    assert found["wsauth_recheck_duration_seconds_count outcome=kept"] == 2
    assert found["wsauth_recheck_duration_seconds_sum outcome=ended"] == 0.5


def test_a_stale_log_is_seen_until_it_is_in_step_again(registry: CollectorRegistry, sink: PrometheusSink):
    """And before anything is known there is nothing to alert on."""
    seen = [scraped(registry)["wsauth_log_stale"]]
    for kind in (EventKind.LOG_STALE, EventKind.LOG_STALE, EventKind.LOG_SYNCED):
        sink(Event(kind))
        seen.append(scraped(registry)["wsauth_log_stale"])
    assert seen == [0, 1, 1, 0]


def test_labels_are_few(registry: CollectorRegistry, sink: PrometheusSink):
    """However many names, users and connections there are; the first names stay what they are."""
    sink(Event(EventKind.DENIED, Reason.MISSING))
    for number in range(3 * MAX_SCHEMES):
        subject = f"{number:016x}"
        sink(accepted(f"{number:x}", scheme=f"scheme-{number}", subject_hash=subject))
    sink(Event(EventKind.DENIED, Reason.MISSING))
    sink(accepted("ffff", scheme="scheme-0"))
    labels = [set(re.findall(r"scheme=(\S*)", name)) for name in scraped(registry) if "_handshakes_" in name]
    schemes = set().union(*labels)
    assert schemes == {f"scheme-{number}" for number in range(MAX_SCHEMES)} | {"other", ""}
    assert scraped(registry)["wsauth_handshakes_total outcome=accepted reason= scheme=other"] == 2 * MAX_SCHEMES
    assert scraped(registry)["wsauth_handshakes_total outcome=accepted reason= scheme=scheme-0"] == 2


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_with_every_reason_can_be_counted(
    kind: EventKind, registry: CollectorRegistry, sink: PrometheusSink
):
    """No series holds a user's pseudonym, a connection's id or an incident's."""
    for reason in (None, *Reason):
        sink(Event(kind, reason, "queryToken", "0123456789abcdef", "cafe01", 0.5, "beef02"))
    text = generate_latest(registry).decode()
    assert not re.search("0123456789abcdef|cafe01|beef02", text)


def test_the_records_are_told_by_events(
    registry: CollectorRegistry, sink: PrometheusSink, monkeypatch: pytest.MonkeyPatch
):
    """How many are held, how old the oldest is, and when the log was read."""
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    sink(Event(EventKind.RECORDS, seconds=5.0, count=7))
    sink(Event(EventKind.LOG_READ, seconds=1.0))
    found = scraped(registry)
    told = [found[f"wsauth_{name}"] for name in ("records", "records_oldest_seconds", "log_read_timestamp_seconds")]
    assert told == [7.0, 5.0, 999.0]
    sink(Event(EventKind.RECORDS_MANY, seconds=6.0, count=250_000))
    assert scraped(registry)["wsauth_records"] == 250_000


def test_several_loops_may_share_the_sink(
    registry: CollectorRegistry, sink: PrometheusSink, monkeypatch: pytest.MonkeyPatch
):
    """A slow thread does not write an older number over a newer one."""
    write, is_slow, others_are_done = sink._connections.set, Signal(), Signal()

    def write_slowly(value: float) -> None:
        if not is_slow.is_set():
            is_slow.set()
            others_are_done.wait(0.2)  # which they never are, while they wait for this one
        write(value)

    monkeypatch.setattr(sink._connections, "set", write_slowly)
    slow = Thread(target=sink, args=(accepted("1"),))
    quick = Thread(target=lambda: (sink(accepted("2")), others_are_done.set()))
    slow.start()
    assert is_slow.wait(10)
    quick.start()
    slow.join()
    quick.join()
    assert scraped(registry)["wsauth_connections"] == 2


def test_a_second_sink_is_refused_with_what_to_do():
    """One sink serves every policy; the first goes on, and the registry can be given to another once it is unregistered."""
    first = PrometheusSink()
    try:
        with pytest.raises(
            ConfigurationError, match=r"give it to every policy.*PrometheusSink\(CollectorRegistry\(\)\)"
        ):
            PrometheusSink()
    finally:
        REGISTRY.unregister(first)
    REGISTRY.unregister(PrometheusSink())


def test_a_registry_is_left_as_it_was_where_the_sink_does_not_fit():
    """Half a set of metrics would be in the way of the next attempt."""
    registry = CollectorRegistry()
    theirs = Counter("wsauth_ended_total", "Theirs.", registry=registry)
    with pytest.raises(ConfigurationError):
        PrometheusSink(registry)
    registry.unregister(theirs)
    emit([PrometheusSink(registry)], accepted("1"))
    assert scraped(registry)["wsauth_connections"] == 1


def test_the_page_lists_every_metric(registry: CollectorRegistry, sink: PrometheusSink):
    """By its full name, with its labels; and the alerts ask for nothing else."""
    table = dict(re.findall(r"^\| `(wsauth_\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    metrics = {
        metric.name + ("_total" if metric.type == "counter" else ""): owner._labelnames
        for owner in sink._metrics
        for metric in owner.describe()
    }
    assert {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in table.items()} == metrics
    for name in re.findall(r"wsauth_\w+", PAGE):
        assert re.sub("_(bucket|sum|count)$", "", name) in metrics


SEVERAL_PROCESSES = """
import sys
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from wsauth.core.events import Event, EventKind
from wsauth.prometheus import PrometheusSink

sink = PrometheusSink(CollectorRegistry())
for connection in sys.argv[2:]:
    sink(Event(EventKind.ACCEPTED, connection_id=connection))
if sys.argv[1] == "stale":
    sink(Event(EventKind.LOG_STALE))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    print(generate_latest(registry).decode())
"""


def test_several_processes_are_one_series(tmp_path: Path):
    """With PROMETHEUS_MULTIPROC_DIR the workers of a server add up, and one that is blind shows."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for arguments in (("fresh", "1", "2"), ("stale", "3")):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", SEVERAL_PROCESSES, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    assert "wsauth_connections 3.0" in done.stdout.splitlines()
    assert "wsauth_log_stale 1.0" in done.stdout.splitlines()


def test_without_the_library_the_import_says_what_to_install():
    """The name of the extra is what one needs, not a traceback's last line."""
    code = "import sys; sys.modules['prometheus_client'] = None; import wsauth.prometheus"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert 'ConfigurationError: wsauth.prometheus needs prometheus_client; run `pip install "wsauth[prometheus]"`' in (
        done.stderr
    )
