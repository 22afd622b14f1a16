"""The log of a single process, and the seam that others implement."""

import logging

import pytest

from revocation.live import SilentLog, Socket
from wsauth import ConfigurationError, Connections, Reason
from wsauth.revocation import workers
from wsauth.revocation.log import MemoryLog, Receipt, RevocationLog
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.records import Records
from wsauth.testing import FakeClock


def revoking(subject):
    return lambda at: Record(Verb.REVOKE, frozenset({("subject", subject)}), at, at + 60)


async def test_memory_stamps_applies_and_counts():
    """With its own time: the caller's is nobody's."""
    log = MemoryLog(Records(FakeClock(1000.0)))
    connections = Connections(log=log)
    for _ in range(2):
        socket = Socket()
        connections.open(socket, socket.identity, 0, stateful=False)
    assert await log.publish(revoking("alice"), 5.0) == Receipt(recorded=True, closed=2)
    assert log.publish_now(revoking("bob")) == Receipt(recorded=True, closed=0)
    assert [record.at for record in log.records.live()] == [1000.0, 1000.0]
    assert socket.ended == [Reason.REVOKED]


async def test_memory_is_never_behind():
    """It is where the records are."""
    log = MemoryLog()
    assert (log.silence, await log.catch_up(0.0)) == (0.0, True)


def test_memory_says_so_where_there_are_several_workers(monkeypatch, caplog):
    """Once: a revocation would reach one of them."""
    monkeypatch.setattr(workers, "sign_of_several", lambda: "--workers 4")
    log = MemoryLog()
    assert caplog.messages == []
    log.follow()
    log.follow()
    [line] = caplog.records
    assert line.levelno == logging.WARNING
    assert "--workers 4" in line.message
    assert "RedisLog(" in line.message


def test_memory_is_content_with_one_worker(monkeypatch, caplog):
    """Nothing is said that does not matter."""
    monkeypatch.setattr(workers, "sign_of_several", lambda: None)
    MemoryLog().follow()
    assert caplog.messages == []


def test_a_log_is_whatever_has_its_methods():
    """It need not derive from anything; what lacks one is refused when it is given."""
    assert isinstance(MemoryLog(), RevocationLog)
    assert isinstance(SilentLog(), RevocationLog)
    for odd in ("redis://localhost", object(), Records()):
        with pytest.raises(ConfigurationError, match="write log=RedisLog"):
            Connections(log=odd)
