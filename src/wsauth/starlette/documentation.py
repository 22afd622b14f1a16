"""The AsyncAPI document and its page, served by the application that they describe.

app.include_router(asyncapi_router(policy, title="Rooms", version="2"))        # FastAPI
app = Starlette(routes=[*asyncapi_routes(policy, title="Rooms"), ...])         # Starlette
"""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # FastAPI reads the annotation
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from wsauth.asyncapi import Application, Server, document, to_yaml
from wsauth.asyncapi.document import Version
from wsauth.core.errors import ConfigurationError
from wsauth.panel import Page
from wsauth.policy import Policy, ReportOnly
from wsauth.starlette.layers import ASGIApp
from wsauth.starlette.walker import Walk, application

if TYPE_CHECKING:
    from fastapi import APIRouter

Allowed: TypeAlias = Callable[[Request], bool | Awaitable[bool]]

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")  # RFC 9112 §3.2; whoever asks wrote it

_NOT_FOUND = (
    "the policy that was given to asyncapi_router guards no socket of this application; write"
    " app.add_middleware(WebSocketAuthMiddleware, policy=policy). Where it stands around the application from outside, say"
    " so: asyncapi_router(policy, app=lambda: guarded)"
)


@dataclass(frozen=True, kw_only=True)
class Documentation:
    """What is served, and to whom. See `asyncapi_router` for the settings."""

    policy: Policy | ReportOnly | None = None
    title: str = ""
    version: str = ""
    description: str = ""
    path: str = "/asyncapi"
    try_it_out: bool = False
    expanded: bool = False
    allowed: Allowed | None = None
    whoami: str | None = None
    server: str | None = None
    asyncapi: Version = "3.0.0"
    transparent: Iterable[Callable[..., Any]] = ()
    app: Callable[[], ASGIApp] | None = None
    _written: WeakKeyDictionary[Any, tuple[Walk, dict[str, Any]]] = field(
        default_factory=WeakKeyDictionary, repr=False, compare=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.policy is not None and not isinstance(self.policy, Policy | ReportOnly):
            found = type(self.policy).__name__
            raise ConfigurationError(
                f"asyncapi_router({found}): the first argument is a policy or nothing; the title is title=..."
            )
        if not self.path.startswith("/") or not self.path.strip("/"):
            raise ConfigurationError(f'asyncapi_router(path={self.path!r}): write a path, as "/asyncapi"')
        object.__setattr__(self, "path", self.path.rstrip("/"))
        object.__setattr__(self, "transparent", tuple(self.transparent))
        _ = self._given, self._page  # so that a wrong setting fails at start-up

    # The document

    def describe(self, app: ASGIApp) -> Application:
        """Return what the document of an application says, under these settings."""
        return self._application(Walk(self.app() if self.app else app, self.transparent))

    def _application(self, walked: Walk) -> Application:
        found = application(walked)
        expected = self.policy
        missing = expected is not None and all(expected not in channel.policies for channel in found.channels)
        return replace(
            found,
            title=self.title or found.title,
            version=self.version or found.version,
            description=self.description or found.description,
            servers=(self._given,) if self._given else (),
            warnings=(*found.warnings, *([_NOT_FOUND] if missing else [])),
        )

    def _document(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document for whoever asks: written once, and again when routes have changed."""
        app = self.app() if self.app else scope["app"]
        walked = Walk(app, self.transparent)
        with self._lock:
            known, written = self._written.get(app, (None, {}))
            if known != walked:
                servers = (self._given or Server("default", "localhost"),)
                written = document(self._application(walked), asyncapi=self.asyncapi, servers=servers)
                self._written[app] = walked, written
        if self._given:
            return written
        return {**written, "servers": {"default": {**written["servers"]["default"], **self._asked(scope)}}}

    @cached_property
    def _given(self) -> Server | None:
        return Server.from_url("default", self.server) if self.server else None

    def _asked(self, scope: Mapping[str, Any]) -> dict[str, str]:
        """Return the server that the request came to. Its Host header is believed by nobody but who sent it."""
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        prefix = scope.get("app_root_path") if self.app else None
        pathname = str(scope.get("root_path", "") if prefix is None else prefix).rstrip("/")
        return {
            "host": host if _HOST.fullmatch(host) else "localhost",
            "protocol": "wss" if scope.get("scheme") in ("https", "wss") else "ws",
            **({"pathname": pathname} if pathname else {}),
        }

    # What is answered

    async def enter(self, request: Request) -> Response:
        """Lead from the page's address to the one with "/" at its end: the page's files are named relative to it."""
        if not await self._admits(request):
            return PlainTextResponse("not found", 404)
        last = request.scope["path"].rstrip("/").rpartition("/")[2]
        return RedirectResponse(f"./{quote(last)}/", 307, {"cache-control": "no-store"})

    async def serve(self, request: Request) -> Response:
        """Answer for the page, the document and the page's files. In a thread: the first document takes a while."""
        if not await self._admits(request):
            return PlainTextResponse("not found", 404)
        return await run_in_threadpool(self._answer, request)

    def _answer(self, request: Request) -> Response:
        file = request.path_params["file"]
        if file == "asyncapi.yaml":
            return self._yaml(request)
        unchanged = request.headers.get("if-none-match")
        answer = self._page.serve(file, request.scope, method=request.method, if_none_match=unchanged)
        return Response(answer.body, answer.status, dict(answer.headers))

    def _yaml(self, request: Request) -> Response:
        try:
            text = to_yaml(self._document(request.scope))
        except ConfigurationError as error:  # PyYAML is missing
            return PlainTextResponse(str(error), 501)
        headers = dict(self._page.serve("config.json", request.scope).headers)
        return Response(text, 200, {**headers, "content-type": "application/yaml"})  # RFC 9512

    async def _admits(self, request: Request) -> bool:
        if self.allowed is None:
            return True
        answer = self.allowed(request)
        return (await answer if inspect.isawaitable(answer) else answer) is True

    @cached_property
    def _page(self) -> Page:
        return Page(
            documents=self._document,
            try_it_out=self.try_it_out,
            expanded=self.expanded,
            whoami=self.whoami,
            server=self._given.origin if self._given else None,
        )


def asyncapi_router(
    policy: Policy | ReportOnly | None = None,
    *,
    title: str = "",
    version: str = "",
    description: str = "",
    path: str = "/asyncapi",
    try_it_out: bool = False,
    expanded: bool = False,
    allowed: Allowed | None = None,
    whoami: str | None = None,
    server: str | None = None,
    asyncapi: Version = "3.0.0",
    transparent: Iterable[Callable[..., Any]] = (),
    app: Callable[[], ASGIApp] | None = None,
) -> APIRouter:
    """Return a FastAPI router that serves the document of the application that includes it, and its page.

    At `path` is the page; below it are `asyncapi.json` and `asyncapi.yaml`. None of it is in the OpenAPI schema. What guards
    each socket is read from the application itself: `policy` is the one that you expect there, and is taken on nobody's
    word; a warning says so where it guards nothing. Title, version and description are the application's own by default.

    `try_it_out` lets people connect and send; `expanded` opens that column at once. `whoami` is an address of this site
    that answers JSON with a `username`, null for nobody. `allowed` is a function of the request, async or not: whoever
    does not get True gets 404. `server` is where the sockets are, if not where the request came to:
    "wss://ws.example.com". `transparent` are middleware classes of your own that authenticate nobody. `app` gives the
    application that is described, where that is more than the one that serves the page: `app=lambda: guarded`, for
    guarded = WebSocketAuthMiddleware(app, policy).

    Raises ConfigurationError where a setting cannot be.
    """
    from fastapi import APIRouter

    served = Documentation(
        policy=policy,
        title=title,
        version=version,
        description=description,
        path=path,
        try_it_out=try_it_out,
        expanded=expanded,
        allowed=allowed,
        whoami=whoami,
        server=server,
        asyncapi=asyncapi,
        transparent=transparent,
        app=app,
    )
    router = APIRouter()
    methods = ["GET", "HEAD"]
    # Routes of FastAPI, not of Starlette: `include_router(…, dependencies=[…])` guards only those.
    router.add_api_route(served.path, served.enter, methods=methods, include_in_schema=False, response_model=None)
    below = f"{served.path}/{{file:path}}"
    router.add_api_route(below, served.serve, methods=methods, include_in_schema=False, response_model=None)
    return router


def asyncapi_routes(policy: Policy | ReportOnly | None = None, **settings: Any) -> list[BaseRoute]:
    """Return the same as routes of a Starlette application; the settings are those of `asyncapi_router`."""
    served = Documentation(policy=policy, **settings)
    return [Route(served.path, served.enter), Route(f"{served.path}/{{file:path}}", served.serve)]


def describe(app: ASGIApp) -> Application:
    """Return what an application says about its sockets, under the settings of its own documentation, if it has one."""
    endpoints = (getattr(route.endpoint, "__self__", None) for route in Walk(app).others)
    settings = next((found for found in endpoints if isinstance(found, Documentation)), Documentation())
    return settings.describe(app)
