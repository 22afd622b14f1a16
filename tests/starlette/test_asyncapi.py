"""The document and its page, served by the application that they describe."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from fastapi import APIRouter, Depends, FastAPI, HTTPException, WebSocket
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute

import wsauth
from wsauth import ConfigurationError, Cookie, Policy, Query, SecurityScheme, WebSocketAuthMiddleware
from wsauth.asyncapi import document, lint
from wsauth.starlette import asyncapi_router, asyncapi_routes
from wsauth.starlette.documentation import describe

EXAMPLES = Path(__file__).parents[2] / "examples"


async def nobody(credentials):
    return None


TOKEN = SecurityScheme("queryToken", Query("token"), nobody)
COOKIE = SecurityScheme("cookieJWT", Cookie("access_token"), nobody)
POLICY = Policy([TOKEN, COOKIE])


async def endpoint(websocket: WebSocket): ...


def site(policy=POLICY, **settings):
    """A guarded application with one socket and its page."""
    app = FastAPI(title="Rooms", version="2")
    app.add_middleware(WebSocketAuthMiddleware, policy=policy)
    app.add_api_websocket_route("/chat", endpoint)
    app.include_router(asyncapi_router(policy, **settings))
    return app


def client(app, **settings):
    return TestClient(app, follow_redirects=False, **settings)


def served(app, path="/asyncapi", root_path="", **headers):
    answer = client(app, root_path=root_path).get(f"{path}/asyncapi.json", headers=headers)
    assert answer.status_code == 200
    return answer.json()


# What is served


def test_the_page_is_served_with_everything_that_it_loads():
    """From the application itself, under the page's own rules."""
    visitor = client(site(try_it_out=True, expanded=True, whoami="/me"))
    page = visitor.get("/asyncapi/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert visitor.get("/asyncapi/app.js").headers["content-type"].startswith("text/javascript")
    assert visitor.get("/asyncapi/vendor/json-schema.js").status_code == 200
    told = visitor.get("/asyncapi/config.json").json()
    assert (told["tryItOut"], told["expanded"], told["whoami"]) == (True, True, "/me")
    assert visitor.get("/asyncapi/../documentation.py").status_code == 404
    assert visitor.get("/asyncapi/nothing").status_code == 404


def test_a_file_that_has_not_changed_is_not_sent_again():
    """The browser asks, and keeps what it has."""
    visitor = client(site())
    etag = visitor.get("/asyncapi/app.js").headers["etag"]
    again = visitor.get("/asyncapi/app.js", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_reading_is_all_that_one_can_do():
    """HEAD is reading without the body."""
    visitor = client(site())
    assert visitor.head("/asyncapi/asyncapi.json").status_code == 200
    assert visitor.post("/asyncapi/").status_code == 405


@pytest.mark.parametrize("path", ["/asyncapi", "/docs/sockets", "/docs/sockets/"])
def test_the_address_without_its_slash_leads_to_the_one_with_it(path):
    """By a relative address, so that no proxy and no Host header can lead it astray."""
    app = FastAPI()
    app.include_router(asyncapi_router(path=path), prefix="/v1")
    answer = client(app).get("/v1" + path.rstrip("/"))
    assert answer.status_code == 307
    assert answer.headers["location"] == f"./{path.rstrip('/').rpartition('/')[2]}/"
    assert client(app).get(f"/v1{path.rstrip('/')}/").status_code == 200


def test_json_and_yaml_say_the_same():
    """For people and for tools."""
    app = site()
    answer = client(app).get("/asyncapi/asyncapi.yaml")
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.headers["cache-control"] == "no-store"
    assert yaml.safe_load(answer.text) == served(app)


def test_yaml_without_its_library_says_what_to_install(monkeypatch):
    """The rest of the page works without it."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    answer = client(site()).get("/asyncapi/asyncapi.yaml")
    assert answer.status_code == 501
    assert "pip install" in answer.text


def test_openapi_lists_none_of_it():
    """It is documentation, not API."""
    assert site().openapi()["paths"] == {}


# What the document says


def test_the_document_is_that_of_the_application_that_serves_it(referee):
    """Its sockets, its policies, its title."""
    written = served(site())
    assert referee.complaints(written) == []
    assert lint(written) == []
    assert written["info"] == {"title": "Rooms", "version": "2"}
    assert list(written["components"]["securitySchemes"]) == ["queryToken", "cookieJWT"]
    assert [channel["address"] for channel in written["channels"].values()] == ["/chat"]


def test_title_version_and_description_may_be_given(referee):
    """The sockets may have a life of their own. So may the version of AsyncAPI."""
    written = served(site(title="Sockets", version="3", description="Live.", asyncapi="3.1.0"))
    assert referee.complaints(written) == []
    assert written["info"] == {"title": "Sockets", "version": "3", "description": "Live."}
    assert written["asyncapi"] == "3.1.0"


def test_removing_a_scheme_from_the_policy_changes_the_document():
    """With nothing else touched."""
    assert list(served(site(replace(POLICY, schemes=[TOKEN])))["components"]["securitySchemes"]) == ["queryToken"]


def test_the_server_is_where_the_request_came_to():
    """Behind whatever host, scheme and prefix the application is served."""
    app = site()
    assert served(app)["servers"]["default"] == {
        "host": "testserver",
        "protocol": "ws",
        "security": [
            {"$ref": "#/components/securitySchemes/queryToken"},
            {"$ref": "#/components/securitySchemes/cookieJWT"},
        ],
    }
    secure = client(app, base_url="https://rooms.example.com:8443").get("/asyncapi/asyncapi.json").json()
    assert (secure["servers"]["default"]["host"], secure["servers"]["default"]["protocol"]) == (
        "rooms.example.com:8443",
        "wss",
    )
    outer = Starlette(routes=[Mount("/v1", app)])
    assert served(outer, "/v1/asyncapi")["servers"]["default"]["pathname"] == "/v1"
    assert served(app, root_path="/api")["servers"]["default"]["pathname"] == "/api"


@pytest.mark.parametrize("host", ["", "evil/path", "user@evil", "a b", "[::1", "<script>"])
def test_a_host_that_is_none_is_left_out(host, referee):
    """Whoever asks writes the Host header; the document stays one."""
    written = served(site(), host=host)
    assert written["servers"]["default"]["host"] == "localhost"
    assert referee.schema(written) == []


def test_a_given_server_is_the_documents_and_the_pages():
    """The page may connect there and nowhere else."""
    app = site(server="https://ws.example.com/base")
    assert served(app)["servers"]["default"]["host"] == "ws.example.com"
    assert served(app)["servers"]["default"]["pathname"] == "/base"
    visitor = client(app)
    assert visitor.get("/asyncapi/config.json").json()["server"] == "wss://ws.example.com"
    assert "wss://ws.example.com" in visitor.get("/asyncapi/").headers["content-security-policy"]


def test_the_document_is_written_once_until_routes_change(monkeypatch):
    """However often, and under whatever name, it is asked for."""
    times = []

    def counting(*arguments, **settings):
        times.append(1)
        return document(*arguments, **settings)

    monkeypatch.setattr("wsauth.starlette.documentation.document", counting)
    app = site()
    for host in ("a.example", "b.example"):
        assert served(app, host=host)["servers"]["default"]["host"] == host
    assert len(times) == 1
    router = APIRouter()
    app.include_router(router, prefix="/late")
    router.add_api_websocket_route("/x", endpoint)
    assert len(served(app)["channels"]) == 2
    assert len(times) == 2


def test_two_applications_may_include_one_router():
    """Each serves its own document."""
    router = asyncapi_router()
    one, two = FastAPI(title="One"), FastAPI(title="Two")
    one.include_router(router)
    two.include_router(router)
    assert [served(app)["info"]["title"] for app in (one, two, one)] == ["One", "Two", "One"]


def test_a_given_policy_is_taken_on_nobodys_word(caplog):
    """Naming a policy guards nothing: the document says that it stands nowhere, the log which line is missing."""
    app = FastAPI()
    app.add_api_websocket_route("/chat", endpoint)
    app.include_router(asyncapi_router(POLICY))
    written = served(app)
    assert written["channels"]["endpoint"]["x-wsauth-unguarded"] is True
    assert "components" not in written
    assert "app.add_middleware(WebSocketAuthMiddleware, policy=policy)" in caplog.text


def test_a_policy_around_the_whole_application_is_seen_through_app(caplog):
    """An application cannot see what stands around it; `app` shows it."""
    app = FastAPI()
    app.add_api_websocket_route("/chat", endpoint)
    app.include_router(asyncapi_router(POLICY, app=lambda: guarded))
    guarded = WebSocketAuthMiddleware(app, POLICY)
    for whole, root_path, pathname in (
        (guarded, "", None),
        (guarded, "/api", "/api"),
        (Starlette(routes=[Mount("/", guarded)]), "", None),
    ):
        written = served(whole, root_path=root_path)
        assert list(written["components"]["securitySchemes"]) == ["queryToken", "cookieJWT"]
        assert written["servers"]["default"].get("pathname") == pathname
    assert caplog.text == ""


# Who may read it


def test_whoever_is_not_allowed_finds_nothing():
    """Only True admits, and an answer may be awaited."""

    async def staff(request):
        return request.headers.get("x-staff") == "yes"

    for allowed in (staff, lambda request: "truthy", lambda request: None):
        visitor = client(site(allowed=allowed))
        for path in (
            "/asyncapi",
            "/asyncapi/",
            "/asyncapi/asyncapi.json",
            "/asyncapi/asyncapi.yaml",
            "/asyncapi/app.js",
        ):
            assert visitor.get(path).status_code == 404
    assert client(site(allowed=staff)).get("/asyncapi/", headers={"x-staff": "yes"}).status_code == 200


def test_a_check_that_fails_lets_nobody_in():
    """Nothing is served by accident."""

    def broken(request):
        raise LookupError

    with pytest.raises(LookupError):
        client(site(allowed=broken)).get("/asyncapi/asyncapi.json")


def test_dependencies_of_the_inclusion_guard_it():
    """As they guard every other route of FastAPI."""

    def forbidden():
        raise HTTPException(403)

    app = FastAPI()
    app.include_router(asyncapi_router(), dependencies=[Depends(forbidden)])
    assert client(app).get("/asyncapi").status_code == 403
    assert client(app).get("/asyncapi/asyncapi.json").status_code == 403


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"path": "asyncapi"}, "path"),
        ({"path": "/"}, "path"),
        ({"policy": "Rooms"}, "title="),
        ({"whoami": "//evil.example"}, "whoami"),
        ({"server": "ftp://x"}, "wss://"),
        ({"server": "wss://user:secret@x"}, "wss://"),
    ],
)
def test_a_setting_that_cannot_be_fails_at_start_up(settings, words):
    """Not with the first reader."""
    with pytest.raises(ConfigurationError, match=words) as error:
        asyncapi_router(**settings)
    assert "secret" not in str(error.value)


# Elsewhere


def test_starlette_serves_it_as_routes(referee):
    """The same settings, no FastAPI."""
    app = Starlette(
        routes=[*asyncapi_routes(POLICY, title="Rooms", path="/docs"), WebSocketRoute("/chat", endpoint)],
        middleware=[Middleware(WebSocketAuthMiddleware, policy=POLICY)],
    )
    written = served(app, "/docs")
    assert referee.complaints(written) == []
    assert written["info"]["title"] == "Rooms"
    assert client(app).get("/docs").headers["location"] == "./docs/"
    assert client(app).get("/docs/").status_code == 200


def test_an_application_is_described_as_its_page_describes_it():
    """For the command line: title, server and transparent middleware are not said twice."""

    class Own:
        def __init__(self, app):
            self.app = app

    app = site(title="Sockets", server="wss://ws.example.com", transparent=[Own])
    app.add_middleware(Own)
    found = describe(app)
    assert (found.title, found.servers[0].host, found.warnings) == ("Sockets", "ws.example.com", ())
    assert found.channels[0].unknown == ()
    assert describe(Starlette()).title == "WebSockets"


def test_what_is_not_there_is_said():
    """`wsauth.starlette` loads the page only for whoever serves it."""
    with pytest.raises(AttributeError, match="asyncapi_rooter"):
        wsauth.starlette.asyncapi_rooter  # noqa: B018


# The demo


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("fastapi_demo.main"), importlib.import_module("fastapi_demo.auth")


def test_the_demos_document_lists_exactly_its_policies_schemes(demo, referee, caplog):
    """No error, no finding, no warning, nothing that no policy enforces."""
    main, auth = demo
    written = served(main.app)
    assert referee.complaints(written) == []
    assert lint(written) == []
    assert caplog.text == ""
    policies = (auth.policy, auth.tokens_only, auth.first_message)
    assert set(written["components"]["securitySchemes"]) == {s.name for policy in policies for s in policy.schemes}
    listed = {channel["address"]: channel["x-wsauth-security"]["schemes"] for channel in written["channels"].values()}
    for prefix, policy in zip(("/ws/", "/ws/tokens/", "/ws/first/"), policies, strict=True):
        assert listed[f"{prefix}chat/{{slug}}/"] == [scheme.name for scheme in policy.schemes]
    assert "x-wsauth-unguarded" not in json.dumps(written)


def test_a_scheme_that_the_demo_drops_leaves_its_document(demo, monkeypatch):
    """Nothing but the policy is touched."""
    main, auth = demo
    for policy in (auth.policy, auth.tokens_only):
        kept = [scheme for scheme in policy.schemes if scheme.name != "bearerSubprotocol"]
        monkeypatch.setitem(policy.__dict__, "schemes", kept)
    assert "bearerSubprotocol" not in document(describe(main.app))["components"]["securitySchemes"]


def test_the_demo_says_who_is_logged_in(demo):
    """The page asks it about the session."""
    main, _ = demo
    assert client(main.app).get("/api/whoami").json() == {"username": None}
    assert client(main.app).get("/asyncapi/config.json").json()["whoami"] == "/api/whoami"
