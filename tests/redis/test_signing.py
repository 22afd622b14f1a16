"""Who wrote a record: any secret verifies, the first signs."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis_nodes import revoking

from wsauth.redis.signing import Forged, Key, Keyring, UnknownKey
from wsauth.revocation.record import MAX_BODY, UnknownVersion
from wsauth.revocation.said import said_by

FIRST, SECOND = "the first secret of all", b"the second secret of all"


def test_what_is_sealed_is_opened():
    """By whoever has the secret, at whatever place."""
    record = revoking("alice")(1000.0)
    sealed = Keyring([SECOND], "test").seal(record)
    assert Keyring([FIRST, SECOND], "test").open(*sealed) == said_by(record)
    assert Keyring([SECOND, FIRST], "test").seal(record) == sealed != Keyring([FIRST, SECOND], "test").seal(record)


@given(st.binary(max_size=32), st.binary(max_size=300))
def test_the_signature_is_that_of_hmac(key, body):
    """With a key that was prepared, as RFC 2104 describes it."""
    assert Key(key).sign(body) == hmac.new(key, body, hashlib.sha256).hexdigest().encode()


def test_what_was_changed_is_not_opened():
    """A body, or a signature by another secret."""
    body, name, signature = Keyring([FIRST], "test").seal(revoking("alice")(1000.0))
    _, other, by_another = Keyring([SECOND], "test").seal(revoking("alice")(1000.0))
    ring = Keyring([FIRST], "test")
    for forged in ((body + b" ", name, signature), (body, name, by_another), (body, name, b"\xff"), (body, name, b"")):
        with pytest.raises(Forged):
            ring.open(*forged)
    with pytest.raises(UnknownKey):
        ring.open(body, other, by_another)


def test_what_was_signed_for_another_namespace_is_not_opened():
    """Whoever can write to Redis could copy it there, where the same subject is another user."""
    sealed = Keyring([FIRST], "staging").seal(revoking("alice")(1000.0))
    with pytest.raises(Forged):
        Keyring([FIRST], "production").open(*sealed)


def test_what_is_long_is_not_even_hashed():
    """4 KiB is the most, signed or not."""
    ring = Keyring([FIRST], "test")
    _, name, _ = ring.seal(revoking("alice")(1000.0))
    with pytest.raises(Forged, match="long"):
        ring.open(b"x" * (MAX_BODY + 1), name, b"")


def test_a_later_version_is_no_forgery():
    """What is signed is ours, and may be more than is understood here."""
    ring = Keyring([FIRST], "test")

    class Later:
        def encode(self):
            return b'{"v":2}'

    with pytest.raises(UnknownVersion):
        ring.open(*ring.seal(Later()))


def test_the_name_of_a_key_does_not_tell_it():
    """It stands in Redis beside every record."""
    _, name, _ = Keyring([FIRST], "test").seal(revoking("alice")(1000.0))
    assert len(name) == 8
    assert FIRST not in repr(Keyring([FIRST], "test"))
