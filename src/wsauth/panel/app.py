"""The page as one small ASGI app, to mount anywhere: `app.mount("/asyncapi", panel(document))`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from wsauth.asgi.types import ASGIApp, Receive, Scope, Send
from wsauth.panel.page import Documents, Page, Response

Allowed = Callable[[Scope], bool | Awaitable[bool]]


def panel(
    document: Documents,
    *,
    try_it_out: bool = False,
    expanded: bool = False,
    allowed: Allowed | None = None,
    whoami: str | None = None,
    title: str | None = None,
    server: str | None = None,
) -> ASGIApp:
    """Return an ASGI app that shows the document, and with `try_it_out` lets people connect and send.

    `allowed` is a function of the scope, async or not: whoever does not get True from it gets 404, as if there were no
    page. One that raises lets nobody in. The other arguments are those of `Page`.
    """
    page = Page(documents=document, try_it_out=try_it_out, expanded=expanded, whoami=whoami, title=title, server=server)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        if scope["type"] != "http":
            return
        if allowed is not None and not await _is_allowed(allowed, scope):
            response = Response(404, (("content-type", "text/plain; charset=utf-8"),), b"not found")
        else:
            response = answer(page, scope)
        await _send(response, scope["method"] == "HEAD", send)

    return app


def answer(page: Page, scope: Scope) -> Response:
    """Answer an HTTP scope. The page's own address without its last "/" leads to the one with it."""
    root, path = scope.get("root_path", ""), scope["path"]
    below = path[len(root) :] if path == root or path.startswith(f"{root}/") else path
    if below == "":
        return Response(307, (("location", f"{path.rpartition('/')[2]}/"), ("cache-control", "no-store")), b"")
    matches = [value for name, value in scope["headers"] if name.lower() == b"if-none-match"]
    return page.serve(
        below, scope, method=scope["method"], if_none_match=matches[0].decode("latin-1") if matches else None
    )


async def _is_allowed(allowed: Allowed, scope: Scope) -> bool:
    result = allowed(scope)
    return (await result if inspect.isawaitable(result) else result) is True


async def _send(response: Response, head: bool, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.status != 304:
        headers.append((b"content-length", str(len(response.body)).encode("ascii")))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else response.body})
