"""Who connects in the storm, with what, and what has become of it: what the driver knows to be true."""

from __future__ import annotations

import itertools
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import uuid4

from storm.store import Store, session_id, token

Key = tuple[str, str]
NEVER = float("inf")


class Standing(Enum):
    GOOD = "nobody has revoked it"
    IN_DOUBT = "somebody is about to"
    REVOKED = "it has been revoked, and the caller was told so"


@dataclass(eq=False)
class Credential:
    """A token or a session."""

    subject: str
    device: str
    session: str
    token_id: str | None  # None for a session
    headers: dict[str, str] = field(repr=False)
    standing: Standing = Standing.GOOD
    revoked_at: float = 0.0  # by the monotonic clock, when the caller was told
    revoked_in: str = ""  # the phase of the storm
    recorded: bool = False  # the receipt said so
    story: list[str] = field(default_factory=list, repr=False)

    def tell(self, what: str) -> None:
        """Note what happened, for whoever must find out why it went wrong."""
        self.story.append(f"{time.time():.3f} {what}")

    @property
    def stateful(self) -> bool:
        return self.token_id is None

    @property
    def keys(self) -> list[Key]:
        named = [("subject", self.subject), ("session_id", self.session), ("device", self.device)]
        return [*named, ("token_id", self.token_id)] if self.token_id else named


class People:
    """Every credential that was ever given out."""

    SUBJECTS = 700
    DEVICES = 700
    FRESH = 2.0  # seconds: a token of the second in which its user was revoked is refused too

    def __init__(self, store: Store) -> None:
        self.credentials: list[Credential] = []
        self._store = store
        self._numbers = itertools.count()
        self._bearing: dict[Key, list[Credential]] = defaultdict(list)
        self._barred: dict[Key, float] = {}  # until when nothing is given out that bears this key
        self._returning: list[tuple[str, bool]] = []

    def some(self) -> Credential:
        """Somebody who comes: back after a logout, again with what he has, with what has just been revoked, or anew."""
        if self._returning:
            subject, stateful = self._returning.pop()
            if not self._is_barred("subject", subject, stateful):
                return self.new(subject, stateful)
        chance = random.random()
        if chance < 0.10 and (bad := self._recent(lambda one: one.standing is not Standing.GOOD)):
            return bad
        if chance < 0.45 and (good := self._recent(lambda one: one.standing is Standing.GOOD)):
            return good
        stateful = random.random() < 0.5
        while True:
            subject = f"user-{random.randrange(self.SUBJECTS)}"
            if not self._is_barred("subject", subject, stateful):
                return self.new(subject, stateful)

    def accuse(self, credential: Credential) -> tuple[dict[str, Any], Key, list[Credential]]:
        """Choose by what to revoke a credential."""
        return self.accuse_by(random.choice(credential.keys), [])

    def accuse_by(self, key: Key, before: list[Credential]) -> tuple[dict[str, Any], Key, list[Credential]]:
        """Return selectors, key, and all whom they hit, also those whom they did `before`. The store knows at once."""
        hit = [one for one in self._bearing[key] if one.standing is Standing.GOOD or one in before]
        for one in hit:
            one.standing = Standing.IN_DOUBT
        self._barred[key] = NEVER
        self._store.end([one.session for one in hit if one.stateful])
        kind, value = key
        return ({"labels": {kind: value}} if kind == "device" else {kind: value}), key, hit

    def condemn(self, key: Key, hit: list[Credential], phase: str, *, recorded: bool) -> None:
        """The caller was told that it is done. Whom the store judges may come back at once."""
        for one in hit:
            one.standing = Standing.REVOKED
            one.revoked_at, one.revoked_in, one.recorded = time.monotonic(), phase, recorded
        self._barred[key] = time.time() + self.FRESH
        if key[0] == "subject":
            self._returning.append((key[1], True))

    def innocent(self) -> str:
        """A subject that is there and is left alone."""
        return next(one.subject for one in reversed(self.credentials) if one.standing is Standing.GOOD)

    def revoked(self) -> list[Credential]:
        return [one for one in self.credentials if one.standing is Standing.REVOKED]

    def _recent(self, which: Any) -> Credential | None:
        return next(filter(which, random.choices(self.credentials[-300:], k=8)), None) if self.credentials else None

    def _is_barred(self, kind: str, value: str, stateful: bool) -> bool:
        until = self._barred.get((kind, value), 0.0)
        return until == NEVER or (not stateful and time.time() < until)

    def new(self, subject: str, stateful: bool) -> Credential:
        """Give somebody a token or a session."""
        while True:
            device = f"device-{random.randrange(self.DEVICES)}"
            if not self._is_barred("device", device, stateful):
                break
        secret = uuid4().hex
        if stateful:
            self._store.add(secret, subject, device)
            credential = Credential(subject, device, session_id(secret), None, {"X-Session": secret})
        else:
            jti = f"jti-{next(self._numbers)}"
            bearer = f"Bearer {token(subject, jti, secret, device)}"
            credential = Credential(subject, device, session_id(secret), jti, {"Authorization": bearer})
        self.credentials.append(credential)
        for key in credential.keys:
            self._bearing[key].append(credential)
        return credential
