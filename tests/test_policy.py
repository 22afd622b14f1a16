"""Who may connect: the rules of the policy, one by one."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from core.handshakes import handshake_of

from wsauth.core.credentials import Credentials
from wsauth.core.decision import Allow, Decision, Deny
from wsauth.core.errors import ConfigurationError, InvalidCredentials, VerifierUnavailable
from wsauth.core.first_message import FirstMessage
from wsauth.core.handshake import Handshake
from wsauth.core.identity import Identity
from wsauth.core.locations import Cookie, Header, Query, Subprotocol
from wsauth.core.origins import AnyOrigin, Origins, OriginVerdict, SameHost, SameHostOrAbsent
from wsauth.core.reasons import Reason
from wsauth.core.scheme import SecurityScheme
from wsauth.policy import Anonymous, Policy, Refusals, ReportOnly

APP = "https://app.example.com"
PAGE = [("Host", "app.example.com"), ("Origin", APP)]
NATIVE = [("Host", "app.example.com")]
EVIL = [("Host", "app.example.com"), ("Origin", "https://evil.com")]
SECRET = "planted-4f1c"


class Spy:
    """A verifier that knows the users it is told, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        self.asked.append(credentials.secret)
        answer = self.answers.get(credentials.secret, InvalidCredentials("unknown"))
        if isinstance(answer, BaseException):
            raise answer
        return Identity(answer) if isinstance(answer, str) else answer


class SpyQuery(Query):
    """A location that remembers that it was read."""

    __slots__ = ()
    reads = 0

    def read(self, handshake: Handshake) -> Credentials | None:
        type(self).reads += 1
        return super().read(handshake)


def query(verifier: Any = None, name: str = "token") -> SecurityScheme:
    return SecurityScheme(name, Query(name), verifier or Spy(alice="alice"))


def session(verifier: Any = None, name: str = "session") -> SecurityScheme:
    return SecurityScheme(name, Cookie(name), verifier or Spy(bob="bob"))


def cookies(**pairs: str) -> tuple[str, str]:
    return ("Cookie", "; ".join(f"{name}={value}" for name, value in pairs.items()))


async def decide(policy: Policy, *headers: tuple[str, str], query: str = "", frm: Any = PAGE) -> Decision:
    return await policy.decide(handshake_of(*frm, *headers, query=query, scheme="wss"))


async def outcome(policy: Policy, *headers: tuple[str, str], query: str = "", frm: Any = PAGE) -> str | Reason:
    """The subject that is admitted ("" for an anonymous one), or the reason of the refusal."""
    decision = await decide(policy, *headers, query=query, frm=frm)
    return decision.identity.subject if isinstance(decision, Allow) else decision.reason


# --- 1. the Origin first ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origins", [["https://evil.com"], ["null"], [""], [APP + "/"], [APP, APP], [APP, "https://evil.com"]]
)
@pytest.mark.parametrize("anonymous", list(Anonymous))
async def test_foreign_origin_is_refused_before_anything_is_read(origins: list[str], anonymous: Anonymous):
    """Foreign, null, malformed or doubled: no location is read, no verifier asked, in every mode."""
    verifier, SpyQuery.reads = Spy(alice="alice"), 0
    policy = Policy([SecurityScheme("spied", SpyQuery(), verifier), session(verifier)], anonymous=anonymous)
    frm = [("Host", "app.example.com"), *(("Origin", origin) for origin in origins)]
    assert await decide(policy, cookies(session="bob"), query="token=alice", frm=frm) == Deny(Reason.FOREIGN_ORIGIN)
    assert (SpyQuery.reads, verifier.asked) == (0, [])
    assert await outcome(policy, query="token=alice") == "alice"
    assert SpyQuery.reads == 1


async def test_foreign_origin_does_not_tell_a_malformed_credential_from_a_good_one():
    """Any other order is an oracle for other sites."""
    policy = Policy([query(), session()])
    answers = [await decide(policy, query=q, frm=EVIL) for q in ("", "token=alice", "token=bad", "token=a&token=b")]
    assert answers == [Deny(Reason.FOREIGN_ORIGIN)] * 4


@pytest.mark.parametrize("answer", [False, True, None, "allowed", RuntimeError(SECRET)])
async def test_origin_rule_that_gives_no_verdict_refuses(answer: Any, caplog: pytest.LogCaptureFixture):
    """A rule of the application's own fails closed, and what it raised is not quoted."""

    class Rule:
        def check(self, handshake: Handshake) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    policy = Policy([query()], origins=Rule())
    assert await outcome(policy, query="token=alice") is Reason.FOREIGN_ORIGIN
    assert policy.judge_origin(handshake_of()) is OriginVerdict.FOREIGN
    assert "Policy.origins" in caplog.text
    assert SECRET not in caplog.text


# --- 2. which credential decides --------------------------------------------------------------------------------------

EXPLICIT = {
    "query": (Query(), ("token=alice", ())),
    "other": (Query("key"), ("key=alice", ())),
    "bearer": (Header(), ("", (("Authorization", "Bearer alice"),))),
    "key": (Header("X-API-Key"), ("", (("X-API-Key", "alice"),))),
    "subprotocol": (Subprotocol(), ("", (("Sec-WebSocket-Protocol", "bearer, alice"),))),
}
PAIRS = [(a, b) for a in EXPLICIT for b in EXPLICIT if a < b]


@pytest.mark.parametrize(("first", "second"), PAIRS)
async def test_two_explicit_credentials_are_a_conflict(first: str, second: str):
    """RFC 6750 §2: clients must not use more than one method. No verifier is asked, whoever the users are."""
    verifier = Spy(alice="alice")
    policy = Policy([SecurityScheme(name, EXPLICIT[name][0], verifier) for name in (second, first)])
    (query_1, headers_1), (query_2, headers_2) = EXPLICIT[first][1], EXPLICIT[second][1]
    decision = await decide(policy, *headers_1, *headers_2, query=f"{query_1}&{query_2}")
    assert isinstance(decision, Deny)
    assert decision.reason is Reason.CONFLICT
    assert {first, second} <= set(decision.detail.split())
    assert verifier.asked == []


@pytest.mark.parametrize("name", EXPLICIT)
@pytest.mark.parametrize("cookie_first", [True, False])
async def test_explicit_credential_decides_alone_wherever_it_stands(name: str, cookie_first: bool):
    """Alice's token beside Bob's cookie is Alice, and nobody looks at the cookie."""
    location, (text, headers) = EXPLICIT[name]
    cookie_verifier = Spy(bob="bob")
    schemes = [SecurityScheme(name, location, Spy(alice="alice")), session(cookie_verifier)]
    policy = Policy(schemes[::-1] if cookie_first else schemes)
    decision = await decide(policy, cookies(session="bob"), *headers, query=text)
    assert isinstance(decision, Allow)
    assert (decision.identity.subject, decision.identity.scheme, decision.scheme) == ("alice", name, schemes[0])
    assert cookie_verifier.asked == []


async def test_explicit_credential_hides_a_malformed_cookie():
    """The cookie is not even read."""
    policy = Policy([session(), query()])
    assert await outcome(policy, ("Cookie", "session=a; session=b"), query="token=alice") == "alice"


async def test_cookie_decides_where_no_explicit_credential_came():
    """The combined stack falls back to the session."""
    policy = Policy([query(), session()])
    assert await outcome(policy, cookies(session="bob")) == "bob"
    assert await outcome(policy, ("Authorization", "Basic YTpi"), cookies(session="bob")) == "bob"


async def test_cookies_are_tried_in_list_order():
    """The first that knows somebody decides; the rest is not asked."""
    first, second = Spy(a="alice"), Spy(b="bob")
    policy = Policy([session(first, "first"), session(second, "second")])
    assert await outcome(policy, cookies(second="b", first="a")) == "alice"
    assert second.asked == []


@pytest.mark.parametrize("nobody", [None, Identity.anonymous(), Identity("", user="guest")])
async def test_cookie_of_nobody_leads_to_the_next(nobody: Identity | None):
    """An unknown session is no attack: it has expired, and the JWT beside it may be good."""
    policy = Policy([session(Spy(old=nobody), "first"), session(Spy(b="bob"), "second")])
    assert await outcome(policy, cookies(first="old", second="b")) == "bob"
    assert await outcome(policy, cookies(first="old")) is Reason.MISSING


async def test_cookie_without_an_origin_is_never_verified():
    """Only a browser's Origin tells which page's socket the cookie came with."""
    verifier = Spy(bob="bob")
    policy = Policy([session(verifier)])
    decision = await decide(policy, cookies(session="bob"), frm=NATIVE)
    assert decision == Deny(Reason.MISSING, "cookies are not read without an Origin")
    assert await decide(policy, frm=NATIVE) == Deny(Reason.MISSING)
    assert await decide(Policy([query()]), cookies(session="bob"), frm=NATIVE) == Deny(Reason.MISSING)
    assert verifier.asked == []


@pytest.mark.parametrize("name", EXPLICIT)
async def test_explicit_credential_needs_no_origin(name: str):
    """Native clients send none."""
    location, (text, headers) = EXPLICIT[name]
    policy = Policy([SecurityScheme(name, location, Spy(alice="alice")), session()])
    assert await outcome(policy, *headers, query=text, frm=NATIVE) == "alice"


async def test_weaker_origin_rule_reads_cookies_without_an_origin():
    """That is what its name says; a foreign page is refused all the same."""
    policy = Policy([session()], origins=SameHostOrAbsent())
    assert await outcome(policy, cookies(session="bob"), frm=NATIVE) == "bob"
    assert await outcome(policy, cookies(session="bob"), frm=EVIL) is Reason.FOREIGN_ORIGIN


# --- 3. invalid is final ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["token=unknown", "token=", "token=a&token=a", "token=%zz", "token"])
@pytest.mark.parametrize("schemes", [[query(), session()], [session(), query()]])
async def test_bad_explicit_credential_never_falls_through_to_the_cookie(text: str, schemes: list[SecurityScheme]):
    """Bob's cookie with Alice's expired token logs nobody in."""
    assert await outcome(Policy(schemes), cookies(session="bob"), query=text) in (Reason.INVALID, Reason.MALFORMED)


@pytest.mark.parametrize("anonymous", list(Anonymous))
@pytest.mark.parametrize(
    "answer",
    [InvalidCredentials(), InvalidCredentials("", Reason.EXPIRED), VerifierUnavailable(), RuntimeError(), "garbage"],
)
async def test_bad_cookie_never_falls_through_to_the_next(anonymous: Anonymous, answer: Any):
    """Whatever the mode, the second cookie's verifier is not asked."""
    second = Spy(b="bob")
    first = Spy(a=answer if isinstance(answer, Exception) else [answer])
    policy = Policy([session(first, "first"), session(second, "second")], anonymous=anonymous)
    assert await outcome(policy, cookies(first="a", second="b")) != "bob"
    assert await outcome(policy, ("Cookie", "first=a; first=b; second=b")) is Reason.MALFORMED
    assert second.asked == []


@pytest.mark.parametrize("anonymous", list(Anonymous))
@pytest.mark.parametrize("presented", [query, session])
async def test_credential_that_a_verifier_calls_missing_is_refused_like_any_other(presented: Any, anonymous: Anonymous):
    """It was presented, whatever the verifier says, and so makes nobody anonymous."""
    scheme = presented(Spy(a=InvalidCredentials("no such user", Reason.MISSING)))
    assert await outcome(Policy([scheme], anonymous=anonymous), cookies(session="a"), query="token=a") is Reason.MISSING


@pytest.mark.parametrize("answer", [InvalidCredentials("the hash differs"), None, Identity.anonymous()])
async def test_unknown_and_wrong_explicit_credentials_look_alike(answer: Any):
    """One reason for both, or the answer says which users exist; a verifier's anonymous identity admits nobody."""
    decision = await decide(Policy([query(Spy(a=answer))]), query="token=a")
    assert isinstance(decision, Deny)
    assert (decision.reason, decision.scheme) == (Reason.INVALID, "token")


# --- 4. nobody answered -----------------------------------------------------------------------------------------------

CASES: dict[str, tuple[str, list[tuple[str, str]], Any, Reason]] = {
    "missing": ("", [], PAGE, Reason.MISSING),
    "missing, native": ("", [], NATIVE, Reason.MISSING),
    "cookie without an Origin": ("", [cookies(session="bob")], NATIVE, Reason.MISSING),
    "unknown session": ("", [cookies(session="old")], PAGE, Reason.MISSING),
    "empty session": ("", [cookies(session="")], PAGE, Reason.MISSING),
    "invalid token": ("token=bad", [], PAGE, Reason.INVALID),
    "unknown token": ("token=old", [], PAGE, Reason.INVALID),
    "invalid session": ("", [cookies(session="bad")], PAGE, Reason.INVALID),
    "expired token": ("token=expired", [], PAGE, Reason.EXPIRED),
    "expired session": ("", [cookies(session="expired")], PAGE, Reason.EXPIRED),
    "malformed token": ("token=a&token=b", [], PAGE, Reason.MALFORMED),
    "malformed session": ("", [("Cookie", "session=a; session=b")], PAGE, Reason.MALFORMED),
    "token malformed for its verifier": ("token=malformed", [], PAGE, Reason.MALFORMED),
    "conflict": ("token=bad&key=bad", [], PAGE, Reason.CONFLICT),
    "revoked": ("token=revoked", [], PAGE, Reason.REVOKED),
    "forbidden": ("token=forbidden", [], PAGE, Reason.FORBIDDEN),
    "unavailable": ("token=down", [], PAGE, Reason.UNAVAILABLE),
    "broken": ("token=broken", [], PAGE, Reason.UNAVAILABLE),
    "foreign": ("", [], EVIL, Reason.FOREIGN_ORIGIN),
}
COVERED = {
    Anonymous.NEVER: set[Reason](),
    Anonymous.IF_MISSING: {Reason.MISSING},
    Anonymous.IF_INVALID: {Reason.MISSING, Reason.INVALID, Reason.EXPIRED},
}


@pytest.mark.parametrize("anonymous", list(Anonymous))
@pytest.mark.parametrize("case", CASES)
async def test_anonymous_modes_cover_what_they_name(case: str, anonymous: Anonymous):
    """Missing; or missing, invalid and expired. Never conflict, malformed, origin, revoked, forbidden or unavailable."""
    text, headers, frm, reason = CASES[case]
    verifier = Spy(
        old=None,
        expired=InvalidCredentials("", Reason.EXPIRED),
        malformed=InvalidCredentials("", Reason.MALFORMED),
        revoked=InvalidCredentials("", Reason.REVOKED),
        forbidden=InvalidCredentials("", Reason.FORBIDDEN),
        down=VerifierUnavailable(),
        broken=RuntimeError(),
    )
    policy = Policy([query(verifier), query(verifier, "key"), session(verifier)], anonymous=anonymous)
    assert await outcome(policy, *headers, query=text, frm=frm) == ("" if reason in COVERED[anonymous] else reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_mode_covers_exactly_its_reasons(reason: Reason):
    """The table behind the modes."""
    assert [mode for mode in Anonymous if mode.covers(reason)] == [mode for mode in COVERED if reason in COVERED[mode]]


async def test_anonymous_identity_names_no_scheme():
    """Nobody's credential decided, so no scheme did."""
    decision = await decide(Policy([query()], anonymous=Anonymous.IF_INVALID), query="token=bad")
    assert decision == Allow(Identity.anonymous(), None)


async def test_anonymous_session_is_kept_where_it_was_found():
    """A visitor who is not logged in keeps the session that a verifier found for nobody."""
    nobody = Identity.anonymous(user="guest", scope={"session": {"basket": 1}})
    policy = Policy([session(Spy(s=nobody))], anonymous=Anonymous.IF_MISSING)
    decision = await decide(policy, cookies(session="s"))
    assert isinstance(decision, Allow)
    assert (decision.identity, decision.scheme) == (nobody, None)


async def test_policy_without_schemes_admits_anonymous_clients_of_its_origins():
    """A public feed, still under an Origin rule."""
    policy = Policy([], anonymous=Anonymous.IF_MISSING)
    assert await outcome(policy) == ""
    assert await outcome(policy, frm=EVIL) is Reason.FOREIGN_ORIGIN


class Framework:
    """What an adapter hangs on its verifiers."""

    hosts: Any = staticmethod(lambda: ["app.example.com"])

    def anonymous(self) -> Identity:
        return Identity.anonymous(user="AnonymousUser")

    def allowed_hosts(self) -> Any:
        return self.hosts()

    def entries(self, connection: Any, scope: Any) -> dict[str, Any]:
        return {}


class FrameworkSpy(Spy):
    framework = Framework()


async def test_framework_names_its_anonymous_user():
    """Its code asks `scope["user"]` for more than wsauth knows."""
    policy = Policy([query(), session(FrameworkSpy())], anonymous=Anonymous.IF_MISSING)
    decision = await decide(policy)
    assert isinstance(decision, Allow)
    assert decision.identity.user == "AnonymousUser"


@pytest.mark.parametrize("rule", [SameHost(), SameHostOrAbsent()])
async def test_framework_bounds_the_same_host(rule: SameHost):
    """Its list of hosts stops DNS rebinding, unless the policy has a list or origins of its own."""
    rebound = [("Host", "evil.com"), ("Origin", "https://evil.com")]
    schemes = [query(), session(FrameworkSpy())]
    assert await outcome(Policy(schemes, origins=rule), query="token=alice", frm=rebound) is Reason.FOREIGN_ORIGIN
    assert await outcome(Policy(schemes, origins=rule), query="token=alice") == "alice"
    own = Policy(schemes, origins=SameHost(["evil.com"]))
    assert await outcome(own, query="token=alice", frm=rebound) == "alice"
    assert Policy(schemes, origins=Origins(APP)).origins == Origins(APP)
    assert Policy([query()]).origins == SameHost()


# --- 5. what fails refuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(SECRET),
        KeyError(SECRET),
        TypeError(SECRET),
        OSError(5, SECRET),
        TimeoutError(SECRET),
        AssertionError(SECRET),
        RecursionError(SECRET),
        StopAsyncIteration(SECRET),
        ExceptionGroup(SECRET, [ValueError(SECRET)]),
    ],
)
@pytest.mark.parametrize("anonymous", list(Anonymous))
async def test_verifier_that_raises_refuses(error: Exception, anonymous: Anonymous, caplog: pytest.LogCaptureFixture):
    """Fail closed, say where it was raised, and do not quote it: an exception's text may hold the credential."""
    caplog.set_level(logging.DEBUG)
    decision = await decide(Policy([query(Spy(a=error))], anonymous=anonymous), query="token=a")
    assert isinstance(decision, Deny)
    assert (decision.reason, decision.scheme) == (Reason.UNAVAILABLE, "token")
    assert type(error).__name__ in decision.detail
    assert "test_policy.py" in caplog.text
    assert "'token'" in caplog.text
    assert SECRET not in caplog.text + repr(decision)
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize("garbage", [False, True, 0, 1, {}, {"sub": "alice"}, [Identity("alice")], object(), Identity])
async def test_verifier_that_returns_no_identity_refuses(garbage: Any, caplog: pytest.LogCaptureFixture):
    """A truthy answer is not an identity."""
    decision = await decide(Policy([query(Spy(a=garbage))], anonymous=Anonymous.IF_INVALID), query="token=a")
    assert isinstance(decision, Deny)
    assert decision.reason is Reason.UNAVAILABLE
    assert type(garbage).__name__ in caplog.text


async def test_verifier_that_cannot_tell_says_when_to_come_back():
    """The advice goes into Retry-After."""
    decision = await decide(Policy([query(Spy(a=VerifierUnavailable("JWKS down", 17)))]), query="token=a")
    assert decision == Deny(Reason.UNAVAILABLE, "JWKS down", "token", 17)


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
async def test_cancellation_is_not_a_decision(error: type[BaseException]):
    """What stops the task passes through, in the verifier and in `allow`."""

    async def stopped(identity: Identity, handshake: Handshake) -> bool:
        raise error

    with pytest.raises(error):
        await decide(Policy([query(Spy(a=error()))]), query="token=a")
    with pytest.raises(error):
        await decide(Policy([query()], allow=stopped), query="token=alice")


@pytest.mark.parametrize("ambient", [True, False])
async def test_location_that_raises_refuses(ambient: bool, caplog: pytest.LogCaptureFixture):
    """A place of the application's own fails closed too, and the next scheme is not tried."""

    class Broken:
        def __init__(self) -> None:
            self.ambient = ambient

        def read(self, handshake: Handshake) -> Credentials | None:
            raise ValueError(SECRET)

        def strip(self, scope: Any) -> None: ...

    policy = Policy([SecurityScheme("broken", Broken(), Spy()), session()], anonymous=Anonymous.IF_INVALID)
    decision = await decide(policy, cookies(session="bob"))
    assert isinstance(decision, Deny)
    assert (decision.reason, decision.scheme) == (Reason.UNAVAILABLE, "broken")
    assert SECRET not in caplog.text + repr(decision)


async def test_scheme_of_the_identity_is_the_one_that_decided():
    """Whatever a verifier writes there."""
    decision = await decide(Policy([query(Spy(a=Identity("alice", scheme="other")))]), query="token=a")
    assert isinstance(decision, Allow)
    assert decision.identity.scheme == "token"


# --- allow ------------------------------------------------------------------------------------------------------------


async def test_allow_is_asked_about_identity_and_handshake():
    """Only True admits."""
    asked: list[tuple[str, str]] = []

    async def allow(identity: Identity, handshake: Handshake) -> bool:
        asked.append((identity.subject, handshake.path))
        return True

    assert await outcome(Policy([query()], allow=allow), query="token=alice") == "alice"
    assert await outcome(Policy([query()], allow=allow), query="token=bad") is Reason.INVALID
    assert await outcome(Policy([query()], allow=allow, anonymous=Anonymous.IF_MISSING)) == ""
    assert asked == [("alice", "/ws"), ("", "/ws")]


@pytest.mark.parametrize("answer", [False, None, 0, 1, "yes", "", [True], object(), Allow(Identity("alice"))])
@pytest.mark.parametrize("anonymous", list(Anonymous))
async def test_anything_but_true_is_forbidden(answer: Any, anonymous: Anonymous):
    """A truthy answer is a mistake, not a permission; the anonymous modes do not cover it."""

    async def allow(identity: Identity, handshake: Handshake) -> bool:
        return answer

    decision = await decide(Policy([query()], allow=allow, anonymous=anonymous), query="token=alice")
    assert isinstance(decision, Deny)
    assert (decision.reason, decision.scheme) == (Reason.FORBIDDEN, "token")
    assert ("only True" in decision.detail) is (answer is not False)


async def test_allow_that_raises_refuses(caplog: pytest.LogCaptureFixture):
    """It cannot tell, so the client comes back later; the text of the exception stays out of the log."""

    async def allow(identity: Identity, handshake: Handshake) -> bool:
        raise RuntimeError(SECRET)

    decision = await decide(Policy([query()], allow=allow), query="token=alice")
    assert decision == Deny(Reason.UNAVAILABLE, "allow raised RuntimeError", "token")
    assert "Policy.allow" in caplog.text
    assert SECRET not in caplog.text


# --- the first message, and nested policies ---------------------------------------------------------------------------


async def test_first_message_is_asked_for_only_where_nothing_else_answered():
    """The handshake alone decides MISSING; the message then decides like any explicit credential."""
    first = SecurityScheme("first", FirstMessage(), Spy(alice="alice"))
    policy = Policy([query(), session(), first])
    assert policy.first_message is first
    assert first not in policy.explicit + policy.ambient
    assert await outcome(policy) is Reason.MISSING
    assert await outcome(policy, cookies(session="bob")) == "bob"
    assert await outcome(policy, query="token=bad") is Reason.INVALID
    decision = await policy.verify(first, Credentials("alice"), handshake_of())
    assert decision == Allow(Identity("alice", scheme="first"), first)
    unknown = await policy.verify(first, Credentials("eve"), handshake_of())
    assert unknown == Deny(Reason.INVALID, "unknown", "first")
    assert Policy([query()]).first_message is None


async def narrow(inner: Policy, scheme: SecurityScheme | None, frm: Any = PAGE) -> str | Reason:
    identity = Identity("alice", scheme=scheme.name if scheme else "")
    decision = await inner.narrow(identity, scheme, handshake_of(*frm, scheme="wss"))
    assert isinstance(decision, Deny) or decision == Allow(identity, scheme)
    return decision.identity.subject if isinstance(decision, Allow) else decision.reason


async def test_nested_policy_may_only_narrow():
    """It takes the outer identity if its scheme, its Origin rule and its `allow` do; it verifies nothing anew."""

    async def nobody(identity: Identity, handshake: Handshake) -> bool:
        return False

    token, cookie = query(), session()
    assert await narrow(Policy([token, cookie]), token) == "alice"
    assert await narrow(Policy([cookie]), token) is Reason.FORBIDDEN
    assert await narrow(Policy([token]), None) is Reason.FORBIDDEN
    assert await narrow(Policy([token], allow=nobody), token) is Reason.FORBIDDEN
    assert await narrow(Policy([token], origins=Origins("https://other.example")), token) is Reason.FOREIGN_ORIGIN
    assert await narrow(Policy([token, cookie]), token, frm=NATIVE) == "alice"
    assert await narrow(Policy([token, cookie]), cookie) == "alice"
    assert await narrow(Policy([token, cookie]), cookie, frm=NATIVE) is Reason.MISSING
    assert await narrow(Policy([cookie], origins=SameHostOrAbsent()), cookie, frm=NATIVE) == "alice"


async def test_nested_policy_does_not_take_a_scheme_that_only_has_the_same_name():
    """Another verifier under the same name and place proves something else."""
    outer, inner = query(Spy(alice="alice")), query(Spy(alice="alice"))
    assert await narrow(Policy([inner]), outer) is Reason.FORBIDDEN


# --- configuration ----------------------------------------------------------------------------------------------------


async def good(identity: Identity, handshake: Handshake) -> bool:
    return True


async def short(identity: Identity) -> bool:
    return True


class AsyncRule:
    async def check(self, handshake: Handshake) -> OriginVerdict:
        return OriginVerdict.ALLOWED


FIRST = SecurityScheme("first", FirstMessage(), Spy())
TWICE = [query(), SecurityScheme("token", Query("other"), Spy())]
SAME_PLACE = [SecurityScheme("one", Header("X-API-Key"), Spy()), SecurityScheme("two", Header("x-api-key"), Spy())]

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no schemes": ({"schemes": []}, r"schemes=\[\].*SecurityScheme"),
    "one scheme, no list": ({"schemes": query()}, r"schemes=SecurityScheme.*schemes=\[SecurityScheme"),
    "schemes as text": ({"schemes": "token"}, r"schemes='token'.*schemes=\["),
    "schemes None": ({"schemes": None}, r"schemes=None.*schemes=\["),
    "a location among the schemes": ({"schemes": [Query()]}, r"a Query; write SecurityScheme"),
    "a class among the schemes": ({"schemes": [SecurityScheme]}, r"the class SecurityScheme; write SecurityScheme"),
    "one name twice": ({"schemes": TWICE}, r"share the name 'token'"),
    "one place twice": ({"schemes": SAME_PLACE}, r"share the place Header\("),
    "one query parameter twice": ({"schemes": [query(), SecurityScheme("b", Query(), Spy())]}, "share the place Query"),
    "first message not last": ({"schemes": [FIRST, query()]}, "'first' reads the FirstMessage.*write it last"),
    "two first messages": (
        {"schemes": [FIRST, SecurityScheme("b", FirstMessage("x"), Spy())]},
        "FirstMessage.*once",
    ),
    "first message, anonymous": (
        {"schemes": [FIRST], "anonymous": Anonymous.IF_MISSING},
        r"anonymous=Anonymous.IF_MISSING.*Anonymous\.NEVER",
    ),
    "origins as text": ({"origins": APP}, rf"origins=Origins\('{APP}'\)"),
    "origins as a star": ({"origins": "*"}, r"Origins\("),
    "origins as a list": ({"origins": [APP]}, r"a list; write origins=Origins"),
    "origins None": ({"origins": None}, r"a NoneType; write origins=Origins"),
    "origins a class": ({"origins": SameHost}, r"the class SameHost; write origins="),
    "origins async": ({"origins": AsyncRule()}, r"async; write `def check"),
    "any origin with cookies": (
        {"schemes": [query(), session()], "origins": AnyOrigin()},
        r"AnyOrigin\(\)\).*session.*write origins=Origins",
    ),
    "allow plain": ({"allow": lambda identity, handshake: True}, r"Policy\(allow=.*async def"),
    "allow with one argument": ({"allow": short}, r"Policy\(allow=.*async def short\(identity, handshake\)"),
    "allow True": ({"allow": True}, r"Policy\(allow=.*async def"),
    "anonymous True": ({"anonymous": True}, r"anonymous=True.*Anonymous\.NEVER, Anonymous\.IF_MISSING"),
    "anonymous text": ({"anonymous": "if_missing"}, r"anonymous='if_missing'.*Anonymous\.IF_MISSING"),
    "refusals text": ({"refusals": "http"}, r"refusals='http'.*Refusals\.HTTP"),
    "close profile a table": ({"close_profile": {4401: 4003}}, r"close_profile=.*CloseProfile\(\.\.\.\)"),
    "connections None": ({"connections": None}, r"connections=None.*Connections\(\.\.\.\)"),
    "subprotocols text": ({"subprotocols": "chat"}, r"subprotocols='chat'.*subprotocols=\['chat'\]"),
    "subprotocols None": ({"subprotocols": None}, r"subprotocols=None.*subprotocols=\["),
    "subprotocol with a blank": ({"subprotocols": ["a b"]}, r"subprotocols=\['a b'\].*RFC 6455.*write"),
    "subprotocol empty": ({"subprotocols": ["chat", ""]}, r"subprotocols=\[''\].*RFC 6455.*write"),
    "subprotocol no text": ({"subprotocols": [5]}, r"subprotocols=\[5\].*RFC 6455.*write"),
    **{
        f"lifetime {value!r}": ({"max_lifetime": value}, r"max_lifetime=.*write seconds")
        for value in (0, -1, float("nan"), float("inf"), "60", None, True, 31 * 86400)
    },
    **{
        f"pending {value!r}": ({"max_pending": value}, r"max_pending=.*write a whole number")
        for value in (0, -1, 1.5, "5", None, True)
    },
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_refused_at_start_up(mistake: str):
    """The message names the setting, what was found, and what to write instead."""
    settings, message = MISTAKES[mistake]
    with pytest.raises(ConfigurationError, match=message) as caught:
        Policy(**{"schemes": [query()], **settings})
    assert str(caught.value).startswith("Policy")


def test_message_about_a_misplaced_key_does_not_quote_it():
    """A configuration error is printed to the console."""
    with pytest.raises(ConfigurationError) as caught:
        Policy([SECRET])  # type: ignore[list-item]
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("policy", [None, Policy, "policy", ReportOnly(Policy([query()]))])
def test_report_only_takes_a_policy(policy: Any):
    """And says so."""
    with pytest.raises(ConfigurationError, match=r"write ReportOnly\(policy\)"):
        ReportOnly(policy)


class CallableAllow:
    async def __call__(self, identity: Identity, handshake: Handshake) -> bool:
        return True


async def in_room(room: str, identity: Identity, handshake: Handshake) -> bool:
    return room == "1"


@pytest.mark.parametrize("allow", [good, CallableAllow(), functools.partial(in_room, "1")])
async def test_allow_may_be_anything_async(allow: Callable[[Identity, Handshake], Awaitable[bool]]):
    """A function, an object, a partial."""
    assert await outcome(Policy([query()], allow=allow), query="token=alice") == "alice"


def test_lists_become_tuples():
    """A policy does not change when the list that it was made from does."""
    schemes, names = [query()], ["chat"]
    policy = Policy(schemes, subprotocols=names)
    schemes.append(session())
    names.append("v2")
    assert (len(policy.schemes), policy.subprotocols) == (1, ("chat",))
    assert len(Policy(scheme for scheme in schemes).schemes) == 2  # type: ignore[arg-type]


def test_unused_policies_do_not_share_connections():
    """Each has a registry of its own unless it is given one, and its own refusal style."""
    one, other = Policy([query()]), Policy([query()])
    assert one.connections is not other.connections
    assert one != other
    assert one.refusals is Refusals.AUTO


def test_repr_shows_no_verifier():
    """A verifier may hold keys."""

    class Keyed(Spy):
        def __repr__(self) -> str:
            return SECRET

    assert SECRET not in repr(Policy([query(Keyed())]))


@pytest.mark.parametrize("every", [0, 0.5, -1, True, "60", 86401, float("nan"), float("inf")])
def test_the_interval_of_re_checks_is_from_a_second_to_a_day(every):
    """A shorter one would keep a store busy with nothing else."""
    with pytest.raises(ConfigurationError, match=r"recheck_every=.*from 1 to 86400"):
        Policy([], recheck_every=every)


@pytest.mark.parametrize("recheck", [lambda identity: identity, 60, "x"])
def test_a_recheck_is_an_async_function_of_the_identity(recheck):
    """A plain one would block the loop, or never be awaited."""
    with pytest.raises(ConfigurationError, match=r"Policy\(recheck=\.\.\.\)"):
        Policy([], recheck=recheck)


def test_an_expiry_warning_is_one():
    """Seconds alone are not enough said."""
    with pytest.raises(ConfigurationError, match=r"expiry_warning=ExpiryWarning\(\.\.\.\)"):
        Policy([], expiry_warning=60)
