"""What an application gives a tracer to carry counts; the span beside it does not."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from contextvars import Context, ContextVar

import pytest
from opentelemetry import baggage, context, trace

from wsauth.core.context import NOTHING, bare, present

datadogs: ContextVar[object] = ContextVar("datadog_contextvar")


class Span(trace.NonRecordingSpan):
    """One for each request."""

    def __init__(self):
        super().__init__(trace.SpanContext(1, 2, is_remote=False))


def attached(*, span=None, values=(), **entries):
    """Return what is kept of a context with a span, this baggage, and entries of the application's own."""

    def visit():
        if span is not None:
            context.attach(trace.set_span_in_context(span))
        for name, value in dict(values, **entries).items():
            context.attach(baggage.set_baggage(name, value))
        return present()

    return Context().run(visit)


def test_a_span_alone_makes_no_difference():
    """Nor does baggage that was emptied, or the switch that mutes what is traced."""
    assert attached(span=Span()) is NOTHING

    def visit():
        context.attach(baggage.remove_baggage("tenant", baggage.set_baggage("tenant", "acme")))
        context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
        context.attach(context.set_value("suppress_instrumentation", True))
        return present()

    assert Context().run(visit) is NOTHING


def test_tenants_in_baggage_are_two_and_equal_ones_are_one():
    """Whatever their spans are."""
    acme = attached(span=Span(), tenant="acme")
    assert attached(span=Span(), tenant="acme") is acme
    assert attached(tenant="acme") is acme
    assert attached(span=Span(), tenant="globex") is not acme
    assert attached(span=Span(), region="acme") is not acme
    assert attached(span=Span(), tenant="acme", region="eu") is not acme


def test_a_re_check_reads_the_baggage_and_has_no_span():
    """Which nobody keeps alive."""
    span = Span()
    left = weakref.ref(span)
    kept = attached(span=span, tenant="acme")
    del span
    gc.collect()
    assert left() is None
    assert kept.context().run(baggage.get_baggage, "tenant") == "acme"
    assert kept.context().run(trace.get_current_span) is trace.INVALID_SPAN


def test_an_entry_of_the_applications_own_counts():
    """Under a key that it has made, or a plain text."""
    key = context.create_key("tenant")

    def visit(value):
        context.attach(context.set_value(key, value, trace.set_span_in_context(Span())))
        return present()

    acme = Context().run(visit, "acme")
    assert Context().run(visit, "acme") is acme
    assert Context().run(visit, "globex") is not acme
    assert acme.context().run(context.get_value, key) == "acme"


def test_what_sentrys_pages_add_to_the_baggage_makes_no_difference():
    """The id of each trace would let each look-up go alone."""
    assert attached(values={"sentry-trace_id": "1", "sentry-public_key": "k"}) is NOTHING
    acme = attached(values={"sentry-trace_id": "1"}, tenant="acme")
    assert attached(values={"sentry-trace_id": "2"}, tenant="acme") is acme


def test_what_is_one_for_everybody_has_the_span_and_no_baggage():
    """A JWKS is fetched for all tenants, as a part of the trace."""
    span = Span()

    def visit():
        context.attach(baggage.set_baggage("tenant", "acme", trace.set_span_in_context(span)))
        return bare()

    found = Context().run(visit)
    assert found.run(trace.get_current_span) is span
    assert found.run(baggage.get_baggage, "tenant") is None


class DatadogContext:
    """As ddtrace has it, in little."""

    def __init__(self, *, baggage=None):
        self._baggage = baggage or {}

    def get_all_baggage_items(self):
        return self._baggage


class DatadogSpan:
    def __init__(self, **items):
        self.context = DatadogContext(baggage=items)


for kind, name in ((DatadogContext, "Context"), (DatadogSpan, "Span")):
    kind.__module__, kind.__name__ = "ddtrace._trace.anywhere", name


def active(value):
    def visit():
        datadogs.set(value)
        return present(), bare()

    return Context().run(visit)


def test_datadogs_baggage_is_kept_without_its_span():
    """In a context of its own, as ddtrace makes one of the headers of a request."""
    kept, without = active(DatadogSpan(tenant="acme"))
    assert active(DatadogSpan(tenant="acme"))[0] is kept
    assert active(DatadogContext(baggage={"tenant": "acme"}))[0] is kept
    assert active(DatadogSpan(tenant="globex"))[0] is not kept
    found = kept.context().run(datadogs.get)
    assert type(found) is DatadogContext
    assert found.get_all_baggage_items() == {"tenant": "acme"}
    assert datadogs not in without


def test_a_datadog_span_without_baggage_makes_no_difference():
    """It goes along with what is one for everybody."""
    span = DatadogSpan()
    kept, without = active(span)
    assert kept is NOTHING
    assert without[datadogs] is span


@pytest.fixture
def bind(monkeypatch):
    """`bind_contextvars` of structlog, which makes a variable for each name."""
    made: dict[str, ContextVar[object]] = {}
    monkeypatch.setitem(sys.modules, "structlog.contextvars", types.SimpleNamespace(_CONTEXT_VARS=made))

    def run(**bound):
        for name, value in bound.items():
            made.setdefault(f"structlog_{name}", ContextVar(f"structlog_{name}")).set(value)
        return present()

    return lambda **bound: Context().run(run, **bound)


def test_what_is_bound_to_structlog_counts(bind):
    """`get_contextvars` reads it."""
    acme = bind(tenant="acme")
    assert bind(tenant="acme", request_id="1") is acme
    assert bind(tenant="globex") is not acme
    assert bind(tenant="acme", region="eu") is not acme


@pytest.mark.parametrize(
    "name", ["request_id", "correlation_id", "trace_id", "http_request_id", "client_ip", "user_agent"]
)
def test_what_tells_requests_apart_in_structlog_makes_no_difference(bind, name):
    """One for each would let each look-up go alone. What is unbound is not there."""
    assert bind(**{name: "1"}) is NOTHING
    assert bind(tenant=...) is NOTHING
