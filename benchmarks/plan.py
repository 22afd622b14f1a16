"""What is measured. The labels say who stands in front of the application; the numbers are those of `goals`."""

from __future__ import annotations

from typing import Any

from benchmarks.cells import Cell, Fresh, Imports, InProcess, LastClose, Loopback, Subject
from benchmarks.configuration import Configuration
from benchmarks.people import REFUSED, Presented, token

BARE, CHANNELS, AMS, WSAUTH = "bare application", "Channels without auth", "AuthMiddlewareStack", "wsauth"
PYJWT, DEPENDS, STARLETTE = "PyJWT query middleware", "Depends and PyJWT", "AuthenticationMiddleware and PyJWT"
FRAMEWORK = "the framework alone"
GROUP_SEND, RECORDS, CONNECTIONS = "Channels group_send", "wsauth, registry records", "wsauth, connections"
TOKEN, USER, SESSION = "wsauth, token", "wsauth, token and user", "wsauth, session"
GROWTH = (100, 1_000, 10_000)
CROWD, FEW = 5_000, 1_000


def _handshakes(name: str, title: str, at_once: int, *subjects: tuple[str, str], **where: Any) -> InProcess:
    """`subjects` are pairs of label and guard."""
    return InProcess(
        name,
        title,
        tuple(
            Subject(label, Configuration(guard, **where), arguments={"at_once": at_once}) for label, guard in subjects
        ),
    )


SESSIONS = ((AMS, "ams"), (WSAUTH, "wsauth-session"))
TOKENS = ((PYJWT, "pyjwt-query"), (WSAUTH, "wsauth-jwt-user"))
POSTGRES = {"database": "postgres"}

SESSION_CELLS: list[Cell] = [
    _handshakes("session-100", "Session, 100 at once, CONN_MAX_AGE=60", 100, (BARE, "none"), *SESSIONS, **POSTGRES),
    _handshakes("session-100-new", "Session, 100 at once, CONN_MAX_AGE=0", 100, *SESSIONS, **POSTGRES, max_age=0),
    _handshakes("session-1", "Session, one at a time, CONN_MAX_AGE=60", 1, (BARE, "none"), *SESSIONS, **POSTGRES),
    _handshakes(
        "session-1-custom",
        "The same, with a backend that overrides get_user",
        1,
        *SESSIONS,
        **POSTGRES,
        backend="custom",
    ),
    *(
        _handshakes(
            f"session-1-{engine}", f"Session, one at a time, engine {engine}", 1, *SESSIONS, **POSTGRES, engine=engine
        )
        for engine in ("cached_db", "cache", "file", "signed_cookies")
    ),
    _handshakes("session-1-sqlite", "Session, one at a time, SQLite", 1, *SESSIONS),
    _handshakes("session-100-sqlite", "Session, 100 at once, SQLite", 100, *SESSIONS),
    _handshakes(
        "session-100-signed_cookies",
        "Session, 100 at once, signed cookies",
        100,
        *SESSIONS,
        **POSTGRES,
        engine="signed_cookies",
    ),
    _handshakes("session-100-far", "Session, 100 at once, PostgreSQL 1.2 ms away", 100, *SESSIONS, database="far"),
]

TOKEN_CELLS = [
    _handshakes("user-1", "JWT and user, one at a time, CONN_MAX_AGE=60", 1, (BARE, "none"), *TOKENS, **POSTGRES),
    _handshakes("user-100", "JWT and user, 100 at once, CONN_MAX_AGE=60", 100, *TOKENS, **POSTGRES),
    _handshakes("user-100-new", "JWT and user, 100 at once, CONN_MAX_AGE=0", 100, *TOKENS, **POSTGRES, max_age=0),
    _handshakes("jwt-bare", "JWT, one at a time, bare", 1, (BARE, "none"), (WSAUTH, "wsauth-jwt")),
    _handshakes(
        "jwt-starlette", "JWT, one at a time, Starlette", 1,
        (FRAMEWORK, "none"), (STARLETTE, "starlette-auth"), (WSAUTH, "wsauth-jwt"), inner="starlette",
    ),
    _handshakes(
        "jwt-fastapi", "JWT, one at a time, FastAPI", 1,
        (FRAMEWORK, "none"), (DEPENDS, "depends"), (WSAUTH, "wsauth-jwt"), inner="fastapi",
    ),
]  # fmt: skip

_BOTH = Configuration("wsauth-both")
REFUSAL_CELLS: list[Cell] = [
    InProcess(
        "refused",
        "Refused handshakes, one at a time; the policy takes tokens and sessions",
        (
            Subject(BARE, Configuration("none"), arguments={"at_once": 1}),
            *(Subject(case, _BOTH, "refusals", {"case": case}) for case in REFUSED),
        ),
    ),
    Fresh(
        "refused-traces",
        "What a refused handshake reaches: thread hops, queries, applications",
        tuple(Subject(case, _BOTH, "traces", {"case": case}) for case in REFUSED),
        rounds=1,
    ),
]

MESSAGE_CELLS = [
    InProcess(
        "message",
        "One message received and sent back",
        tuple(
            Subject(label, Configuration(guard), "messages")
            for label, guard in ((BARE, "none"), (WSAUTH, "wsauth-jwt"), (AMS, "ams"))
        ),
    )
]


def _memory(name: str, title: str, *subjects: tuple[str, str, str], traced: bool, count: int = CROWD) -> Fresh:
    """`subjects` are label, guard and application."""
    arguments = {"count": count, "traced": traced}
    return Fresh(
        name,
        title,
        tuple(Subject(label, Configuration(guard, inner), "memory", arguments) for label, guard, inner in subjects),
        rounds=2 if traced else 3,  # tracemalloc counts to the byte
    )


_HELD = (
    (BARE, "none", "bare"),
    (TOKEN, "wsauth-jwt", "bare"),
    (USER, "wsauth-jwt-user", "bare"),
    (SESSION, "wsauth-session", "bare"),
    (AMS, "ams", "bare"),
    (PYJWT, "pyjwt-query", "bare"),
)
_HELD_STARLETTE = (
    (FRAMEWORK, "none", "starlette"),
    (WSAUTH, "wsauth-jwt", "starlette"),
    (STARLETTE, "starlette-auth", "starlette"),
)
MEMORY_CELLS = [
    _memory("memory", "Bytes of an idle connection, 5,000 open, by tracemalloc", *_HELD, traced=True),
    _memory("memory-starlette", "The same on Starlette", *_HELD_STARLETTE, traced=True),
    _memory("memory-resident", "Bytes of an idle connection, 5,000 open, of the resident set", *_HELD, traced=False),
    _memory("memory-resident-starlette", "The same on Starlette", *_HELD_STARLETTE, traced=False),
]

_MEMBERS = Configuration("none", "group")


def _revoke_all(name: str, title: str, count: int) -> Fresh:
    token, arguments = Configuration("wsauth-jwt"), {"count": count}
    return Fresh(
        name,
        title,
        (
            Subject(RECORDS, token, "revoke_records", arguments),
            Subject(CONNECTIONS, token, "revoke_all", arguments),
            Subject(GROUP_SEND, _MEMBERS, "group_send", arguments),
        ),
    )


REVOKE_CELLS: list[Cell] = [
    Fresh(
        "revoke-one",
        "revoke, 1 of 5,000 in process",
        (Subject(WSAUTH, Configuration("wsauth-jwt"), "revoke_one", {"count": CROWD}),),
        rounds=5,
    ),
    _revoke_all("revoke-all", "revoke, 5,000 in process: until the last close", CROWD),
    LastClose(
        "revoke-sockets",
        "revoke, 5,000 sockets on uvicorn: until the last close",
        (
            Subject(WSAUTH, Configuration("wsauth-jwt", "group"), sends=Presented(query=f"token={token('everybody')}")),
            Subject(GROUP_SEND, _MEMBERS, sends=Presented()),
        ),
        CROWD,
    ),
]


def _growth(name: str, title: str, guard: str, what: str, rounds: int, **arguments: Any) -> Fresh:
    configuration = Configuration(guard)
    subjects = tuple(Subject(f"{count:,}", configuration, what, {"count": count, **arguments}) for count in GROWTH)
    return Fresh(name, f"Growth: {title}", subjects, rounds)


GROWTH_CELLS = [
    _growth("growth-bytes-token", "bytes per connection, wsauth, token", "wsauth-jwt", "memory", 1, traced=True),
    _growth(
        "growth-bytes-session", "bytes per connection, wsauth, session", "wsauth-session", "memory", 1, traced=True
    ),
    _growth("growth-open-token", "CPU to open one, wsauth, token", "wsauth-jwt", "memory", 3, traced=False),
    _growth(
        "growth-open-session", "CPU to open one, wsauth, session, SQLite", "wsauth-session", "memory", 3, traced=False
    ),
    _growth("growth-revoke", "revoke until the last close, in process", "wsauth-jwt", "revoke_all", 3),
]


def _loopback(server: str, name: str, title: str, *subjects: tuple[str, str], **where: Any) -> Loopback:
    return Loopback(name, f"{title}, {server}, Channels consumer, 32 in flight", server, tuple(
        Subject(label, Configuration(guard, "channels", "postgres", **where)) for label, guard in subjects
    ))  # fmt: skip


LOOPBACK_CELLS = [
    _loopback(server, f"{server}{suffix}", f"Session, PostgreSQL, CONN_MAX_AGE={max_age}", *subjects, max_age=max_age)
    for server in ("uvicorn", "daphne")
    for suffix, max_age, subjects in (("", 60, ((CHANNELS, "none"), *SESSIONS)), ("-new", 0, SESSIONS))
]

RECORD_CELLS: list[Cell] = [
    Fresh(
        "records",
        "100,000 revocations in one process",
        (Subject(WSAUTH, Configuration("none"), "records", {"count": 100_000}),),
        rounds=3,
    )
]

IMPORT_CELLS = [
    Imports(
        "import",
        "CPU of an import beyond `import asyncio`",
        {"import wsauth": "import wsauth", "from wsauth import *": "from wsauth import *"},
    )
]

CELLS: list[Cell] = [
    *SESSION_CELLS,
    *LOOPBACK_CELLS,
    *TOKEN_CELLS,
    *REFUSAL_CELLS,
    *MESSAGE_CELLS,
    *MEMORY_CELLS,
    *REVOKE_CELLS,
    *GROWTH_CELLS,
    *RECORD_CELLS,
    *IMPORT_CELLS,
]
_QUICK = (
    "session-100", "session-1", "session-1-sqlite", "uvicorn", "user-1", "user-100", "jwt-bare", "jwt-starlette",
    "jwt-fastapi", "refused", "refused-traces", "message",
)  # fmt: skip
QUICK: list[Cell] = [
    *(cell for cell in CELLS if cell.name in _QUICK),
    _memory("memory-quick", "1,000 idle connections", *_HELD, traced=True, count=FEW),
    _revoke_all("revoke-quick", "revoke, 1,000 in process", FEW),
]
