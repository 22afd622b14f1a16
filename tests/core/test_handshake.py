"""The opening handshake, read once. Nothing that a client sends makes the reading fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.handshakes import handshake_of, scope_of
from wsauth.core.handshake import Handshake, is_token

bounded = settings(max_examples=200, derandomize=True, deadline=None)
lines = st.lists(
    st.tuples(
        st.sampled_from([b"origin", b"Host", b"cookie", b"authorization", b"SEC-WebSocket-Protocol", b"x"])
        | st.binary(max_size=20),
        st.binary(max_size=80),
    ),
    max_size=8,
)


@bounded
@given(headers=lines, query=st.binary(max_size=80), subprotocols=st.lists(st.text(max_size=10), max_size=3))
def test_any_bytes_make_a_handshake(headers: list[tuple[bytes, bytes]], query: bytes, subprotocols: list[str]):
    """Reading never raises, whatever the header lines hold, and a valid offer is a list of distinct tokens."""
    handshake = Handshake.from_scope({"headers": headers, "query_string": query, "subprotocols": subprotocols})
    assert handshake.is_secure in (True, False)
    offer = handshake.subprotocols
    assert offer is None or (all(map(is_token, offer)) and len(set(offer)) == len(offer))


def test_an_empty_scope_makes_a_handshake():
    """ASGI: client, scheme, headers, query string and subprotocols are optional."""
    assert Handshake.from_scope({}) == Handshake(path="")


def test_secrets_stay_out_of_the_repr():
    """A handshake is logged; its query string, headers and subprotocols may hold credentials."""
    handshake = handshake_of(
        ("authorization", "Bearer planted"),
        ("cookie", "session=planted"),
        ("sec-websocket-protocol", "bearer, planted"),
        query="token=planted",
    )
    assert "planted" not in repr(handshake)


def test_header_names_have_no_case():
    """RFC 9110 §5.1: field names are case-insensitive, in the scope and in the question."""
    handshake = handshake_of(("X-Tenant", "a"), ("x-tenant", "b"), ("x_tenant", "c"))
    assert handshake.header(b"X-TENANT") == [b"a", b"b"]


@pytest.mark.parametrize(
    ("client", "expected"),
    [(("10.0.0.1", 5), "10.0.0.1"), (["::1", 5], "::1"), (None, ""), ((None, None), ""), (("", 0), "")],
)
def test_the_client_is_its_address_or_nothing(client: Any, expected: str):
    """Servers behind a UNIX socket know no client."""
    assert handshake_of(client=client).client == expected


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ([], "wss"),
        ([], "https"),
        ([("x-forwarded-proto", "https")], "ws"),
        ([("X-Forwarded-Proto", "http, HTTPS")], "ws"),
        ([("x-forwarded-proto", "wss")], "ws"),
        ([("x-forwarded-proto", "http"), ("x-forwarded-proto", "https")], "ws"),
        ([("forwarded", 'for=10.0.0.1;proto="https"')], "ws"),
        ([("forwarded", "Proto=HTTPS;by=1")], "ws"),
        ([("forwarded", "proto=wss")], "ws"),
    ],
)
def test_tls_is_known_from_the_scheme_or_claimed_by_a_proxy(headers: list[tuple[str, str]], scheme: str):
    """A claim is believed where believing it can only tighten."""
    assert handshake_of(*headers, scheme=scheme).is_secure


@pytest.mark.parametrize(
    "headers",
    [[], [("x-forwarded-proto", "http")], [("forwarded", "for=https;proto=http")], [("x-forwarded-proto", "")]],
)
def test_without_tls_and_without_a_claim_it_is_not_secure(headers: list[tuple[str, str]]):
    """A forwarded header that claims http never makes a TLS connection insecure."""
    assert not handshake_of(*headers, scheme="ws").is_secure
    assert handshake_of(*headers, scheme="wss").is_secure


@pytest.mark.parametrize(
    ("raw", "offer"),
    [
        (["chat, bearer,t0ken"], ("chat", "bearer", "t0ken")),
        (["chat", "bearer , t0ken\t"], ("chat", "bearer", "t0ken")),
        (["chat"], ("chat",)),
        ([], ()),
        ([""], None),
        (["a,,b"], None),
        (["a,"], None),
        ([",a"], None),
        (["a, a"], None),
        (["a", "a"], None),
        (["a b"], None),
        (['"a"'], None),
        (["a=="], None),
        (["a/b"], None),
        (["t\xf6ken"], None),
        (["a\x00"], None),
        (["a\xa0"], None),
    ],
)
def test_the_offer_is_read_from_the_raw_lines(raw: list[str], offer: tuple[str, ...] | None):
    """RFC 6455 §4.1: one or more distinct tokens; anything else is no offer that could be answered."""
    headers = [("Sec-WebSocket-Protocol", line) for line in raw]
    assert handshake_of(*headers).subprotocols == offer


def test_the_raw_lines_win_over_the_servers_list():
    """granian joins the offered subprotocols into one string."""
    joined = handshake_of(("sec-websocket-protocol", "a, b"), subprotocols=["a, b"])
    assert joined.subprotocols == ("a", "b")
    assert handshake_of(("sec-websocket-protocol", "a, b"), subprotocols=["c"]).subprotocols == ("a", "b")


def test_without_raw_lines_the_servers_list_counts():
    """Channels' communicator gives the list only."""
    assert handshake_of(subprotocols=["bearer", "t0ken"]).subprotocols == ("bearer", "t0ken")
    assert handshake_of(subprotocols=["bearer, t0ken"]).subprotocols == ("bearer", "t0ken")
    assert handshake_of(subprotocols=["bearer", "t="]).subprotocols is None
    assert handshake_of(subprotocols=None).subprotocols == ()


def test_reading_does_not_change_the_scope():
    """The server's scope is the server's."""
    scope = scope_of(("Host", "a"), ("Sec-WebSocket-Protocol", "a, b"), query="a=1")
    before = {key: value.copy() if isinstance(value, list) else value for key, value in scope.items()}
    Handshake.from_scope(scope)
    assert scope == before


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a\n", "\xf6", "a/b", 'a"b', "a=b", None, b"a", 5])
def test_what_is_no_token(name: Any):
    """RFC 9110 §5.6.2."""
    assert not is_token(name)
