"""The page as an ASGI app and as values: what it serves, under which headers, and to whom."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

import wsauth.panel
from wsauth import ConfigurationError
from wsauth.panel import Page, Response, panel
from wsauth.panel.files import STATIC

SOURCES = Path(wsauth.panel.__file__).parent / "static"
DOCUMENT = {"asyncapi": "3.0.0", "info": {"title": "Chat", "version": "1"}}


async def ask(app: Any, path: str = "/", **scope: Any) -> Response:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asked = {"type": "http", "method": "GET", "path": path, "headers": [], **scope}
    await app(asked, None, send)
    headers = tuple((name.decode(), value.decode()) for name, value in sent[0].get("headers", ()))
    return Response(sent[0].get("status", 0), headers, b"".join(message.get("body", b"") for message in sent[1:]))


def header(response: Response, name: str) -> str:
    return dict(response.headers).get(name, "")


async def test_page_and_its_files_are_served() -> None:
    app = panel(DOCUMENT)
    page = await ask(app)
    assert (page.status, header(page, "content-type")) == (200, "text/html; charset=utf-8")
    for name in re.findall(rb'(?:href|src)="([^"#]+)"', page.body):
        assert (await ask(app, f"/{name.decode()}")).status == 200
    assert header(await ask(app, "/app.js"), "content-type") == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/app.js", "/config.json", "/asyncapi.json", "/nothing"])
async def test_every_answer_carries_the_policy(path: str) -> None:
    response = await ask(panel(DOCUMENT, try_it_out=True), path)
    policy = header(response, "content-security-policy")
    assert policy.startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'"
    )
    assert "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'" in policy
    assert "unsafe" not in policy
    assert header(response, "x-content-type-options") == "nosniff"
    assert header(response, "referrer-policy") == "no-referrer"


async def test_document_and_settings_are_never_stored() -> None:
    app = panel(DOCUMENT, try_it_out=True, expanded=True, whoami="/me", title="Ours")
    assert json.loads((await ask(app, "/asyncapi.json")).body) == DOCUMENT
    config = await ask(app, "/config.json")
    assert header(config, "cache-control") == "no-store"
    assert json.loads(config.body) == {
        "tryItOut": True,
        "expanded": True,
        "whoami": "/me",
        "title": "Ours",
        "server": None,
        "specs": [{"name": "", "url": "asyncapi.json"}],
    }


async def test_trying_out_is_off_unless_asked_for() -> None:
    config = json.loads((await ask(panel(DOCUMENT, expanded=True, whoami="/me"), "/config.json")).body)
    assert (config["tryItOut"], config["expanded"], config["whoami"]) == (False, False, None)


async def test_document_function_is_given_the_scope() -> None:
    app = panel(lambda scope: {**DOCUMENT, "id": scope["host"]})
    assert json.loads((await ask(app, "/asyncapi.json", host="a")).body)["id"] == "a"


async def test_several_documents_have_an_address_each() -> None:
    app = panel({"Chat / rooms": DOCUMENT, "Other": {**DOCUMENT, "id": "other"}})
    specs = json.loads((await ask(app, "/config.json")).body)["specs"]
    assert specs[0] == {"name": "Chat / rooms", "url": "asyncapi/Chat%20/%20rooms.json"}
    assert json.loads((await ask(app, "/asyncapi/Chat / rooms.json")).body) == DOCUMENT
    assert json.loads((await ask(app, "/asyncapi/Other.json")).body)["id"] == "other"
    assert (await ask(app, "/asyncapi/None.json")).status == 404


async def _yes(scope: Any) -> bool:
    return True


@pytest.mark.parametrize(
    ("allowed", "status"),
    [(_yes, 200), (lambda scope: True, 200), (lambda scope: False, 404), (lambda scope: "yes", 404), (None, 200)],
)
async def test_only_who_is_allowed_finds_it(allowed: Any, status: int) -> None:
    app = panel(DOCUMENT, allowed=allowed)
    for path in ("/", "/config.json", "/asyncapi.json", "/app.js", ""):
        found = await ask(app, path)
        assert found.status == (307 if path == "" and status == 200 else status)
        assert status == 200 or (found.body == b"not found" and b"asyncapi" not in found.body)


async def test_check_that_fails_lets_nobody_in() -> None:
    def broken(scope: Any) -> bool:
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError):
        await ask(panel(DOCUMENT, allowed=broken))


@pytest.mark.parametrize("path", ["/../page.py", "/static/app.js", "//app.js", "/vendor", "/vendor/", "/%2e%2e/app.py"])
async def test_nothing_else_can_be_asked_for(path: str) -> None:
    assert (await ask(panel(DOCUMENT), path)).status == 404


async def test_address_without_its_slash_leads_to_the_one_with_it() -> None:
    response = await ask(panel(DOCUMENT), "/docs", root_path="/docs")
    assert (response.status, header(response, "location")) == (307, "docs/")
    assert (await ask(panel(DOCUMENT), "/docs/app.js", root_path="/docs")).status == 200
    assert (await ask(panel(DOCUMENT), "/app.js", root_path="/app")).status == 200, "a server that leaves it out"


async def test_unchanged_file_is_not_sent_again() -> None:
    app = panel(DOCUMENT)
    tag = header(await ask(app, "/app.js"), "etag")
    again = await ask(app, "/app.js", headers=[(b"if-none-match", tag.encode())])
    assert (again.status, again.body) == (304, b"")


async def test_other_methods_and_kinds_of_connection_are_refused() -> None:
    app = panel(DOCUMENT)
    head = await ask(app, "/app.js", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert header(await ask(app, "/", method="POST"), "allow") == "GET, HEAD"
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/"}, None, send)  # type: ignore[arg-type]
    await app({"type": "lifespan"}, None, send)  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_another_host_for_sockets_is_the_deployers_word() -> None:
    page = Page(documents=DOCUMENT, try_it_out=True, server="wss://ws.example.com")
    assert "connect-src 'self' wss://ws.example.com;" in header(page.serve(""), "content-security-policy")
    assert json.loads(page.serve("config.json").body)["server"] == "wss://ws.example.com"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"documents": {}}, "document"),
        ({"documents": {"Chat": {"title": "no document"}}}, "'Chat'"),
        ({"documents": {"": DOCUMENT}}, "name"),
        ({"documents": DOCUMENT, "server": "https://example.com"}, "wss://ws.example.com"),
        ({"documents": DOCUMENT, "server": "wss://u:p@example.com"}, "server="),
        ({"documents": DOCUMENT, "server": "wss://example.com; script-src *"}, "server="),
        ({"documents": DOCUMENT, "server": "wss://["}, "server="),
        ({"documents": DOCUMENT, "whoami": "https://elsewhere.example/me"}, "/api/me/"),
        ({"documents": DOCUMENT, "whoami": "//elsewhere.example/me"}, "/api/me/"),
    ],
)
def test_mistakes_are_named(settings: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(named)):
        Page(**settings)


def test_password_in_an_address_is_not_repeated() -> None:
    for server in ("wss://u:secret@example.com", "wss://:secret@example.com", "https://u:secret@[", "secret"):
        with pytest.raises(ConfigurationError) as caught:
            panel(DOCUMENT, server=server)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None


def test_page_is_small() -> None:
    """Everything that a visitor fetches is under 40 kB, each file gzipped by itself."""
    sizes = {name: len(gzip.compress(file.body, 9)) for name, file in STATIC.items() if not name.endswith(".txt")}
    assert sum(sizes.values()) < 40_000, sizes


def test_files_hold_nothing_that_the_policy_forbids() -> None:
    for path in SOURCES.glob("*.*"):
        text = path.read_text("utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function|localStorage", text
        )
        assert not re.search(r"""\son\w+=["']|\sstyle=["']|<script>|<style|https?://(?!example|www\.w3)""", text)
        assert not re.search(r"sessionStorage|indexedDB|serviceWorker|postMessage", text)


def test_what_is_left_out_of_the_files_is_indentation_and_comments() -> None:
    for name in ("app.js", "console.js", "auth.js", "document.js", "log.js", "dom.js"):
        lines = [line.strip() for line in (SOURCES / name).read_text("utf-8").splitlines()]
        code = [line for line in lines if line and not re.fullmatch(r"//.*|/[*].*[*]/", line)]
        assert STATIC[name].body.decode() == "\n".join(code)
        whole = (line.replace("^_`|~", "").replace("```", "").count("`") % 2 == 0 for line in code)
        assert all(whole), "a text over several lines would lose its indentation"


def test_vendored_library_keeps_its_licence() -> None:
    assert b"Copyright (c) 2020 Jeremy Danyow" in STATIC["vendor/LICENSE.txt"].body
