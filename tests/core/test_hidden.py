"""A verifier that holds another one says of itself what that says: above all, that it can be asked again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from wsauth.core.credentials import Credentials
from wsauth.core.errors import ConfigurationError
from wsauth.core.handshake import Handshake
from wsauth.core.identity import Identity
from wsauth.core.locations import Query
from wsauth.core.scheme import SecurityScheme
from wsauth.core.verifier import as_verifier

HANDSHAKE = Handshake("/")


class Sessions:
    stateful = True
    framework = object()

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return Identity(credentials.secret)

    async def recheck(self, identities: Sequence[Identity]) -> Sequence[Identity]:
        return identities


SESSIONS = Sessions()


class Around:
    """As it is written without a thought of re-checks."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        identity: Identity | None = await self.inner.verify(credentials, handshake)
        return identity


@dataclass(slots=True)
class Slotted:
    inner: Any

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return None


class AsAttribute:
    inner = SESSIONS

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return await self.inner.verify(credentials, handshake)


class ByGlobal:
    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return await self._find(credentials)

    async def _find(self, credentials: Credentials) -> Identity | None:
        return await SESSIONS.verify(credentials, HANDSHAKE)


class MadeEachTime:
    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return await Sessions().verify(credentials, handshake)


class Called:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, credentials: Credentials) -> Identity | None:
        return await self.inner.verify(credentials, HANDSHAKE)  # type: ignore[no-any-return]

    async def by_method(self, credentials: Credentials) -> Identity | None:
        return None


def closure(inner: Any) -> Callable[..., Any]:
    async def by_session(credentials: Credentials) -> Identity | None:
        return await inner.verify(credentials, HANDSHAKE)  # type: ignore[no-any-return]

    return by_session


async def with_argument(inner: Any, credentials: Credentials) -> Identity | None:
    return None


async def with_default(credentials: Credentials, inner: Any = SESSIONS) -> Identity | None:
    return None


async def by_global(credentials: Credentials) -> Identity | None:
    return await SESSIONS.verify(credentials, HANDSHAKE)


HIDING = {
    "attribute": Around(SESSIONS),
    "slot": Slotted(SESSIONS),
    "class attribute": AsAttribute(),
    "global": ByGlobal(),
    "made each time": MadeEachTime(),
    "list": Around([SESSIONS]),
    "mapping": Around({"by": {"cookie": SESSIONS}}),
    "object": Around(SimpleNamespace(sessions=SESSIONS)),
    "bound method": Around(SESSIONS.verify),
    "one around another": Around(Around(SESSIONS)),
    "callable object": Called(SESSIONS),
    "closure": closure(SESSIONS),
    "partial": functools.partial(with_argument, SESSIONS),
    "default": with_default,
    "global of a function": by_global,
    "method": Called(SESSIONS).by_method,
}


@pytest.mark.parametrize("verifier", HIDING.values(), ids=HIDING)
def test_a_verifier_that_hides_a_recheck_is_refused_with_the_line_to_write(verifier):
    """A deactivated user's socket would stay, and nothing would show it."""
    with pytest.raises(ConfigurationError, match=r"'one'.* has no `recheck`.* write Mapped\(Sessions\(...\), change\)"):
        SecurityScheme("one", Query(), verifier)


def test_a_callable_object_with_a_recheck_is_refused():
    """It would be called as a function, and never asked again."""

    class Asked(Called):
        async def recheck(self, identities: Sequence[Identity]) -> Sequence[Identity]:
            return identities

    with pytest.raises(ConfigurationError, match=r"recheck would not be read.*async def verify"):
        as_verifier(Asked(None), "here")


def _saying(**attributes: Any) -> Any:
    return type("Saying", (Slotted,), attributes)(SESSIONS)


@pytest.mark.parametrize(
    ("attributes", "hidden"),
    [
        ({"recheck": Sessions.recheck}, "stateful = True"),
        ({"recheck": Sessions.recheck, "stateful": True}, r"framework = Sessions\.framework"),
    ],
)
def test_a_verifier_that_hides_a_store_or_a_framework_is_refused(attributes, hidden):
    """A session would be judged as a token; the scope would hold no user, and no host be checked."""
    with pytest.raises(ConfigurationError, match=hidden):
        as_verifier(_saying(**attributes), "here")


@pytest.mark.parametrize("recheck", [Sessions.recheck, None])
def test_a_verifier_that_answers_for_what_it_holds_is_taken(recheck):
    """Also where it says that nobody is to be asked."""
    verifier = _saying(recheck=recheck, stateful=False, framework=None)
    assert as_verifier(verifier, "here") is verifier


async def test_what_is_held_and_is_no_verifier_is_nobodys_business():
    """A table, an odd object, a cell that is empty yet; a lazy object is not loaded."""

    class Lazy:
        __class__ = property(lambda self: pytest.fail("loaded"))  # type: ignore[assignment]

    async def early(credentials: Credentials) -> Any:
        return late

    verifier = Around({number: Lazy() for number in range(3)})
    assert as_verifier(Slotted(verifier), "here")
    assert as_verifier(early, "here")
    late = None


def test_a_big_table_is_not_searched():
    """Its beginning is; a verifier of a million keys is made at once."""

    class Counted(list[str]):
        asked = 0

        def __iter__(self) -> Any:
            for item in super().__iter__():
                Counted.asked += 1
                yield item

    as_verifier(Slotted(Counted(["key"] * 5000)), "here")
    assert Counted.asked <= 1000
