"""The seam that applications implement: what is no async verifier does not start."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from wsauth.core.credentials import Credentials
from wsauth.core.errors import ConfigurationError
from wsauth.core.handshake import Handshake
from wsauth.core.identity import Identity
from wsauth.core.verifier import as_verifier, is_async, require_async

HANDSHAKE = Handshake(path="/")


async def by_key(credentials: Credentials) -> Identity | None:
    return Identity(credentials.secret)


async def with_table(table: dict[str, str], credentials: Credentials) -> Identity | None:
    return Identity(table[credentials.secret])


def plain(credentials: Credentials) -> Identity | None:
    return Identity(credentials.secret)


class Callable:
    async def __call__(self, credentials: Credentials) -> Identity | None:
        return Identity(credentials.secret)


class Whole:
    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return Identity(credentials.secret)


class CallableWithTable:
    async def __call__(self, table: dict[str, str], credentials: Credentials) -> Identity | None:
        return Identity(table[credentials.secret])


class Blocking:
    def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return None


class Short:
    async def verify(self, credentials: Credentials) -> Identity | None:
        return None


class Attribute:
    verify = True


@pytest.mark.parametrize(
    "candidate",
    [
        by_key,
        functools.partial(with_table, {"a": "a"}),
        functools.partial(CallableWithTable(), {"a": "a"}),
        Callable(),
        Whole(),
    ],
)
async def test_async_functions_and_objects_verify(candidate: Any):
    """A function of the credentials, a partial of one, a callable object, or an object with `verify`."""
    identity = await as_verifier(candidate, "here").verify(Credentials("a"), HANDSHAKE)
    assert identity == Identity("a")


def test_an_object_is_used_as_it_is():
    """Its attributes (`stateful`, `framework`) stay visible."""
    whole = Whole()
    assert as_verifier(whole, "here") is whole


@pytest.mark.parametrize(
    ("candidate", "found", "advice"),
    [
        (plain, "plain is a plain function", "async def plain"),
        (lambda credentials: None, "<lambda>", "async def"),
        (functools.partial(plain), "plain function", "asyncio.to_thread"),
        (Blocking(), "Blocking.verify", "async def verify"),
        (Attribute(), "Attribute.verify", "async def"),
        (Whole, "Whole is a class", r"Whole\(...\)"),
        (Identity, "Identity is a class", r"Identity\(...\)"),
        ("s3cret-key", "a str is no verifier", "JWTVerifier"),
        (b"s3cret-key", "a bytes is no verifier", "JWTVerifier"),
        (None, "a NoneType is no verifier", "async function"),
        (with_table, "is called with 1", r"async def with_table\(credentials\)"),
        (Short(), "is called with 2", r"async def verify\(credentials, handshake\)"),
    ],
)
def test_anything_else_says_what_to_write(candidate: Any, found: str, advice: str):
    """The message names the setting, what was found, and the fix; a key that was put in the wrong place is not quoted."""
    with pytest.raises(ConfigurationError, match=rf"here: .*{found}.*{advice}") as caught:
        as_verifier(candidate, "here")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("framework", [Whole, "django", object()])
def test_a_framework_that_is_none_says_what_to_write(framework: Any):
    """A class in the place of an instance would fail at each handshake."""
    verifier = Whole()
    verifier.framework = framework  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=r"here: Whole\.framework is .* write framework = DjangoScope\(\)"):
        as_verifier(verifier, "here")


def test_an_async_generator_is_no_async_function():
    """Calling it gives nothing that can be awaited."""

    async def stream(credentials: Credentials) -> Any:
        yield credentials

    assert not is_async(stream)
    with pytest.raises(ConfigurationError, match="plain function"):
        require_async(stream, "here")


def test_arguments_are_checked_only_where_they_are_known():
    """`require_async` without arguments asks for an awaitable alone."""
    require_async(with_table, "here")
    require_async(with_table, "here", ("table", "credentials"))
