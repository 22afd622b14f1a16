"""From a running ASGI application of Channels to the sockets that it answers, and the policies that stand around each.

Looks at the objects that serve, and at nothing else: what is not seen here is a warning, never a silent "no auth".
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter, get_default_application
from django.core.exceptions import ImproperlyConfigured

from wsauth.asgi.middleware import WebSocketAuthMiddleware
from wsauth.asyncapi import Application, Channel, documented
from wsauth.core.errors import ConfigurationError
from wsauth.django import addresses, serializers
from wsauth.django.stacks import _Stack
from wsauth.policy import Policy, ReportOnly

TITLE = "WebSocket API"
MAX_DEPTH = 50  # wrappers in wrappers

# Middleware that is no policy, and what it does instead.
KNOWN = {
    "channels.auth.AuthMiddleware": "says whose session it is and refuses nobody",
    "channels.sessions.CookieMiddleware": "reads cookies",
    "channels.sessions.SessionMiddleware": "reads the session",
    "channels.security.websocket.OriginValidator": "looks at the Origin only",
    "wsauth.django.origins.OriginValidator": "looks at the Origin only",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One address: its channel, and the consumer class where there is one."""

    channel: Channel
    consumer: type | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A point on the way inwards: the path so far, and what stands around it, outermost first."""

    parts: tuple[addresses.Piece, ...] = ()
    is_routed: bool = False
    name: str = ""
    policies: tuple[Policy | ReportOnly, ...] = ()
    known: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    depth: int = 0

    def behind(self, route: Any) -> _Place:
        """Return the place behind a `path` or `re_path`."""
        parts = addresses.join(self.parts, addresses.pieces(route.pattern))
        return replace(self, parts=parts, is_routed=True, name=route.name or self.name)

    def inside(self, **more: tuple[Any, ...]) -> _Place:
        """Return the place inside a middleware."""
        added: dict[str, Any] = {name: (*getattr(self, name), *values) for name, values in more.items()}
        return replace(self, depth=self.depth + 1, **added)


def walk(application: Any = None) -> Application:
    """Return the sockets of an ASGI application, as `wsauth.asyncapi.document` takes them.

    Without one it is the running application, which the setting ASGI_APPLICATION names. Raises ConfigurationError where
    that cannot be found.
    """
    found, warnings = routes(application)
    channels = tuple(route.channel for route in found)
    return Application(title=TITLE, channels=channels, warnings=tuple(warnings), payload_readers=(serializers,))


def routes(application: Any = None) -> tuple[list[Route], list[str]]:
    """Return what `walk` finds, with the consumer of each address, and the warnings."""
    walker = _Walker()
    walker.visit(running() if application is None else application, _Place())
    return walker.routes, [*walker.warnings, *walker.remarks()]


def running() -> Any:
    """Return the application that ASGI_APPLICATION names."""
    try:
        return get_default_application()
    except ImproperlyConfigured as error:
        raise ConfigurationError(
            f'the running application cannot be found: {error}; write ASGI_APPLICATION = "mysite.asgi.application"'
        ) from error


class _Walker:
    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.warnings: list[str] = []
        self._unguarded: dict[tuple[str, ...], list[str]] = defaultdict(list)

    def visit(self, app: Any, place: _Place) -> None:
        """Find the sockets of an application at a place."""
        if place.depth > MAX_DEPTH:
            self.warnings.append(f"{_name(app)}: wrapped more than {MAX_DEPTH} times; what is further in is left out")
        elif isinstance(app, ProtocolTypeRouter):
            self._by_protocol(app, place)
        elif isinstance(app, URLRouter):
            for route in app.routes:
                self._visit_route(route, place)
        elif isinstance(app, WebSocketAuthMiddleware):
            self.visit(app.app, place.inside(policies=(app.policy,)))
        elif isinstance(app, _Stack):
            self.visit(app.inner, place.inside(policies=(app.policy,)))
        elif (inner := _inner(app)) is not None:
            name = _name(app)
            self.visit(inner, place.inside(**{"known" if name in KNOWN else "unknown": (name,)}))
        else:
            self._arrive(app, place)

    def _by_protocol(self, router: Any, place: _Place) -> None:
        if "websocket" in router.application_mapping:
            self.visit(router.application_mapping["websocket"], place.inside())
        else:
            self.warnings.append('the application answers no WebSocket: its ProtocolTypeRouter has no "websocket"')

    def _visit_route(self, route: Any, place: _Place) -> None:
        if not addresses.is_legible(route.pattern):
            self.warnings.append(
                f"{route.pattern}: this regular expression is more than an address can say; write path(), or one"
                " re_path() for each alternative"
            )
        self.visit(route.callback, replace(place.behind(route), depth=place.depth + 1))

    def _arrive(self, app: Any, place: _Place) -> None:
        """Take down what stands at the end of the way: a consumer, or an ASGI application of any kind."""
        consumer = getattr(app, "consumer_class", None)
        if not place.is_routed and consumer is None:
            self.warnings.append(
                f"{_name(app)}: wsauth cannot look into it, so its sockets are not documented; route them with"
                ' ProtocolTypeRouter({"websocket": URLRouter([...])})'
            )
            return
        channel = _channel(app, consumer, place)
        if not place.is_routed:
            self.warnings.append(f"{_name(app)}: it answers every path; documented as {channel.address}")
        if any(_same_address(channel, route.channel) for route in self.routes):
            self.warnings.append(f"{channel.address}: routed twice, and the second {_name(app)} is never reached")
            return
        self.routes.append(Route(channel, consumer))
        if place.known and not any(isinstance(policy, Policy) for policy in place.policies):
            self._unguarded[place.known].append(channel.address)

    def remarks(self) -> Iterator[str]:
        """Say what stands around addresses without a policy, once for all that are alike."""
        for names, found in self._unguarded.items():
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            does = ", ".join(f"{name} ({KNOWN[name]})" for name in dict.fromkeys(names))
            yield f"{found[0]}{more}: no policy is around it, only {does}"


def _inner(app: Any) -> Any:
    """Return what an application wraps; None where it wraps nothing that can be seen."""
    wrapped = getattr(app, "__wrapped__", None)
    if callable(wrapped) and not inspect.isclass(wrapped):  # `as_asgi` itself names the class there
        return wrapped
    if inspect.isclass(app):
        return None
    return next(
        (inner for name in ("application", "inner", "app") if callable(inner := getattr(app, name, None))), None
    )


def _name(app: Any) -> str:
    """Name an application by its code: a wrapper made with `functools.wraps` bears the name of what it wraps."""
    code = getattr(app, "__code__", None)
    if code is not None and not inspect.isclass(getattr(app, "__wrapped__", None)):
        return f"{app.__globals__.get('__name__')}.{code.co_qualname}"
    named = app if inspect.isclass(app) or code is not None else type(app)
    return f"{named.__module__}.{named.__qualname__}"


def _channel(app: Any, consumer: type | None, place: _Place) -> Channel:
    address, parameters = addresses.address(place.parts)
    return Channel(
        address=address,
        name=place.name,
        title=title(consumer) if consumer else "",
        description=_description(consumer or app),
        parameters=parameters,
        policies=place.policies,
        unknown=place.unknown,
        operations=documented(consumer, action_member="action", event_member="type") if consumer else (),
    )


def title(consumer: type) -> str:
    """Return the consumer's name as words: "Live map" for LiveMapConsumer."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", consumer.__name__.removesuffix("Consumer")).split()
    return " ".join([*words[:1], *(word if word.isupper() else word.lower() for word in words[1:])])


def _description(obj: Any) -> str:
    """Return the first paragraph of its own docstring: what a class inherits is its base's, and says less."""
    documented_by = obj if inspect.isclass(obj) or inspect.isroutine(obj) else type(obj)
    text = inspect.cleandoc(vars(documented_by).get("__doc__") or getattr(documented_by, "__doc__", None) or "")
    return " ".join(text.split("\n\n")[0].split())


def _same_address(one: Channel, other: Channel) -> bool:
    return one.address == other.address and one.parameters == other.parameters
