"""The live connections of this process, by key."""

import threading

from revocation.live import Socket
from wsauth.revocation.registry import Registry


def added(registry, *sockets):
    for socket in sockets:
        registry.add(socket, socket.identity)
    return sockets


def test_a_connection_is_found_by_every_key():
    """And by no other, nor under another kind."""
    registry = Registry()
    socket, other = added(
        registry, Socket("alice", session_id="s", token_id="t", key_id="k", labels={"device": "phone"}), Socket("bob")
    )
    for key in [("subject", "alice"), ("session_id", "s"), ("token_id", "t"), ("key_id", "k"), ("device", "phone")]:
        assert registry.matching(frozenset({key})) == [socket]
        assert registry.matching(frozenset({key, ("subject", "bob")})) == []
        assert registry.matching(frozenset({("other", key[1])})) == []
    assert registry.matching(frozenset({("subject", "bob")})) == [other]


def test_several_keys_must_all_be_borne():
    """By the same connection."""
    registry = Registry()
    one, two = added(registry, Socket("alice", session_id="one"), Socket("alice", session_id="two"))
    assert set(registry.matching(frozenset({("subject", "alice")}))) == {one, two}
    assert registry.matching(frozenset({("subject", "alice"), ("session_id", "two")})) == [two]


def test_adding_again_moves():
    """One connection stands under one identity."""
    registry, socket = Registry(), Socket("alice", session_id="s")
    added(registry, socket)
    assert registry.keys(socket) == (("subject", "alice"), ("session_id", "s"))
    registry.add(socket, Socket("bob").identity)
    assert (len(registry), list(registry), registry.keys(socket)) == (1, [socket], (("subject", "bob"),))
    assert registry.matching(frozenset({("subject", "alice")})) == []
    assert registry.matching(frozenset({("subject", "bob")})) == [socket]


def test_removing_leaves_nothing():
    """However often, and also what was never there."""
    registry = Registry()
    one, two = added(registry, Socket("alice", session_id="one"), Socket("alice"))
    for socket in (one, one, Socket()):
        registry.remove(socket)
    assert (list(registry), registry.keys(one)) == ([two], None)
    registry.remove(two)
    assert (len(registry), registry._live, registry._keys) == (0, {}, {})


def test_an_anonymous_connection_is_counted_and_found_by_nobody():
    """It has no name."""
    registry = Registry()
    (socket,) = added(registry, Socket(""))
    assert (len(registry), registry._live) == (1, {})
    registry.remove(socket)
    assert len(registry) == 0


def test_connections_come_and_go_while_others_are_looked_for():
    """On any thread."""
    registry, failures = Registry(), []

    def churn():
        try:
            for _ in range(300):
                (socket,) = added(registry, Socket("alice", loop=object()))
                assert socket in registry.matching(frozenset({("subject", "alice")}))
                list(registry)
                registry.remove(socket)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, len(registry), registry._live) == ([], 0, {})
