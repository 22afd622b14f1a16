"""Where a credential travels: read once, strictly, and taken out of the scope in every spelling that was read."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from effort import calls
from hypothesis import given, settings
from hypothesis import strategies as st

from core.handshakes import handshake_of, read, scope_of
from wsauth.core.errors import ConfigurationError
from wsauth.core.handshake import Handshake
from wsauth.core.locations import (
    MAX_SECRET,
    Cookie,
    Header,
    Location,
    Query,
    Subprotocol,
    offer_subprotocols,
    strip_lookalike_cookies,
)
from wsauth.core.reasons import Reason

MALFORMED = Reason.MALFORMED
bounded = settings(max_examples=300, derandomize=True, deadline=None)


def bearer(*lines: str) -> str | Reason | None:
    return read(Header(), handshake_of(*(("Authorization", line) for line in lines)))


def cookie(*lines: str | bytes, name: str = "jwt") -> str | Reason | None:
    return read(Cookie(name), handshake_of(*(("Cookie", line) for line in lines)))


def subprotocol(*lines: str, **more: Any) -> str | Reason | None:
    return read(Subprotocol(), handshake_of(*(("Sec-WebSocket-Protocol", line) for line in lines), **more))


# --- query ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "secret"),
    [
        ("token=a.b-c_d~e", "a.b-c_d~e"),
        ("a=1&token=t0ken&b=2", "t0ken"),
        ("redirect=a=b=c&token=t0ken", "t0ken"),
        ("token=a=b==", "a=b=="),
        ("token=a%2Eb", "a.b"),
        ("token=%74%30%6b%65%6E", "t0ken"),
        ("t%6Fken=t0ken", "t0ken"),
        ("%74%6f%6b%65%6e=t0ken", "t0ken"),
        ("token=a%2Bb%2F%3D", "a+b/="),
        ("a=%ff&token=t0ken", "t0ken"),
        ("a=%zz&%zz=1&token=t0ken&%", "t0ken"),
        ("a=%00%0d%0a&token=t0ken", "t0ken"),
        (b"\xff\xfe=\x00&token=t0ken", "t0ken"),
        ("&&token=t0ken&&", "t0ken"),
        ("=1&token=t0ken&=", "t0ken"),
        ("token=a%2541", "a%41"),
    ],
)
def test_query_parameter_is_read_whatever_stands_beside_it(query: str, secret: str):
    """Percent-encoding is taken off once, of the name and the value; other parameters may be anything."""
    assert read(Query("token"), handshake_of(query=query)) == secret


@pytest.mark.parametrize(
    "query",
    [
        "",
        "a=1",
        "token[]=t",
        "Token=t",
        "TOKEN=t",
        " token=t",
        "+token=t",
        "token+=t",
        "a=1;token=t",
        "xtoken=t",
        "token2=t",
        "t%256Fken=t",
        "to%zzken=t",
        "a=token=t",
        "#token=t",
        "=token",
    ],
)
def test_query_parameter_of_another_name_is_none(query: str):
    """Names are compared exactly; only "&" separates, and what is decoded once is not decoded again."""
    assert read(Query("token"), handshake_of(query=query)) is None


@pytest.mark.parametrize(
    "query",
    [
        "token",
        "token=",
        "token=&a=1",
        "token=good&token=bad",
        "token=same&token=same",
        "token=a&token",
        "token=a&t%6Fken=b",
        "token=a%zz",
        "token=a%",
        "token=a%4",
        "token=%%41",
        "token=a+b",
        "token=a%20b",
        "token=%00",
        "token=a%0d%0aSet-Cookie:",
        "token=a%0A",
        "token=%ff",
        "token=%C3%B6",
        b"token=\xf6",
        b"token=a\x00",
        "token=" + "a" * (MAX_SECRET + 1),
        "token=" + "%41" * (MAX_SECRET + 1),
    ],
)
def test_query_parameter_that_is_irregular_is_malformed(query: str):
    """Present but empty, doubled, badly encoded, not visible ASCII or too long is refused, never skipped."""
    assert read(Query("token"), handshake_of(query=query)) is MALFORMED


def test_query_parameter_of_the_greatest_size_is_read():
    """The limit counts the decoded credential."""
    assert read(Query(), handshake_of(query="token=" + "%41" * MAX_SECRET)) == "A" * MAX_SECRET


@pytest.mark.parametrize(
    ("query", "secret"),
    [
        ("&".join(f"p{n}={n}" for n in range(999)) + "&token=t0ken", "t0ken"),
        ("&".join(f"p{n}={n}" for n in range(10_000)) + "&token=t0ken", MALFORMED),
        ("&" * 60_000 + "token=t0ken", MALFORMED),
        ("%41" * 20_000 + "&token=t0ken", "t0ken"),
        ("%&" * 30_000 + "token=t0ken", MALFORMED),
        ("token=" + "%" * 60_000, MALFORMED),
        ("token=t&" * 7_000, MALFORMED),
    ],
    ids=[
        "1000 parameters",
        "10000 parameters",
        "60 KB of &",
        "60 KB of a name",
        "60 KB of %&",
        "60 KB of %",
        "7000 tokens",
    ],
)
def test_query_string_of_any_size_is_read_at_once(query: str, secret: str | Reason):
    """A hostile query string costs no more than its length."""
    handshake = handshake_of(query=query)
    assert read(Query(), handshake) == secret
    assert calls(lambda: read(Query(), handshake)) < 8 * len(query)


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("token=t", b""),
        ("a=1&token=t&b=%zz", b"a=1&b=%zz"),
        ("t%6fken=t&a=+%20&", b"a=+%20&"),
        ("token=a&b=1&token=b&&c", b"b=1&&c"),
        ("token&token=%zz&x", b"x"),
    ],
)
def test_query_parameter_is_stripped_and_the_rest_stays(query: str, rest: bytes):
    """In every spelling, as often as it stands there, and not a byte more."""
    scope = scope_of(query=query)
    Query("token").strip(scope)
    assert scope["query_string"] == rest


@pytest.mark.parametrize("name", ["", "a b", "\xf6", "a\n", "\x00", None, 5, b"token"])
def test_query_without_a_usable_name_does_not_start(name: Any):
    """An empty name would be found in every query string."""
    with pytest.raises(ConfigurationError, match=r"Query\(.*write"):
        Query(name)


# --- header -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "Bearer t0ken",
        "bearer t0ken",
        "BEARER t0ken",
        "Bearer  t0ken",
        "Bearer     t0ken",
        "Bearer t0ken ",
        "Bearer t0ken\t ",
        " Bearer t0ken",
    ],
)
def test_bearer_token_is_read(line: str):
    """RFC 9110 §11.1 and §11.4: the scheme has no case, and one or more blanks follow it; white space ends no field."""
    assert bearer(line) == "t0ken"


def test_bearer_token_may_hold_every_token68_character():
    """RFC 6750 §2.1."""
    assert bearer("Bearer aZ09-._~+/==") == "aZ09-._~+/=="


@pytest.mark.parametrize(
    "lines",
    [
        ["Bearer"],
        ["Bearer "],
        [""],
        [" "],
        ["Bearer\tt0ken"],
        ["Bearer\t t0ken"],
        ["Bearer \tt0ken"],
        ["Bearer t0ken extra"],
        ["Bearer a b c"],
        ['Bearer "t0ken"'],
        ["Bearer token=t0ken"],
        ['Bearer realm="a", token="b"'],
        ["Bearer =="],
        ["Bearer t\xf6ken"],
        ["Bearer t\x00ken"],
        ["Bearer t0ken\n"],
        ["Bearer t,u"],
        ["t0ken"],
        ["a.b.c"],
        ["=, t0ken"],
        ["Bearer a", "Bearer b"],
        ["Bearer a", "Bearer a"],
        ["Basic YTpi", "Bearer a"],
        ["Bearer a, Bearer b"],
        ["Bearer a,Basic YTpi"],
        ["Basic YTpi,Bearer a"],
        ["Basic YTpi , \tbearer a"],
        ["Bearer " + "a" * (MAX_SECRET + 1)],
        ["Bearer " + "a" * 200_000],
    ],
)
def test_authorization_that_is_irregular_is_malformed(lines: list[str]):
    """No scheme, no token, several of them, or several lines, which daphne joins with a comma, are refused."""
    assert bearer(*lines) is MALFORMED


@pytest.mark.parametrize(
    "line",
    [
        "Basic YTpi",
        "Token t0ken",
        "Bearerx t0ken",
        'Digest username="a", uri="/b"',
        "Negotiate abc==",
        "X bearer t0ken",
    ],
)
def test_authorization_of_another_scheme_is_not_this_credential(line: str):
    """The application may have its own use for it, so it is not read, and stays."""
    assert bearer(line) is None
    scope = scope_of(("Authorization", line))
    before = copy.deepcopy(scope)
    Header().strip(scope)
    assert scope == before


def test_two_schemes_share_the_authorization_header():
    """`Token` and `Bearer` are two places; each reads its own."""
    handshake = handshake_of(("Authorization", "Token abc"))
    assert read(Header(scheme="Token"), handshake) == "abc"
    assert read(Header(), handshake) is None


@pytest.mark.parametrize(
    "name",
    [
        "Proxy-Authorization",
        "X-Forwarded-User",
        "Remote-User",
        "X-Authorization",
        "Authorization_",
        "HTTP_AUTHORIZATION",
        "X-Original-Authorization",
    ],
)
def test_headers_of_other_names_are_ignored(name: str):
    """What a proxy may have meant is not what was configured."""
    assert read(Header(), handshake_of((name, "Bearer t0ken"))) is None


@pytest.mark.parametrize("name", ["X_API_Key", "x_api-key", "X-API_Key", "HTTP_X_API_KEY", "X-API-Keys", "X-API-Key "])
def test_underscore_spellings_are_another_header(name: str):
    """CGI takes `X_API_Key` for `X-API-Key`, and so lets a client pass a proxy that strips the latter."""
    assert read(Header("X-API-Key"), handshake_of((name, "t0ken"))) is None


@pytest.mark.parametrize(
    ("lines", "secret"),
    [
        (["t0ken"], "t0ken"),
        ([" t0ken\t"], "t0ken"),
        (["k$y:with#odd{chars}"], "k$y:with#odd{chars}"),
        ([""], MALFORMED),
        (["two words"], MALFORMED),
        (["a,b"], MALFORMED),
        (["t\xf6ken"], MALFORMED),
        (["a\x00"], MALFORMED),
        (["a\tb"], MALFORMED),
        (["a", "b"], MALFORMED),
        (["a", "a"], MALFORMED),
        (["a" * (MAX_SECRET + 1)], MALFORMED),
    ],
)
def test_plain_header_is_one_word(lines: list[str], secret: str | Reason):
    """An API key is visible ASCII on one line; a comma may be two lines that a server joined."""
    assert read(Header("X-API-Key"), handshake_of(*(("x-api-key", line) for line in lines))) == secret


def test_header_is_stripped_with_all_its_lines_and_the_rest_stays():
    """Doubled or malformed, it still holds a credential; the other lines keep their order and bytes."""
    scope = scope_of(("Host", "a"), ("AUTHORIZATION", "Bearer a"), ("x", "1"), ("authorization", "Bearer"), ("X", "2"))
    server = scope["headers"]
    Header().strip(scope)
    assert scope["headers"] == [(b"Host", b"a"), (b"x", b"1"), (b"X", b"2")]
    assert len(server) == 5  # the server's own list is not changed


def test_headers_of_one_name_are_one_place():
    """RFC 9110 §5.1 and §11.1: neither names nor schemes have case, so two spellings would read the same credential."""
    assert Header("X-API-Key") == Header("x-api-key")
    assert Header("authorization") == Header(scheme="BEARER")
    assert hash(Header("X-API-Key")) == hash(Header("x-api-key"))
    assert Header(scheme="Token") != Header()
    assert repr(Header("X-API-Key")) == "Header(name='X-API-Key', scheme=None)"


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"name": ""}, "X-API-Key"),
        ({"name": "X API"}, "X-API-Key"),
        ({"name": "X-\xf6"}, "X-API-Key"),
        ({"name": None}, "X-API-Key"),
        ({"name": "Cookie"}, r"Cookie\("),
        ({"name": "COOKIE"}, r"Cookie\("),
        ({"name": "Sec-WebSocket-Protocol"}, r"Subprotocol\("),
        ({"scheme": ""}, "scheme='Token'"),
        ({"scheme": "Bearer "}, "scheme='Token'"),
        ({"scheme": b"Token"}, "scheme='Token'"),
        ({"scheme": "Basic"}, r"Header\(\)"),
        ({"scheme": "digest"}, r"Header\(\)"),
        ({"scheme": "Negotiate"}, r"Header\(\)"),
        ({"name": "X-Auth", "scheme": "NTLM"}, r"Header\(\)"),
    ],
)
def test_header_that_cannot_be_a_credential_does_not_start(settings: dict[str, Any], advice: str):
    """Cookies and Basic go along with any page's socket; the message says what to write instead."""
    with pytest.raises(ConfigurationError, match=rf"Header\(.*write.*{advice}"):
        Header(**settings)


# --- cookie -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "jwt=t0ken",
        "a=1; jwt=t0ken; b=2",
        "a=1;jwt=t0ken;b=2",
        " jwt = t0ken ",
        'jwt="t0ken"',
        "a[x]=1; jwt=t0ken",
        'prefs={"a": 1, "b": [2]}; jwt=t0ken',
        "bareword; jwt=t0ken",
        "jwt; jwt=t0ken",
        'a="unterminated; jwt=t0ken',
        'a="b\\"; jwt=t0ken; c="',
        "a=\xf6\xe4; jwt=t0ken",
        "\xff\xfe=\x80; jwt=t0ken",
        "=; ==; =jwt=evil; jwt=t0ken",
        ";;; jwt=t0ken;",
        "jwt=t0ken; jwt=t0ken",
        "a=\x00\x01; jwt=t0ken",
        "$Version=1; jwt=t0ken; $Path=/",
        "a=b=c=d; jwt=t0ken",
    ],
)
def test_cookie_is_read_whatever_its_neighbours_are(line: str):
    """RFC 6265 §5.4: pairs between semicolons; one odd pair does not hide the others."""
    assert cookie(line) == "t0ken"


def test_cookies_may_come_on_several_lines():
    """RFC 9113 §8.2.3: HTTP/2 splits the Cookie header, and not every proxy joins it again."""
    assert cookie("a=1", "jwt=t0ken", "b=2") == "t0ken"
    assert cookie("jwt=t0ken", "jwt=t0ken") == "t0ken"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a=1",
        "JWT=t",
        "jwt2=t",
        "xjwt=t",
        "jwt",
        "__Host-jwt=t",
        "__Secure-jwt=t",
        "jwt[]=t",
        "\xa0jwt=t",
        "jwt\x0b=t",
        "\x85jwt=t",
        "=jwt=t",
        "a=1,jwt=t",
        '"jwt"=t',
        "j%77t=t",
    ],
)
def test_cookie_of_another_name_is_none(line: str):
    """Names are compared byte by byte, and only blank and tab are white space."""
    assert cookie(line) is None


@pytest.mark.parametrize(
    "line", ["\xa0__Host-jwt=evil", "__host-jwt=evil", "jwt=evil", "=__Host-jwt=evil", "__Host-jwt\x0c=evil"]
)
def test_host_prefix_is_part_of_the_name(line: str):
    """A cookie that only the host itself can set is not to be replaced by one that a sibling domain sets."""
    assert cookie(line, name="__Host-jwt") is None
    assert cookie(line + "; __Host-jwt=good", name="__Host-jwt") == "good"


@pytest.mark.parametrize(
    "lines",
    [
        ["jwt=good; jwt=bad"],
        ["jwt=bad; a=1; jwt=good"],
        ["jwt=good", "jwt=bad"],
        ["jwt=good; jwt="],
        ['jwt=good; jwt="good"'],
        ["jwt=good; jwt=good; jwt=bad"],
    ],
)
def test_cookie_with_two_values_is_malformed(lines: list[str]):
    """A sibling domain can plant the second (cookie tossing), and readers disagree on which counts."""
    assert cookie(*lines) is MALFORMED


@pytest.mark.parametrize(
    "line",
    ["jwt=two words", "jwt=\xf6", "jwt=a\x00b", "jwt=a\tb", "jwt=" + "a" * (MAX_SECRET + 1), 'jwt="a b"', "jwt=a\x7f"],
)
def test_cookie_that_is_irregular_is_malformed(line: str):
    """Of the credential itself, nothing but visible ASCII of a sane size is taken."""
    assert cookie(line) is MALFORMED


@pytest.mark.parametrize("line", ["jwt=", 'jwt=""', "jwt= ; a=1"])
def test_empty_cookie_is_none(line: str):
    """Sites log out by emptying a cookie; its owner is then nobody, not an attacker."""
    assert cookie(line) is None


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ('"' * 60_000 + "; jwt=t0ken", "t0ken"),
        ('a="' + '\\"' * 30_000 + "; jwt=t0ken", "t0ken"),
        ("; ".join(f"c{n}={n}" for n in range(1000)) + "; jwt=t0ken", "t0ken"),
        (";=" * 30_000 + ";jwt=t0ken", "t0ken"),
        ("; ".join(f"jwt={n}" for n in range(10_000)), MALFORMED),
    ],
    ids=["quotes", "escapes", "1000 cookies", "empty pairs", "10000 values"],
)
def test_cookie_header_of_any_size_is_read_at_once(line: str, secret: str | Reason):
    """No quoting rule is followed, so none can be made to run long."""
    assert cookie(line) == secret
    assert calls(lambda: cookie(line)) < 8 * len(line)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["jwt=t0ken"], []),
        (["a=1; jwt=t0ken; b=2"], ["a=1; b=2"]),
        (["jwt=t0ken; a=1"], ["a=1"]),
        (["a=1", "jwt=t0ken"], ["a=1"]),
        (["jwt=one; jwt=two;  a=1 "], ["a=1 "]),
        (["a=jwt; __Host-jwt=1; JWT=2"], ["a=jwt; __Host-jwt=1; JWT=2"]),
        (['a={"jwt=1": 2}; \xf6;jwt\t=x'], ['a={"jwt=1": 2}; \xf6']),
    ],
)
def test_cookie_is_stripped_alone(lines: list[str], left: list[str]):
    """Every value of the name goes; the neighbours stay byte for byte."""
    scope = scope_of(*(("cookie", line) for line in lines), ("host", "a"))
    Cookie("jwt").strip(scope)
    assert scope["headers"] == scope_of(*(("cookie", line) for line in left), ("host", "a"))["headers"]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["jwt=good; \xa0jwt=evil"], ["jwt=good"]),
        (["\xa0jwt=x; a=1; jwt\x0b=y; \x85jwt\x1f=z"], ["a=1"]),
        (["\x0cjwt=x", "a=1"], ["a=1"]),
        (
            ['jwt\t=good;  a={"\xa0b=1": 2}; \xa0bare\xa0; c=\xa0'],
            ['jwt\t=good;  a={"\xa0b=1": 2}; \xa0bare\xa0; c=\xa0'],
        ),
    ],
)
def test_cookie_that_only_looks_like_another_is_stripped(lines: list[str], left: list[str]):
    """Django and Starlette would take it for the one that was verified, and the last one wins."""
    scope = scope_of(*(("cookie", line) for line in lines), ("host", "a"))
    strip_lookalike_cookies(scope)
    assert scope["headers"] == scope_of(*(("cookie", line) for line in left), ("host", "a"))["headers"]


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "\xf6", None, 5])
def test_cookie_without_a_usable_name_does_not_start(name: Any):
    """RFC 6265 §4.1.1: a cookie name is a token."""
    with pytest.raises(ConfigurationError, match=r"Cookie\(.*write"):
        Cookie(name)


# --- subprotocol ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        ["bearer, t0ken"],
        ["bearer,t0ken"],
        ["bearer", "t0ken"],
        ["chat, bearer, t0ken"],
        ["bearer, t0ken, chat"],
        ["chat", "bearer , t0ken", "v2"],
    ],
)
def test_subprotocol_pair_is_read(lines: list[str]):
    """The credential follows its marker, on one line or the next, with the application's own names before or after."""
    assert subprotocol(*lines) == "t0ken"


def test_subprotocol_pair_is_read_from_every_server():
    """granian joins the list into one string; test clients give no header at all."""
    assert subprotocol("bearer, t0ken", subprotocols=["bearer, t0ken"]) == "t0ken"
    assert subprotocol(subprotocols=["bearer", "t0ken"]) == "t0ken"
    assert subprotocol(subprotocols=["bearer", "t="]) is MALFORMED


@pytest.mark.parametrize(
    "lines",
    [
        ["bearer"],
        ["chat, bearer"],
        ["bearer,"],
        ["bearer, "],
        ["bearer,,t0ken"],
        [",bearer,t0ken"],
        ["bearer, t0ken="],
        ["bearer, a/b"],
        ['bearer, "t0ken"'],
        ["bearer, t\xf6ken"],
        ["bearer, t0 ken"],
        ["bearer, t\x00"],
        ["bearer, a, bearer, b"],
        ["bearer, bearer"],
        ["bearer, a, a"],
        ["bearer, a", "bearer, a"],
        ["bearer, " + "a" * (MAX_SECRET + 1)],
    ],
)
def test_subprotocol_pair_that_is_irregular_is_malformed(lines: list[str]):
    """RFC 6455 §4.1: distinct tokens. Browsers cannot send anything else; servers pass it on all the same."""
    assert subprotocol(*lines) is MALFORMED


@pytest.mark.parametrize(
    "lines", [[], ["chat"], ["Bearer, t0ken"], ["t0ken"], ["chat,,v2"], [""], ["bearer.t0ken"], ['"bearer", a']]
)
def test_offer_without_the_marker_is_none(lines: list[str]):
    """Subprotocol names are case-sensitive; an irregular offer that is not about credentials is the application's."""
    assert subprotocol(*lines) is None


@pytest.mark.parametrize(
    ("lines", "header", "names"),
    [
        (["bearer, t0ken"], [], []),
        (["chat, bearer, t0ken, v2"], [b"chat, v2"], ["chat", "v2"]),
        (["chat, bearer", "t0ken, v2"], [b"chat, v2"], ["chat", "v2"]),
        (["chat, bearer"], [b"chat"], ["chat"]),
        (["bearer, a, bearer, b"], [], []),
        (["chat, bearer, t="], [], []),
    ],
)
def test_subprotocol_pair_is_stripped_from_list_and_header(lines: list[str], header: list[bytes], names: list[str]):
    """The application offers what is left in the place where it stood; of an irregular offer nothing is left."""
    raw = [("SEC-WebSocket-Protocol", line) for line in lines]
    scope = scope_of(("Host", "a"), *raw, ("x", "1"), subprotocols=["what the server made of it"])
    Subprotocol().strip(scope)
    expected = [(b"sec-websocket-protocol", line) for line in header]
    assert scope["headers"] == [(b"Host", b"a"), *expected, (b"x", b"1")]
    assert scope["subprotocols"] == names


def test_subprotocol_pair_is_stripped_where_there_is_no_header():
    """A test client's list stays a list, and no header appears."""
    scope = scope_of(subprotocols=["chat", "bearer", "t0ken"])
    Subprotocol().strip(scope)
    assert (scope["subprotocols"], scope["headers"]) == (["chat"], [])


@pytest.mark.parametrize("line", ["chat, v2", "chat,,chat", "\xf6", "Bearer, t0ken"])
def test_offer_without_the_marker_stays(line: str):
    """What holds no credential of this place is not touched, regular or not."""
    scope = scope_of(("Sec-WebSocket-Protocol", line), subprotocols=[line])
    before = copy.deepcopy(scope)
    Subprotocol().strip(scope)
    assert scope == before


def test_scope_offers_exactly_the_names_given():
    """Where wsauth has accepted already, the application can choose only what was chosen."""
    scope = scope_of(("sec-websocket-protocol", "a, b"), ("x", "1"), ("sec-websocket-protocol", "c"))
    offer_subprotocols(scope, ("b",))
    assert scope["subprotocols"] == ["b"]
    assert scope["headers"] == [(b"sec-websocket-protocol", b"b"), (b"x", b"1")]
    assert Handshake.from_scope(scope).subprotocols == ("b",)


@pytest.mark.parametrize("marker", ["", "a b", "a,b", "\xf6", None, 5])
def test_marker_that_no_browser_could_offer_does_not_start(marker: Any):
    """`new WebSocket(url, [marker, token])` throws on it."""
    with pytest.raises(ConfigurationError, match=r"Subprotocol\(.*write"):
        Subprotocol(marker)


# --- all of them ------------------------------------------------------------------------------------------------------

LOCATIONS = [Query("token"), Header(), Header("X-API-Key"), Header(scheme="Token"), Cookie("jwt"), Subprotocol()]
EXPLICIT = [location for location in LOCATIONS if not location.ambient]

words = st.sampled_from(
    ["token", "t%6Fken", "bearer", "Bearer", "Token", "jwt", "t0ken", "a", "%zz", "\xf6", "", "=", "chat"]
)
glue = st.sampled_from(["=", "&", ",", ", ", ";", " ", "\t", '"', "%", "\x00"])
texts = st.lists(words | glue, max_size=8).map("".join)
names = st.sampled_from(
    ["Authorization", "x-api-key", "Cookie", "Sec-WebSocket-Protocol", "Host", "AUTHORIZATION", "x_api_key"]
)
scopes = st.builds(
    lambda headers, query, offered: scope_of(*headers, query=query, subprotocols=offered),
    st.lists(st.tuples(names, texts), max_size=5),
    texts,
    st.lists(words, max_size=3),
)


@bounded
@given(scope=scopes, location=st.sampled_from(EXPLICIT))
def test_what_was_stripped_is_not_read_again(scope: dict[str, Any], location: Location):
    """After `strip` no reader finds a credential there, whatever spelling it had and whatever stood beside it."""
    location.strip(scope)
    assert read(location, Handshake.from_scope(scope)) is None


@bounded
@given(scope=scopes, location=st.sampled_from(EXPLICIT))
def test_what_is_no_credential_is_not_stripped(scope: dict[str, Any], location: Location):
    """Where nothing was read the scope stays as the server made it; stripping twice strips nothing more."""
    before = copy.deepcopy(scope)
    nothing = read(location, Handshake.from_scope(scope)) is None
    location.strip(scope)
    if nothing:
        assert scope == before
    after = copy.deepcopy(scope)
    location.strip(scope)
    assert scope == after


@bounded
@given(scope=scopes, location=st.sampled_from(LOCATIONS))
def test_other_locations_find_what_they_found(scope: dict[str, Any], location: Location):
    """Stripping one place leaves the credentials of all others where they are, in their order."""
    others = [other for other in LOCATIONS if other != location and not _same_header(other, location)]
    before = [read(other, Handshake.from_scope(scope)) for other in others]
    location.strip(scope)
    assert [read(other, Handshake.from_scope(scope)) for other in others] == before


def _same_header(one: Location, other: Location) -> bool:
    return isinstance(one, Header) and isinstance(other, Header) and one.name.lower() == other.name.lower()


@bounded
@given(headers=st.lists(st.tuples(names, st.binary(max_size=60)), max_size=4), query=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(headers: list[tuple[str, bytes]], query: bytes):
    """What is read is visible ASCII of a sane size; nothing but a refusal is ever raised."""
    handshake = handshake_of(*headers, query=query)
    for location in LOCATIONS:
        found = read(location, handshake)
        assert found in (None, MALFORMED) or (found.isascii() and found.isprintable() and 0 < len(found) <= MAX_SECRET)


@pytest.mark.parametrize(
    ("location", "handshake"),
    [
        (Query(), handshake_of(query="token=planted%00")),
        (Query(), handshake_of(query="token=planted&token=planted")),
        (Header(), handshake_of(("authorization", "Bearer planted planted"))),
        (Header("X-API-Key"), handshake_of(("x-api-key", "planted planted"))),
        (Cookie("jwt"), handshake_of(("cookie", "jwt=planted; jwt=planted2"))),
        (Subprotocol(), handshake_of(("sec-websocket-protocol", "bearer, planted="))),
    ],
)
def test_explanation_of_a_refusal_quotes_no_credential(location: Location, handshake: Handshake):
    """The detail goes into the log."""
    with pytest.raises(Exception, match=r".") as caught:
        location.read(handshake)
    assert "planted" not in str(caught.value)
    assert "planted" not in repr(handshake)


@pytest.mark.parametrize("location", LOCATIONS)
def test_every_place_is_a_location(location: object):
    """The protocol that users implement is the one that wsauth's own places satisfy."""
    assert isinstance(location, Location)
