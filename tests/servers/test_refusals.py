"""A refusal reaches whoever can read it: pages by a close code, everyone else over HTTP."""

from __future__ import annotations

import json

import pytest

from servers.client import Answer, Handshake, all_of, answer, fresh, presenting, token
from servers.process import Server
from servers.raw import fresh_peer

APPLICATIONS = ["fastapi", "async", "sync"]


def over_http(server: Server, found: Answer, status: int) -> None:
    """Check an HTTP refusal; daphne cannot send a status of one's own, and turns every refusal into an empty 403."""
    if not server.facts.denies_with_status:
        assert found.status == 403, found
        return
    assert found.status == status, found
    assert found.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(found.body)
    assert (problem["status"], len(problem["incident"])) == (status, 8)
    assert ("WWW-Authenticate" in found.headers) == (status == 401)
    assert ("Retry-After" in found.headers) == (status in (429, 503))
    assert problem["incident"] in server.printed


def by_close_code(server: Server, found: Answer, code: int, reason: str) -> None:
    """Check a refusal that a page reads; daphne drops the reason."""
    assert (found.status, found.code) == (101, code), found
    assert found.reason.startswith(reason if server.facts.sends_close_reason else ""), found
    assert bool(found.reason) == server.facts.sends_close_reason


async def test_page_reads_why_it_was_refused(server: Server):
    """A page of an allowed origin reads the close code, and the reason where the server sends it."""
    path = f"/fastapi/echo/{fresh('refused')}"
    situations = {
        "nothing": (Handshake(page=True), 4401, "credentials required"),
        "bad": (presenting("query", token("x", "bad"), page=True), 4401, "invalid credentials"),
        "unknown": (presenting("cookie", token("x", "unknown")), 4401, "credentials required"),
        "malformed": (Handshake(query="token=%zz", page=True), 4401, "malformed credentials"),
        "two": (Handshake("token=good.a.b", [("X-API-Key", "good.a.b")], page=True), 4401, "conflicting credentials"),
        "expired": (presenting("bearer", token("x", "expired"), page=True), 4440, "credentials expired"),
        "unwelcome": (presenting("query", token("unwelcome"), page=True), 4403, "forbidden"),
    }
    revoked = fresh("revoked")
    await server.tell(f"revoke/{revoked}")
    situations["revoked"] = (presenting("cookie", token(revoked)), 4410, "credentials revoked")
    answers = await all_of(**{name: answer(server, path, each[0]) for name, each in situations.items()})
    for name, (_, code, reason) in situations.items():
        by_close_code(server, answers[name], code, reason)


async def test_everyone_else_reads_an_http_status(server: Server):
    """A client that is no page gets status, challenge and problem document where the server can, else 403."""
    path = f"/fastapi/echo/{fresh('refused')}"
    situations = {
        "nothing": (Handshake(), 401),
        "bad": (presenting("query", token("x", "bad")), 401),
        "cookie without an Origin": (Handshake(headers=[("Cookie", "token=good.x.y")]), 401),
        "malformed": (Handshake(query="token=%zz"), 401),
        "two": (Handshake("token=good.a.b", [("X-API-Key", "good.a.b")]), 401),
        "expired": (presenting("bearer", token("x", "expired")), 401),
        "unwelcome": (presenting("query", token("unwelcome")), 403),
        "unavailable": (presenting("key", token("x", "unavailable")), 503),
        "broken": (presenting("key", token("x", "broken")), 503),
        "unavailable to a page": (presenting("cookie", token("x", "unavailable")), 503),
    }
    answers = await all_of(**{name: answer(server, path, each[0]) for name, each in situations.items()})
    for name, (_, status) in situations.items():
        over_http(server, answers[name], status)
    if server.facts.denies_with_status:
        assert answers["nothing"].headers["WWW-Authenticate"] == "Bearer"
        assert answers["bad"].headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert answers["unavailable"].headers["Retry-After"] == "7"


async def test_page_that_keeps_being_refused_is_refused_over_http(server: Server):
    """Accepting only to close costs a connection: the sixth refusal of one peer within ten seconds is HTTP."""
    peer, bad = fresh_peer(), presenting("query", token("x", "bad"), page=True)
    path = f"/async/echo/{fresh('refused')}"
    answers = [await answer(server, path, bad, peer=peer) for _ in range(6)]
    for found in answers[:5]:
        by_close_code(server, found, 4401, "invalid credentials")
    over_http(server, answers[5], 401)


FASTAPI_REFUSALS = {
    "http-401": (401, 4401, "invalid credentials"),
    "http-403": (403, 4403, "forbidden"),
    "http-404": (404, 4403, "forbidden"),
    "close": (403, 4403, "forbidden"),
    "close-4403": (403, 4403, "not your room"),
    "close-4999": (403, 4999, "not your room"),
    "staff": (403, 4403, "forbidden"),
}


async def test_refusal_by_an_endpoint_reaches_pages_and_others(server: Server):
    """HTTPException, close before accept and @requires are delivered as wsauth's own refusals are."""
    for activity, (status, code, reason) in FASTAPI_REFUSALS.items():
        name = fresh("visitor")
        path = f"/fastapi/{activity}/{name}"
        found = await answer(server, path, presenting("query", token(name)))
        assert found.status == (status if server.facts.denies_with_status else 403), (activity, found)
        assert (await server.visit(name))["error"] == ""
        name = fresh("visitor")
        found = await answer(server, path, presenting("cookie", token(name)))
        by_close_code(server, found, code, reason)


@pytest.mark.parametrize("application", ["async", "sync"])
async def test_refusal_by_a_consumer_reaches_pages_and_others(server: Server, application: str):
    """`close()` and DenyConnection in `connect()` mean forbidden, to a page by its code and over HTTP to others."""
    for activity in ("close", "close-4403", "deny"):
        name = fresh("visitor")
        path = f"/{application}/{activity}/{name}"
        found = await answer(server, path, presenting("query", token(name)))
        assert (found.status, found.admitted) == (403, False), (activity, found)
        visit = await server.visit(name)
        assert (visit["running"], visit["error"]) == (False, ""), (activity, visit)
        found = await answer(server, path, presenting("cookie", token(name)))
        by_close_code(server, found, 4403, "not your room" if activity == "close-4403" else "forbidden")
    assert (await server.left())["connections"] == 0
