"""What a verifier costs: queries, and hops into Django's thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext


@contextmanager
def counted_hops(monkeypatch: Any) -> Iterator[list[Any]]:
    """The functions that are called in Django's thread meanwhile."""
    from wsauth.django import database

    hops: list[Any] = []
    hop = database.hop
    with monkeypatch.context() as patch:
        patch.setattr(database, "hop", lambda function, *args: hops.append(function) or hop(function, *args))
        yield hops


def queries_of(function: Any, *args: Any) -> tuple[Any, list[str]]:
    """Call an async function from a thread that has no loop; return its result and the queries it made."""
    with CaptureQueriesContext(connection) as captured:
        result = async_to_sync(function)(*args)
    return result, [query["sql"] for query in captured]
