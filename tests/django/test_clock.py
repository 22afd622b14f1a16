"""The clock of the database server tells whether that of this host is right."""

from __future__ import annotations

import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from postgres_server import PostgresServer

from wsauth.django import DatabaseLog, clock
from wsauth.revocation.records import Records
from wsauth.testing import FakeClock


@pytest.fixture
def postgres(monkeypatch):
    from django.db import connections
    from django.db.backends.postgresql.base import DatabaseWrapper

    server = PostgresServer()
    with closing(server):
        server.start()
        named = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": "127.0.0.1"}
        settings = connections.configure_settings({"default": named | {"PORT": server.port}})["default"]
        with closing(DatabaseWrapper(settings, "far")) as connection:
            monkeypatch.setattr(clock, "connections", {"far": connection})
            yield


def test_postgresql_tells_its_time(postgres):
    """To the second at least, and with the sign that it has."""
    assert clock.ahead("far", time.time()) == pytest.approx(0.0, abs=2.0)
    assert clock.ahead("far", time.time() - 3600.0) == pytest.approx(3600.0, abs=2.0)
    assert clock.ahead("far", time.time() + 3600.0) == pytest.approx(-3600.0, abs=2.0)


def test_sqlite_is_not_asked():
    """It has no clock of its own."""
    assert clock.ahead("default", 0.0) is None


@pytest.mark.parametrize(("least", "told"), [(0.5, 0.0), (2.0, 1.0), (-3.0, -3.0)])
def test_an_answer_that_came_late_tells_little(monkeypatch, least, told):
    """The time was read at some moment of that second."""
    times = iter([10.0, 11.0])
    cursor = SimpleNamespace(execute=lambda _: None, fetchone=lambda: (100.0 + least,))
    connection = SimpleNamespace(vendor="mysql", cursor=lambda: _Held(cursor))
    monkeypatch.setattr(clock, "connections", {"default": connection})
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: next(times)))
    assert clock.ahead("default", 100.0) == told


class _Held:
    def __init__(self, cursor):
        self._cursor = cursor

    def __enter__(self):
        return self._cursor

    def __exit__(self, *_):
        pass


def test_a_log_in_a_table_says_that_the_clock_of_its_host_is_off(monkeypatch, caplog):
    """Once a minute it asks, with the look at all of the table."""
    now, monotonic = FakeClock(time.time()), FakeClock(1000.0)
    log = DatabaseLog(Records(now, monotonic), monotonic)
    asked = []
    monkeypatch.setattr(clock, "ahead", lambda alias, at: asked.append(alias) or 3600.0)
    for _ in range(3):
        assert log._table.keep_up()
    assert asked == ["default"]
    assert log.clock.off_by == 3600.0
    assert "3600 s behind" in caplog.text
    assert log.records.offset == 0.0
