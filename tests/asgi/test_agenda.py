"""One timer for many: what comes due comes due once, in order, and a wall clock that jumps is noticed."""

import asyncio
import contextvars

import pytest
from fakes import left_behind

from wsauth.asgi.agenda import JUMP, SLICE, TICK, Agenda


class Noted:
    """An agenda, and what it called: items with the time, and how often the clock jumped."""

    def __init__(self, wall=None):
        self.loop = asyncio.get_running_loop()
        self.due, self.jumps, self.calls = [], [], []
        if wall is None:
            self.agenda = Agenda(self.loop, self._due)
        else:
            self.agenda = Agenda(self.loop, self._due, self.jumps.append, wall)

    def _due(self, items, now):
        assert now >= self.loop.time()
        self.calls.append(len(items))
        self.due += [(item, now) for item in items]


async def test_items_come_due_in_order_and_once():
    """Whatever the order in which they were put in or moved."""
    noted = Noted()
    for item, when in (("b", 2.0), ("a", 9.0), ("c", 3.0), ("a", 1.0), ("never", float("inf"))):
        noted.agenda.set(item, when)
    assert noted.agenda.moment("a") == 1.0
    assert noted.agenda.moment("nobody") == float("inf")
    noted.agenda.discard("b")
    await asyncio.sleep(10)
    assert noted.due == [("a", 1.0), ("c", 3.0)]
    assert list(map(noted.agenda.__contains__, ("a", "never"))) == [False, True]
    noted.agenda.discard("never")
    assert left_behind() == []


async def test_an_empty_agenda_has_no_timer():
    """Nothing wakes a loop that nobody waits on."""
    noted = Noted(wall=lambda: 0.0)
    noted.agenda.set("a", 5.0)
    noted.agenda.set("b", 5.0)
    assert len(left_behind()) == 1
    for item in "aab":
        noted.agenda.discard(item)
    assert (len(noted.agenda), left_behind()) == (0, [])


async def test_what_is_moved_or_taken_out_is_let_go_of():
    """The heap stays in proportion to the items, and keeps nobody alive for long who is not among them."""
    noted = Noted()
    for number in range(1000):
        noted.agenda.set("moved", 1000.0 - number)
    assert len(noted.agenda._heap) <= 18
    for number in range(1000):
        noted.agenda.set(number, 5.0)
    for number in range(1000):
        noted.agenda.discard(number)
    assert len(noted.agenda._heap) <= 18
    noted.agenda.discard("moved")
    assert noted.agenda._heap == []


async def test_many_at_once_come_due_in_slices():
    """Those that were born together must not stall the loop together."""
    noted = Noted()
    for number in range(2 * SLICE + 1):
        noted.agenda.set(number, 1.0)
    await asyncio.sleep(2)
    assert noted.calls == [SLICE, SLICE, 1]
    assert {when for _, when in noted.due} == {1.0}


async def test_a_handle_need_not_say_when(monkeypatch):
    """uvloop's does not, where the moment has come already; and it comes up to half a millisecond early."""
    loop = asyncio.get_running_loop()
    noted = Noted()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_at", lambda when, function, *given, context: loop.call_soon(function, *given))
        noted.agenda.set("a", 0.0004)
        noted.agenda.set("b", -1.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert noted.due == [("b", 0.0), ("a", 0.0004)]


async def test_a_callback_that_fails_stops_nobody_else():
    """The next item comes due all the same."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    seen = []

    def due(items, now):
        seen.extend(items)
        raise LookupError

    agenda = Agenda(loop, due)
    agenda.set("a", 1.0)
    agenda.set("b", 2.0)
    await asyncio.sleep(3)
    assert seen == ["a", "b"]


async def test_it_runs_in_a_context_of_its_own():
    """That of the connection which came first is none of the others' business."""
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("the first connection's")
    seen = []
    agenda = Agenda(asyncio.get_running_loop(), lambda *_: seen.append(variable.get()))
    agenda.set("a", 1.0)
    await asyncio.sleep(2)
    assert seen == ["none"]


@pytest.mark.parametrize(("jump", "noticed"), [(60.0, True), (JUMP / 2, False), (-60.0, False)])
async def test_a_clock_that_is_put_forward_is_noticed(jump, noticed):
    """Within half a minute. One that is put back makes nothing later, and small steps are the drift of any clock."""
    wall = [1e9]
    loop = asyncio.get_running_loop()
    noted = Noted(wall=lambda: wall[0] + loop.time())
    noted.agenda.set("a", 1000.0)
    await asyncio.sleep(TICK + 5)
    assert noted.jumps == []
    wall[0] += jump
    await asyncio.sleep(TICK)
    assert noted.jumps == [["a"]] * noticed
    await asyncio.sleep(5 * TICK)
    assert len(noted.jumps) == noticed
    noted.agenda.discard("a")


async def test_a_clock_that_is_put_back_and_forward_again_is_noticed():
    """What was put in meanwhile was computed by the wrong one."""
    wall = [1e9]
    loop = asyncio.get_running_loop()
    noted = Noted(wall=lambda: wall[0] + loop.time())
    noted.agenda.set("a", 1000.0)
    for step in (-3600, 3600):
        wall[0] += step
        await asyncio.sleep(TICK + 1)
    assert noted.jumps == [["a"]]
    noted.agenda.discard("a")


async def test_slow_drift_adds_up():
    """Half a second a minute is a jump in the end."""
    drift = [0.0]
    loop = asyncio.get_running_loop()
    noted = Noted(wall=lambda: drift[0] + loop.time())
    noted.agenda.set("a", 1000.0)
    for _ in range(6):
        drift[0] += JUMP / 4
        await asyncio.sleep(TICK)
    assert len(noted.jumps) == 1
    noted.agenda.discard("a")
