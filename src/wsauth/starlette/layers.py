"""What stands around an application: its layers of middleware, read from the objects that will run.

A layer is the middleware of a policy, one that is known not to authenticate WebSockets, or unknown. What is not known is
never taken for harmless.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.applications import Starlette
from starlette.routing import Router

from wsauth.asgi.middleware import WebSocketAuthMiddleware
from wsauth.policy import Policy, ReportOnly

if TYPE_CHECKING:
    from starlette.middleware import Middleware

ASGIApp: TypeAlias = Callable[..., Any]
Transparent: TypeAlias = tuple[Callable[..., Any], ...]

DEEPEST = 50  # layers: nothing real comes near

# By name, for few of them are installed. They let every WebSocket pass, or refuse it whoever it is.
_SILENT = {
    "asgi_correlation_id.middleware.CorrelationIdMiddleware",
    "fastapi.middleware.asyncexitstack.AsyncExitStackMiddleware",
    "sentry_sdk.integrations.asgi.SentryAsgiMiddleware",
    "starlette.middleware.base.BaseHTTPMiddleware",  # of every `@app.middleware("http")`: it never sees a WebSocket
    "starlette.middleware.body_limit.RequestBodyLimitMiddleware",
    "starlette.middleware.cors.CORSMiddleware",
    "starlette.middleware.errors.ServerErrorMiddleware",
    "starlette.middleware.exceptions.ExceptionMiddleware",
    "starlette.middleware.gzip.GZipMiddleware",
    "starlette.middleware.httpsredirect.HTTPSRedirectMiddleware",
    "starlette.middleware.opentelemetry.OpenTelemetryMiddleware",
    "starlette.middleware.sessions.SessionMiddleware",
    "starlette.middleware.trustedhost.TrustedHostMiddleware",
    "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware",
}


@dataclass(frozen=True, slots=True)
class Layers:
    """Policies and the names of unknown middleware, outermost first."""

    policies: tuple[Policy | ReportOnly, ...] = ()
    unknown: tuple[str, ...] = ()

    def around(self, inner: Layers) -> Layers:
        return Layers(self.policies + inner.policies, tuple(dict.fromkeys(self.unknown + inner.unknown)))


def peel(app: Any, transparent: Transparent) -> tuple[Layers, Any]:
    """Return the layers around an ASGI app, and what stands inside: an application, a router, an endpoint, or a stranger."""
    layers = Layers()
    for _ in range(DEEPEST):
        inside = _inside(app)
        if inside is None:
            break
        layers = layers.around(_other(type(app), transparent) or Layers(policies=(app.policy,)))
        app = inside
    return layers, app


def of_user_middleware(entries: Iterable[Middleware], transparent: Transparent) -> Layers:
    """Return the layers of `middleware=[…]` and `add_middleware(…)`, which exist once the application has started."""
    layers = Layers()
    for factory, args, kwargs in entries:
        found = _other(_unbound(factory), transparent)
        layers = layers.around(found or Layers(policies=(factory(_nothing, *args, **kwargs).policy,)))
    return layers


def of_router(router: Router, transparent: Transparent) -> Layers:
    """Return the layers of `Router(middleware=[…])`. A layer that hides what it wraps is unknown itself."""
    layers, inside = peel(router.middleware_stack, transparent)
    if getattr(inside, "__self__", None) is router:
        return layers
    return layers.around(Layers(unknown=(name_of(inside),)))


def name_of(app: object) -> str:
    """Name an application by its code, for warnings: no document ever holds such a name."""
    code = app if hasattr(app, "__qualname__") else type(app)
    return f"{code.__module__}.{code.__qualname__}"


def runs(cls: type, *names: str) -> bool:
    """Whether the code that a class runs when it is called is of a class of these names: a subclass may bring its own."""
    provider = next((base for base in cls.__mro__ if "__call__" in vars(base)), cls)
    return f"{provider.__module__}.{provider.__qualname__}" in names


def _inside(app: Any) -> ASGIApp | None:
    if isinstance(app, Starlette | Router) or inspect.isroutine(app) or inspect.isclass(app):
        return None
    found = (getattr(app, name, None) for name in ("app", "application", "inner"))
    return next((inside for inside in found if callable(inside)), None)


def _other(kind: Callable[..., Any], transparent: Transparent) -> Layers | None:
    """Say what a layer is that is not of wsauth; None for one that is."""
    if kind in transparent:
        return Layers()
    if not isinstance(kind, type):
        return Layers(unknown=(name_of(kind),))
    if runs(kind, name_of(WebSocketAuthMiddleware)):
        return None
    declared = tuple(known for known in transparent if isinstance(known, type))
    return Layers() if issubclass(kind, declared) or runs(kind, *_SILENT) else Layers(unknown=(name_of(kind),))


def _unbound(factory: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(factory, partial):
        factory = factory.func
    return factory


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stands where the application will be."""
