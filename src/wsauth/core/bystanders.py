"""What libraries keep in a context that makes no difference to who somebody is: spans, request ids, handles.

Known by the package of the value, or as that very variable of that module, never by a name alone: a `current_context` or a
`guid` of the application's own may be anything. Nothing is imported here; what is not loaded has set nothing.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from operator import attrgetter
from typing import Any

_PACKAGES = (  # whose objects are about one request, one thread or one computation
    *("opentelemetry", "sentry_sdk", "ddtrace", "elasticapm", "newrelic", "aws_xray_sdk", "logfire", "opencensus"),
    *("structlog", "loguru"),
)
_HANDLES = ("django.db.backends", "django.core.cache")  # what Django keeps in Locals: one for each task that asks
_NAMES = ("structlog_", "elasticapm_", "wsauth_", "decimal_context")  # or what these begin with: nobody else's
_HOMES = {  # of those whose values are plain: the variable's name, and where it is that very one
    "thread_sensitive_context": ("asgiref.sync", "SyncToAsync.thread_sensitive_context"),
    "deadlock_context": ("asgiref.sync", "SyncToAsync.deadlock_context"),
    "async_single_thread_context": ("asgiref.sync", "AsyncSingleThreadContext.async_single_thread_context"),
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


def is_bystander(variable: ContextVar[Any], value: Any) -> bool:
    """Whether this value of this variable is known to make no difference."""
    if variable.name.startswith(_NAMES) or _comes_from(_kind(value), _PACKAGES):
        return True
    if variable.name in _HOMES:
        return _is_at_home(variable)
    stored = local_storage(variable, value)
    return stored is not None and all(_comes_from(_kind(each), _HANDLES) for each in stored.values())


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
    return _has_base(_kind(value))


def _kind(value: Any) -> Any:
    return type(value)


@functools.lru_cache(maxsize=512)
def _comes_from(kind: Any, packages: tuple[str, ...]) -> bool:
    modules = [f"{cls.__module__}." for cls in kind.__mro__]
    return any(module.startswith(f"{package}.") for module in modules for package in packages)


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
