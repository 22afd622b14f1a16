"""Which pages may connect. Everything that is not exactly an allowed origin is foreign."""

from __future__ import annotations

from typing import Any

import pytest
from effort import calls
from hypothesis import given, settings
from hypothesis import strategies as st

from core.handshakes import handshake_of
from wsauth.core.errors import ConfigurationError
from wsauth.core.handshake import Handshake
from wsauth.core.origins import (
    AnyOrigin,
    OriginRule,
    Origins,
    OriginVerdict,
    SameHost,
    SameHostOrAbsent,
    host_matches,
    parse_host,
    parse_origin,
)

ALLOWED, ABSENT, FOREIGN = OriginVerdict.ALLOWED, OriginVerdict.ABSENT, OriginVerdict.FOREIGN
APP = "https://app.example.com"
bounded = settings(max_examples=300, derandomize=True, deadline=None)

LOOK_ALIKES = [
    "https://app.example.com.evil.com",
    "https://evilapp.example.com",
    "https://evil.com/app.example.com",
    "https://example.com",
    "https://evil.app.example.com",
    "https://app.example.com@evil.com",
    "https://evil.com@app.example.com",
    "https://app.example.com:443@evil.com",
    "https://app.example.com#evil.com",
    "https://app.example.com/#",
    "https://app.example.com?evil.com",
    "https://app.example.com\\evil.com",
    "https://app.example.com\\@evil.com",
    "https:\\\\app.example.com",
    "https://app.example.com.",
    "https://app.example.com.:443",
    "https://app%2eexample%2ecom",
    "https://app.example.com%2eevil.com",
    "https://app.exampl\xe9.com",
    "https://\xe0pp.example.com",
    "https://xn--pp-example-com",
    "https://app_example.com",
    "https://app-example.com",
    "https://app..example.com",
    "https://.app.example.com",
    "http://app.example.com",
    "http://app.example.com:443",
    "wss://app.example.com",
    "https://app.example.com:80",
    "https://app.example.com:8443",
    "https://app.example.com:4430",
]
MALFORMED = [
    "",
    " ",
    "null",
    "NULL",
    "*",
    "https",
    "https:",
    "https://",
    "https:///",
    "://app.example.com",
    "//app.example.com",
    "app.example.com",
    "https:app.example.com",
    "https:/app.example.com",
    "https://app.example.com/",
    "https://app.example.com/ws",
    "https://app.example.com:",
    "https://app.example.com:abc",
    "https://app.example.com:-443",
    "https://app.example.com:+443",
    "https://app.example.com:4 43",
    "https://app.example.com:0",
    "https://app.example.com:0443",
    "https://app.example.com:65536",
    "https://app.example.com:99999",
    "https://app.example.com:443443",
    "https://app.example.com:443:443",
    "https://[",
    "https://]",
    "https://[]",
    "https://[::1",
    "https://::1",
    "https://[::g]",
    "https://[1:2:3]",
    "https://[fe80::1%25eth0]",
    "https://[fe80::1%eth0]",
    "https://[::1].example.com",
    "https://app.example.com\x00",
    "\x00https://app.example.com",
    "https://app.example.com\n",
    "https://app.example.com\r\nHost: evil.com",
    "https://app.example.com\t",
    " https://app.example.com",
    "https://app.example.com ",
    "https://app.example.com,https://app.example.com",
    "https://app.example.com, https://evil.com",
    "https://app.example.com https://evil.com",
    "1https://app.example.com",
    "-https://app.example.com",
    "https://app.example.com" + "a" * 5000 + "!",
    "https://" + "a." * 2500,
    "file://",
    "data:text/html,a",
    "about:blank",
    "\xef\xbb\xbfhttps://app.example.com",
]


def sent(*origins: str, host: str | None = "app.example.com", headers: Any = (), **more: Any) -> Handshake:
    lines = [("Origin", origin) for origin in origins]
    hosts = [] if host is None else [("Host", host)]
    return handshake_of(*hosts, *lines, *headers, **more)


# --- configured origins -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", LOOK_ALIKES + MALFORMED)
def test_what_only_looks_like_an_allowed_origin_is_foreign(origin: str):
    """RFC 6454 §5: same scheme, same host, same port. There is no suffix, prefix, path or user name to it."""
    assert Origins(APP).check(sent(origin)) is FOREIGN


@pytest.mark.parametrize(
    ("configured", "origin"),
    [
        (APP, APP),
        (APP + "/", APP),
        (APP + ":443", APP),
        (APP, APP + ":443"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("HTTPS://App.Example.COM", APP),
        (APP, "HTTPS://APP.EXAMPLE.COM"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://Bücher.example:8443/", "https://XN--BCHER-KVA.example:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://xn--strae-oqa.de", "https://xn--strae-oqa.de"),
        ("https://[::1]", "https://[0:0:0:0:0:0:0:1]"),
        ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://[::ffff:1.2.3.4]", "https://[::ffff:102:304]"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://my_host.example.com", "https://my_host.example.com"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("moz-extension://2f1c-4a", "moz-extension://2f1c-4a"),
        ("app://a:65535", "app://a:65535"),
    ],
)
def test_spellings_of_one_origin_are_equal(configured: str, origin: str):
    """Default ports, case, international names and IPv6 short forms compare as browsers compare them."""
    assert Origins(configured).check(sent(origin)) is ALLOWED
    assert Origins("https://other.example", configured).check(sent(origin)) is ALLOWED


@pytest.mark.parametrize(
    "origin",
    [
        "capacitor://localhost:80",
        "capacitor://evil",
        "capacitor2://localhost",
        "http://localhost",
        "capacitor:localhost",
    ],
)
def test_custom_schemes_are_exact(origin: str):
    """A custom scheme has no default port and is nobody else's."""
    assert Origins("capacitor://localhost").check(sent(origin)) is FOREIGN


def test_two_origins_are_no_origin():
    """Servers disagree on which of two lines counts, so neither does, even if both are allowed."""
    assert Origins(APP).check(sent(APP, APP)) is FOREIGN
    assert Origins(APP).check(sent(APP, "https://evil.com")) is FOREIGN
    assert Origins(APP).check(sent("https://evil.com", APP)) is FOREIGN


def test_no_origin_is_absent():
    """Native clients send none; other headers do not stand in for it."""
    others = [("Referer", APP + "/"), ("Sec-WebSocket-Origin", APP), ("X-Origin", APP), ("Origin_", APP)]
    assert Origins(APP).check(sent(headers=others)) is ABSENT


@pytest.mark.parametrize(
    ("origins", "advice"),
    [
        ([], r"SameHost\(\)"),
        (["*"], r"AnyOrigin\(\)"),
        (["null"], "real origins"),
        ([""], "https://app.example.com"),
        (["app.example.com"], "https://app.example.com"),
        (["app.example.com:443"], "https://app.example.com"),
        (["//app.example.com"], "https://app.example.com"),
        (["https://"], "https://app.example.com"),
        (["https://app.example.com/ws"], "without a path"),
        (["https://app.example.com//"], "without a path"),
        (["https://app.example.com?a"], "https://app.example.com"),
        (["https://*.example.com"], "pattern"),
        (["*.example.com"], "pattern"),
        ([".example.com"], "https://app.example.com"),
        (["https://.example.com"], "https://app.example.com"),
        (["https://a@app.example.com"], "https://app.example.com"),
        (["https://app.example.com:0"], "port"),
        (["https://app.example.com:65536"], "port"),
        (["https://app.example.com."], "https://app.example.com"),
        (["https://1.2.3.4.5"], "https://app.example.com"),
        (["https://1.2.3"], "https://app.example.com"),
        (["http://256.0.0.1"], "https://app.example.com"),
        (["http://127.0.0.01"], "https://app.example.com"),
        (["http://0x7f.1"], "https://app.example.com"),
        (["https://example.1"], "https://app.example.com"),
        ([f"https://{'a' * 64}.example"], "https://app.example.com"),
        (["https://[fe80::1%25eth0]"], "https://app.example.com"),
        (["https://straße.de"], "xn--"),
        (["https://\uff41pp.example.com"], "xn--"),
        (["https://ü..example.com"], "xn--"),
        (["bücher.example"], "https://app.example.com"),
        (["wss://app.example.com"], "write 'https://app.example.com'"),
        (["ws://localhost:8000"], "write 'http://localhost:8000'"),
        ([[APP]], "each origin as a text"),
        ([None], "each origin as a text"),
        ([APP, 5], "each origin as a text"),
        (["htps://app.example.com"], r"write 'https://app.example.com', or .* schemes=\['htps'\]"),
        (["httpss://app.example.com:8443"], "write 'https://app.example.com:8443'"),
        (["HTP://localhost:3000"], "write 'http://localhost:3000'"),
        (["capacitr://localhost"], "write 'capacitor://localhost'"),
        (["ftp://app.example.com"], "no page has the scheme 'ftp'"),
        (["myapp://localhost"], r"schemes=\['myapp'\]"),
    ],
)
def test_configured_origin_that_is_none_says_what_to_write(origins: list[Any], advice: str):
    """Patterns, `null` and half an origin do not start. A name that Python and browsers encode differently neither."""
    with pytest.raises(ConfigurationError, match=advice) as caught:
        Origins(*origins)
    assert str(caught.value).startswith("Origins(")


def test_a_scheme_of_ones_own_is_named():
    """An application shell may serve its pages under whatever scheme its maker chose."""
    rule = Origins("MyApp://localhost", APP, schemes=["myApp"])
    assert rule.check(sent("myapp://localhost")) is ALLOWED
    assert rule.check(sent(APP)) is ALLOWED
    for schemes in ("myapp", [5]):
        with pytest.raises(ConfigurationError, match=r'write a list of names, as schemes=\["myapp"\]'):
            Origins("myapp://localhost", schemes=schemes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "scheme", ["null", "NULL", "file", "data", "blob", "about", "javascript", "filesystem", "wss", "ws"]
)
def test_a_scheme_whose_pages_have_no_origin_cannot_be_named(scheme: str):
    """Any site can make such a page, as a sandboxed frame."""
    with pytest.raises(ConfigurationError, match=r'any site.* schemes=\["myapp"\]'):
        Origins(APP, schemes=[scheme])


@pytest.mark.parametrize("scheme", ["", "*", "my app", "myapp://", "myapp:", "1app"])
def test_what_is_no_scheme_cannot_be_named(scheme: str):
    """No Origin would ever have it."""
    with pytest.raises(ConfigurationError, match=r'write the name alone, as schemes=\["myapp"\]'):
        Origins(APP, schemes=[scheme])


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:3000", "http://0.0.0.0:8000", "https://3com.example", "http://[::1]", "https://x"]
)
def test_hosts_that_can_be_are_taken(origin: str):
    """Addresses as browsers write them, names with digits, names of a network at home."""
    assert Origins(origin).check(sent(origin)) is ALLOWED


# --- the host of the handshake ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (APP, "app.example.com", "wss"),
        (APP, "APP.example.com:443", "wss"),
        (APP + ":443", "app.example.com", "wss"),
        ("http://localhost:8000", "localhost:8000", "ws"),
        ("http://localhost", "localhost", "ws"),
        ("http://localhost", "localhost:80", "ws"),
        ("http://[::1]:8000", "[0::1]:8000", "ws"),
        ("http://my_host:8000", "my_host:8000", "ws"),
        (APP, "app.example.com", "ws"),  # a proxy that ends TLS
        (APP, "app.example.com:443", "ws"),
        (APP + ":8443", "app.example.com:8443", "ws"),
    ],
)
def test_page_of_the_same_host_is_allowed(origin: str, host: str, scheme: str):
    """The Host header names where the handshake was sent; behind a proxy that ends TLS only the Origin says https."""
    assert SameHost().check(sent(origin, host=host, scheme=scheme)) is ALLOWED


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://app.example.com", "app.example.com", "wss"),  # downgrade
        ("http://app.example.com", "app.example.com:443", "wss"),
        ("http://app.example.com:443", "app.example.com:443", "wss"),
        (APP, "app.example.com:80", "ws"),
        (APP, "app.example.com:8443", "wss"),
        ("http://localhost:3000", "localhost:8000", "ws"),
        ("http://localhost:8000", "localhost", "ws"),
        ("http://127.0.0.1:8000", "localhost:8000", "ws"),
        ("https://evil.com", "app.example.com", "ws"),
        ("capacitor://app.example.com", "app.example.com", "ws"),
        ("wss://app.example.com", "app.example.com", "wss"),
    ],
)
def test_page_of_another_host_port_or_scheme_is_foreign(origin: str, host: str, scheme: str):
    """Where https is known the Origin must be https."""
    assert SameHost().check(sent(origin, host=host, scheme=scheme)) is FOREIGN


@pytest.mark.parametrize("origin", MALFORMED)
def test_malformed_origin_is_foreign_whatever_the_host_says(origin: str):
    """An Origin and a Host that are malformed alike are not the same host."""
    assert SameHost().check(sent(origin, host=origin)) is FOREIGN
    assert SameHost().check(sent(origin)) is FOREIGN
    assert SameHostOrAbsent().check(sent(origin)) is FOREIGN
    assert AnyOrigin().check(sent(origin)) is FOREIGN


@pytest.mark.parametrize(
    "host",
    [
        "",
        "app.example.com/x?",
        "a@app.example.com",
        "app.example.com#",
        "app.example.com:",
        "app.example.com:443:443",
        ".",
        "app.example.com:0",
        "app.example.com.",
        "app.example.com, app.example.com",
        "app.example.com\x00",
        "[",
        "*",
        None,
        "https://app.example.com",
        "app.example.com\\",
        " app.example.com",
        "àpp.example.com",
        "app.example.com:https",
    ],
)
def test_malformed_or_missing_host_is_nobodys(host: str | None):
    """RFC 9110 §7.2: host and optional port."""
    assert SameHost().check(sent(APP, host=host)) is FOREIGN


def test_two_hosts_are_no_host():
    """RFC 9112 §3.2: a request with more than one Host line is to be refused."""
    assert SameHost().check(sent(APP, headers=[("host", "app.example.com")])) is FOREIGN
    assert SameHost().check(sent("https://evil.com", headers=[("host", "evil.com")])) is FOREIGN


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-Host", "evil.com")],
        [("X-Forwarded-Host", "evil.com"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443")],
        [("Forwarded", "host=evil.com;proto=https")],
        [("X-Host", "evil.com"), ("X-Original-Host", "evil.com"), ("X-Forwarded-Server", "evil.com")],
        [("Referer", "https://app.example.com/"), ("Sec-WebSocket-Origin", APP)],
        [("Sec-Fetch-Site", "same-origin")],
    ],
)
def test_forwarded_headers_never_loosen(headers: list[tuple[str, str]]):
    """Any client can send them."""
    assert SameHost().check(sent("https://evil.com", headers=headers)) is FOREIGN


@pytest.mark.parametrize("headers", [[("X-Forwarded-Proto", "https")], [("Forwarded", "proto=https")]])
def test_forwarded_https_tightens(headers: list[tuple[str, str]]):
    """Where a proxy claims https, an http page of the same host is foreign; an https page stays allowed."""
    assert SameHost().check(sent("http://app.example.com")) is ALLOWED
    assert SameHost().check(sent("http://app.example.com", headers=headers)) is FOREIGN
    assert SameHost().check(sent(APP, headers=headers)) is ALLOWED


def test_forwarded_http_does_not_loosen():
    """A claim of http does not make a known TLS connection one over http."""
    claims = [("X-Forwarded-Proto", "http"), ("Forwarded", "proto=http")]
    assert SameHost().check(sent("http://app.example.com", headers=claims, scheme="wss")) is FOREIGN


@pytest.mark.parametrize(
    ("allowed", "verdict"),
    [
        (None, ALLOWED),
        (["app.example.com"], ALLOWED),
        (["App.Example.Com"], ALLOWED),
        ([".example.com"], ALLOWED),
        (("other.com", ".example.com"), ALLOWED),
        ({"*"}, ALLOWED),
        ((host for host in ["app.example.com"]), ALLOWED),
        (lambda: ["app.example.com"], ALLOWED),
        (lambda: None, ALLOWED),
        (["example.com"], FOREIGN),
        (["pp.example.com"], FOREIGN),
        ([".pp.example.com"], FOREIGN),
        (["app.example.com.evil.com"], FOREIGN),
        (list, FOREIGN),
        (lambda: ["other.com"], FOREIGN),
    ],
)
def test_allowed_hosts_bound_the_same_host(allowed: Any, verdict: OriginVerdict):
    """With DNS rebinding both Host and Origin are the attacker's; only a list of names tells."""
    rule = SameHost(allowed)
    assert rule.check(sent(APP)) is verdict
    assert rule.check(sent(APP)) is verdict  # a generator is not used up


def test_rebound_name_is_foreign():
    """Host and Origin agree, and neither is ours."""
    evil = sent("http://evil.com:8000", host="evil.com:8000")
    assert SameHost(["app.example.com"]).check(evil) is FOREIGN
    assert SameHostOrAbsent(["app.example.com"]).check(evil) is FOREIGN


@pytest.mark.parametrize("rule", [SameHost, SameHostOrAbsent])
@pytest.mark.parametrize("hosts", ["example.com", "", [], (), [None], [b"example.com"], 5, True, 1.5])
def test_allowed_hosts_that_are_no_names_do_not_start(rule: Any, hosts: Any):
    """One str would be taken for its letters, and an empty list refuses every page."""
    with pytest.raises(ConfigurationError, match=rf"{rule.__name__}\(allowed_hosts=.*write a list"):
        rule(allowed_hosts=hosts)


@pytest.mark.parametrize(
    "host",
    [
        "https://example.com",
        "example.com:8000",
        "example.com/",
        "*.example.com",
        "",
        ".",
        "a..b",
        "b\xfccher.example",
        "1.2.3.4.5",
    ],
)
@pytest.mark.parametrize("rule", [SameHost, SameHostOrAbsent])
def test_a_pattern_that_no_host_matches_is_refused_where_it_is_written(rule: Any, host: str):
    """Each page would be."""
    with pytest.raises(ConfigurationError, match=rf"{rule.__name__}\(allowed_hosts=.*write names alone"):
        rule(["app.example.com", host])


def test_hosts_of_an_async_function_are_refused():
    """Nobody would await it."""

    async def hosts() -> list[str]:
        return ["example.com"]

    with pytest.raises(ConfigurationError, match="write a plain `def`"):
        SameHost(hosts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "pattern", "matches"),
    [
        ("example.com", ".example.com", True),
        ("a.example.com", ".example.com", True),
        ("a.b.example.com", ".EXAMPLE.com", True),
        ("aexample.com", ".example.com", False),
        ("example.com", ".com.", False),
        ("[::1]", "[::1]", True),
        ("anything", "*", True),
        ("example.com", "", False),
    ],
)
def test_host_patterns_are_djangos(host: str, pattern: str, matches: bool):
    """`.example.com` is the name and everything below it."""
    assert host_matches(host, pattern) is matches


# --- without an Origin, and any Origin --------------------------------------------------------------------------------


def test_without_an_origin_only_the_weaker_rule_allows():
    """The named, weaker rule is for clients that are no browsers; what a browser sends is judged all the same."""
    assert SameHost().check(sent()) is ABSENT
    assert AnyOrigin().check(sent()) is ABSENT
    assert SameHostOrAbsent().check(sent()) is ALLOWED
    assert SameHostOrAbsent().check(sent("https://evil.com")) is FOREIGN
    assert SameHostOrAbsent().check(sent(APP, APP)) is FOREIGN
    assert SameHostOrAbsent().check(sent(APP)) is ALLOWED
    assert SameHostOrAbsent() != SameHost()
    assert repr(SameHostOrAbsent()) == "SameHostOrAbsent(allowed_hosts=None)"


@pytest.mark.parametrize("origin", ["https://evil.com", APP, "capacitor://localhost", "http://[::1]:8000"])
def test_any_well_formed_origin_is_any_origin(origin: str):
    """The rule for policies without cookies."""
    assert AnyOrigin().check(sent(origin)) is ALLOWED
    assert AnyOrigin().check(sent(origin, origin)) is FOREIGN


# --- parsing ----------------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    ["https", "http", "://", ":", "/", "[", "]", "::1", ".", "app", "com", "443", "65536", "@", "%2e", "\xe9"]
)
texts = st.lists(pieces, max_size=8).map("".join) | st.text(max_size=40)


@bounded
@given(texts)
def test_any_text_is_an_origin_or_none(text: str):
    """Parsing never raises, and what it returns is lower case, without blanks, and stays itself when parsed again."""
    origin = parse_origin(text)
    parse_host(text, "https")
    if origin is not None:
        scheme, host, port = origin
        assert host == host.lower()
        assert host.isascii()
        assert port is None or 0 < port < 65536
        assert parse_origin(f"{scheme}://{host}" + (f":{port}" if port else "")) == origin


@bounded
@given(st.lists(st.binary(max_size=40), max_size=2), st.lists(st.binary(max_size=40), max_size=2))
def test_any_header_bytes_are_judged(origins: list[bytes], hosts: list[bytes]):
    """Every rule answers with a verdict, and one Origin line at least is never ABSENT."""
    handshake = handshake_of(*(("origin", line) for line in origins), *(("host", line) for line in hosts))
    rules: list[OriginRule] = [Origins(APP), SameHost(), SameHost([".example.com"]), AnyOrigin()]
    for rule in rules:
        assert (rule.check(handshake) is ABSENT) is (not origins)


def test_letters_that_only_fold_to_ascii_are_no_ascii():
    """U+212A KELVIN SIGN lower-cases to "k": an origin is ASCII before it is folded (RFC 6454 §6.2)."""
    assert parse_origin("https://\u212a.com") is None
    assert parse_host("\u212a.com", "https") is None
    assert parse_origin("https://a\u017f.com") is None


@pytest.mark.parametrize(
    "text", ["https://" + "a" * 60_000, "https://" + "a." * 30_000, "https://[" + ":" * 60_000 + "]", "a://" * 15_000]
)
def test_long_origin_is_judged_at_once(text: str):
    """No spelling makes the parsing run long: its length is looked at, and nothing else."""
    rule, handshake = Origins(APP), sent(text)
    assert rule.check(handshake) is FOREIGN
    assert calls(lambda: rule.check(handshake)) < 50
