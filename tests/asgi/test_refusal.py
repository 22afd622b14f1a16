"""How a refusal reaches the client: who reads a close code, who reads HTTP, and what stands in each."""

import asyncio
import json
import re

import pytest
from fakes import (
    ACCEPT,
    CLOSE,
    DISCONNECT,
    PAGE,
    START,
    FakeApplication,
    FakeServer,
    knocked,
    knocking,
    named,
    turns,
    websocket_scope,
)

from wsauth import (
    AnyOrigin,
    CloseProfile,
    Cookie,
    FirstMessage,
    Identity,
    InvalidCredentials,
    Origins,
    Policy,
    Query,
    Reason,
    Refusals,
    SameHostOrAbsent,
    Subprotocol,
    VerifierUnavailable,
    WebSocketAuthMiddleware,
)
from wsauth.asgi.pending import Pending
from wsauth.asgi.refusal import SEND_TIMEOUT, Delivery, Refusal, cut
from wsauth.asgi.wire import GONE
from wsauth.core.handshake import Handshake


def denying(reason, retry_after=5):
    async def deny(credentials):
        if reason is Reason.UNAVAILABLE:
            raise VerifierUnavailable("down", retry_after)
        raise InvalidCredentials("the detail", reason)

    return deny


async def refused(reason, *, origin=None, server=None, scope=None, **options):
    policy = Policy([named(verifier=denying(reason))], **options)
    server, app = await knocked(policy, scope or knocking(server, origin=origin), server)
    assert app.calls == 0
    assert server.illegal == []
    return server


READ = [Reason.INVALID, Reason.MALFORMED, Reason.CONFLICT, Reason.EXPIRED, Reason.REVOKED, Reason.FORBIDDEN]
NOT_READ = [reason for reason in Reason if reason not in (*READ, Reason.MISSING)]


# Who gets what


@pytest.mark.parametrize("reason", [*READ, Reason.MISSING])
async def test_a_page_reads_a_code_that_it_must_act_on(reason):
    """A page of an allowed origin is accepted and closed at once with the reason's code."""
    server = await refused(reason, origin=PAGE)
    assert server.types() == [ACCEPT, CLOSE]
    assert server.code == reason.close_code
    assert re.fullmatch(re.escape(reason.text) + r" \[[0-9a-f]{8}\]", server.reason)


@pytest.mark.parametrize("reason", NOT_READ)
async def test_a_page_gets_http_where_it_can_only_wait(reason):
    """Accepting only to say "busy" would reset its back-off; and a foreign page is never accepted."""
    server = await refused(reason, origin=PAGE)
    assert server.status == reason.status


@pytest.mark.parametrize("reason", Reason)
async def test_a_native_client_gets_http(reason):
    """Who sends no Origin reads the status."""
    assert (await refused(reason)).status == reason.status


@pytest.mark.parametrize("reason", Reason)
async def test_a_server_without_http_responses_closes_before_the_accept(reason):
    """It turns that into 403."""
    server = await refused(reason, server=FakeServer(http=False))
    assert server.types() == [CLOSE]


async def test_a_foreign_page_is_never_accepted():
    """Whatever the style of the policy."""
    for style in Refusals:
        server, app = await knocked(Policy([named()], refusals=style), knocking(origin="https://evil.example"))
        assert (server.status, app.calls) == (403, 0)


async def test_a_verifiers_word_that_the_origin_is_foreign_counts():
    """Whatever says so: a socket is never accepted for it."""
    for style in Refusals:
        assert (await refused(Reason.FOREIGN_ORIGIN, origin=PAGE, refusals=style)).status == 403


@pytest.mark.parametrize(
    ("origin", "page"), [(None, False), (PAGE, True), ("https://evil.example", False), ("null", False)]
)
def test_a_page_is_one_of_an_allowed_origin(origin, page):
    """Nobody else is ever accepted only to read a code."""
    policy, scope = Policy([named()]), knocking(origin=origin)
    assert Delivery.to(Handshake.from_scope(scope), scope, policy, Pending.of(policy)).page is page


async def test_an_absent_origin_is_no_page_even_where_it_is_allowed():
    """A client without an Origin is no browser, and can read HTTP."""
    assert (await refused(Reason.INVALID, origins=SameHostOrAbsent())).status == 401


async def test_the_style_of_the_policy_can_be_http():
    """Then nothing is accepted only to be closed."""
    assert (await refused(Reason.INVALID, origin=PAGE, refusals=Refusals.HTTP)).status == 401


async def test_the_style_of_the_policy_can_be_a_close_code():
    """Then a page reads every code, and everybody else HTTP."""
    server = await refused(Reason.UNAVAILABLE, origin=PAGE, refusals=Refusals.CLOSE_CODE)
    assert server.code == 4503
    assert (await refused(Reason.UNAVAILABLE, refusals=Refusals.CLOSE_CODE)).status == 503


async def test_pages_of_configured_origins_read_codes():
    """The policy's own rule says which pages are its own."""
    for rule in (Origins("https://app.example.org"), AnyOrigin()):
        assert (await refused(Reason.INVALID, origin="https://app.example.org", origins=rule)).code == 4401


# Codes and texts


async def test_codes_follow_the_profile():
    """Client libraries disagree on which codes are final."""
    server = await refused(Reason.EXPIRED, origin=PAGE, close_profile=CloseProfile({4440: 4003}))
    assert server.code == 4003
    assert (await refused(Reason.EXPIRED, origin=PAGE, close_profile=CloseProfile.iana())).code == 3000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 200, "x" * 123),
        ("é" * 100, "é" * 61),
        ("€" * 100, "€" * 41),
        ("x" + "😀" * 40, "x" + "😀" * 30),
        ("\ud800", "?"),
        ("short", "short"),
    ],
)
def test_a_reason_is_cut_between_characters(text, expected):
    """A close frame holds 123 bytes of UTF-8 (RFC 6455 §5.5)."""
    assert cut(text) == expected
    assert len(cut(text).encode()) <= 123


# HTTP


@pytest.mark.parametrize(
    ("reason", "challenge"),
    [
        (Reason.MISSING, b"Bearer"),
        (Reason.MALFORMED, b'Bearer error="invalid_request"'),
        (Reason.CONFLICT, b'Bearer error="invalid_request"'),
        (Reason.INVALID, b'Bearer error="invalid_token"'),
        (Reason.EXPIRED, b'Bearer error="invalid_token"'),
        (Reason.REVOKED, b'Bearer error="invalid_token"'),
    ],
)
async def test_401_carries_a_challenge(reason, challenge):
    """RFC 9110 §11.6.1 obliges it to."""
    assert (await refused(reason)).headers()[b"www-authenticate"] == challenge


async def test_other_statuses_carry_no_challenge():
    """403 is not about credentials."""
    assert b"www-authenticate" not in (await refused(Reason.FORBIDDEN)).headers()


async def test_a_verifier_says_when_to_come_back():
    """503 and 429 carry Retry-After, in seconds."""
    policy = Policy([named(verifier=denying(Reason.UNAVAILABLE, retry_after=17))])
    server, _ = await knocked(policy)
    assert server.headers()[b"retry-after"] == b"17"
    assert (await refused(Reason.TOO_MANY)).headers()[b"retry-after"] == b"5"
    assert b"retry-after" not in (await refused(Reason.INVALID)).headers()


async def test_the_body_is_a_problem_document(caplog):
    """It holds public text and the incident id, under which the log has the explanation that the client does not get."""
    caplog.set_level("INFO", "wsauth")
    server = await refused(Reason.EXPIRED)
    headers, problem = server.headers(), json.loads(server.body())
    incident = problem.pop("incident")
    assert problem == {
        "type": "about:blank",
        "title": "credentials expired",
        "status": 401,
        "reason": "expired",
        "advice": "refresh, then reconnect",
    }
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"content-length"] == str(len(server.body())).encode()
    assert headers[b"cache-control"] == b"no-store"
    [line] = caplog.messages
    assert incident in line
    assert "the detail" in line
    assert b"detail" not in server.body()


# Subprotocols


async def _page_offers(*offered, subprotocols=()):
    schemes = [named(Subprotocol("bearer"), denying(Reason.INVALID)), named(Query("token"), name="query")]
    policy = Policy(schemes, subprotocols=subprotocols)
    server, _ = await knocked(policy, websocket_scope(origin=PAGE, subprotocols=list(offered)))
    return server


async def test_the_accept_of_a_refusal_names_the_marker():
    """Browsers fail a connection whose offer is not answered, and the credential is never named."""
    server = await _page_offers("bearer", "s3cret")
    assert server.wire[0] == {"type": ACCEPT, "subprotocol": "bearer", "headers": []}


async def test_the_accept_of_a_refusal_names_a_protocol_of_the_policys():
    """Where the client did not offer the marker."""
    server = await _page_offers("chat.v1", "chat.v2", subprotocols=["chat.v2"])
    assert server.wire[0]["subprotocol"] == "chat.v2"


async def test_a_page_whose_offer_cannot_be_answered_gets_http():
    """It could not read the code: nobody but the application may choose among its own protocols."""
    assert (await _page_offers("chat.v1")).status == 401
    assert (await _page_offers("not a token", "bearer")).status == 401


async def test_a_page_without_an_offer_gets_no_subprotocol():
    """RFC 6455 §4.2.2."""
    assert (await _page_offers()).wire[0]["subprotocol"] is None


# Rations


async def test_the_sixth_refusal_of_a_peer_in_ten_seconds_is_http():
    """Sockets are not accepted for who does nothing but fail."""
    policy = Policy([named(verifier=denying(Reason.INVALID))])
    scope = {"origin": PAGE, "client": ("198.51.100.1", 1)}
    answers = [(await knocked(policy, knocking(**scope)))[0] for _ in range(7)]
    assert [server.code for server in answers] == [4401] * 5 + [None, None]
    assert [server.status for server in answers[5:]] == [401, 401]
    other, _ = await knocked(policy, knocking(origin=PAGE, client=("198.51.100.2", 1)))
    assert other.code == 4401


async def test_peers_without_an_address_are_one():
    """A server on a Unix socket names no peers: what bounds one bounds all of them."""
    policy = Policy([named(verifier=denying(Reason.INVALID))])
    answers = [(await knocked(policy, knocking(origin=PAGE, client=None)))[0] for _ in range(7)]
    assert [server.code for server in answers] == [4401] * 5 + [None, None]


@pytest.mark.parametrize("wakes", [True, False], ids=["tells its own close", "waits for the client"])
async def test_a_refused_socket_counts_until_it_is_gone(wakes):
    """Until the server says that its client has left; its own close says nothing of that, as uvicorn tells it."""
    policy = Policy([named(verifier=denying(Reason.INVALID))], max_pending=1)
    middleware = WebSocketAuthMiddleware(FakeApplication(), policy)
    stays = FakeServer(wakes=wakes, deaf=True)
    task = stays.start(middleware, knocking(origin=PAGE, client=("198.51.100.1", 1)))
    await turns(30)
    assert (stays.code, task.done()) == (4401, False)
    assert (await knocked(policy, knocking(origin=PAGE, client=("198.51.100.2", 1))))[0].status == 401
    stays._put({"type": DISCONNECT, "code": 1005})
    await task
    assert (await knocked(policy, knocking(origin=PAGE, client=("198.51.100.3", 1))))[0].code == 4401


async def test_a_refused_socket_that_never_goes_counts_for_some_seconds():
    """As long as uvicorn waits for its client."""
    policy = Policy([named(verifier=denying(Reason.INVALID))], max_pending=1)
    await knocked(policy, knocking(origin=PAGE), FakeServer(deaf=True, wakes=False))
    assert asyncio.get_running_loop().time() == pytest.approx(GONE)
    assert len(Pending.of(policy)) == 0


async def test_above_the_pending_cap_a_refusal_is_http():
    """Sockets that are accepted only to be closed count as pending."""
    policy = Policy([named(verifier=denying(Reason.INVALID))], max_pending=1)
    slow, fast = FakeServer(slow=50), FakeServer()
    scopes = [knocking(origin=PAGE, client=(f"198.51.100.{n}", 1)) for n in range(2)]
    await asyncio.gather(*[knocked(policy, scope, server) for scope, server in zip(scopes, (slow, fast), strict=True)])
    assert (slow.code, fast.status) == (4401, 401)
    again, _ = await knocked(policy, scopes[0])
    assert again.code == 4401


async def test_http_refusals_take_no_place_of_the_pending():
    """Who is not accepted keeps nobody out."""
    policy = Policy([named(verifier=denying(Reason.INVALID))], max_pending=1)
    slow, page = FakeServer(slow=50), FakeServer()
    await asyncio.gather(
        knocked(policy, knocking(), slow), knocked(policy, knocking(origin=PAGE, client=("198.51.100.9", 1)), page)
    )
    assert (slow.status, page.code) == (401, 4401)


# Clients and servers that fail meanwhile


@pytest.mark.parametrize("kind", [ACCEPT, CLOSE])
@pytest.mark.parametrize("error", [OSError("gone"), AssertionError()])
async def test_a_refusal_that_cannot_be_sent_harms_nobody(kind, error):
    """The client has gone, and the server's worker goes on."""
    server = await refused(Reason.INVALID, origin=PAGE, server=FakeServer(raises={kind: error}))
    assert server.code is None


@pytest.mark.parametrize("kind", [ACCEPT, CLOSE, START])
async def test_a_client_that_never_reads_does_not_hold_a_refusal(kind):
    """All of it takes a few seconds at most."""
    origin, lingers = (None, 0) if kind == START else (PAGE, GONE)
    await refused(Reason.INVALID, origin=origin, server=FakeServer(hangs={kind}))
    assert asyncio.get_running_loop().time() == pytest.approx(SEND_TIMEOUT + lingers)


async def test_a_cookie_without_an_origin_says_why_in_the_log_only(caplog):
    """The client hears "credentials required"."""
    caplog.set_level("INFO", "wsauth")

    async def anybody(credentials):
        return Identity("alice")

    policy = Policy([named(Cookie("session"), anybody)])
    server, _ = await knocked(policy, websocket_scope(headers=[(b"cookie", b"session=s3cret")]))
    assert server.status == 401
    assert "without an Origin" in caplog.text
    assert "s3cret" not in caplog.text


def test_values_do_not_show_the_handshake():
    """A delivery outlives the handshake, and keeps nothing of it but the peer and a subprotocol."""
    policy = Policy([named(), named(FirstMessage(), name="first")])
    scope = knocking(key="s3cret", query_string=b"token=s3cret", origin=PAGE)
    delivery = Delivery.to(Handshake.from_scope(scope), scope, policy, Pending.of(policy))
    assert "s3cret" not in repr(delivery) + repr(delivery.refusal(Reason.INVALID))
    assert isinstance(delivery.refusal(Reason.INVALID), Refusal)
