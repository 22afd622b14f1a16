"""What the log says of a refusal, whatever the client sent."""

import asyncio
import logging

import pytest
from fakes import FakeApplication, FakeServer, knocked, knocking, named, websocket_scope

from wsauth import InvalidCredentials, Origins, Policy, Reason, SecurityScheme, WebSocketAuthMiddleware
from wsauth.asgi import log
from wsauth.asgi.log import Lines, one_line, shown
from wsauth.core.decision import Deny
from wsauth.core.handshake import Handshake
from wsauth.core.ration import LINES, WINDOW
from wsauth.testing import FakeClock

NASTY = "\r\n\x1b[31m\u2028FAKE LINE"


@pytest.fixture(autouse=True)
def everything(caplog):
    caplog.set_level(logging.DEBUG, "wsauth")


def assert_one_plain_line(caplog):
    text = "".join(caplog.messages)
    assert len(caplog.messages) == 1
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.parametrize("value", [NASTY, NASTY.encode()])
def test_what_a_client_sent_is_one_line_of_ascii(value):
    """CR, LF, ANSI escapes and other separators are written out."""
    assert shown(value).isascii()
    assert shown(value).isprintable()
    assert one_line(NASTY).isprintable()


def test_what_a_client_sent_is_cut():
    """A megabyte of path does not fill the log."""
    assert len(shown("x" * 10_000)) < 250
    assert len(one_line("x" * 10_000)) <= 500


async def test_a_path_cannot_forge_a_line(caplog):
    """Nor can the address, which proxies may write."""
    await knocked(Policy([named()]), websocket_scope(path="/" + NASTY, client=(NASTY, 1)))
    assert_one_plain_line(caplog)


async def test_an_origin_cannot_forge_a_line(caplog):
    """Nor can the Host."""
    scope = websocket_scope(headers=[(b"origin", NASTY.encode()), (b"host", NASTY.encode())])
    await knocked(Policy([named()]), scope)
    assert_one_plain_line(caplog)


async def test_a_verifiers_explanation_cannot_forge_a_line(caplog):
    """It may quote what the client claimed, such as a key id."""

    async def quotes(credentials):
        raise InvalidCredentials(f"no key {NASTY}")

    await knocked(Policy([named(verifier=quotes)]))
    assert_one_plain_line(caplog)
    assert "no key" in caplog.text


async def test_a_foreign_origin_is_explained(caplog):
    """The line shows Origin and Host, and the two fixes, as a warning."""
    await knocked(Policy([named()], origins=Origins("https://a.example")), knocking(origin="https://b.example"))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    for text in ("'https://b.example'", "'app.example.com'", "Origins('https://b.example')", "X-Forwarded-Proto"):
        assert text in record.getMessage()


async def test_an_ordinary_refusal_is_information(caplog):
    """Path, peer, scheme and explanation, under the incident id."""

    async def no(credentials):
        raise InvalidCredentials("signed by a stranger")

    await knocked(Policy([named(verifier=no)]))
    [record] = caplog.records
    assert record.levelno == logging.INFO
    for text in ("path='/chat'", "client='203.0.113.7'", "scheme=key", "signed by a stranger", "invalid credentials"):
        assert text in record.getMessage()


async def test_a_foreign_origin_writes_a_bounded_line(caplog):
    """Whatever is escaped in it, and the Origin once."""
    scope = websocket_scope(path="/" + "\x00" * 9000, headers=[(b"origin", b"\xff" * 9000), (b"host", b"\xff" * 9000)])
    await knocked(Policy([named()]), scope)
    [record] = caplog.records
    assert len(record.getMessage()) < 1200


def test_refusals_are_logged_some_in_a_while_with_a_count_of_the_rest(caplog):
    """The first ones teach; strangers cannot fill a disk. One reason does not hide another."""
    clock = FakeClock()
    lines = Lines(clock)
    handshake = Handshake("/")
    for _ in range(LINES + 30):
        lines.refused(Deny(Reason.FOREIGN_ORIGIN), handshake, "abc")
    assert len(caplog.records) == LINES
    lines.refused(Deny(Reason.INVALID), handshake, "abc")
    assert len(caplog.records) == LINES + 1
    clock.advance(WINDOW)
    lines.refused(Deny(Reason.FOREIGN_ORIGIN), handshake, "abc")
    assert "30 more refusals (origin not allowed)" in caplog.messages[-2]
    assert len(caplog.records) == LINES + 3


FAULTS = {
    "verifier": lambda: Policy([named(verifier=failing)]),
    "verifier without an identity": lambda: Policy([named(verifier=answering("nobody"))]),
    "allow": lambda: Policy([named()], allow=failing_allow),
    "origin rule": lambda: Policy([named()], origins=FailingRule()),
    "location": lambda: Policy([SecurityScheme("key", FailingLocation(), answering(None))]),
    "cancelled verifier": lambda: Policy([named(verifier=cancelled)]),
}


async def failing(credentials):
    raise KeyError("boom")


async def failing_allow(identity, handshake):
    raise KeyError("boom")


async def cancelled(credentials):
    raise asyncio.CancelledError


def answering(what):
    async def verify(credentials):
        return what

    return verify


class FailingRule:
    def check(self, handshake):
        raise KeyError("boom")


class FailingLocation:
    ambient = False

    def read(self, handshake):
        raise KeyError("boom")

    def strip(self, scope):
        pass


@pytest.mark.parametrize("make", FAULTS.values(), ids=FAULTS)
async def test_fault_of_the_application_is_logged_some_in_a_while(make, caplog):
    """At once the first time, as an error; strangers repeat it at each handshake, and fill nothing."""
    policy = make()
    guarded = WebSocketAuthMiddleware(FakeApplication(), policy)
    for number in range(200):
        server = FakeServer()
        await server.serve(guarded, knocking(server))
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == min(number + 1, LINES)
    assert len(caplog.records) <= 2 * LINES  # those about the refusals are rationed, too


async def test_closes_are_logged_some_in_a_while(caplog):
    """Whoever opens sockets and has them closed cannot fill the log."""
    for number in range(LINES * 3):
        log.closing(f"{number:x}", Reason.TIMEOUT)
    assert len(caplog.records) == LINES
