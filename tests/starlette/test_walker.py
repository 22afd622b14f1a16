"""From a running application to its document: the routes that can be reached, and the policies that stand around them."""

from __future__ import annotations

import sys
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import pytest
from effort import calls
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Security, WebSocket
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer, OAuth2PasswordBearer
from fastapi.staticfiles import StaticFiles
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.convertors import Convertor, register_url_convertor
from starlette.endpoints import WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute, Host, Mount, Router, WebSocketRoute

import wsauth
from wsauth import Anonymous, Cookie, Policy, SecurityScheme, WebSocketAuthMiddleware
from wsauth.asyncapi import document, document_action, document_event
from wsauth.panel import panel
from wsauth.policy import ReportOnly
from wsauth.starlette import CurrentIdentity
from wsauth.starlette.walker import Walk, walk


async def nobody(credentials):
    return None


TOKEN = SecurityScheme("queryToken", wsauth.Query("token"), nobody)
COOKIE = SecurityScheme("cookieJWT", Cookie("access_token"), nobody)
GUARD = Policy([TOKEN, COOKIE])
NARROW = Policy([TOKEN])


async def endpoint(websocket: WebSocket): ...


async def accepting(websocket: WebSocket):
    await websocket.accept()
    await websocket.close()


def guarded(app, policy=GUARD):
    return WebSocketAuthMiddleware(app, policy)


def fastapi_app(policy=GUARD, **settings):
    app = FastAPI(title="Rooms", version="2", description="Talk.", **settings)
    if policy is not None:
        app.add_middleware(WebSocketAuthMiddleware, policy=policy)
    return app


def only(app, **settings):
    (channel,) = walk(app, **settings).channels
    return channel


def of(app):
    return {channel.address: channel for channel in walk(app).channels}


# Where the sockets are


def test_included_routers_mounts_and_prefixes_make_the_address(published):
    """Whatever stands before a route is in its address, however deep it was included or mounted."""
    app, outer, inner, mounted = fastapi_app(None), APIRouter(prefix="/outer"), APIRouter(), FastAPI()
    inner.add_api_websocket_route("/inner/{room}", accepting)
    outer.include_router(inner, prefix="/deep")
    outer.mount("/sub", mounted)
    mounted.add_api_websocket_route("/leaf/", accepting)
    app.include_router(outer, prefix="/v1")
    app.mount("/plain", Router([Mount("/{tenant}", routes=[WebSocketRoute("/x", accepting)])]))
    written = published(app, told=[])
    addresses = [channel["address"] for channel in written["channels"].values()]
    assert addresses == [
        "/v1/outer/deep/inner/{room}",
        "/v1/sub/leaf/",  # FastAPI mounts without the router's own prefix
        "/plain/{tenant}/x",
    ]
    assert list(written["channels"].values())[2]["parameters"] == {"tenant": {}}
    for address in addresses:
        with TestClient(app).websocket_connect(address.replace("{", "").replace("}", "")):
            pass


def test_a_route_that_is_included_later_is_found():
    """FastAPI includes lazily: what is added to a router after it was included is served, and documented."""
    app, router = fastapi_app(), APIRouter()
    app.include_router(router, prefix="/late")
    router.add_api_websocket_route("/x", endpoint)
    assert list(of(app)) == ["/late/x"]


def test_a_starlette_application_is_walked_without_fastapi(monkeypatch, published):
    """FastAPI need not be installed, nor loaded."""
    monkeypatch.delitem(sys.modules, "fastapi.routing")
    app = Starlette(
        routes=[Mount("/ws", routes=[WebSocketRoute("/chat/{room}", endpoint)])],
        middleware=[Middleware(WebSocketAuthMiddleware, policy=GUARD)],
    )
    written = published(app)
    assert written["info"] == {"title": "WebSockets", "version": "1.0.0"}
    assert list(written["components"]["securitySchemes"]) == ["queryToken", "cookieJWT"]


def test_title_version_and_description_are_the_applications(published):
    """Nothing that FastAPI knows is asked for again; also of an application that is wrapped."""
    app = fastapi_app()
    app.add_api_websocket_route("/x", endpoint)
    assert published(guarded(app))["info"] == {"title": "Rooms", "version": "2", "description": "Talk."}


def test_a_route_that_is_never_reached_is_no_channel(published):
    """The first match answers, so a second route would be documented with a security that nobody meets."""
    told = []
    app = fastapi_app()
    app.add_api_websocket_route("/chat/{room}", endpoint, "first")
    app.add_api_websocket_route("/chat/{slug}", endpoint, "second")
    app.add_api_websocket_route("/chat/lobby", endpoint, "third")
    app.add_api_websocket_route("/fixed", endpoint, "fourth")
    app.add_api_websocket_route("/fixed", endpoint, "fifth")
    app.mount("/ws", Router([WebSocketRoute("/a", endpoint)]))
    app.mount("/ws/b", guarded(Router([WebSocketRoute("/c", endpoint), WebSocketRoute("/{x}", endpoint)])))
    app.mount("/", StaticFiles(directory="."))
    app.add_api_websocket_route("/after", endpoint)
    written = published(app, told=told)
    assert [channel["address"] for channel in written["channels"].values()] == ["/chat/{room}", "/fixed", "/ws/a"]
    assert [warning.partition(":")[0] for warning in told] == [
        "/chat/{slug}",
        "/chat/lobby",
        "/fixed",
        "/ws/b/c",
        "/ws/b/{x}",
        "/after",
    ]
    assert "'/' comes first" in told[-1]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("/{id:int}", "/{name}"), ("/a", "/{name}"), ("/{name}", "/{rest:path}"), ("/{a}/b", "/{a}/c"), ("/x", "/x/")],
)
def test_a_route_that_can_be_reached_is_a_channel(earlier, later):
    """An earlier route takes only what it matches."""
    app = Starlette(routes=[WebSocketRoute(earlier, endpoint), WebSocketRoute(later, endpoint)])
    assert len(walk(app).channels) == 2


def test_what_cannot_be_looked_into_is_a_warning(published):
    """An application of another kind may have sockets: the document does not pretend that there are none."""

    async def stranger(scope, receive, send): ...

    class Own(BaseRoute): ...

    told = []
    inside = FastAPI(openapi_url=None)
    inside.add_api_websocket_route("/x", endpoint)
    app = fastapi_app(openapi_url=None)
    app.mount("/stranger", stranger)
    app.mount("/docs", panel({"asyncapi": "3.0.0"}))
    app.router.routes += [Own(), Host("{tenant}.example.com", inside)]
    app.mount("/files", StaticFiles(directory="."))
    assert list(published(app, told=told)["channels"]) == ["endpoint"]
    assert [warning.split(" ")[0:6] for warning in told] == [
        ["/stranger:", "wsauth", "cannot", "look", "into", told[0].split(" ")[5]],
        ["/:", "wsauth", "does", "not", "know", "routes"],
        ["/:", "what", "is", "mounted", "for", "the"],
    ]


def test_a_loop_is_said_and_not_followed():
    """An application may be mounted in itself, and a wrapper may wrap itself."""
    wrapper = Own(None)
    wrapper.app = wrapper
    assert "cannot look into" in walk(wrapper).warnings[0]
    app = Starlette(routes=[WebSocketRoute("/x", endpoint)])
    app.mount("/again", app)
    app.mount("/and/again", guarded(app))
    assert only(app).address == "/x"
    assert [warning.partition(";")[0] for warning in walk(app).warnings] == [
        "/again: mounted in itself",
        "/and/again: mounted in itself",
    ]


# What guards them


def test_middleware_is_found_wherever_it_stands():
    """Around the application, of it, around a mount, of a mount, a router and a route: outermost first."""
    names = ("whole", "user", "around", "mount", "router", "route")
    policies = {name: Policy([TOKEN]) for name in names}
    layer = {name: [Middleware(WebSocketAuthMiddleware, policy=policy)] for name, policy in policies.items()}
    route = WebSocketRoute("/x", endpoint, middleware=layer["route"])
    mount = Mount("/m", app=guarded(Router([route], middleware=layer["router"]), policies["around"]))
    of_mount = Mount("/n", app=Router([mount]), middleware=layer["mount"])
    app = Starlette(routes=[of_mount], middleware=layer["user"])
    found = only(guarded(app, policies["whole"])).policies
    assert found == tuple(policies[name] for name in ("whole", "user", "mount", "around", "router", "route"))


def test_added_middleware_is_read_outermost_first():
    """`add_middleware` puts the last one outermost."""
    app = fastapi_app(NARROW)
    app.add_middleware(WebSocketAuthMiddleware, GUARD)
    app.add_api_websocket_route("/x", endpoint)
    assert only(app).policies == (GUARD, NARROW)


def test_a_middleware_may_be_derived_or_bound_beforehand():
    """What runs is still the middleware of wsauth."""

    class Ours(WebSocketAuthMiddleware):
        def __init__(self, app):
            super().__init__(app, GUARD)

    app = fastapi_app(None)
    app.add_middleware(partial(WebSocketAuthMiddleware, policy=NARROW))
    app.add_middleware(Ours)
    app.add_api_websocket_route("/x", endpoint)
    assert only(app).policies == (GUARD, NARROW)


def test_a_middleware_that_runs_other_code_is_unknown():
    """Whoever overrides what is called may have overridden the check."""

    class Lax(WebSocketAuthMiddleware):
        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)

    app = fastapi_app(None)
    app.add_middleware(Lax, policy=GUARD)
    app.add_api_websocket_route("/x", endpoint)
    assert only(app).policies == ()
    assert only(app).unknown[0].endswith("Lax")


def test_removing_a_scheme_from_the_policy_changes_the_document(published):
    """With nothing else touched: there is no second list of schemes."""

    def schemes(policy):
        app = fastapi_app(policy)
        app.add_api_websocket_route("/x", endpoint)
        return list(published(app)["components"]["securitySchemes"])

    assert schemes(GUARD) == ["queryToken", "cookieJWT"]
    assert schemes(replace(GUARD, schemes=[TOKEN])) == ["queryToken"]


def test_an_unguarded_route_carries_the_mark_and_a_warning(published):
    """A hole is shown in the document and said to whoever writes it."""
    told = []
    app = fastapi_app(None)
    app.add_api_websocket_route("/open", endpoint)
    app.mount("/guarded", guarded(Router([WebSocketRoute("/x", endpoint)])))
    written = published(app, told=told)
    assert [channel.get("x-wsauth-unguarded") for channel in written["channels"].values()] == [True, None]
    assert told == ["/open: no policy guards it; put WebSocketAuthMiddleware(..., policy) around it"]


def test_report_only_is_shown_as_what_it_is(published):
    """It refuses nobody, so nobody is told that it does."""
    told = []
    app = fastapi_app(ReportOnly(GUARD))
    app.add_api_websocket_route("/x", endpoint)
    written = published(app, told=told)
    assert written["channels"]["endpoint"]["x-wsauth-report-only"] is True
    assert "securitySchemes" not in written.get("components", {})
    assert "ReportOnly" in told[0]


def test_a_nested_policy_narrows_the_document(published):
    """Only schemes that pass both are listed."""
    app = fastapi_app(Policy([TOKEN], anonymous=Anonymous.IF_MISSING))
    app.mount("/admin", guarded(Router([WebSocketRoute("/x", endpoint)]), NARROW))
    assert published(app)["channels"]["endpoint"]["x-wsauth-security"] == {"schemes": ["queryToken"], "optional": False}


def test_middleware_that_authenticates_nobody_is_silent(published):
    """Those that everybody has do not make every document shout."""

    class Timing(BaseHTTPMiddleware): ...

    app = fastapi_app()
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(GZipMiddleware)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["*"])
    app.add_middleware(SessionMiddleware, secret_key="secret")
    app.add_middleware(HTTPSRedirectMiddleware)
    app.add_middleware(Timing, dispatch=None)

    @app.middleware("http")
    async def of_http(request, call_next): ...

    app.add_api_websocket_route("/x", endpoint)
    published(CORSMiddleware(app))


class Own:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send): ...


def closing(app):
    async def closed(scope, receive, send): ...

    return closed


def test_unknown_middleware_is_a_warning(published):
    """It may authenticate: the document never says that nothing does."""
    told = []
    app = Starlette(
        routes=[WebSocketRoute("/x", endpoint, middleware=[Middleware(Own)])],
        middleware=[Middleware(AuthenticationMiddleware, backend=None), Middleware(closing)],
    )
    written = published(guarded(Own(app)), told=told)
    assert written["channels"]["endpoint"]["x-wsauth-unrecognised-middleware"] is True
    assert [name.rpartition(".")[2] for name in only(app).unknown] == ["AuthenticationMiddleware", "closing", "Own"]
    assert len(told) == 3


def test_a_router_whose_middleware_hides_it_is_still_walked():
    """Its routes are known, what stands around them is not."""
    app = Starlette(
        routes=[Mount("/r", app=Router([WebSocketRoute("/x", endpoint)], middleware=[Middleware(closing)]))]
    )
    assert [name.rpartition(".")[2] for name in only(app).unknown] == ["closed"]


def test_the_application_may_say_which_of_its_middleware_is_transparent(published):
    """By class or by function; what derives from the class is its own."""

    class Derived(Own): ...

    app = fastapi_app()
    app.add_middleware(Derived)
    app.add_middleware(closing)
    app.add_api_websocket_route("/x", endpoint)
    published(app, transparent=[Own, closing])


KEY = APIKeyHeader(name="x-key")


def user(token: Annotated[str, Security(OAuth2PasswordBearer(tokenUrl="token"))]): ...


def test_fastapi_security_on_a_socket_is_not_taken_for_wsauths(published):
    """They run after the handshake was let in, and wsauth cannot say what they refuse."""
    told = []
    app = fastapi_app(None)

    @app.websocket("/x", dependencies=[Depends(HTTPBearer()), Depends(partial(APIKeyCookie(name="k")))])
    async def secured(websocket: WebSocket, key: Annotated[str, Depends(KEY)], user: Annotated[str, Depends(user)]): ...

    written = published(app, told=told)
    assert written["channels"]["secured"]["x-wsauth-unguarded"] is True
    names = ("HTTPBearer", "APIKeyCookie", "APIKeyHeader", "OAuth2PasswordBearer")
    assert told[1:] == [
        f"/x: wsauth does not know the security dependency {name}; what it enforces is not documented" for name in names
    ]


def test_a_policy_that_fastapi_drops_is_not_documented(published):
    """`include_router` leaves out the middleware of a WebSocketRoute: the socket is open, and the document says so."""
    route = WebSocketRoute("/x", accepting, middleware=[Middleware(WebSocketAuthMiddleware, policy=GUARD)])
    app, told = FastAPI(), []
    app.include_router(APIRouter(routes=[route]))
    with TestClient(app).websocket_connect("/x"):
        pass  # nobody asked who this is
    assert published(app, told=told)["channels"]["accepting"]["x-wsauth-unguarded"] is True
    assert "include_router drops" in told[0]


# What is varied


class Slug(Convertor[str]):
    regex = "[a-z-]+"


class Odd(Convertor[str]):
    regex = "(?P<odd>[13579])"


register_url_convertor("slug", Slug())
register_url_convertor("odd", Odd())


def test_convertors_describe_the_address(published):
    """Starlette knows them; a reader should."""
    path = "/{a}/{b:int}/{c:float}/{d:uuid}/{e:slug}/{f:odd}/{g:path}"
    app = Starlette(routes=[WebSocketRoute(path, endpoint)], middleware=[Middleware(WebSocketAuthMiddleware, GUARD)])
    assert published(app)["channels"]["endpoint"]["parameters"] == {
        "a": {},
        "b": {"x-wsauth-schema": {"type": "integer", "minimum": 0}},
        "c": {"x-wsauth-schema": {"type": "number", "minimum": 0}},
        "d": {"x-wsauth-schema": {"type": "string", "format": "uuid"}},
        "e": {"x-wsauth-schema": {"type": "string", "pattern": "^(?:[a-z-]+)$"}},
        "f": {},
        "g": {"description": 'The rest of the path; it may hold "/".'},
    }


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Filters(BaseModel):
    page_size: int = 10
    colour: Colour


def languages(accept_language: Annotated[str, Header()] = "en", lang: Literal["en", "de"] = "en"): ...


def test_annotations_of_fastapi_describe_every_parameter(published):
    """Of the endpoint and of its dependencies; what is required is said, what is hidden is left out."""
    app = fastapi_app()

    @app.websocket("/{room}/{colour}/{version}", dependencies=[Depends(languages)])
    async def chat(
        websocket: WebSocket,
        room: Annotated[UUID, Path(description="Which room", examples=["general"])],
        colour: Colour,
        version: Literal["v1"],
        since: int,
        me: CurrentIdentity,
        lang: str = "fr",
        limit: Annotated[int, Query(ge=1, alias="max", description="How many")] = 10,
        secret: Annotated[str, Query(include_in_schema=False)] = "",
        x_key: Annotated[str | None, Header()] = None,
    ): ...

    written = published(app)["channels"]["chat"]
    assert written["parameters"] == {
        "room": {
            "description": "Which room",
            "examples": ["general"],
            "x-wsauth-schema": {"format": "uuid", "type": "string"},
        },
        "colour": {"enum": ["red", "blue"]},
        "version": {"enum": ["v1"]},
    }
    ws = written["bindings"]["ws"]
    assert ws["query"]["required"] == ["since"]
    assert ws["query"]["properties"]["lang"] == {"type": "string", "default": "fr"}
    assert ws["query"]["properties"]["max"] == {
        "type": "integer",
        "minimum": 1,
        "default": 10,
        "description": "How many",
    }
    assert list(ws["query"]["properties"]) == ["since", "lang", "max", "token"]
    assert list(ws["headers"]["properties"]) == ["x-key", "accept-language"]


def test_a_model_of_parameters_stands_for_its_members(published):
    """`Annotated[Filters, Query()]` is not one parameter but several."""
    app = fastapi_app()

    @app.websocket("/x")
    async def needed(websocket: WebSocket, filters: Annotated[Filters, Query()]): ...

    @app.websocket("/y")
    async def optional(websocket: WebSocket, sent: Annotated[Filters | None, Header()] = None): ...

    channels = published(app)["channels"]
    query = channels["needed"]["bindings"]["ws"]["query"]
    assert query["required"] == ["colour"]
    assert query["properties"]["colour"] == {"type": "string", "enum": ["red", "blue"]}
    assert query["properties"]["page_size"] == {"type": "integer", "default": 10}
    headers = channels["optional"]["bindings"]["ws"]["headers"]
    assert list(headers["properties"]) == ["page-size", "colour"]
    assert "required" not in headers


class Node(BaseModel):
    inside: list[Node] = []


def test_what_pydantic_cannot_write_is_left_open(published):
    """A parameter is still a parameter; a model that holds itself ends."""
    app = fastapi_app()

    class Unwritable:
        @classmethod
        def __get_pydantic_core_schema__(cls, source, handler):
            from pydantic_core import core_schema

            return core_schema.with_info_plain_validator_function(lambda value, info: value)

    @app.websocket("/x")
    async def x(
        websocket: WebSocket,
        odd: Annotated[Unwritable, Query()],
        filters: Annotated[Node, Header()],
    ): ...

    ws = published(app)["channels"]["x"]["bindings"]["ws"]
    assert ws["query"]["properties"]["odd"] == {}
    assert "inside" in ws["headers"]["properties"]


# What is said


def test_an_endpoint_documents_its_messages(published):
    """The decorators are those of consumers, and add no member of their own to a frame."""
    app = fastapi_app()

    @app.websocket("/x")
    @document_action("say", payload={"type": "object"}, discriminator="type")
    @document_event("said", payload=str)
    @requires("chat")
    async def chat(websocket: WebSocket):
        """Talk.

        To each other.
        \f
        Not for readers.
        """

    written = published(app)
    assert written["channels"]["chat"]["description"] == "Talk.\n\nTo each other."
    assert [operation["action"] for operation in written["operations"].values()] == ["receive", "send"]
    assert written["components"]["messages"]["say"]["payload"]["properties"] == {
        "type": {"type": "string", "const": "say"}
    }
    assert written["components"]["messages"]["said"]["payload"] == {"type": "string"}


class Chat(WebSocketEndpoint):
    """Talk."""

    encoding = "json"

    @document_action(payload=str)
    async def handle_say(self, websocket, data): ...

    @document_event("said")
    async def on_receive(self, websocket, data): ...


@pytest.mark.parametrize("wrapped", [Chat, guarded(Chat), Own(Chat)], ids=["class", "guarded", "unknown"])
def test_a_class_documents_its_messages(wrapped):
    """On its methods; middleware around the endpoint takes neither its name nor its words away."""
    found = only(Starlette(routes=[WebSocketRoute("/x", wrapped)]))
    assert (found.name, found.description) == ("Chat", "Talk.")
    assert [(operation.action, operation.name) for operation in found.operations] == [
        ("receive", "say"),
        ("send", "said"),
    ]


def test_other_endpoints_are_named_as_they_are():
    """A name of the route's own, an instance, a partial."""

    class Instance:
        """Answers itself."""

        async def __call__(self, scope, receive, send): ...

    async def partly(websocket, more):
        """Half of it."""

    routes = [
        WebSocketRoute("/a", endpoint, name="named"),
        WebSocketRoute("/b", Instance()),
        WebSocketRoute("/c", partial(partly, more=1), name="part"),
    ]
    found = walk(Starlette(routes=routes)).channels
    assert [(channel.name, channel.description) for channel in found] == [
        ("named", ""),
        ("Instance", "Answers itself."),
        ("part", "Half of it."),
    ]


def test_tags_are_those_of_the_routers(published):
    """FastAPI keeps them for HTTP only; here a socket has them as well."""

    class Area(Enum):
        CHAT = "chat"

    app, outer, inner = fastapi_app(), APIRouter(tags=["outer"]), APIRouter(tags=[Area.CHAT])
    inner.add_api_websocket_route("/x", endpoint)
    outer.include_router(inner, tags=["given"])
    app.include_router(outer, tags=["app"])
    app.add_api_websocket_route("/y", endpoint)
    channels = published(app)["channels"]
    assert [tag["name"] for tag in channels["x"]["tags"]] == ["app", "outer", "given", "chat"]
    assert "tags" not in channels["y"]


# What it costs


def routed(count):
    app = fastapi_app()
    for number in range(count):
        router = APIRouter(prefix=f"/r{number}")

        @router.websocket("/{room}/{kind}")
        @document_action("say", payload=Filters)
        async def chat(websocket: WebSocket, room: int, kind: Colour, filters: Annotated[Filters, Query()]): ...

        app.include_router(router)
    return app


def test_each_further_route_takes_as_much_work_as_the_first():
    """FastAPI's own work on routers that nobody has asked yet included."""
    document(walk(routed(1)))  # what is loaded once is loaded
    fifty, two_hundred = routed(50), routed(200)
    assert calls(lambda: document(walk(two_hundred))) < 5 * calls(lambda: document(walk(fifty)))


def test_the_same_application_is_found_to_be_the_same():
    """And one with a further route is another."""
    app = routed(200)
    assert len(document(walk(app))["channels"]) == 200
    before = Walk(app)
    assert Walk(app) == before
    app.add_api_websocket_route("/more", endpoint)
    assert Walk(app) != before
