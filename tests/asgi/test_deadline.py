"""The deadline on deciding about a handshake: whoever is slow refuses it, and holds it no longer."""

import asyncio

import pytest
from fakes import FakeApplication, FakeServer, knocked, knocking, named, websocket_scope

from wsauth import ConfigurationError, FirstMessage, Identity, Policy, ReportOnly, WebSocketAuthMiddleware


async def slow(*_):
    await asyncio.sleep(3600)
    return Identity("alice")


async def stubborn(credentials):
    """Answer after all, as code does that catches everything."""
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        return Identity("alice")


async def translating(credentials):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        raise ValueError("interrupted") from None


def now():
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("verifier", [slow, stubborn, translating])
async def test_a_slow_verifier_refuses_within_four_seconds(verifier):
    """503: daphne gives a handshake five. What comes afterwards is not heard, whatever it says."""
    guarded = Policy([named(verifier=verifier)])
    server, app = await knocked(guarded)
    assert (server.status, app.calls, now()) == (503, 0, pytest.approx(4))
    assert asyncio.current_task().cancelling() == 0
    assert len(guarded.connections) == 0


async def test_a_slow_allow_refuses_too():
    """The deadline is for all that decides."""
    server, app = await knocked(Policy([named()], allow=slow, verify_within=2))
    assert (server.status, app.calls, now()) == (503, 0, pytest.approx(2))


async def test_a_slow_verifier_of_a_first_message_is_closed():
    """4503, long before the deadline of the message itself."""
    server = FakeServer()
    server.client_sends('{"type": "auth", "token": "alice"}')
    _, app = await knocked(Policy([named(FirstMessage(), slow)]), websocket_scope(), server)
    assert (server.code, app.calls, now()) == (4503, 0, pytest.approx(4))


async def test_a_slow_nested_policy_refuses():
    """It may only narrow, and in time."""
    outer = Policy([named()])
    app = FakeApplication()
    inner = WebSocketAuthMiddleware(app, Policy(outer.schemes, allow=slow))
    server = FakeServer()
    await server.serve(WebSocketAuthMiddleware(inner, outer), knocking(server))
    assert (server.status, app.calls, now()) == (503, 0, pytest.approx(4))


async def test_report_only_waits_no_longer_either(caplog):
    """The application runs, as it would have been refused."""
    server, app = FakeServer(), FakeApplication()
    asyncio.get_running_loop().call_later(5, server.client_leaves)
    await server.serve(WebSocketAuthMiddleware(app, ReportOnly(Policy([named(verifier=slow)]))), knocking(server))
    assert app.calls == 1
    assert "verify_within=4" in caplog.text


async def test_the_wait_for_the_log_is_within_the_deadline():
    """A verifier of three seconds and a log that is out of reach for two make no five."""
    guarded = Policy([named(verifier=_three_seconds)])
    guarded.connections.sight._log = Silent(guarded.connections.sight._log)
    server, app = await knocked(guarded)
    assert (server.status, app.calls, now()) == (503, 0, pytest.approx(4))


async def _three_seconds(credentials):
    await asyncio.sleep(3)
    return Identity("alice")


class Silent:
    """A log that this process has not read for a minute."""

    silence = 60.0

    def __init__(self, log):
        self._log = log

    def __getattr__(self, name):
        return getattr(self._log, name)

    async def catch_up(self, seconds):
        await asyncio.sleep(seconds)
        return False


@pytest.mark.parametrize("value", [0, -1, 121, "4", None, True])
def test_a_deadline_is_seconds(value):
    """It is checked when the policy is made."""
    with pytest.raises(ConfigurationError, match=r"verify_within=.*write seconds"):
        Policy([named()], verify_within=value)
