"""A correctly signed token still proves nothing unless its claims are exactly as configured."""

from __future__ import annotations

import json
from typing import Any

import pytest
from verifiers.signing import NOW, claims, identity, refusal, signed, token, verifier, without

from wsauth.core.errors import ConfigurationError
from wsauth.core.reasons import Reason


def raw(name: str, literal: str) -> str:
    """A signed token whose claim is written exactly so."""
    payload = json.dumps(claims(**{name: "PLACE"})).replace('"PLACE"', literal)
    return signed(b'{"alg":"HS256"}', payload.encode())


def claim(name: str, value: Any) -> str:
    return token(claims(**{name: value}))


# --- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_date_that_is_not_finite_is_refused(name: str, literal: str):
    """No timer is ever set to infinity or NaN."""
    assert refusal(raw(name, literal)) in (Reason.INVALID, Reason.MALFORMED)


@pytest.mark.parametrize(
    "value",
    [
        str(NOW + 600),
        f" {NOW}",
        "1_800_000_600",
        "١٨٠٠٠٠٠٦٠٠",
        "2030-01-01T00:00:00Z",
        "",
        None,
        False,
        True,
        [],
        {},
        [NOW],
    ],
)
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_date_that_is_no_number_is_refused(name: str, value: Any):
    """RFC 7519 §2: a NumericDate is a JSON number, not a text, boolean or null."""
    assert refusal(claim(name, value)) is Reason.INVALID


@pytest.mark.parametrize("value", [0, -1, -1e30, -(10**398), NOW - 5, NOW - 3600, 1.5])
def test_expired_token_is_refused_as_expired(value: float):
    """RFC 7519 §4.1.4: now must be before `exp`; the client learns that it should refresh."""
    assert refusal(claim("exp", value)) is Reason.EXPIRED


def test_token_without_expiry_is_refused():
    """A connection must end some day."""
    assert refusal(token(without("exp"))) is Reason.INVALID


@pytest.mark.parametrize("literal", ["1e30", "253402300800", str(NOW * 1000), "9" * 100, "9" * 400, "1e308"])
def test_expiry_in_a_distant_future_is_kept_finite(literal: str):
    """Milliseconds, the year 10000 and 400 digits neither crash nor overflow what is computed from them."""
    from datetime import UTC, datetime

    found = identity(raw("exp", literal))
    assert type(found.expires_at) is float
    assert datetime.fromtimestamp(found.expires_at, UTC).year == 9999


@pytest.mark.parametrize("literal", [f"{NOW + 600}.5", "1.8000006e9", "18000006E2"])
def test_expiry_may_be_fractional(literal: str):
    """RFC 7519 §2: non-integer values can be represented."""
    assert identity(raw("exp", literal)).subject == "42"


@pytest.mark.parametrize("value", [NOW + 6, NOW + 3600, 1e30, 10**399])
@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_token_from_the_future_is_refused(name: str, value: float):
    """Neither before `nbf` nor before it was issued is a token valid."""
    assert refusal(claim(name, value)) is Reason.INVALID


@pytest.mark.parametrize(("leeway", "skew"), [(5, 4), (10, 9), (0.5, 0.25)])
def test_clocks_may_differ_by_the_leeway_and_no_more(leeway: float, skew: float):
    """Leeway widens `exp`, `nbf` and `iat` by its seconds."""
    for name, sign in (("exp", -1), ("nbf", 1), ("iat", 1)):
        assert identity(claim(name, NOW + sign * skew), leeway=leeway).subject == "42"
        refusal(claim(name, NOW + sign * (leeway + skew)), leeway=leeway)


def test_without_leeway_the_second_of_expiry_is_too_late():
    """ "On or after" the expiration the token is refused."""
    assert identity(claim("exp", NOW + 1), leeway=0).expires_at == NOW + 1
    assert refusal(claim("exp", NOW), leeway=0) is Reason.EXPIRED


def test_token_expires_by_the_clock_of_the_moment():
    """Each verification reads the clock anew."""
    times = iter([NOW, NOW + 1000])
    by = verifier(clock=lambda: next(times))
    assert identity(token(), by).subject == "42"
    assert refusal(token(), by) is Reason.EXPIRED


@pytest.mark.parametrize("leeway", [-1, 11, 60, True, "5", None, float("nan"), float("inf")])
def test_leeway_beyond_ten_seconds_stops_the_start(leeway: Any):
    """A large leeway would keep stolen tokens alive."""
    with pytest.raises(ConfigurationError, match="leeway"):
        verifier(leeway=leeway)


# --- issuer and audience ----------------------------------------------------------------------------------------------

ISSUER = "https://id.example.com/"


@pytest.mark.parametrize(
    "value",
    ["https://evil.example/", ISSUER[:-1], ISSUER + "x", ISSUER.upper(), "", [ISSUER], {"iss": ISSUER}, None, 1, True],
)
def test_other_issuer_is_refused(value: Any):
    """The issuer is compared exactly, as one text."""
    assert refusal(claim("iss", value), issuer=ISSUER) is Reason.INVALID


def test_missing_issuer_is_refused_where_one_is_configured():
    """What is configured is required."""
    assert refusal(token(), issuer=ISSUER) is Reason.INVALID
    assert identity(claim("iss", ISSUER), issuer=ISSUER).claims["iss"] == ISSUER
    assert identity(claim("iss", ISSUER), issuer=["https://other.example/", ISSUER]).subject == "42"


@pytest.mark.parametrize(
    "value", ["other", "cha", "chats", "CHAT", "", [], ["other"], [["chat"]], {"chat": 1}, None, 1, True, ["chat", 1]]
)
def test_other_audience_is_refused(value: Any):
    """RFC 7519 §4.1.3: a text or a list of texts, one of which is the configured audience, compared exactly."""
    assert refusal(claim("aud", value), audience="chat") is Reason.INVALID


def test_missing_audience_is_refused_where_one_is_configured():
    """A token for anybody is not a token for this service."""
    assert refusal(token(), audience="chat") is Reason.INVALID


@pytest.mark.parametrize("value", ["chat", ["chat"], ["other", "chat"]])
def test_configured_audience_is_accepted_alone_or_in_a_list(value: Any):
    """Either form names this service."""
    assert identity(claim("aud", value), audience="chat").subject == "42"
    assert identity(claim("aud", value), audience={"chat", "news"}).subject == "42"


@pytest.mark.parametrize("value", ["chat", ["chat"], [], None])
def test_token_for_an_audience_is_refused_where_none_is_configured(value: Any):
    """RFC 7519 §4.1.3: who does not identify itself with a value of `aud` must reject the token."""
    assert refusal(claim("aud", value)) is Reason.INVALID


@pytest.mark.parametrize("name", ["issuer", "audience", "token_type"])
@pytest.mark.parametrize("value", ["", " ", "\t\n", [], [""], [" "], ["chat", " "], [1], 1, b"chat"])
def test_expectation_that_is_no_text_stops_the_start(name: str, value: Any):
    """An empty expectation would expect nothing."""
    with pytest.raises(ConfigurationError, match=name):
        verifier(**{name: value})


@pytest.mark.parametrize("name", ["issuer", "audience"])
@pytest.mark.parametrize(
    "value",
    [
        *(
            "*",
            "https://*.a.example",
            "None",
            "null",
            "${ISSUER}",
            "{{ issuer }}",
            "https://login.example/{tenantid}/v2.0",
            "<your audience>",
        ),
        *("https://a.example/.well-known/jwks.json", "https://a.example/.well-known/openid-configuration"),
    ],
)
def test_expectation_that_no_token_meets_stops_the_start(name: str, value: str):
    """A pattern, a template that was never filled, the address of something else."""
    with pytest.raises(ConfigurationError, match=f"{name} is .*which no token says.*write {name}="):
        verifier(**{name: ["chat", value]})
    with pytest.raises(ConfigurationError, match=f"{name} is .*which no token says"):
        verifier(**{name: value})


@pytest.mark.parametrize(
    "value", ["https://a.example/", "urn:example:chat", "api://0a1b-2c", "a b", "$chat", "https://a.example/*"]
)
def test_expectation_that_looks_odd_is_taken(value: str):
    """A StringOrURI may be anything (RFC 7519 §2)."""
    assert verifier(issuer=value, audience=value)


@pytest.mark.parametrize("name", ["issuer", "audience", "token_type"])
@pytest.mark.parametrize("value", [" chat", "chat\n", ["news", "chat "]])
def test_expectation_with_blanks_around_stops_the_start(name: str, value: Any):
    """No token would ever meet it; it comes out of a file or a form."""
    with pytest.raises(ConfigurationError, match=f"{name} is .*write 'chat'"):
        verifier(**{name: value})


# --- subject ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [None, 42, True, 1.5, [], ["42"], {}, "", " ", "42 ", " 42", "4\t2", "42\n", "\xa042"]
)
def test_subject_that_is_no_clean_text_is_refused(value: Any):
    """RFC 7519 §4.1.2: a StringOrURI; what would reach the database is printable and without stray blanks."""
    assert refusal(claim("sub", value)) is Reason.INVALID


@pytest.mark.parametrize("literal", ['"a\\u0000"', '"\\ud800"', '"\\u202e42"', '"\\u200b42"', '"' + "a" * 256 + '"'])
def test_subject_with_hidden_or_too_many_characters_is_refused(literal: str):
    """NUL, lone surrogates, invisible marks and kilobytes end here, not in a query or a log."""
    assert refusal(raw("sub", literal)) is Reason.INVALID
    assert refusal(raw("sub", '"' + "a" * 5000 + '"')) is Reason.INVALID


@pytest.mark.parametrize("value", ["42", "Élodie", "auth0|507f1f77", "a" * 255, "ünï@example.com", "first last"])
def test_subject_is_kept_as_it_is(value: str):
    """Subjects are case-sensitive and never normalised."""
    assert identity(claim("sub", value)).subject == value


def test_missing_subject_is_refused():
    """A token that names nobody proves nobody."""
    assert refusal(token(without("sub"))) is Reason.INVALID


@pytest.mark.parametrize(("value", "subject"), [(7, "7"), ("7", "7"), (10**30, str(10**30))])
def test_another_subject_claim_may_be_an_integer(value: Any, subject: str):
    """Private claims such as simplejwt's user_id hold primary keys."""
    assert identity(claim("user_id", value), subject_claim="user_id").subject == subject


@pytest.mark.parametrize("value", [True, False, None, 1.0, [7], "", 10**300])
def test_another_subject_claim_is_an_integer_or_text_only(value: Any):
    """True is not the user with primary key 1."""
    assert refusal(claim("user_id", value), subject_claim="user_id") is Reason.INVALID


@pytest.mark.parametrize("value", ["", None, 7])
def test_subject_claim_without_a_name_stops_the_start(value: Any):
    """The claim must have a name."""
    with pytest.raises(ConfigurationError, match="subject_claim"):
        verifier(subject_claim=value)


# --- kinds of token ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["token_type", "token_use", "type", "typ", "use", "purpose"])
@pytest.mark.parametrize(
    "value", ["refresh", "Refresh", "id", "ID", "password-reset", "email", "", None, 1, ["access"]]
)
def test_token_of_another_kind_is_refused(name: str, value: Any):
    """Refresh, ID and reset tokens of the same key do not open connections (RFC 8725 §3.12)."""
    assert refusal(claim(name, value)) is Reason.INVALID


@pytest.mark.parametrize(
    ("name", "value"), [("token_type", "access"), ("token_use", "access"), ("typ", "Bearer"), ("type", "ACCESS")]
)
def test_token_that_says_it_is_an_access_token_is_accepted(name: str, value: str):
    """simplejwt, Cognito, Keycloak and flask-jwt-extended say so in claims of their own."""
    assert identity(claim(name, value)).subject == "42"


def test_one_foreign_kind_is_enough_to_refuse():
    """A token that is called two things is not trusted to be the better one."""
    assert refusal(token(claims(token_type="access", type="refresh"))) is Reason.INVALID


LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}
MARKED = {
    "ID token of a client that sent a nonce": ({"nonce": "n"}, "id"),
    "ID token beside an access token": ({"at_hash": "x"}, "id"),
    "ID token beside a code": ({"c_hash": "x", "nonce": "n"}, "id"),
    "ID token beside a state": ({"s_hash": "x"}, "ID"),
    "back-channel log-out": ({"events": LOGOUT}, "logout"),
    "back-channel log-out of a session": ({"events": LOGOUT, "sid": "s"}, "logout+jwt"),
    "security event": (
        {"events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {}}},
        "secevent",
    ),
    "empty security event": ({"events": {}}, "secevent"),
    "bound to a key": ({"cnf": {"jkt": "x"}}, "dpop"),
    "bound to a certificate": ({"cnf": {"x5t#S256": "x"}}, "mtls"),
    "bound to a key that it holds": ({"cnf": {"jwk": {}}}, "pop"),
    "bound to nothing known": ({"cnf": None}, "pop"),
}


@pytest.mark.parametrize(("marks", "kind"), MARKED.values(), ids=MARKED.keys())
def test_token_that_shows_another_kind_is_refused_unless_that_is_named(marks: dict[str, Any], kind: str):
    """It names no kind, and a claim gives it away (RFC 8725 §3.12); an explicit setting is obeyed."""
    marked = token(claims(**marks, aud="client"))
    assert refusal(marked, audience="client") is Reason.INVALID
    for other in {"id", "logout", "pop", "websocket"} - {kind.lower().removesuffix("+jwt")}:
        if (other, kind) not in {("pop", "dpop"), ("pop", "mtls"), ("logout", "secevent")}:
            assert refusal(marked, audience="client", token_type=other) is Reason.INVALID
    for token_type in (kind, ("access", kind)):
        assert identity(marked, audience="client", token_type=token_type).subject == "42"


@pytest.mark.parametrize("kind", ["Bearer", "access"])
def test_access_token_that_says_so_may_have_a_nonce_and_nothing_else_of_another_kind(kind: str):
    """Keycloak copied the nonce into its access tokens for years; it binds none of them to a key without `cnf`."""
    assert identity(token(claims(typ=kind, nonce="n"))).subject == "42"
    assert identity(token(claims(nonce="n"), typ="at+jwt"), typ="at+jwt").subject == "42"
    for mark in ({"cnf": {"jkt": "x"}}, {"events": LOGOUT}, {"at_hash": "x"}):
        assert refusal(token(claims(typ=kind, **mark))) is Reason.INVALID
        assert refusal(token(claims(**mark), typ="at+jwt"), typ="at+jwt") is Reason.INVALID


@pytest.mark.parametrize(
    "said",
    [
        {"email": "alice@example.com", "email_verified": True},
        {"sid": "s", "azp": "client", "auth_time": 1, "acr": "1", "amr": ["pwd"]},
        {"act": {"sub": "7"}, "client_id": "c"},
    ],
)
def test_claims_of_the_user_refuse_nothing(said: dict[str, Any]):
    """Access tokens carry them too."""
    assert identity(token(claims(**said))).subject == "42"


HOME_MADE: list[tuple[dict[str, Any], str]] = [
    ({"kind": "refresh"}, "refresh"),
    ({"token_kind": "Refresh"}, "refresh"),
    ({"tokentype": "refresh_token"}, "refresh_token"),
    ({"TokenType": "refresh"}, "refresh"),
    ({"action": "password-reset"}, "password-reset"),
    ({"usage": "verify_email"}, "verify_email"),
    ({"intent": "magic_link"}, "magic_link"),
    ({"https://app.example/token_use": "refresh"}, "refresh"),
    ({"refresh": True}, "refresh"),
    ({"is_refresh": True}, "refresh"),
    ({"mfa_pending": True}, "mfa_pending"),
    ({"scope": "refresh_token"}, "refresh_token"),
    ({"scope": "password_reset"}, "password_reset"),
    ({"scopes": ["mfa_pending"]}, "mfa_pending"),
]


@pytest.mark.parametrize(("said", "kind"), HOME_MADE)
def test_home_made_token_of_another_kind_is_refused_unless_that_is_named(said: dict[str, Any], kind: str):
    """Whatever the claim is called that says what it is for."""
    assert refusal(token(claims(**said))) is Reason.INVALID
    assert refusal(token(claims(**said, token_type="access"))) is Reason.INVALID
    assert identity(token(claims(**said)), token_type=("access", kind)).subject == "42"


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "user", "action": "connect", "category": "staff", "intent": "chat", "usage": 7},
        {"grant_type": "refresh_token", "gty": ["refresh_token"]},
        {"scope": "openid offline_access"},
        {"scope": "chat refresh"},
        {"scope": "verify"},
        {"scope": ""},
        {"scope": [7]},
        {"refresh": False, "refresh_count": 2, "mfa_required": "no"},
        {"https://app.example/kind": "tenant", "https://app.example/roles": ["reset"]},
        {"fresh": True},
    ],
)
def test_words_that_access_tokens_have_too_refuse_nothing(said: dict[str, Any]):
    """How a token was got, what its user may do, what he is: not what the token is for."""
    assert identity(token(claims(**said))).subject == "42"


FIREBASE = {
    "auth_time": NOW - 20,
    "user_id": "42",
    "email": "a@example.com",
    "firebase": {"identities": {}},
    "aud": "app",
}


def test_id_token_without_any_mark_passes_where_it_is_asked_for():
    """Firebase's clients have no other token. Like every ID token it has an audience (OpenID Connect Core §2)."""
    firebase = token(claims(**FIREBASE))
    assert identity(firebase, audience="app", token_type="id").subject == "42"
    assert refusal(firebase, audience="other", token_type="id") is Reason.INVALID
    assert refusal(token(), token_type="id") is Reason.INVALID
    assert refusal(token(claims(**FIREBASE), typ="at+jwt"), audience="app", token_type="id") is Reason.INVALID
    for other in ({"token_use": "access"}, {"typ": "Refresh"}, {"events": LOGOUT}):
        assert refusal(token(claims(**FIREBASE, **other)), audience="app", token_type="id") is Reason.INVALID
    for same in ({"token_use": "id"}, {"typ": "ID"}, {"nonce": "n", "at_hash": "x"}):
        assert identity(token(claims(**FIREBASE, **same)), audience="app", token_type="id").subject == "42"


def test_header_of_the_kind_that_is_asked_for_is_accepted():
    """A log-out token says so in its header (OpenID Connect Back-Channel Logout §2.4)."""
    logout = token(claims(events=LOGOUT), typ="logout+jwt")
    assert refusal(logout) is Reason.INVALID
    assert identity(logout, token_type="logout").subject == identity(logout, typ="logout+jwt").subject == "42"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT", ...])
def test_usual_or_absent_header_type_is_accepted(typ: Any):
    """RFC 7519 §5.1 and RFC 9068 §2.1."""
    assert identity(token(typ=typ)).subject == "42"


@pytest.mark.parametrize(
    "typ", ["refresh+jwt", "reset+jwt", "secevent+jwt", "logout+jwt", "dpop+jwt", "JWS", "", "JWT "]
)
def test_other_header_type_is_refused(typ: str):
    """RFC 8725 §3.11: explicit typing keeps kinds of tokens apart."""
    assert refusal(token(typ=typ)) is Reason.INVALID


def test_pinned_header_type_is_required():
    """With `typ`, exactly that type passes, and its absence does not."""
    assert identity(token(typ="at+jwt"), typ="at+jwt").subject == "42"
    assert identity(token(typ="application/AT+jwt"), typ="at+jwt").subject == "42"
    for other in ("JWT", "id+jwt", ...):
        assert refusal(token(typ=other), typ="at+jwt") is Reason.INVALID


def test_own_kind_must_be_named_by_the_token():
    """With another kind than "access" configured, a token without a kind is not one of them."""
    assert identity(claim("token_type", "WebSocket"), token_type="websocket").subject == "42"
    assert refusal(token(), token_type="websocket") is Reason.INVALID
    assert refusal(claim("token_type", "access"), token_type="websocket") is Reason.INVALID
    assert identity(token(typ="ws+jwt"), token_type="websocket", typ="ws+jwt").subject == "42"


def test_several_kinds_are_alternatives():
    """A collection of kinds accepts each of them."""
    assert identity(claim("type", "service"), token_type=("access", "service")).subject == "42"
    assert identity(token(), token_type=("access", "service")).subject == "42"


# --- scopes and token id ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"scope": "read write"}, {"read", "write"}),
        ({"scope": " read  read "}, {"read"}),
        ({"scope": ""}, set()),
        ({"scp": "read"}, {"read"}),
        ({"scp": ["read", "write"]}, {"read", "write"}),
        ({"scopes": ["read", 1, None, ""]}, {"read"}),
        ({"scopes": {"read": True}}, set()),
        ({"scope": None, "scp": ["read"]}, set()),
    ],
)
def test_scopes_come_from_the_usual_claims(changes: dict[str, Any], expected: set[str]):
    """`scope` is RFC 8693's, `scp` and `scopes` those of large issuers; anything irregular grants nothing."""
    assert identity(token(claims(**changes))).scopes == expected


def test_token_id_is_the_jti():
    """RFC 7519 §4.1.7."""
    assert identity(claim("jti", "3f1c")).token_id == "3f1c"
    assert identity(token()).token_id is None


@pytest.mark.parametrize("value", [None, 1, True, "", " a", "a\n", ["a"], "a" * 256])
def test_token_id_that_nobody_could_revoke_is_refused(value: Any):
    """A `jti` is a clean text, or a deny list would not find it."""
    assert refusal(claim("jti", value)) is Reason.INVALID


def test_typ_that_every_token_has_tells_no_kind():
    """`typ="JWT"` says nothing of a token's kind: the claims must, as without it."""
    assert refusal(token(claims(nonce="n"), typ="JWT"), typ="JWT") is Reason.INVALID
    assert refusal(token(claims(), typ="JWT"), typ="JWT", token_type="websocket") is Reason.INVALID
    assert identity(token(claims(), typ="JWT"), typ="JWT").subject == "42"
