"""Every order in which a handshake and a revocation can meet.

A handshake notes the position, verifies, and opens: which registers it and looks up the records. A revocation is committed
in the store, published (which gives it its time), and delivered to this process: added to the records, then enforced. Each
is a generator that yields where others may go on; what other threads do may also come in the middle of `open`. Every
sequence of choices is played, against the real connections and records.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any

import pytest

from revocation.live import Socket
from wsauth import Connections, Reason
from wsauth.revocation.connections import Standing
from wsauth.revocation.log import MemoryLog
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.records import Records
from wsauth.revocation.said import said_by
from wsauth.revocation.selector import Match, keys_of
from wsauth.testing import FakeClock

Steps = Generator[None, None, None]
Choose = Callable[[int], int]

ALICE: Match = frozenset({("subject", "alice")})
OLD: Match = frozenset({("session_id", "old")})
AFTER_THE_COMMIT = ("commit", "publish", "deliver")  # as signals do, and as any program should
IN_THE_TRANSACTION = ("publish", "commit", "deliver")  # as a log in the database does


def play_all(play: Callable[[Choose], None]) -> int:
    """Play with every sequence of answers that `choose` (one of so many) can give. Returns how many there were."""
    path: list[tuple[int, int]] = []
    for played in count(1):
        depth = 0

        def choose(options: int) -> int:
            nonlocal depth
            if depth == len(path):
                path.append((0, options))
            depth += 1
            return path[depth - 1][0]

        play(choose)
        while path and path[-1][0] == path[-1][1] - 1:
            path.pop()
        if not path:
            return played
        chosen, options = path.pop()
        path.append((chosen + 1, options))
    raise AssertionError


@dataclass
class World:
    """A store of sessions, and a process with its records and connections. Each step takes a second."""

    choose: Choose
    kind: type[Connections] = Connections
    threads: bool = False  # whether others also come in the middle of `open`, and `open` in the middle of a delivery
    clock: FakeClock = field(default_factory=lambda: FakeClock(1000.5))
    sessions: set[str] = field(default_factory=lambda: {"old", "other"})
    clients: list[Client] = field(default_factory=list)
    stay: list[Client] = field(default_factory=list)  # whom nothing may close
    here: list[Steps] = field(default_factory=list)  # on the loop of this process
    elsewhere: list[Steps] = field(default_factory=list)  # in other threads and processes

    def __post_init__(self) -> None:
        self.records = Interrupted(self)
        self.connections = self.kind(log=MemoryLog(self.records))

    def run(self) -> None:
        while actors := [*self.here, *self.elsewhere]:
            self.step(actors[self.choose(len(actors))])

    def interrupt(self) -> None:
        """Let other threads and processes take any number of steps."""
        while self.threads and (others := [actor for actor in self.elsewhere if not actor.gi_running]):
            if not (chosen := self.choose(1 + len(others))):
                break
            self.step(others[chosen - 1])

    def step(self, actor: Steps) -> None:
        self.clock.advance(1)
        if next(actor, "done") == "done":
            for actors in (self.here, self.elsewhere):
                if actor in actors:
                    actors.remove(actor)

    def connect(self, **credential: Any) -> Client:
        """Let somebody be connected already."""
        client = Client(self, **credential)
        for _ in client.handshake():
            pass
        return client

    def arrive(self, *, notes_late: bool = False, **credential: Any) -> Client:
        """Let somebody begin a handshake."""
        client = Client(self, **credential)
        self.here.append(client.handshake(notes_late))
        return client

    def revoke(
        self, verb: Verb, match: Match, doomed: set[str], order: Sequence[str] = AFTER_THE_COMMIT, again: bool = False
    ) -> Steps:
        """End these sessions in the store, and say so. `again`: it is delivered twice, and the same user logs in again."""
        record: Record | None = None
        for step in order:
            if step == "commit":
                self.sessions -= doomed
            elif step == "publish":
                record = Record(verb, match, self.clock(), self.clock() + 1e6)
            elif record is not None:
                yield from self.records.deliver(record)
            if step != order[-1]:
                yield
        if again and record is not None:
            self.elsewhere.append(self.records.deliver(record))
            if verb is not Verb.BLOCK:
                self.log_in()

    def log_in(self) -> None:
        """Let the same user come with a session and a token that are newer than everything before."""
        self.clock.advance(1)
        self.sessions.add("new")
        self.stay.append(self.arrive(session="new"))
        self.stay.append(self.connect(token=int(self.clock())))

    def violations(self) -> list[str]:
        """Return who is open in the end and should not be, and who is not and should."""
        wrong = [f"{client} is open" for client in self.clients if client.state == "open" and not client.may_be_open()]
        return wrong + [f"{client} is {client.state}" for client in self.stay if client.state != "open"]


class Interrupted(Records):
    """Records that other threads come to before and after they are looked up."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock, FakeClock(0.0))
        self._world = world

    def matching(self, keys: Any) -> Any:
        self._world.interrupt()
        found = super().matching(keys)
        self._world.interrupt()
        return found

    def deliver(self, record: Record) -> Steps:
        """Do what `apply` does, in two steps where threads are told apart."""
        (taken,) = self._add_all([said_by(record)], repeat(0))
        if taken.is_new:
            if self._world.threads:
                yield
            for listener in self._audience():
                listener.enforce(record)


class Client(Socket):
    """Somebody with a session or a token, and the connection that comes of it."""

    def __init__(self, world: World, *, subject: str = "alice", session: str | None = None, token: int = 0) -> None:
        super().__init__(subject, session_id=session, issued_at=token, stateful=session is not None)
        self.world = world
        self.state = "on its way"
        world.clients.append(self)

    def __str__(self) -> str:
        return f"{self.identity.session_id or self.identity.issued_at} of {self.identity.subject}"

    def handshake(self, notes_late: bool = False) -> Steps:
        connections, standing, position = self.world.connections, Standing.LOOK_AGAIN, 0
        while standing is Standing.LOOK_AGAIN:
            if not notes_late:
                position, self.since = connections.position, connections.now()
                yield
            if not self.is_known():
                self.state = "refused"
                return
            yield
            if notes_late:
                position, self.since = connections.position, connections.now()
                yield
            standing = connections.open(self, self.identity, position, stateful=self.stateful)
        if self.state == "on its way":
            self.state = "open" if standing is Standing.GOOD else "refused"

    def is_known(self) -> bool:
        """What the verifier says: a store is asked, a token speaks for itself."""
        return not self.stateful or self.identity.session_id in self.world.sessions

    def may_be_open(self) -> bool:
        """What everybody would say who knew everything."""
        held = [record for record in self.world.records.live() if record.match <= set(keys_of(self.identity))]
        newer = all(self.identity.issued_at >= int(record.at) + 1 for record in held if record.verb is Verb.REVOKE)
        return self.is_known() and (self.stateful or newer) and not any(record.verb is Verb.BLOCK for record in held)

    def end(self, reason: Reason) -> None:
        self.state = "ended"

    def end_in(self, seconds: float, reason: Reason) -> None:
        self.end(reason)

    def look_again(self, within: float = 0.0, after: float = 0.0) -> None:
        self.world.here.append(self._look())

    def _look(self) -> Steps:
        is_known = self.is_known()
        yield
        if not is_known:
            self.end(Reason.REVOKED)


def played(prepare: Callable[[World], None], **kind: Any) -> tuple[int, list[list[str]]]:
    """Play every order. Returns how many there were, and what went wrong in which of them."""
    wrong = []

    def play(choose: Choose) -> None:
        world = World(lambda options: 0, **kind)
        prepare(world)
        world.choose = choose
        world.run()
        if violations := world.violations():
            wrong.append(violations)

    return play_all(play), wrong


def assert_right(prepare: Callable[[World], None], *, least: int = 10, **kind: Any) -> None:
    orders, wrong = played(prepare, **kind)
    assert not wrong, f"{len(wrong)} of {orders} orders, as {wrong[0]}"
    assert orders >= least  # or nothing was shown


SESSION, TOKEN = {"session": "old"}, {"token": 900}
orders = pytest.mark.parametrize("order", [AFTER_THE_COMMIT, IN_THE_TRANSACTION], ids=" ".join)
verbs = pytest.mark.parametrize("verb", [Verb.REVOKE, Verb.RECHECK, Verb.BLOCK])
one_credential = pytest.mark.parametrize("credential", [SESSION, TOKEN], ids=["session", "token"])


@orders
@verbs
@one_credential
def test_no_order_lets_a_handshake_through(credential, verb, order):
    """Also where the record comes twice. Who logs in afterwards stays, with a session or a token."""

    def prepare(world: World) -> None:
        world.arrive(**credential)
        world.elsewhere.append(world.revoke(verb, ALICE, {"old"}, order, again=True))

    assert_right(prepare)


@orders
@verbs
@one_credential
def test_no_order_leaves_a_connection(credential, verb, order):
    """Of those who are connected only they end who are meant."""

    def prepare(world: World) -> None:
        world.connect(**credential)
        world.stay.append(world.connect(subject="bob", token=900))
        world.elsewhere.append(world.revoke(verb, ALICE, {"old"}, order, again=True))

    assert_right(prepare, least=1)


@orders
@verbs
@pytest.mark.parametrize("second", [{"session": "other"}, TOKEN], ids=["two sessions", "session and token"])
def test_no_order_lets_one_of_two_handshakes_through(second, verb, order):
    """Both are meant, under schemes of the same kind or of two kinds."""

    def prepare(world: World) -> None:
        world.arrive(**SESSION)
        world.arrive(**second)
        world.elsewhere.append(world.revoke(verb, ALICE, {"old", "other"}, order))

    assert_right(prepare, least=100)


@orders
@verbs
def test_no_order_closes_the_other_session(verb, order):
    """One of two sessions is logged out."""

    def prepare(world: World) -> None:
        world.arrive(**SESSION)
        world.stay.append(world.arrive(session="other"))
        world.elsewhere.append(world.revoke(verb, OLD, {"old"}, order))

    assert_right(prepare, least=100)


@pytest.mark.parametrize("verb", [Verb.REVOKE, Verb.RECHECK])
def test_no_order_lets_a_record_hide_another(verb):
    """One that is earlier and is delivered later, since its transaction took longer, is covered and is news all the same."""

    def prepare(world: World) -> None:
        world.arrive(**SESSION)
        world.elsewhere.append(world.revoke(verb, ALICE, {"old"}, IN_THE_TRANSACTION))
        world.elsewhere.append(world.revoke(verb, ALICE, {"other"}, AFTER_THE_COMMIT))

    assert_right(prepare, least=1000)


@orders
@verbs
@one_credential
def test_no_order_of_threads_lets_a_handshake_through(credential, verb, order):
    """Records come from other threads, also in the middle of `open`; and `open` in the middle of their delivery."""

    def prepare(world: World) -> None:
        world.arrive(**credential)
        world.elsewhere.append(world.revoke(verb, ALICE, {"old"}, order))

    assert_right(prepare, threads=True)


def test_a_delivery_is_what_it_is_taken_for():
    """`apply` adds, then enforces: a handshake that opens between the two is not let through."""
    world = World(lambda options: 0)
    record = Record(Verb.REVOKE, ALICE, world.clock(), world.clock() + 1e6)
    audience = world.records._audience

    def meanwhile() -> Any:
        client = world.connect(**TOKEN)
        assert client.state == "refused"
        return audience()

    world.records._audience = meanwhile
    world.records.apply(record)
    assert world.violations() == []


# What goes wrong where a rule is broken


def test_a_position_noted_late_is_seen_here():
    """A session that was verified before the commit gets in, if the position is noted after the delivery."""

    def prepare(world: World) -> None:
        world.arrive(**SESSION, notes_late=True)
        world.elsewhere.append(world.revoke(Verb.REVOKE, ALICE, {"old"}))

    assert ["old of alice is open"] in played(prepare)[1]


class LooksFirst(Connections):
    """Connections that look up the records before they register."""

    def open(self, connection: Any, identity: Any, position: int, *, stateful: bool, waited: bool = False) -> Any:
        standing = self._standing(keys_of(identity), identity, position, stateful)
        if standing is Standing.GOOD:
            self._registry.add(connection, identity)
        return standing


@one_credential
def test_looking_up_before_registering_is_seen_here(credential):
    """A record that comes between the two finds nobody, and nobody finds it."""

    def prepare(world: World) -> None:
        world.arrive(**credential)
        world.elsewhere.append(world.revoke(Verb.REVOKE, ALICE, {"old"}))

    assert len(played(prepare, kind=LooksFirst, threads=True)[1]) > 0
    assert played(prepare, kind=Connections, threads=True)[1] == []


def test_delivering_before_the_commit_is_seen_here():
    """The store still vouches for whom it is asked about then: a log must not deliver what may yet be rolled back."""

    def prepare(world: World) -> None:
        world.arrive(**SESSION)
        world.elsewhere.append(world.revoke(Verb.REVOKE, ALICE, {"old"}, ("publish", "deliver", "commit")))

    assert ["old of alice is open"] in played(prepare)[1]
