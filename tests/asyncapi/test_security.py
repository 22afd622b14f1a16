from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from asyncapi.policies import API_KEY, BEARER, COOKIE, FIRST, JWT, QUERY, SUBPROTOCOL, nobody, policy
from wsauth import Anonymous, Cookie, Header, Query, ReportOnly, SecurityScheme
from wsauth.asyncapi import extensions
from wsauth.asyncapi.security import SchemeKeys, guard, is_described, security_scheme
from wsauth.core.location import Location


@dataclass(frozen=True)
class Own:
    """A place that wsauth does not know."""

    ambient: ClassVar[bool] = False

    def read(self, handshake):
        return None

    def strip(self, scope): ...


@dataclass(frozen=True)
class SessionCookie(Own):
    """As an adapter's: ambient, and named when it is used."""

    ambient: ClassVar[bool] = True

    @property
    def name(self):
        return "from settings"


class Described(Own):
    def security_scheme(self):
        return {"type": "X509"}


def written(location, verifier=nobody):
    return security_scheme(SecurityScheme("s", location, verifier))


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (QUERY, {"type": "httpApiKey", "in": "query", "name": "token"}),
        (COOKIE, {"type": "httpApiKey", "in": "cookie", "name": "access_token"}),
        (API_KEY, {"type": "httpApiKey", "in": "header", "name": "X-API-Key"}),
        (BEARER, {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
    ],
)
def test_what_asyncapi_has_a_word_for_is_written_with_it(scheme, expected):
    """And with nothing else."""
    assert security_scheme(scheme) == expected


def test_an_authorization_scheme_is_written_in_lower_case():
    """Readers compare with "bearer"; the format of a token belongs to bearer alone."""
    assert written(Header("authorization", scheme="Token"), JWT()) == {"type": "http", "scheme": "token"}
    assert written(Header()) == {"type": "http", "scheme": "bearer"}


def test_a_scheme_in_another_header_is_said():
    """The value is more than the credential."""
    assert written(Header("X-Auth", scheme="Token"))[extensions.HEADER_SCHEME] == "Token"


def test_a_subprotocol_is_the_header_it_travels_in_and_how():
    """`new WebSocket(url, [marker, credential])`."""
    scheme = security_scheme(SUBPROTOCOL)
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("httpApiKey", "header", "Sec-WebSocket-Protocol")
    assert scheme[extensions.SUBPROTOCOL] == {"marker": "bearer"}


def test_a_first_message_says_its_shape():
    """Type, member, deadline and a schema of the whole message."""
    scheme = security_scheme(FIRST)
    assert (scheme["type"], scheme["in"]) == ("apiKey", "password")
    shape = scheme[extensions.FIRST_MESSAGE]
    assert (shape["type"], shape["field"], shape["deadline"]) == ("auth", "token", 10.0)
    assert shape["payload"]["required"] == ["type", "token"]


def test_a_session_is_told_from_a_token():
    """Nobody pastes a session; its cookie may be named by settings, which are read now."""
    assert written(SessionCookie()) == {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "from settings",
        extensions.SESSION: True,
    }

    class Plain(Cookie):
        session = True

    assert written(Plain("sid"))[extensions.SESSION] is True


def test_the_adapters_sessions_are_known_as_such(django_settings):
    """Their rooms are not imported for it."""
    from wsauth import django, starlette

    session = {"type": "httpApiKey", "in": "cookie", extensions.SESSION: True}
    assert written(starlette.SessionCookie("sid")) == {**session, "name": "sid"}
    assert written(django.SessionCookie()) == {**session, "name": django_settings.SESSION_COOKIE_NAME}


def test_a_place_of_the_users_own_describes_itself_or_is_named():
    """It is never passed off as something else."""
    assert isinstance(Own(), Location)
    assert written(Described()) == {"type": "X509"}
    assert written(Own())[extensions.LOCATION] == "Own"
    assert not is_described(SecurityScheme("s", Own(), nobody))
    assert is_described(QUERY)


@pytest.mark.parametrize("token_format", ["sk_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"JWT", 7, None])
def test_only_a_format_is_taken_for_one(token_format):
    """Of a verifier nothing else is read."""

    class Odd(JWT):
        bearer_format = token_format

    assert "bearerFormat" not in written(Header(), Odd())


# Which schemes admit a client, through several policies: what `Policy.narrow` enforces


def admitted(*policies):
    found = guard(policies)
    return [scheme.name for scheme in found.schemes], found.optional


def test_no_policy_is_no_guard():
    """Nor is one that only reports."""
    assert not guard([]).enforced
    assert not guard([ReportOnly(policy(QUERY))]).enforced
    assert guard([ReportOnly(policy(QUERY))]).report_only
    assert admitted(ReportOnly(policy(QUERY)), policy(COOKIE)) == (["cookieJWT"], False)


def test_one_policy_admits_by_its_schemes():
    """In their order."""
    assert admitted(policy(COOKIE, QUERY)) == (["cookieJWT", "queryToken"], False)
    assert admitted(policy(QUERY, anonymous=Anonymous.IF_MISSING)) == (["queryToken"], True)


def test_a_nested_policy_narrows():
    """A scheme must be in both; what the inner one adds is never asked for."""
    assert admitted(policy(QUERY, COOKIE), policy(COOKIE, API_KEY)) == (["cookieJWT"], False)


def test_an_inner_anonymous_mode_opens_nothing():
    """The outer policy has refused whoever has no credential."""
    assert admitted(policy(QUERY), policy(QUERY, anonymous=Anonymous.IF_MISSING)) == (["queryToken"], False)


def test_behind_an_anonymous_policy_the_inner_one_decides():
    """A scheme of the outer one alone does not pass the inner."""
    outer = policy(QUERY, anonymous=Anonymous.IF_MISSING)
    assert admitted(outer, policy(COOKIE)) == (["cookieJWT"], False)
    assert admitted(outer, policy(COOKIE, QUERY)) == (["queryToken", "cookieJWT"], False)
    assert admitted(outer, policy(COOKIE, anonymous=Anonymous.IF_MISSING)) == (["cookieJWT"], True)


def test_a_scheme_that_was_refused_further_out_never_comes_back():
    """Three policies: the second does not know the first one's scheme."""
    first = policy(QUERY, anonymous=Anonymous.IF_MISSING)
    second = policy(COOKIE, anonymous=Anonymous.IF_MISSING)
    assert admitted(first, second, policy(QUERY, COOKIE)) == (["cookieJWT"], False)


def test_another_scheme_in_the_same_place_is_refused_further_out():
    """Its credential is invalid there, unless invalid ones pass as anonymous."""
    other = SecurityScheme("other", Query("token"), JWT())
    assert admitted(policy(QUERY, anonymous=Anonymous.IF_MISSING), policy(other)) == ([], False)
    assert admitted(policy(QUERY, anonymous=Anonymous.IF_INVALID), policy(other)) == (["other"], False)


def test_policies_that_share_nothing_let_nobody_pass():
    """Which is worth a warning."""
    assert guard([policy(QUERY), policy(COOKIE)]).closed
    assert not guard([policy(QUERY)]).closed


def test_the_same_policy_twice_is_once():
    """The middleware skips it too."""
    once = policy(QUERY, anonymous=Anonymous.IF_MISSING)
    assert guard([once, once]) == guard([once])


# Keys


def test_a_scheme_of_several_policies_has_one_key():
    """Also where it was written twice, equal."""
    keys = SchemeKeys()
    again = SecurityScheme("queryToken", Query("token"), QUERY.verifier)
    assert (keys.key(QUERY), keys.key(again), list(keys.written)) == ("queryToken", "queryToken", ["queryToken"])


def test_two_schemes_of_one_name_have_two_keys():
    """Their verifiers differ: a token of one is no token of the other."""
    keys = SchemeKeys()
    other = SecurityScheme("queryToken", Query("token"), JWT())
    assert (keys.key(QUERY), keys.key(other)) == ("queryToken", "queryToken_2")


def test_what_settings_declare_is_added_unless_a_policy_enforces_it():
    """Under whatever name."""
    keys = SchemeKeys()
    keys.key(SecurityScheme("jwt", Query("token"), nobody))
    keys.key(SecurityScheme("cookieJWT", Cookie("other"), nobody))
    declared = {
        "queryToken": {"type": "httpApiKey", "in": "query", "name": "token"},
        "cookieJWT": {"type": "httpApiKey", "in": "cookie", "name": "access_token"},
    }
    assert keys.add_not_enforced(declared) == ["cookieJWT_2"]
    assert list(keys.written) == ["jwt", "cookieJWT", "cookieJWT_2"]
