"""What libraries keep in a context that makes no difference to who somebody is: spans, request ids, handles.

Known by the package of the value, or as that very variable of that module, never by a name alone: a `current_context` or a
`guid` of the application's own may be anything. Nothing is imported here; what is not loaded has set nothing. What tracers
carry of the application's is kept (`carriers`), and so is what is bound to structlog: `get_contextvars` reads it.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from operator import attrgetter
from typing import Any, TypeVar

from wsauth.core.carriers import NOTHING, TRACERS, Parts, comes_from, kind_of, told_apart

T = TypeVar("T")

_PACKAGES = (*TRACERS, "structlog", "loguru")  # whose objects are about one request, or are what one logs with
_HANDLES = ("django.db.backends", "django.core.cache")  # what Django keeps in Locals: one for each task that asks
_BOUND = "structlog_"  # what the names of structlog's variables begin with
_OF_ONE_REQUEST = re.compile(  # what is bound to structlog, by its name: it tells requests apart, not people
    r"(.*_)?(request|req|correlation|trace|span|parent|transaction)_?id|(client_|remote_)?(ip|addr|host|port)|peer|user_agent"
)
_HOMES = {  # of those whose values are plain: the variable's name, and where it is that very one
    "thread_sensitive_context": ("asgiref.sync", "SyncToAsync.thread_sensitive_context"),
    "deadlock_context": ("asgiref.sync", "SyncToAsync.deadlock_context"),
    "async_single_thread_context": ("asgiref.sync", "AsyncSingleThreadContext.async_single_thread_context"),
    "isolation_scope": ("sentry_sdk.scope", "_isolation_scope"),
    "current_scope": ("sentry_sdk.scope", "_current_scope"),
    "datadog_contextvar": ("ddtrace._trace.provider", "_DD_CONTEXTVAR"),
    "elasticapm_transaction_var": ("elasticapm.context.contextvars", "ContextVarsContext.elasticapm_transaction_var"),
    "elasticapm_spans_var": ("elasticapm.context.contextvars", "ContextVarsContext.elasticapm_spans_var"),
    "sentry_asgi_middleware_applied": ("sentry_sdk.integrations.asgi", "_asgi_middleware_applied"),
    "iast_var": ("ddtrace.appsec._iast_context", "IAST_CONTEXT"),
    "loguru_context": ("loguru._logger", "context"),
    "_ASYNC_CALLING_STACK": ("structlog.contextvars", "_ASYNC_CALLING_STACK"),
    "_ASYNC_CALLING_THREAD": ("structlog.contextvars", "_ASYNC_CALLING_THREAD"),
    "correlation_id": ("asgi_correlation_id.context", "correlation_id"),
    "guid": ("django_guid.context", "guid"),
}
_OF_REQUESTS = frozenset(
    (
        *("HTTPConnection", "Request", "HttpRequest", "Response", "HttpResponseBase", "Span", "Transaction"),
        *("Task", "Future", "coroutine", "frame", "BaseException"),
    )
)


_wsauths: set[ContextVar[Any]] = set()


def own(variable: ContextVar[T]) -> ContextVar[T]:
    """Return a variable of wsauth's own, which makes no difference."""
    _wsauths.add(variable)
    return variable


def parts(variable: ContextVar[Any], value: Any) -> Parts:
    """Return what of a value can make a difference, and what is known to make none; `NOTHING` for an empty part."""
    if (told := told_apart(value)) is not None:
        return told
    return (NOTHING, value) if is_bystander(variable, value) else (value, NOTHING)


def is_bystander(variable: ContextVar[Any], value: Any) -> bool:
    """Whether this value of this variable is known to make no difference."""
    if variable in _wsauths or comes_from(kind_of(value), _PACKAGES):
        return True
    if variable.name in _HOMES:
        return _is_at_home(variable)
    if variable.name.startswith(_BOUND):
        return _is_bound(variable) and (value is Ellipsis or _of_one_request(variable.name))
    if variable.name == "decimal_context":  # which is made in C, and stands nowhere
        return isinstance(value, getattr(sys.modules.get("decimal"), "Context", ()))
    stored = local_storage(variable, value)
    return stored is not None and all(comes_from(kind_of(each), _HANDLES) for each in stored.values())


def local_storage(variable: ContextVar[Any], value: Any) -> Mapping[str, Any] | None:
    """Return what an `asgiref.local.Local` holds, where this is its storage: Django keeps the active language in one."""
    if variable.name != "asgiref.local":
        return None
    found = value if isinstance(value, dict) else getattr(value, "data", None)
    return found if isinstance(found, dict) else None


def is_of_a_request(value: Any) -> bool:
    """Whether a value is an object of one request: the request, a response, a span, an ASGI scope, a task."""
    if isinstance(value, dict):
        return "type" in value and "headers" in value
    return _has_base(kind_of(value))


@functools.lru_cache(maxsize=512)
def _has_base(kind: Any) -> bool:
    return not _OF_REQUESTS.isdisjoint(cls.__name__ for cls in kind.__mro__)


def _is_at_home(variable: ContextVar[Any]) -> bool:
    module, path = _HOMES[variable.name]
    try:
        found = attrgetter(path)(sys.modules[module])
    except (KeyError, AttributeError):
        return False
    return found is variable


def _is_bound(variable: ContextVar[Any]) -> bool:
    """Whether structlog has made this variable."""
    bound = getattr(sys.modules.get("structlog.contextvars"), "_CONTEXT_VARS", {})
    return bound.get(variable.name) is variable


def _of_one_request(name: str) -> bool:
    return _OF_ONE_REQUEST.fullmatch(name.removeprefix(_BOUND)) is not None
