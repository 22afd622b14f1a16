"""What a stranger can make the core do before anybody is known: little, however much is sent."""

import contextlib
import sys

import pytest

from wsauth.core.errors import InvalidCredentials
from wsauth.core.handshake import Handshake
from wsauth.core.location import MAX_PARTS
from wsauth.core.locations import Cookie, Query, Subprotocol


def calls(function):
    """How many calls it makes, of C functions too."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def scope(query=b"", **headers):
    lines = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {"type": "websocket", "path": "/", "query_string": query, "headers": lines}


BIG = {
    "query of small parts": (Query("token"), scope(b"a&" * 30_000)),
    "query of encoded names": (Query("token"), scope(b"%74oken=&" * 6_000)),
    "query of one encoded value": (Query("token"), scope(b"token=" + b"%41" * 20_000)),
    "cookies": (Cookie("jwt"), scope(cookie=b"a;" * 30_000)),
    "subprotocols": (Subprotocol("bearer"), scope(sec_websocket_protocol=b"a," * 30_000)),
    "subprotocols with the marker": (Subprotocol("bearer"), scope(sec_websocket_protocol=b"bearer," + b"a," * 30_000)),
}


@pytest.mark.parametrize("what", BIG)
def test_sixty_kilobytes_are_read_and_stripped_in_a_few_hundred_calls(what):
    """Beyond its cap a list is refused, not searched."""
    location, big = BIG[what]

    def handle():
        handshake = Handshake.from_scope(big)
        location.strip(dict(big)) if isinstance(location, Query) else None
        with contextlib.suppress(InvalidCredentials):
            assert location.read(handshake) is None

    assert calls(handle) < 1500


def test_more_than_a_thousand_parameters_are_malformed():
    """As many are read."""
    with pytest.raises(InvalidCredentials, match="more than 1000"):
        Query("t").read(Handshake.from_scope(scope(b"a&" * MAX_PARTS + b"t=x")))
    assert Query("t").read(Handshake.from_scope(scope(b"a&" * (MAX_PARTS - 1) + b"t=x"))).secret == "x"


def test_a_query_that_is_too_long_to_search_is_hidden_as_a_whole():
    """The server would log it."""
    big = scope(b"a&" * MAX_PARTS + b"token=x")
    Query("token").strip(big)
    assert big["query_string"] == b""
