"""The commands: the documentation's account may give all of them, and their answers are read as Redis gives them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import redis
from redis_nodes import LOG, NODES, revoking, until

from wsauth.redis import follower
from wsauth.redis.commands import answered, entries_of, eviction_of, nodes_of, order, stream_of

PAGE = Path(__file__).parents[2] / "docs" / "redis.md"


def account() -> list[str]:
    """The arguments of the line in the documentation."""
    (line,) = re.findall(r"^> ACL SETUSER wsauth (.*)$", PAGE.read_text(), re.MULTILINE)
    return line.split()


async def test_the_account_of_the_documentation_can_do_everything(own_server, node, quick, monkeypatch, caplog):
    """Publish, read, answer, repair, trim, leave: with no right too few, and none too many."""
    monkeypatch.setattr(follower, "TRIM", 0.2)
    with redis.Redis(port=own_server.port, db=1) as raw:
        raw.execute_command("ACL", "SETUSER", "wsauth", *account())
        raw.config_set("maxmemory-policy", "allkeys-lru")
        raw.config_resetstat()
        url = f"redis://wsauth:change-this-password@127.0.0.1:{own_server.port}/1"
        here, there = await node("alice", url=url).started(), await node("alice", url=url).started()
        receipt = await here.log.publish(revoking("alice"), 5.0)
        assert (receipt.recorded, receipt.closed, receipt.missing) == (True, 2, frozenset())
        assert (await asyncio.to_thread(here.log.publish_now, revoking("bob"), 5.0)).answered == 1
        raw.flushdb()
        await until(lambda: there.sockets.looks and raw.xlen(LOG) >= 2)
        await until(lambda: "cmdstat_xtrim" in raw.info("commandstats"))
        there.reader._task.cancel()
        await until(lambda: raw.zcard(NODES) == 1)
        refused = {entry["object"] for entry in raw.acl_log()}
        used = {name.removeprefix("cmdstat_") for name in raw.info("commandstats")}
    assert {name for name in refused if not name.startswith("client")} == set()
    assert {right.removeprefix("+") for right in account() if right.startswith("+")} <= used
    assert "NoPermission" not in caplog.text
    assert "evicts" in caplog.text


def test_ids_are_compared_as_numbers():
    """As text, 9 would come after 10."""
    assert order(b"10-0") > order(b"9-999")
    assert order(b"9-10") > order(b"9-9")


def test_nothing_is_read_where_nothing_is():
    """Redis says null for an empty read, and an error for a stream that is not there."""
    assert entries_of(None) == []
    assert stream_of(None) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, None),
        ([b"key", b"host:1:ab:3"], ("host:1:ab", 3)),
        ([b"key", b"host:1:ab:-3"], None),
        ([b"key", b"host:1:ab:99999999999999"], None),
        ([b"key", b"\xff:1"], ("\ufffd", 1)),
        ([b"key", b""], None),
    ],
)
def test_an_answer_is_a_name_and_a_number(answer, expected):
    """Anything else is none."""
    assert answered(answer) == expected


def test_leases_run_out():
    """By the clock of Redis."""
    assert nodes_of([b"a", b"10", b"b", b"1.5e1"], 12.0) == {"b"}


def test_the_policy_of_eviction_is_found():
    """noeviction, or a Redis that does not say, is no reason to warn."""
    assert eviction_of(b"# Memory\r\nused:1\r\nmaxmemory_policy:allkeys-lfu\r\n") == "allkeys-lfu"
    assert eviction_of(b"maxmemory_policy:noeviction") == eviction_of(b"") == ""
