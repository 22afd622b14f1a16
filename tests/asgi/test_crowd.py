"""Sockets by peer, with the greediest at hand."""

import random
from collections import Counter
from dataclasses import dataclass

from wsauth.asgi.crowd import Crowd


@dataclass(eq=False)
class Socket:
    peer: str


def test_the_greediest_is_who_holds_the_most_whatever_came_and_went():
    """Compared with counting them all, over a few thousand random steps."""
    choose = random.Random(7)
    crowd, sockets = Crowd(), []
    for _ in range(3000):
        if sockets and choose.random() < 0.48:
            assert crowd.discard(gone := sockets.pop(choose.randrange(len(sockets))))
            assert not crowd.discard(gone)
        else:
            sockets.append(Socket(choose.choice("abcdefgh")))
            crowd.add(sockets[-1])
        counts = Counter(socket.peer for socket in sockets)
        assert len(crowd) == len(sockets)
        assert {peer: crowd.held_by(peer) for peer in counts} == counts
        counts["new"] += 1
        assert counts[crowd.greediest("new")] == max(counts.values())
        if counts["a"]:
            assert crowd.oldest_of("a") is next(socket for socket in sockets if socket.peer == "a")
