"""What of a context is kept, what is left out, and what counts as equal."""

from __future__ import annotations

import asyncio
import decimal
import gc
import sys
import types
import uuid
import weakref
from contextvars import Context, ContextVar

import pytest
from asgiref.local import Local
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from opentelemetry import context as opentelemetry
from opentelemetry import trace

from wsauth.core.bystanders import is_bystander, is_of_a_request
from wsauth.core.context import NOTHING, Variables, bare, ignoring, present

tenant: ContextVar[object] = ContextVar("tenant", default="public")
language = Local()


def with_tenant(value):
    def set_it():
        tenant.set(value)
        return present()

    return Context().run(set_it)


class Equal:
    """Says that it is equal to whatever it is compared with."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


def test_without_variables_there_is_one_nothing():
    """Which costs no connection anything."""
    assert Context().run(present) is NOTHING
    assert list(NOTHING.context().items()) == []


@pytest.mark.parametrize(
    "value", ["acme", 7, None, True, 1.5, b"acme", uuid.UUID(int=1), ("acme", (1, None)), frozenset({"a", ("b", 2)})]
)
def test_equal_plain_values_are_one(value):
    """Also where each was made anew."""
    again = uuid.UUID(int=1) if isinstance(value, uuid.UUID) else eval(repr(value))  # noqa: S307
    assert with_tenant(value) is with_tenant(again)
    assert with_tenant(value) is not with_tenant("another")


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ("1", b"1"), ((1,), (True,)), ((), frozenset())])
def test_values_of_two_types_are_two(one, other):
    """A schema named 1 is not one named True."""
    assert with_tenant(one) is not with_tenant(other)


@pytest.mark.parametrize("make", [Equal, list, dict, lambda: (Equal(),)])
def test_any_other_value_is_equal_to_itself_alone(make):
    """Whatever it says, and whatever it will be changed to."""
    one, other = make(), make()
    assert with_tenant(one) is not with_tenant(other)
    if type(one) is not tuple:
        kept = with_tenant(one)
        assert with_tenant(one) is kept


def test_a_context_holds_what_was_kept_and_nothing_else():
    """And each is a new one: what is set in it is not there in the next."""
    kept = with_tenant("acme")
    context = kept.context()
    assert context.run(tenant.get) == "acme"
    context.run(tenant.set, "globex")
    assert kept.context().run(tenant.get) == "acme"
    assert len(context) == 1


def test_what_is_named_makes_no_difference():
    """Within the block alone."""

    def visit():
        tenant.set(object())
        with ignoring(frozenset({tenant})):
            inside = present()
        return inside, present()

    inside, outside = Context().run(visit)
    assert inside is NOTHING
    assert outside is not NOTHING


async def test_a_local_of_asgiref_is_compared_by_its_attributes():
    """Its storage is another object after each hop into a thread."""

    async def visit(code):
        language.code = code
        before = present()
        await sync_to_async(str)()
        return before, present()

    german, german_too, french = await asyncio.gather(*map(visit, ["de", "de", "fr"]))
    assert {*german, *german_too} == {german[0]}
    assert {*french} == {french[0]} != {german[0]}
    assert german[0].context().run(lambda: language.code) == "de"


def test_a_local_whose_storage_is_changed_in_place_is_kept_as_it_was():
    """As that of asgiref before 3.9."""
    older: ContextVar[dict[str, str]] = ContextVar("asgiref.local")

    def visit():
        older.set({"code": "de"})
        kept = present()
        older.get()["code"] = "fr"
        return kept

    kept = Context().run(visit)
    kept.context().run(lambda: older.get().update(code="it"))
    assert kept.context().run(older.get) == {"code": "de"}


@pytest.mark.parametrize("kind", ["decimal", "opentelemetry", "thread", "deadlock"])
def test_what_libraries_keep_there_makes_no_difference(kind):
    """A span for each request, a thread for each, a computation's precision."""

    def visit():
        if kind == "decimal":
            decimal.getcontext()
        elif kind == "opentelemetry":
            opentelemetry.attach(trace.set_span_in_context(trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)))
        elif kind == "thread":
            SyncToAsync.thread_sensitive_context.set(ThreadSensitiveContext())
        else:
            SyncToAsync.deadlock_context.set(False)
        return present()

    assert Context().run(visit) is NOTHING


def a_class(name, module):
    return type(name, (), {"__module__": module})


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("current_scope", "sentry_sdk.scope"),
        ("datadog_contextvar", "ddtrace._trace.span"),
        ("ExecutionContext_var", "ddtrace.internal.core"),
        ("elasticapm_transaction_var", "elasticapm.traces"),
        ("anything", "opentelemetry.trace.span"),
        ("anything", "structlog.stdlib"),
    ],
)
def test_objects_of_the_tracers_make_no_difference(name, module):
    """By their package."""
    variable: ContextVar[object] = ContextVar(name)

    def visit():
        variable.set(a_class("Span", module)())
        return present()

    assert Context().run(visit) is NOTHING


def test_a_request_id_of_a_library_is_known_as_that_very_variable(monkeypatch):
    """One of the application's own that has the same name may be anything."""
    theirs, own = ContextVar("correlation_id"), ContextVar("correlation_id")
    library = types.SimpleNamespace(correlation_id=theirs)
    monkeypatch.setitem(sys.modules, "asgi_correlation_id.context", library)

    def visit(variable):
        variable.set("of one request")
        return present()

    assert Context().run(visit, theirs) is NOTHING
    assert Context().run(visit, own) is not NOTHING


@pytest.mark.parametrize(
    "name",
    [
        *("current_context", "datadog_contextvar", "current_scope", "elasticapm_transaction_var", "elasticapm_tenant"),
        *("structlog_tenant", "structlog_request_id", "wsauth_tenant", "wsauth_is_recheck", "decimal_context"),
        *("decimal_context_tenant", "guid", "loguru_context", "iast_var", "deadlock_context"),
    ],
)
@pytest.mark.parametrize("value", ["acme", decimal.Decimal(1), None])
def test_a_name_alone_makes_no_bystander(name, value):
    """Any of them may be a tenant's."""
    variable: ContextVar[object] = ContextVar(name)

    def visit():
        variable.set(value)
        return present()

    assert Context().run(visit) is not NOTHING


def test_wsauths_own_variables_make_no_difference():
    """Each of them, wherever it stands."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("wsauth")]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, ContextVar)}
    assert len(found) >= 2
    assert all(is_bystander(variable, "anything") for variable in found)


async def test_djangos_handles_make_no_difference():
    """A cache and a connection for each task that asks."""
    handles = Local()

    async def visit():
        handles.default = a_class("PyMemcacheCache", "django.core.cache.backends.memcached")()
        return present()

    assert await asyncio.create_task(visit(), context=Context()) is NOTHING


def test_what_is_one_for_everybody_is_asked_without_a_tenant():
    """And with the tracer's span, which it is a part of."""

    span = trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)

    def visit():
        tenant.set("acme")
        opentelemetry.attach(trace.set_span_in_context(span))
        return bare()

    context = Context().run(visit)
    assert context.run(tenant.get) == "public"
    assert context.run(trace.get_current_span) is span


def test_nothing_is_held_that_nobody_keeps():
    """Neither the variables nor their values."""

    class Request:
        pass

    request = Request()
    kept = with_tenant(request)
    left = weakref.ref(request)
    del request
    gc.collect()
    assert left() is not None
    del kept
    gc.collect()
    assert left() is None


def test_its_repr_tells_names_and_no_values():
    """Which may be secrets."""
    assert repr(with_tenant("hush")) == "Variables(tenant)"
    assert isinstance(with_tenant("hush"), Variables)
    assert dict(with_tenant("hush")) == {tenant: "hush"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (a_class("WSGIRequest", "x")(), False),
        (type("WSGIRequest", (a_class("HttpRequest", "x"),), {})(), True),
        (a_class("Span", "own.tracing")(), True),
        ({"type": "websocket", "headers": []}, True),
        ({"type": "websocket"}, False),
        ("a request", False),
        (ValueError("x"), True),
    ],
)
def test_objects_of_one_request_are_told(value, expected):
    """By the name of a base class, or as an ASGI scope."""
    assert is_of_a_request(value) is expected
