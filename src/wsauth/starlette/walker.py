"""From a running FastAPI or Starlette application to the model that `wsauth.asyncapi.document` writes out.

The walk follows what a connection meets: middleware, mounts, included routers, routes in their order. Security comes from
the policies it meets, and from nowhere else.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute

from wsauth.asyncapi import Application, Channel, Parameter, documented
from wsauth.starlette import layers, parameters, routes
from wsauth.starlette.layers import ASGIApp, Layers, Transparent

if TYPE_CHECKING:
    from starlette.convertors import Convertor

# Applications that serve HTTP and nothing else.
_NO_SOCKETS = (
    "a2wsgi.wsgi.WSGIMiddleware",
    "django.core.handlers.asgi.ASGIHandler",
    "starlette.middleware.wsgi.WSGIMiddleware",
    "starlette.staticfiles.StaticFiles",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk stands, and what a connection has passed on its way there."""

    prefix: str = ""
    layers: Layers = field(default_factory=Layers)
    convertors: tuple[tuple[str, Convertor[Any]], ...] = ()
    hidden_by: str = ""
    within: tuple[Any, ...] = ()  # the applications and routers on the way

    def inside(self, found: Layers) -> Place:
        return replace(self, layers=self.layers.around(found))


@dataclass(frozen=True, slots=True)
class Socket:
    """A WebSocket route that was found, with everything that its channel is written from. Equal if nothing has changed."""

    address: str
    route: Any
    layers: Layers
    convertors: tuple[tuple[str, Convertor[Any]], ...]
    tags: tuple[str, ...]


class Walk:
    """Every socket of an application. `transparent` are middleware classes of its own that authenticate nobody.

    `warnings` say what could not be made out, and what no connection can ever reach. `root` is the application itself,
    without what stands around it; `others` are the routes that are no sockets.
    """

    def __init__(self, app: ASGIApp, transparent: Iterable[Any] = ()) -> None:
        self.sockets: list[Socket] = []
        self.warnings: list[str] = []
        self.others: list[Any] = []
        self._transparent: Transparent = tuple(transparent)
        _, self.root = layers.peel(app, self._transparent)
        self._enter(app, Place())

    def __eq__(self, other: object) -> bool:
        """Whether both would be documented alike."""
        return isinstance(other, Walk) and (self.sockets, self.warnings) == (other.sockets, other.warnings)

    __hash__ = None  # type: ignore[assignment]

    def _enter(self, app: ASGIApp, place: Place) -> None:
        found, inside = layers.peel(app, self._transparent)
        if any(inside is known for known in place.within):
            self.warnings.append(f"{place.prefix or '/'}: mounted in itself; what is further in is not documented")
            return
        place = replace(place.inside(found), within=(*place.within, inside))
        if isinstance(inside, Starlette):
            within = layers.of_user_middleware(inside.user_middleware, self._transparent)
            self._enter(inside.router, place.inside(within))
        elif isinstance(inside, Router):
            self._routes(inside.routes, place.inside(layers.of_router(inside, self._transparent)))
        elif not _serves_no_sockets(inside):
            where, name = place.prefix or "/", layers.name_of(inside)
            self.warnings.append(f"{where}: wsauth cannot look into {name}; its sockets, if any, are not documented")

    def _routes(self, listed: Iterable[BaseRoute], place: Place) -> None:
        earlier = routes.Earlier()
        for route, tags in routes.effective(listed):
            kind = routes.written(route)
            if isinstance(kind, WebSocketRoute | Mount):
                here = place if place.hidden_by else replace(place, hidden_by=earlier.hides(route))
                earlier.add(route)
                if isinstance(kind, Mount):
                    self._mount(route, here)
                else:
                    self._socket(route, tags, here)
            elif isinstance(kind, Host):
                self._host(route, place)
            elif isinstance(kind, Route):
                self.others.append(route)
            else:
                name = layers.name_of(kind)
                self.warnings.append(f"{place.prefix or '/'}: wsauth does not know routes of {name}; not documented")

    def _mount(self, route: Any, place: Place) -> None:
        prefix = place.prefix + route.path_format.removesuffix("/{path}")
        own = tuple((name, convertor) for name, convertor in route.param_convertors.items() if name != "path")
        self._enter(route.app, replace(place, prefix=prefix, convertors=(*place.convertors, *own)))

    def _host(self, route: Any, place: Place) -> None:
        self.warnings.append(
            f"{place.prefix or '/'}: what is mounted for the host {route.host!r} is documented as if for any host"
        )
        self._enter(route.app, place)

    def _socket(self, route: Any, tags: tuple[str, ...], place: Place) -> None:
        address = place.prefix + route.path_format
        if place.hidden_by:
            self.warnings.append(
                f"{address}: never reached, and not documented: {place.hidden_by!r} comes first and takes every connection"
            )
            return
        found, _ = layers.peel(route.app, self._transparent)
        lost, _ = layers.peel(routes.written(route).app, self._transparent)
        if len(lost.policies) > len(found.policies):
            self.warnings.append(
                f"{address}: FastAPI's include_router drops the middleware=[…] of a WebSocketRoute, and with it the policy;"
                " mount the router, or put the policy around the application"
            )
        convertors = (*place.convertors, *route.param_convertors.items())
        self.sockets.append(Socket(address, route, place.layers.around(found), convertors, tags))


def walk(app: ASGIApp, transparent: Iterable[Any] = ()) -> Application:
    """Return what an application says about its sockets: a FastAPI or Starlette app, also one that is wrapped.

    `transparent` are middleware classes of its own that authenticate nobody, and need no warning.
    """
    return application(Walk(app, transparent))


def application(walked: Walk) -> Application:
    """Write down what a walk has found. Title, version and description are those of a FastAPI application."""
    root = walked.root
    return Application(
        title=getattr(root, "title", "") or "WebSockets",
        version=getattr(root, "version", "") or "1.0.0",
        description=getattr(root, "description", "") or "",
        channels=tuple(channel(socket) for socket in walked.sockets),
        warnings=tuple(walked.warnings),
    )


def channel(socket: Socket) -> Channel:
    """Describe one route: its documentation is that of its endpoint, which may be wrapped in middleware itself."""
    handler = _handler(socket.route.endpoint)
    dependant = getattr(socket.route, "dependant", None)
    declared = parameters.declared(dependant) if dependant is not None else parameters.Declared()
    security = (f"the security dependency {name}" for name in declared.security)
    return Channel(
        address=socket.address,
        name=_name(socket.route, handler),
        description=_prose(handler),
        parameters=_of_address(socket, declared),
        query=tuple(declared.query.values()),
        headers=tuple(declared.headers.values()),
        policies=socket.layers.policies,
        unknown=(*socket.layers.unknown, *security),
        operations=documented(handler, docstrings=False),
        tags=socket.tags,
    )


def _handler(endpoint: Any) -> Any:
    """Return the function or the class that answers, without what is wrapped around it."""
    _, inside = layers.peel(endpoint, ())
    while isinstance(inside, partial):
        inside = inside.func
    return inside if inspect.isroutine(inside) or isinstance(inside, type) else type(inside)


def _of_address(socket: Socket, declared: parameters.Declared) -> tuple[Parameter, ...]:
    """Describe what varies in the address: FastAPI's annotation knows more than Starlette's convertor."""
    return tuple(
        declared.path.get(name) or parameters.of_address(name, convertor) for name, convertor in socket.convertors
    )


def _name(route: Any, handler: Any) -> str:
    """Return the route's name; one that Starlette made from middleware around the endpoint is the endpoint's."""
    made_of_middleware = route.name == type(route.endpoint).__name__
    return str(handler.__name__) if made_of_middleware else str(route.name)


def _prose(handler: Any) -> str:
    """Return the handler's docstring, as far as it is meant for readers of the API: FastAPI ends that at a form feed."""
    return inspect.cleandoc(handler.__doc__ or "").partition("\f")[0].strip()


def _serves_no_sockets(app: ASGIApp) -> bool:
    if inspect.isroutine(app):
        return str(getattr(app, "__module__", "")).startswith("wsauth.panel")
    return layers.runs(type(app), *_NO_SOCKETS)
