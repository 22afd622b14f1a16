"""Containers that tracers keep in a context, in which values of the application's own travel beside a span: its baggage.

The span makes no difference to who somebody is, and must not live as long as a connection. Baggage may name a tenant: it has
a public reader, as in `opentelemetry.baggage.get_baggage`, so a look-up may ask it. Nothing is imported here but what is
loaded already.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

NOTHING: Any = object()  # in place of a part that is not there

TRACERS = (  # packages whose objects are about one request
    *(
        "opentelemetry",
        "sentry_sdk",
        "ddtrace",
        "elasticapm",
        "newrelic",
        "aws_xray_sdk",
        "logfire",
        "opencensus.trace",
    ),
)
_SENTRYS = "sentry-"  # what Sentry's pages add to the header `baggage`: the ids of a trace
_KEYS = (
    *("span", "current-span", "suppress_instrumentation", "suppress_http_instrumentation"),
    "SQLCOMMENTER_ORM_TAGS_AND_VALUES",
)
_MADE_KEYS = (  # which are others in each process: where they stand
    ("opentelemetry.trace.propagation", "_SPAN_KEY"),
    ("opentelemetry.context", "_SUPPRESS_INSTRUMENTATION_KEY"),
    ("opentelemetry.context", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY"),
    ("opentelemetry.context", "_ON_EMIT_RECURSION_COUNT_KEY"),
)

Parts = tuple[Any, Any]


def told_apart(value: Any) -> Parts | None:
    """Return two containers, with what the application has put into one and with what is the tracer's.

    None where the value is no such container. A part that is empty is `NOTHING`.
    """
    tell = _teller(kind_of(value))
    return None if tell is None else tell(value)


def contents(value: Any) -> Mapping[Any, Any] | None:
    """Return what the application's part of a container holds, for comparing; None where the value is no such container."""
    tell = _teller(kind_of(value))
    if tell is None:
        return None
    if tell is _datadogs:
        return _baggage_of(value)
    baggage = value.get(_at("opentelemetry.baggage", "_BAGGAGE_KEY"), {})
    items: dict[Any, Any] = {("baggage", name): item for name, item in baggage.items()}
    return items | {name: item for name, item in value.items() if item is not baggage}


def kind_of(value: Any) -> Any:
    """Return the class of a value; `type` is no Hashable to mypy."""
    return type(value)


@functools.lru_cache(maxsize=512)
def comes_from(kind: Any, packages: tuple[str, ...]) -> bool:
    """Whether a class, or a base of it, is one of those packages'."""
    modules = [f"{cls.__module__}." for cls in kind.__mro__]
    return any(module.startswith(f"{package}.") for module in modules for package in packages)


@functools.lru_cache(maxsize=512)
def _teller(kind: Any) -> Callable[[Any], Parts] | None:
    for cls in kind.__mro__:
        if (cls.__module__, cls.__name__) == ("opentelemetry.context.context", "Context"):
            return _opentelemetrys
        if cls.__module__.startswith("ddtrace.") and cls.__name__ in ("Context", "Span"):
            return _datadogs
    return None


def _opentelemetrys(context: Any) -> Parts:
    own: dict[str, Any] = {}
    tracers: dict[str, Any] = {}
    kind = type(context)
    for key, value in context.items():
        if key == _at("opentelemetry.baggage", "_BAGGAGE_KEY") and not (value := _without_sentrys(value)):
            continue
        (tracers if _is_tracers(key, value) else own)[key] = value
    return kind(own) if own else NOTHING, kind(tracers) if tracers else NOTHING


def _is_tracers(key: str, value: Any) -> bool:
    return comes_from(kind_of(value), TRACERS) or _is_tracers_key(key)


@functools.lru_cache(maxsize=512)
def _is_tracers_key(key: str) -> bool:
    return key in _KEYS or any(key == _at(module, name) for module, name in _MADE_KEYS)


def _datadogs(active: Any) -> Parts:
    """Of a span, that is what its context carries. The span itself is the tracer's."""
    baggage = _baggage_of(active)
    kind = type(getattr(active, "context", active))
    return (kind(baggage=baggage), NOTHING) if baggage else (NOTHING, active)


def _baggage_of(active: Any) -> dict[str, Any]:
    carrier = getattr(active, "context", active)
    return _without_sentrys(getattr(carrier, "get_all_baggage_items", dict)())


def _without_sentrys(baggage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in baggage.items() if not str(name).startswith(_SENTRYS)}


def _at(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, NOTHING)
