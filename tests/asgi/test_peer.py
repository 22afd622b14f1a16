"""Who counts as one peer."""

import pytest

from wsauth.asgi.peer import LONGEST, peer_of


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("", ""),
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:443", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("2001:db8:0:1::1", "2001:0db8:0000:0001::/64"),
        ("2001:db8:0:1:ffff::", "2001:0db8:0000:0001::/64"),
        ("[2001:db8:0:1::1]:443", "2001:0db8:0000:0001::/64"),
        ("fe80::1%eth0", "fe80:0000:0000:0000::/64"),
        ("testclient", "testclient"),
        ("a:b:c\0", "a:b:c\0"),
        ("x" * 10_000, "x" * LONGEST),
    ],
)
def test_an_address_is_one_peer_with_its_network(address, peer):
    """64 bits of IPv6, all of IPv4 however it is written, and any other name as it is."""
    assert peer_of(address) == peer
