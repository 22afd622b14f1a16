"""A schema for each tenant in PostgreSQL, chosen by a ContextVar: nobody is ever somebody of another tenant."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PostgresServer

HERE = Path(__file__).parent
RIGHT = [{"right": 200}, {"right": 200}]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def figures(script, *arguments):
    """How many of 200 were who they are: in the handshakes, all at once, and after a re-check of all."""
    done = subprocess.run(
        [sys.executable, "-W", "error", HERE / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["schemas", "quoted"])
def test_a_schema_for_each_tenant_in_django(postgres, kind):
    """Into which a cursor looks, or which statements name. Their users have the same primary keys, and the same tokens."""
    found = figures("in_django.py", postgres.port, kind)
    assert found == dict.fromkeys(("sessions", "users", "load_user", "simplejwt", "tokens"), RIGHT)


def test_a_manager_that_shows_each_tenant_its_own_users(postgres):
    """Who are all in one table."""
    found = figures("in_django.py", postgres.port, "manager")
    assert found == dict.fromkeys(("sessions", "users"), RIGHT)


def test_a_schema_for_each_tenant_in_plain_asgi(postgres):
    """As `load_user`, a verifier and a `recheck` of one's own see it."""
    found = figures("in_plain_asgi.py", postgres.port)
    assert found == dict.fromkeys(("load_user", "own verifier", "recheck"), RIGHT)
