"""The storm: sockets that come, talk and go on two nodes, revocations all along, while one thing after the other goes wrong.

    python -m storm.driver <kind of log> <sockets> <full|short|plain|asleep>

It knows who was revoked, looks at the end at who is still there and who is let in, and prints what it found as JSON. The
second node is far from Redis: over TLS, 200 ms away.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from redis_far import PASSWORD, TLSServer, far
from servers.raw import handshake, request

from storm import faults
from storm.faults import Faults
from storm.people import Credential, Key, People, Standing
from storm.processes import Nodes, Publisher
from storm.store import Store
from storm.tally import KINDS, Tally, by_kind
from storm.visitors import PATH, Visitors

if TYPE_CHECKING:
    from servers.process import Server

KEYS = {"redis": "{wsauth:default}:log", "plain": "plain:log"}
DISTANCE = 0.2  # seconds of a round trip between the second node and Redis
REVOKING = 30  # revocations a second
RACING = 0.4  # of the revocations: a handshake by the same credential is under way
SETTLE = 10.0  # seconds
AT_ONCE = 24  # attempts to get in, at the end
ELSEWHERE = 20  # revocations that only the true primary hears of, while ours is demoted
BELIEVED = 7.0  # seconds after which a demoted primary is not believed any more, the checks' own time included


@dataclass(frozen=True)
class Plan:
    """How long what lasts, in seconds."""

    faults: tuple[faults.Fault, ...]
    between: float
    blind_limit: float
    freeze: float
    suspension: float


PLANS = {
    "full": Plan(faults.EVERY, 5.0, 60.0, 30.0, 63.0),
    "short": Plan(faults.SHORT, 4.0, 20.0, 8.0, 23.0),
    "plain": Plan(faults.OF_REDIS, 3.0, 60.0, 30.0, 0.0),
    "asleep": Plan((Faults.suspended,), 4.0, 60.0, 0.0, 120.0),
}


@dataclass(frozen=True, eq=False)
class Accusation:
    """A revocation: what is published, by which key, and whom it hits."""

    whom: dict[str, Any]
    key: Key
    hit: list[Credential]


class Storm:
    """One run. What happens in it is in `tally`."""

    def __init__(self, log: str, people: People, nodes: Nodes, visitors: Visitors, tally: Tally, plan: Plan) -> None:
        self.log = log
        self.people = people
        self.nodes = nodes
        self.visitors = visitors
        self.tally = tally
        self.plan = plan
        self.let_in_elsewhere = 0
        self.publisher: Publisher
        self._seen: list[int] = []  # how many sockets were open, each second
        self._turns = iter(range(10**9))
        self._revoking: set[asyncio.Task[None]] = set()
        self._unrecorded: defaultdict[str, list[Accusation]] = defaultdict(
            list
        )  # by the node that has it in its outbox

    # Revocations

    async def revoke_on_and_on(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0, 2) / REVOKING)
            if (victim := self._victim()) is not None:
                if random.random() < RACING:
                    self.visitors.start(self.visitors.visit(victim))
                    await asyncio.sleep(random.uniform(0.0, 0.01))
                self._begin(Accusation(*self.people.accuse(victim)))

    def _victim(self) -> Credential | None:
        open_now = self.visitors.sockets
        good = [socket.credential for socket in random.sample(list(open_now), k=min(8, len(open_now)))]
        return next((one for one in good if one.standing is Standing.GOOD), None)

    def _begin(self, accusation: Accusation) -> None:
        task = asyncio.create_task(self._revoke(accusation))
        self._revoking.add(task)
        task.add_done_callback(self._revoking.discard)

    async def _revoke(self, accusation: Accusation) -> None:
        """Revoke as a caller does: once more where it could not be recorded, or where nobody answered."""
        while True:
            name, channel = self._channel()
            _tell(
                accusation, f"is about to be revoked by {accusation.key[0]} through {name}, during {self.tally.phase}"
            )
            answer = await channel(accusation.whom)
            _tell(accusation, f"{answer}, during {self.tally.phase}")
            if "recorded" in answer:
                break
            self.tally.count["raised"] += 1
            await asyncio.sleep(0.5)
        self.tally.count["revokes"] += 1
        self.tally.count[f"by {accusation.key[0]}"] += 1
        if not answer["recorded"]:
            self.tally.count["in the outbox"] += 1
            self._unrecorded[name].append(accusation)
        self.people.condemn(accusation.key, accusation.hit, self.tally.phase, recorded=answer["recorded"])

    def _channel(self) -> tuple[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
        turn = next(self._turns) % 3
        if turn == 2 and not self.publisher.is_busy:
            self.tally.count["through the third process"] += 1
            return "the third process", self.publisher.revoke
        node = self.nodes.awake[turn % len(self.nodes.awake)]

        async def ask(whom: dict[str, Any]) -> Any:
            try:
                target = f"/control/revoke?whom={quote(json.dumps(whom))}"
                return (await request(node.port, "POST", target)).json()
            except (OSError, EOFError) as error:
                return {"lost": type(error).__name__}

        self.tally.count[f"through {node.name}"] += 1
        return node.name, ask

    # What the faults ask for

    def kill(self, node: Server) -> None:
        """Lose a node, and revoke anew what it said was not recorded: nobody else knows of it."""
        self.nodes.kill(node)
        for accusation in self._unrecorded.pop(node.name, ()):
            self._begin(Accusation(*self.people.accuse_by(accusation.key, accusation.hit)))

    async def revoke_elsewhere(self, url: str) -> None:
        """Revoke through a process that has found the new primary; nobody is let in when the old one is not believed."""
        elsewhere, hit = await Publisher.start(self.log, url), []
        try:
            for _ in range(ELSEWHERE):
                if (victim := self._victim()) is not None:
                    accusation = Accusation(*self.people.accuse(victim))
                    assert await elsewhere.revoke(accusation.whom) == {"recorded": True}
                    self.people.condemn(accusation.key, accusation.hit, self.tally.phase, recorded=True)
                    hit += accusation.hit
        finally:
            await elsewhere.stop()
        await asyncio.sleep(BELIEVED)
        self.let_in_elsewhere = sum((await self._let_in(hit)).values())

    # The run

    async def run(self, server: TLSServer) -> dict[str, Any]:
        trouble = Faults(server, KEYS[self.log], self, self.plan.freeze, self.plan.suspension)
        await asyncio.gather(self.nodes.start(), self.nodes.start())
        self.publisher = await Publisher.start(self.log, _url(server.port))
        coming = asyncio.create_task(self.visitors.come())
        await self.visitors.fill()
        each = (self.visitors.leave(), self.visitors.talk(), self.revoke_on_and_on(), self._count_sockets())
        peace = [asyncio.create_task(one) for one in each]
        for fault in self.plan.faults:
            await asyncio.sleep(self.plan.between)
            note(
                f"{self.log}: {fault.__name__}, {len(self.visitors.sockets)} open, {self.tally.count['revokes']} revoked"
            )
            self.tally.phase = fault.__name__
            await fault(trouble)
            self.tally.phase = f"after {fault.__name__}"
        await asyncio.sleep(self.plan.between)
        await self.nodes.start()
        await asyncio.sleep(2 * self.plan.between)
        for task in (coming, *peace):
            task.cancel()
        await asyncio.gather(coming, *peace, return_exceptions=True)
        return await self._judge()

    async def _judge(self) -> dict[str, Any]:
        note(f"{self.log}: the storm is over, {len(self._revoking)} revocations are under way")
        if self._revoking:
            await asyncio.wait(self._revoking, timeout=3 * SETTLE)
        visitors, deadline = self.visitors, time.monotonic() + SETTLE
        while time.monotonic() < deadline and (visitors.still_open() or visitors.under_way or visitors.leaving):
            await asyncio.sleep(0.1)
        states = [await node.ask("state") for node in self.nodes.running]
        open_here = {socket.name for socket in visitors.sockets}
        open_there = {name for state in states for name in state["open"]}
        still_open = visitors.still_open()
        self.tally.wrong += [f"{one.name} is open: {one.credential} {one.credential.story}" for one in still_open]
        revoked = self.people.revoked()
        note(f"{self.log}: {len(revoked)} revoked credentials try to get in")
        return {
            "log": self.log,
            "revokes": self.tally.count["revokes"],
            "revoked credentials": by_kind(revoked),
            "not settled": len(self._revoking),
            "still open": by_kind(one.credential for one in still_open),
            "still open at the nodes": len({one.name for one in still_open} & open_there),
            "known to one side only": len(open_here ^ open_there),
            "let in": dict(await self._let_in(revoked)),
            "let in by a demoted primary's word": self.let_in_elsewhere,
            "mistakes": dict(self.tally.mistakes),
            "open on average": sum(self._seen) // len(self._seen),
            "stalled": [round(state["stalled"], 3) for state in states],
            **self._figures(),
        }

    def _figures(self) -> dict[str, Any]:
        tally, waited = self.tally, sorted(self.tally.waited)
        return {
            "messages": tally.count["messages"],
            "handshakes": len(waited),
            "longest handshake": round(waited[-1], 3),
            "p99 handshake": round(waited[len(waited) * 99 // 100], 3),
            "good ones put off": {kind: tally.put_off_of(kind) for kind in KINDS},
            "good ones put off by phase": tally.share_put_off(),
            "slowest close by phase": {phase: round(max(lags), 2) for phase, lags in tally.lags.items()},
            "last delivery by phase": {phase: round(late, 2) for phase, late in tally.deliveries.items()},
            "counts": dict(sorted(tally.count.items())),
            "wrong": tally.wrong[:20],
        }

    async def _count_sockets(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._seen.append(len(self.visitors.sockets))

    async def _let_in(self, revoked: list[Credential]) -> Counter[str]:
        """How many revoked credentials each node admits, by node and kind."""
        turns = asyncio.Semaphore(AT_ONCE)
        kinds = {True: "session", False: "token"}
        admitted = Counter({f"{node.name} {kind}": 0 for node in self.nodes.running for kind in kinds.values()})

        async def attempt(node: Server, credential: Credential) -> None:
            async with turns, handshake(node.port, f"{PATH}?attempt", list(credential.headers.items())) as wire:
                if wire.response.status == 101:
                    admitted[f"{node.name} {kinds[credential.stateful]}"] += 1
                    self.tally.wrong.append(f"{credential} was let in at {node.name}: {credential.story}")

        await asyncio.gather(*(attempt(node, credential) for credential in revoked for node in self.nodes.awake))
        return admitted

    async def stop(self) -> None:
        for task in list(self._revoking):
            task.cancel()
        await asyncio.gather(*self._revoking, return_exceptions=True)
        await self.visitors.stop()
        if hasattr(self, "publisher"):
            await self.publisher.stop()
        await self.nodes.stop()


def _tell(accusation: Accusation, what: str) -> None:
    for one in accusation.hit:
        one.tell(what)


def _url(port: int) -> str:
    return f"redis://:{PASSWORD}@127.0.0.1:{port}/0"


_BEGAN = time.monotonic()


def note(text: str) -> None:
    print(f"{time.monotonic() - _BEGAN:6.1f} {text}", file=sys.stderr, flush=True)  # noqa: T201 - a program's progress


async def main() -> None:
    log, population, which = sys.argv[1:]
    plan = PLANS[which]
    myself = asyncio.current_task()
    assert myself is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, myself.cancel)  # stop what was started
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsauth-storm-")))
        server = stack.enter_context(TLSServer("--masterauth", PASSWORD))
        distant = await stack.enter_async_context(far(server.tls_port, DISTANCE))
        urls = [_url(server.port), server.tls_url(distant.port)]
        tally, people = Tally(), People(Store(directory / "store.db"))
        nodes = Nodes(log, directory, urls, plan.blind_limit)
        storm = Storm(log, people, nodes, Visitors(people, nodes, int(population), tally), tally, plan)
        stack.push_async_callback(storm.stop)
        figures = await storm.run(server)
        for node in nodes.running:
            with suppress(OSError):
                note(f"{node.name} printed:\n{node.printed[:6000]}")
    print(json.dumps(figures))  # noqa: T201 - a program's result


if __name__ == "__main__":
    asyncio.run(main())
