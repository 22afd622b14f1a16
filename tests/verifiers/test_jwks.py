"""Published keys are fetched seldom, from where the configuration says, and their absence never invalidates a token."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gzip
import importlib.util
import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey
from verifiers.signing import KEYS, base64url, claims, jwk, token, verifier, verify

from wsauth.core.errors import ConfigurationError, InvalidCredentials, VerifierUnavailable
from wsauth.verifiers.jwks import JWKS
from wsauth.verifiers.jwt import JWTVerifier

URL = "https://id.example.com/jwks.json"
NEXT = ECKey.import_key(ec.generate_private_key(ec.SECP256R1()))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """An issuer without a network: what it publishes, how often it was asked, and whether it answers."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.document: Any = {"keys": list(keys)}
        self.asked = 0
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def __call__(self, url: str) -> bytes:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()


def published(**members: Any) -> dict[str, Any]:
    return jwk("ES256", **{"kid": "now", **members})


def setup(*keys: dict[str, Any], algorithms: Any = ("ES256",), **options: Any) -> tuple[JWTVerifier, Issuer, Clock]:
    issuer, clock = Issuer(*(keys or [published()])), Clock()
    return verifier(JWKS(URL, fetch=issuer, clock=clock, **options), algorithms), issuer, clock


def named(kid: Any = "now", key: Any = None) -> str:
    return token(algorithm="ES256", key=key, kid=kid)


async def settle() -> None:
    """Let background tasks run until they wait for something outside."""
    for _ in range(10):
        await asyncio.sleep(0)


# --- when keys are fetched --------------------------------------------------------------------------------------------


async def test_keys_are_fetched_for_the_first_token_and_kept():
    """Nothing is fetched when the verifier is built, and one fetch serves many tokens."""
    by, issuer, _ = setup()
    assert issuer.asked == 0
    for _ in range(5):
        assert (await verify(by, named())).subject == "42"
    assert issuer.asked == 1


async def test_handshakes_that_arrive_together_share_one_fetch():
    """A hundred first tokens cause one request."""
    by, issuer, _ = setup()
    found = await asyncio.gather(*(verify(by, named()) for _ in range(100)))
    assert {identity.subject for identity in found} == {"42"}
    assert issuer.asked == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "a.b.c", token(), token(algorithm="RS256", kid="now"), named() + "=", named(["now"])),
        *(token(algorithm="ES256", crit=["exp"]), token(algorithm="ES256", typ="reset+jwt")),
    ],
)
async def test_token_that_could_never_pass_fetches_nothing(text: str):
    """Shape, header, algorithm and type are judged before the network is used."""
    by, issuer, _ = setup()
    with pytest.raises(InvalidCredentials):
        await verify(by, text)
    assert issuer.asked == 0


async def test_waiter_that_gives_up_does_not_cancel_the_fetch_of_the_others():
    """A client that leaves during the handshake takes nobody with it."""
    by, issuer, _ = setup()
    issuer.gate = asyncio.Event()
    first, second = (asyncio.create_task(verify(by, named())) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    issuer.gate.set()
    assert (await second).subject == "42"
    assert first.cancelled()
    assert issuer.asked == 1


async def test_fetch_whose_every_waiter_left_is_still_kept():
    """What was fetched serves the next token."""
    by, issuer, _ = setup()
    issuer.gate = asyncio.Event()
    only = asyncio.create_task(verify(by, named()))
    await settle()
    only.cancel()
    issuer.gate.set()
    await settle()
    assert (await verify(by, named())).subject == "42"
    assert issuer.asked == 1


async def test_fetch_carries_nothing_of_the_request_that_caused_it():
    """The shared task sees no context variable of one user's connection."""
    who = contextvars.ContextVar("who", default="nobody")
    seen = []

    async def fetch(url: str) -> bytes:
        seen.append(who.get())
        return json.dumps({"keys": [published()]}).encode()

    who.set("alice")
    await verify(verifier(JWKS(URL, fetch=fetch), ["ES256"]), named())
    assert seen == ["nobody"]


def test_source_serves_several_event_loops():
    """Nothing is bound to the loop of the first use; keys are shared between loops."""
    by, issuer, _ = setup()
    for _ in range(3):
        assert asyncio.run(verify(by, named())).subject == "42"
    assert issuer.asked == 1


def test_loop_that_ended_during_a_fetch_leaves_nothing_behind():
    """The next loop fetches for itself once the cool-down is over."""
    by, issuer, clock = setup()

    async def leave() -> None:
        issuer.gate = asyncio.Event()
        asyncio.create_task(verify(by, named()))  # noqa: RUF006 - abandoned on purpose
        await settle()

    asyncio.run(leave())
    issuer.gate = None
    clock.now += 31
    assert asyncio.run(verify(by, named())).subject == "42"
    assert by._keys._fetching == {}


# --- age --------------------------------------------------------------------------------------------------------------


async def test_expired_cache_answers_at_once_while_it_is_renewed():
    """Nobody waits for a renewal; the next token sees its result."""
    by, issuer, clock = setup()
    await verify(by, named())
    clock.now += 601
    issuer.document = {"keys": [jwk("ES256", kid="now"), {**NEXT.as_dict(private=False), "kid": "next"}]}
    issuer.gate = asyncio.Event()
    assert (await verify(by, named())).subject == "42"
    assert (await verify(by, named())).subject == "42"
    await settle()
    assert issuer.asked == 2
    issuer.gate.set()
    await settle()
    assert (await verify(by, named("next", NEXT))).subject == "42"
    assert issuer.asked == 2


async def test_withdrawn_key_is_refused_after_the_renewal():
    """A key that the issuer no longer publishes verifies nothing more."""
    by, issuer, clock = setup()
    await verify(by, named())
    issuer.document = {"keys": [{**NEXT.as_dict(private=False), "kid": "next"}]}
    clock.now += 601
    await verify(by, named())
    await settle()
    clock.now += 31
    with pytest.raises(InvalidCredentials):
        await verify(by, named())


async def test_unreachable_issuer_is_bridged_until_the_limit(caplog: pytest.LogCaptureFixture):
    """Old keys serve for `stale_for` seconds, and are then unavailable, never invalid."""
    by, issuer, clock = setup(stale_for=1000)
    await verify(by, named())
    issuer.failure = OSError("down")
    for age in (700, 1200, 1599):
        clock.now = 1000 + age
        assert (await verify(by, named())).subject == "42"
        await settle()
    clock.now = 1000 + 1601
    with pytest.raises(VerifierUnavailable):
        await verify(by, named())
    issuer.failure = None
    clock.now += 6
    assert (await verify(by, named())).subject == "42"


async def test_failed_renewal_is_not_repeated_for_every_token(caplog: pytest.LogCaptureFixture):
    """After a failure the issuer has some seconds of peace."""
    by, issuer, clock = setup()
    await verify(by, named())
    issuer.failure = OSError("down")
    clock.now += 601
    for _ in range(20):
        await verify(by, named())
        await settle()
    assert issuer.asked == 2


async def test_failed_first_fetch_is_unavailable_and_soon_repeated(caplog: pytest.LogCaptureFixture):
    """Without keys nothing is judged; the issuer is asked again after five seconds."""
    by, issuer, clock = setup()
    issuer.failure = OSError("down")
    for _ in range(5):
        with pytest.raises(VerifierUnavailable) as caught:
            await verify(by, named())
        assert 1 <= caught.value.retry_after <= 5
    assert issuer.asked == 1
    issuer.failure = None
    clock.now += 5
    assert (await verify(by, named())).subject == "42"


# --- unknown names ----------------------------------------------------------------------------------------------------


async def test_new_key_is_found_when_its_first_token_arrives():
    """An unknown `kid` causes a fetch once the cool-down of the last one is over."""
    by, issuer, clock = setup()
    await verify(by, named())
    issuer.document["keys"].append({**NEXT.as_dict(private=False), "kid": "next"})
    clock.now += 31
    assert (await verify(by, named("next", NEXT))).subject == "42"
    assert issuer.asked == 2


async def test_unknown_key_during_the_cool_down_is_unavailable():
    """The key may be newer than the last fetch, so the client is told to retry, and when."""
    by, _, clock = setup()
    await verify(by, named())
    clock.now += 10
    with pytest.raises(VerifierUnavailable) as caught:
        await verify(by, named("next", NEXT))
    assert caught.value.retry_after == 20


async def test_key_that_a_fresh_fetch_lacks_is_invalid():
    """Right after a fetch it is known that there is no such key."""
    by, _, clock = setup()
    with pytest.raises(InvalidCredentials):
        await verify(by, named("ghost"))
    clock.now += 31
    with pytest.raises(InvalidCredentials):
        await verify(by, named("ghost"))


async def test_storm_of_unknown_keys_causes_one_fetch_per_cool_down():
    """An attacker who invents names cannot make this server attack the issuer."""
    by, issuer, clock = setup()
    await verify(by, named())
    for second in range(90):
        clock.now = 1000 + second
        for number in range(5):
            with pytest.raises((VerifierUnavailable, InvalidCredentials)):
                await verify(by, named(f"ghost-{second}-{number}"))
            assert (await verify(by, named())).subject == "42"
    assert issuer.asked == 3


async def test_known_key_that_is_unfit_is_invalid_without_a_fetch():
    """A name that is published for another purpose is not unknown."""
    by, issuer, _ = setup(published(), jwk("RS256", kid="other"))
    await verify(by, named())
    with pytest.raises(InvalidCredentials):
        await verify(by, named("other"))
    assert issuer.asked == 1


async def test_keys_without_names_serve_tokens_with_and_without():
    """Names are optional on both sides."""
    by, issuer, _ = setup(jwk("ES256"))
    for kid in ("anything", "other", ...):
        assert (await verify(by, named(kid))).subject == "42"
    assert issuer.asked == 1


async def test_token_that_leaves_its_kid_out_is_found_by_the_published_key():
    """The id is that of the key that verified: its published name, or its thumbprint."""
    for member, found in ((published(), "now"), (jwk("ES256"), KEYS["ES256"].thumbprint())):
        by, _, _ = setup(member)
        for kid in (..., "now"):
            assert (await verify(by, named(kid))).key_id == found


async def test_key_that_is_published_twice_has_one_id(caplog: pytest.LogCaptureFixture):
    """Else its tokens would choose by which of the names a revocation finds them."""
    by, _, _ = setup(published(), published(kid="twin"))
    assert {(await verify(by, named(kid))).key_id for kid in ("now", "twin", ...)} == {"now"}
    assert "'now' and 'twin' are one key" in caplog.text


# --- which keys count -------------------------------------------------------------------------------------------------

WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the test
WEAK_JWK = {"kty": "RSA", "n": base64url(WEAK.public_key().public_numbers().n.to_bytes(128)), "e": "AQAB", "kid": "now"}
IGNORED = {
    "secret": {**jwk("HS256"), "kid": "now"},
    "for encryption": published(use="enc"),
    "for other operations": published(key_ops=["deriveKey"]),
    "operations of no list": published(key_ops="verify"),
    "other algorithm": published(alg="ES384"),
    "algorithm of no text": published(alg=["ES256"]),
    "use of no text": published(use=["sig"]),
    "weak": WEAK_JWK,
    "broken": published(x="AAAA"),
    "coordinate of no text": published(x=7),
    "no coordinate": {"kty": "EC", "crv": "P-256", "kid": "now"},
    "other curve": published(crv="secp256k1"),
    "curve of no text": published(crv=["P-256"]),
    "unknown type": {"kty": "AKP", "pub": "AA", "kid": "now"},
    "type of no text": published(kty=["EC"]),
    "private": {**KEYS["ES256"].as_dict(private=True), "kid": "now"},
    "name of no text": published(kid=["now"]),
    "name of kilobytes": published(kid="k" * 5000),
    "no object": "now",
    "null": None,
}


@pytest.mark.parametrize("key", IGNORED.values(), ids=IGNORED.keys())
async def test_key_that_may_not_verify_is_ignored_and_its_neighbour_serves(key: Any, caplog: Any):
    """RFC 7517 §5: unfit members are ignored; one of them does not break the set."""
    good = {**NEXT.as_dict(private=False), "kid": "next"}
    by, _, _ = setup(key, good, algorithms=("ES256", "RS256"))
    assert (await verify(by, named("next", NEXT))).subject == "42"
    with pytest.raises((InvalidCredentials, VerifierUnavailable)):
        await verify(by, named("now"))
    assert "AQAB" not in caplog.text


async def test_ignored_key_is_logged_without_its_value(caplog: pytest.LogCaptureFixture):
    """The deployer learns which key of the set is unfit, and why."""
    by, _, _ = setup(published(), WEAK_JWK, algorithms=("ES256", "RS256"))
    await verify(by, named())
    assert "key number 2 is ignored" in caplog.text
    assert "1024 bits" in caplog.text
    assert WEAK_JWK["n"] not in caplog.text


async def test_published_secret_never_verifies_and_stops_the_start():
    """An `oct` key in a public document is no secret."""
    with pytest.raises(ConfigurationError, match="HS256"):
        setup(jwk("HS256"), algorithms=("HS256",))


async def test_one_source_serves_verifiers_of_different_algorithms():
    """Each verifier sees the keys of its own algorithms only."""
    issuer = Issuer(jwk("ES256", kid="e"), jwk("RS256", kid="r"))
    source = JWKS(URL, fetch=issuer)
    for algorithm, kid, other in (("ES256", "e", "RS256"), ("RS256", "r", "ES256")):
        by = verifier(source, [algorithm])
        assert (await verify(by, token(algorithm=algorithm, kid=kid))).subject == "42"
        with pytest.raises(InvalidCredentials):
            await verify(by, token(algorithm=other, kid=kid))
    assert issuer.asked == 1


async def test_more_than_sixteen_nameless_keys_are_not_all_tried():
    """The work for one token is bounded, whatever is published."""
    by, _, _ = setup(*[jwk("ES256")] * 40)
    await verify(by, named())
    assert len((await by._keys.ring(("ES256",), None)).candidates("ES256", None)) == 16


UNUSABLE = {
    "HTML": b"<html>",
    "not UTF-8": b"\xff",
    "array": b"[]",
    "no keys": b"{}",
    "keys of no list": b'{"keys": {"kty": "EC"}}',
    "duplicate keys": b'{"keys": [], "keys": []}',
    "deep": b'{"keys": ' + b"[" * 5000,
    "too long": b" " * 65536 + b'{"keys": []}',
    "text": "not bytes",
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_answer_that_is_no_jwk_set_is_unavailable(body: Any, caplog: pytest.LogCaptureFixture):
    """A broken answer judges nobody."""

    async def fetch(url: str) -> Any:
        return body

    with pytest.raises(VerifierUnavailable):
        await verify(verifier(JWKS(URL, fetch=fetch), ["ES256"]), named())
    assert "https://id.example.com/jwks.json" in caplog.text


async def test_slow_answer_is_unavailable(caplog: pytest.LogCaptureFixture):
    """The timeout covers the whole fetch."""

    async def fetch(url: str) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(VerifierUnavailable):
        await verify(verifier(JWKS(URL, fetch=fetch, timeout=0.1), ["ES256"]), named())
    assert "TimeoutError" in caplog.text


async def test_failure_is_logged_without_what_it_quotes(caplog: pytest.LogCaptureFixture):
    """Errors of HTTP clients may quote the address with its query, or a header."""

    async def fetch(url: str) -> bytes:
        raise RuntimeError("Authorization: Bearer hunter2")

    with caplog.at_level(logging.DEBUG), pytest.raises(VerifierUnavailable) as caught:
        await verify(verifier(JWKS(f"{URL}?key=hunter2", fetch=fetch), ["ES256"]), named())
    assert "RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text + str(caught.value)


# --- configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *("http://id.example.com/jwks.json", "file:///etc/passwd", "ftp://id.example.com/", "id.example.com/jwks.json"),
        *("", "https://", "https:///jwks", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/"),
        *("http://[::1", "https://user:pw@id.example.com/", "javascript:alert(1)", None, 7, b"https://id.example.com/"),
    ],
)
def test_address_that_others_could_change_stops_the_start(url: Any):
    """Keys come over https, or from this machine."""
    with pytest.raises(ConfigurationError) as caught:
        JWKS(url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "clue"),
    [
        ("https://id.example.com/.well-known/openid-configuration", "jwks_uri"),
        ("https://login.example.com/{tenant}/discovery/keys", "never filled"),
        ("https://${ID_HOST}/jwks.json", "never filled"),
        ("https://$ID_HOST/jwks.json", "never filled"),
        ("https://<your domain>/jwks.json", "never filled"),
        (" https://id.example.com/jwks.json", "blanks"),
        ("https://id.example.com/jwks.json\n", "blanks"),
    ],
)
def test_address_where_no_keys_are_stops_the_start(url: str, clue: str):
    """Each token would be refused with 503."""
    with pytest.raises(ConfigurationError, match=clue):
        JWKS(url)


@pytest.mark.parametrize("url", ["http://localhost:8000/jwks", "http://127.0.0.1/jwks", "http://[::1]:80/jwks", URL])
def test_https_and_this_machine_are_accepted(url: str):
    """A development issuer on loopback needs no certificate."""
    assert url in repr(JWKS(url))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cache_for", 0),
        ("cache_for", float("inf")),
        ("stale_for", -1),
        ("cool_down", 0),
        ("timeout", 0),
        ("max_bytes", 0),
        ("cool_down", float("nan")),
        ("cache_for", "600"),
        ("stale_for", None),
        ("timeout", True),
        ("max_bytes", [65536]),
    ],
)
def test_limit_that_limits_nothing_stops_the_start(name: str, value: float):
    """Every limit is finite, and no cool-down is shorter than a second."""
    with pytest.raises(ConfigurationError, match=name):
        JWKS(URL, **{name: value})


def test_cool_down_beyond_the_cache_stops_the_start():
    """Keys would expire before they may be fetched again, and every token be unavailable meanwhile."""
    with pytest.raises(ConfigurationError, match="cool_down"):
        JWKS(URL, cache_for=60, cool_down=61)


def test_plain_function_as_fetch_stops_the_start():
    """It would block the event loop."""
    with pytest.raises(ConfigurationError, match="async def"):
        JWKS(URL, fetch=lambda url: b"")  # type: ignore[arg-type, return-value]


def test_missing_client_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    """Without httpx the error says what to install, when the application starts."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"wsauth\[jwks\]"):
        JWKS(URL)
    JWKS(URL, fetch=Issuer())


def test_repr_shows_the_address_without_its_query():
    """A key in the query stays out of logs."""
    by = verifier(JWKS(f"{URL}?key=hunter2"), ["ES256"])
    assert repr(by) == f"JWTVerifier(algorithms=['ES256'], keys=JWKS('{URL}'))"


# --- over the wire ----------------------------------------------------------------------------------------------------

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A real issuer on this machine that answers as it is told and records what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Answer = respond({"keys": [published()]})
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                server.answer(self)

            def log_message(self, *args: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/jwks.json"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def respond(document: Any, status: int = 200, **headers: str) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        with contextlib.suppress(OSError):  # the client may have seen enough
            request.wfile.write(body)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


async def test_keys_are_fetched_over_http(server: Server):
    """The built-in client gets the set, once."""
    by = verifier(JWKS(server.url), ["ES256"])
    for _ in range(3):
        assert (await verify(by, named())).subject == "42"
    assert server.asked == ["/jwks.json"]
    assert server.headers[0]["accept-encoding"] == "identity"


async def test_second_fetch_uses_the_same_client(server: Server):
    """A new key is found over the wire."""
    clock = Clock()
    by = verifier(JWKS(server.url, clock=clock), ["ES256"])
    await verify(by, named())
    server.answer = respond({"keys": [{**NEXT.as_dict(private=False), "kid": "next"}]})
    clock.now += 31
    assert (await verify(by, named("next", NEXT))).subject == "42"
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(server: Server, status: int, caplog: pytest.LogCaptureFixture):
    """Whoever can redirect the request cannot name other keys."""
    server.answer = respond({"keys": [published()]}, status, Location=server.url + "?again")
    with pytest.raises(VerifierUnavailable):
        await verify(verifier(JWKS(server.url), ["ES256"]), named())
    assert server.asked == ["/jwks.json"]
    assert "redirects are not followed" in caplog.text


@pytest.mark.parametrize("status", [204, 400, 404, 500, 503])
async def test_other_status_is_unavailable(server: Server, status: int, caplog: pytest.LogCaptureFixture):
    """Only 200 brings keys."""
    server.answer = respond({"keys": [published()]} if status != 204 else b"", status)
    with pytest.raises(VerifierUnavailable):
        await verify(verifier(JWKS(server.url), ["ES256"]), named())
    assert str(status) in caplog.text


async def test_body_is_cut_while_it_is_read(server: Server, caplog: pytest.LogCaptureFixture):
    """A body without end is not read to its end."""
    sent = 0

    def endless(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(2000):
                sent += request.wfile.write(b" " * 65536)

    server.answer = endless
    with pytest.raises(VerifierUnavailable):
        await verify(verifier(JWKS(server.url, max_bytes=1000), ["ES256"]), named())
    assert "longer than 1000 bytes" in caplog.text
    assert sent < 2000 * 65536


async def test_compressed_answer_is_refused(server: Server, caplog: pytest.LogCaptureFixture):
    """Nothing is unpacked, so nothing can unfold."""
    server.answer = respond(gzip.compress(json.dumps({"keys": [published()]}).encode()), Content_Encoding="gzip")
    with pytest.raises(VerifierUnavailable):
        await verify(verifier(JWKS(server.url), ["ES256"]), named())
    assert "compressed" in caplog.text


async def test_proxy_of_the_environment_is_not_used(server: Server, monkeypatch: pytest.MonkeyPatch):
    """Keys come straight from the issuer."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (await verify(verifier(JWKS(server.url), ["ES256"]), named())).subject == "42"


async def test_issuer_that_does_not_listen_is_unavailable(server: Server, caplog: pytest.LogCaptureFixture):
    """A refused connection is no verdict on a token."""
    server.close()
    with pytest.raises(VerifierUnavailable):
        await verify(verifier(JWKS(server.url), ["ES256"]), named())
    server.close = lambda: None  # type: ignore[method-assign]


async def test_storm_over_the_wire_causes_one_request(server: Server):
    """Fifty unknown names at once, one request; after it they are invalid or told to retry."""
    by = verifier(JWKS(server.url), ["ES256"])
    found = await asyncio.gather(*(verify(by, named(f"ghost-{n}")) for n in range(50)), return_exceptions=True)
    assert all(isinstance(one, (InvalidCredentials, VerifierUnavailable)) for one in found)
    assert len(server.asked) == 1


async def test_key_address_in_a_token_is_never_fetched(server: Server):
    """`jku` and `x5u` cause no request (CVE-2018-0114 and its kin)."""
    elsewhere = Server()
    try:
        text = token(claims(), algorithm="ES256", kid="now", jku=elsewhere.url, x5u=elsewhere.url)
        assert (await verify(verifier(JWKS(server.url), ["ES256"]), text)).subject == "42"
        assert elsewhere.asked == []
    finally:
        elsewhere.close()
