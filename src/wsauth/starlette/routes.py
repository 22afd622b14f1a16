"""The routes of a router in the order in which they are tried, those of included routers among them.

FastAPI includes lazily: what will run is made anew from the route that was written, and only that is looked at here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from starlette.convertors import PathConvertor

if TYPE_CHECKING:
    from starlette.routing import BaseRoute


def effective(routes: Iterable[BaseRoute]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Yield each route as it will run, with the tags of the routers it was included from."""
    fastapi = sys.modules.get("fastapi.routing")  # not loaded: this is no FastAPI application
    for route in routes:
        if fastapi is None:
            yield route, ()
            continue
        tags = _tags(route)
        for context in fastapi.iter_route_contexts([route]):
            yield context, tags.get(id(context.original_route), ())


def written(route: Any) -> Any:
    """Return the route as it was written, whose type says what it is."""
    return getattr(route, "original_route", route)


def _tags(route: Any, outer: tuple[str, ...] = ()) -> dict[int, tuple[str, ...]]:
    """Return the tags of the routes in an included router, which FastAPI itself keeps for HTTP only."""
    router = getattr(route, "original_router", None)
    if router is None:
        return {id(route): outer}
    given = (*getattr(getattr(route, "include_context", None), "tags", ()), *router.tags)
    here = (*outer, *(str(getattr(tag, "value", tag)) for tag in given))
    return {found: tags for inner in router.routes for found, tags in _tags(inner, here).items()}


class Earlier:
    """The routes of one router that are tried before: what they match, no later one ever sees."""

    def __init__(self) -> None:
        self._fixed: dict[str, str] = {}
        self._open: list[Any] = []

    def hides(self, route: Any) -> str:
        """Return the path of the earlier route that takes every connection of this one; empty where none does.

        `{name}` stands for any value of a later route: what matches those braces matches any value. Only what takes the
        rest of a path takes all of one that does.
        """
        if route.path_format in self._fixed:
            return self._fixed[route.path_format]
        earlier = filter(_takes_the_rest, self._open) if _takes_the_rest(route) else iter(self._open)
        return next((_path(known) for known in earlier if known.path_regex.match(route.path_format)), "")

    def add(self, route: Any) -> None:
        if route.param_convertors:
            self._open.append(route)
        else:
            self._fixed[route.path_format] = _path(route)


def _takes_the_rest(route: Any) -> bool:
    return any(isinstance(convertor, PathConvertor) for convertor in route.param_convertors.values())


def _path(route: Any) -> str:
    return str(route.path) or "/"
