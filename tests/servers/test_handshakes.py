"""Handshakes that no client library would send, as each server hands them on."""

from __future__ import annotations

import asyncio

import pytest
from patience import HANG

from servers.client import fresh, token
from servers.process import NOTHING, Server
from servers.raw import Headers, frame, handshake, read_close

HANGS_UP = 0
READS_ORIGINS = ("daphne", "uvicorn-websockets-sansio")  # and answers 400 to one it cannot read


async def status_of(server: Server, target: str, headers: Headers = (), host: str | None = None) -> int:
    """Return the status of the answer, or HANGS_UP where the server closes the transport without one."""
    try:
        async with handshake(server.port, target, headers, host=host) as wire:
            return wire.response.status
    except EOFError:
        return HANGS_UP


async def close_code_of(server: Server, target: str, headers: Headers) -> int | None:
    """Return the code of a connection that is accepted only to be closed."""
    async with handshake(server.port, target, headers) as wire:
        assert wire.response.status == 101
        close = await asyncio.wait_for(read_close(wire.reader), HANG)
        return close and close[0]


FOREIGN = {
    "another site": ["https://evil.example"],
    "null": ["null"],
    "empty": [""],
    "another scheme": ["ftp://{host}"],
    "another port": ["http://127.0.0.1:1"],
    "a prefix": ["http://{host}.evil.example"],
    "with a path": ["http://{host}/"],
    "with credentials": ["http://evil.example@{host}"],
    "no origin at all": ["%%%"],
    "two in a line": ["http://{host}, https://evil.example"],
    "two lines": ["http://{host}", "https://evil.example"],
    "two lines, the good one last": ["https://evil.example", "http://{host}"],
    "the same twice": ["http://{host}", "http://{host}"],
}


@pytest.mark.parametrize("situation", FOREIGN)
async def test_foreign_origin_is_refused_before_anything_is_read(server: Server, situation: str):
    """A foreign, `null`, malformed or doubled Origin is refused over HTTP, never accepted; no verifier is asked."""
    subject = fresh("victim")
    origins = [("Origin", origin.format(host=server.host)) for origin in FOREIGN[situation]]
    credentials = [[("Cookie", f"token={token(subject)}")], [("Authorization", f"Bearer {token(subject)}")], []]
    for headers in credentials:
        for application in ("fastapi", "fastapi-first"):
            status = await status_of(server, f"/{application}/echo/{subject}", [*origins, *headers])
            assert status in ((400, 403) if server.name in READS_ORIGINS else (403,)), (situation, status)
    assert await server.ask(f"verified/{subject}") == 0
    assert await server.ask(f"visit/{subject}") is None


async def test_own_origin_is_read_whatever_its_case(server: Server):
    """Scheme and host of an Origin have no case; and it may be https, where a proxy ends TLS."""
    name = fresh("user")
    for origin in (server.origin.upper(), f"https://{server.host}"):
        own = [("oRIGIN", origin), ("cOOKIE", f"token={token(name)}")]
        assert await status_of(server, f"/fastapi/echo/{name}", own) == 101


async def test_cookie_without_an_origin_is_not_verified(server: Server):
    """A missing Origin never verifies a cookie: 401, or 403 where the server knows no other status."""
    subject = fresh("victim")
    status = await status_of(server, f"/async/echo/{subject}", [("Cookie", f"token={token(subject)}")])
    assert status == (401 if server.facts.denies_with_status else 403)
    assert await server.ask(f"verified/{subject}") == 0


async def test_cookies_on_two_lines_are_one(server: Server):
    """A proxy may split the Cookie header (RFC 9113 §8.2.3); only daphne joins the lines so that the cookie is lost."""
    name = fresh("user")
    own = ("Origin", server.origin)
    lines = [own, ("Cookie", "theme=dark"), ("Cookie", f"token={token(name)}")]
    if server.name == "daphne":  # "theme=dark,token=…" is one cookie named theme
        assert await close_code_of(server, f"/fastapi/echo/{name}", lines) == 4401
    else:
        assert await status_of(server, f"/fastapi/echo/{name}", lines) == 101


async def test_odd_neighbours_do_not_hide_a_cookie(server: Server):
    """What another cookie looks like is no reason not to find ours."""
    name = fresh("user")
    odd = f'a b=c; {{"json": [1]}}; =x; novalue; b="q;uoted"; token={token(name)}; $x'
    own = ("Origin", server.origin)
    assert await status_of(server, f"/fastapi/echo/{name}", [own, ("Cookie", odd)]) == 101


async def test_cookie_beyond_ascii_beside_ours_does_no_harm(server: Server):
    """Other code of the site may set one; only uvicorn's legacy implementation fails on it, before any application."""
    name = fresh("user")
    headers = [("Origin", server.origin), ("Cookie", f"name=J\u00f6rg; token={token(name)}")]
    status = await status_of(server, f"/fastapi/echo/{name}", headers)
    assert status == (500 if server.name == "uvicorn-websockets" else 101)


async def test_one_cookie_with_two_values_is_refused(server: Server):
    """A sibling domain can plant the second (cookie tossing)."""
    name = fresh("victim")
    both = f"token={token(name)}; token={token('attacker')}"
    own = ("Origin", server.origin)
    assert await close_code_of(server, f"/fastapi/echo/{name}", [own, ("Cookie", both)]) == 4401
    assert await server.ask(f"verified/{name}") == 0


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_credential_on_two_lines_is_refused(server: Server, header: str):
    """Two lines of one header, or one line that a server joined of them, are malformed: 401."""
    name = fresh("user")
    value = f"Bearer {token(name)}" if header == "Authorization" else token(name)
    for headers in ([(header, value), (header, value)], [(header, f"{value},{value}")], [(header, f"{value}, x")]):
        status = await status_of(server, f"/sync/echo/{name}", headers)
        assert status == (401 if server.facts.denies_with_status else 403)
    assert await server.ask(f"verified/{name}") == 0


@pytest.mark.parametrize(
    "query",
    [
        "token={token}&token={token}",
        "token={token}&t%6fken={token}",
        "token=%{token}",
        "token=",
        "token",
        "token={token}%00",
        "token={token}%20",
        "token={token}%c3%a9",
    ],
)
async def test_irregular_query_credential_is_refused(server: Server, query: str):
    """A credential in the query that is doubled, empty, badly encoded or not visible ASCII is refused: 401."""
    name = fresh("user")
    status = await status_of(server, f"/fastapi/echo/{name}?{query.format(token=token(name))}")
    assert status == (401 if server.facts.denies_with_status else 403)
    assert await server.ask(f"visit/{name}") is None


async def test_subprotocols_on_two_lines_are_one_list(server: Server):
    """Marker and credential may stand on two lines (RFC 9110 §5.3); hypercorn loses the first, and hangs up."""
    name = fresh("user")
    lines = [("Sec-WebSocket-Protocol", "bearer"), ("Sec-WebSocket-Protocol", token(name))]
    status = await status_of(server, f"/fastapi/echo/{name}", lines)
    assert status == (HANGS_UP if server.name == "hypercorn" else 101)


@pytest.mark.parametrize(
    "offer",
    [
        "bearer",
        "{token}, bearer",
        "bearer, {token}=",
        "bearer, a/b",
        'bearer, "{token}"',
        "bearer,, {token}",
        "bearer, {token}, {token}",
        "bearer, bearer, {token}",
        "bearer, {token} x",
    ],
)
async def test_irregular_subprotocol_credential_is_refused(server: Server, offer: str):
    """An offer that is no list of distinct tokens (RFC 6455 §4.1) proves nothing and is never answered."""
    name = fresh("user")
    line = ("Sec-WebSocket-Protocol", offer.format(token=token(name)))
    assert await status_of(server, f"/fastapi/echo/{name}", [line]) in (400, 401, 403)
    assert await server.ask(f"visit/{name}") is None


async def test_subprotocol_beyond_ascii_never_connects(server: Server):
    """Only granian hands one on to be refused; the others break on it by themselves, before any application."""
    name = fresh("user")
    line = ("Sec-WebSocket-Protocol", f"bearer, {token(name)}\u00e9")
    expected = {
        "uvicorn-websockets": 500,
        "uvicorn-websockets-sansio": 400,
        "uvicorn-wsproto": HANGS_UP,
        "daphne": 500,
        "hypercorn": HANGS_UP,
        "granian": 401,
    }
    assert await status_of(server, f"/fastapi/echo/{name}", [line]) == expected[server.name]


TRICKS = [
    "ws://{host}/fastapi/echo/{name}",
    "http://{host}/fastapi/echo/{name}",
    "ws://evil.example/fastapi/echo/{name}",
    "//fastapi/echo/{name}",
    "//{host}/fastapi/echo/{name}",
    "///fastapi/echo/{name}",
    "/fastapi//echo/{name}",
    "/fastapi/echo/{name}/",
    "/fastapi/echo/{name}%00",
    "/FASTAPI/echo/{name}",
    "/fastapi%2Fecho%2F{name}",
    "/%66astapi/echo/{name}",
    "/x/../fastapi/echo/{name}",
    "/fastapi/x/../echo/{name}",
    "/fastapi/%2e%2e/fastapi/echo/{name}",
    "/fastapi/..%2Ffastapi/echo/{name}",
    "/control/../fastapi/echo/{name}",
    "/fastapi;x=y/echo/{name}",
    "/fastapi\\echo\\{name}",
    "/%ff/echo/{name}",
    "/async//echo/{name}",
    "/async%2Fecho%2F{name}",
    "/async/echo/{name}?",
    "/async/echo/{name}?to%6ben=",
    "*",
    "fastapi/echo/{name}",
]


async def test_no_path_leads_around_the_policy(server: Server):
    """However the request target is written, no application runs for a client without a credential."""
    before = await server.ask("visits")
    for trick in TRICKS:
        target = trick.format(host=server.host, name=fresh("intruder"))
        status = await status_of(server, target)
        assert status == HANGS_UP or 400 <= status < 500, (trick, status)
    assert await server.ask("visits") == before
    assert await server.left() == NOTHING


MALFORMED = [
    "GET /fastapi/echo/x HTTP/1.1",
    "GET /fastapi/echo/x HTTP/1.0\r\nHost: a",
    "POST /fastapi/echo/x HTTP/1.1\r\nHost: a",
    "GET /fastapi/echo/x HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x",
]


async def test_malformed_handshake_leaves_nothing(server: Server):
    """A handshake without a key, of HTTP/1.0, by POST or of an unknown version ends in an error and no application."""
    before = await server.ask("visits")
    await asyncio.gather(*(_never_upgraded(server, head) for head in MALFORMED))
    assert await server.ask("visits") == before


async def _never_upgraded(server: Server, head: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{head}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".encode())
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), HANG)  # hypercorn takes five seconds to hang up
    assert b" 101 " not in answer.split(b"\r\n")[0]
    writer.transport.abort()


async def test_client_that_breaks_the_protocol_is_forgotten(server: Server):
    """An unmasked or reserved frame ends the connection for the application like any other departure."""
    for garbage in (b"\x81\x05hello", frame(3, b"reserved"), b"\xff" * 200):
        name = fresh("garbage")
        async with handshake(server.port, f"/fastapi/echo/{name}?token={token(name)}") as wire:
            assert wire.response.status == 101
            wire.writer.write(garbage)
            await asyncio.wait_for(read_close(wire.reader), HANG)
        visit = await server.visit(name)
        assert (visit["running"], visit["received"]) == (False, [])
    assert await server.left() == NOTHING


async def test_doubled_host_is_no_host(server: Server):
    """With two Host lines, or an odd one, no Origin is the same host: refused by wsauth if not by the server."""
    name = fresh("victim")
    own = [("Origin", server.origin), ("Cookie", f"token={token(name)}")]
    for extra, host in (([("Host", "evil.example")], None), ([], "evil.example"), ([], f"{server.host}@evil.example")):
        status = await status_of(server, f"/fastapi/echo/{name}", [*own, *extra], host)
        assert status in (400, 403), (extra, host, status)
    assert await server.ask(f"verified/{name}") == 0
