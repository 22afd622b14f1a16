"""The clock of the database server, to tell whether that of this host is right. Nothing is stamped by it."""

from __future__ import annotations

import time

from django.db import connections

_NOW = {  # POSIX seconds at this moment, not at the start of the transaction
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP(SYSDATE(6))",
}


def ahead(alias: str, now: float) -> float | None:
    """Seconds by which the server's clock is ahead of a host's, at least, whose clock says `now`.

    None where the server is not asked: SQLite has the clock of this host.
    """
    connection = connections[alias]
    if connection.vendor not in _NOW:
        return None
    asked = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_NOW[connection.vendor])
        (there,) = cursor.fetchone()
    took, least = time.monotonic() - asked, float(there) - now
    return min(max(0.0, least - took), least)  # it was read at some moment of these
