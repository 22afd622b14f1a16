"""What is to be reached, row by row as the project set it, and whether it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks import figures, plan
from benchmarks.figures import Series, Spread
from benchmarks.people import REFUSED

UNITS = {"": 1.0, "µs": 1e6, "ms": 1e3, "s": 1.0, "B": 1.0, "/s": 1.0}  # per second, or per byte


@dataclass(frozen=True, slots=True)
class Goal:
    """`ours` is held against `theirs`: as a ratio, as what it comes to `above` it, or by itself where there is no `theirs`.

    The bound is in `unit`; a ratio has none. `at_least` is for what should be big. A `headline` stands in the README.
    """

    row: str
    what: str
    cell: str
    metric: str
    ours: str
    theirs: str | None
    bound: float
    unit: str = ""
    above: bool = False
    at_least: bool = False
    headline: str = ""

    @property
    def is_ratio(self) -> bool:
        return self.theirs is not None and not self.above

    @property
    def text(self) -> str:
        """The goal in words: what stands in the table."""
        sign = "≥" if self.at_least else "≤"
        bound = f"{self.bound:g} {self.unit}".strip()
        if self.is_ratio:
            return f"{sign} {bound} × {self.theirs}"  # noqa: RUF001 - times
        return f"{sign} {self.theirs} + {bound}" if self.above else f"{sign} {bound}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal held against what was measured. `ours` and `theirs` are figures as measured, `found` is what counts."""

    goal: Goal
    found: Spread
    ours: Spread
    theirs: Spread | None

    @property
    def reached(self) -> bool:
        median = self.found.median
        return median >= self.goal.bound if self.goal.at_least else median <= self.goal.bound


def judge(goal: Goal, series: Series) -> Verdict:
    """Hold a goal against its cell."""
    ours = figures.single(series, goal.ours, goal.metric)
    if goal.theirs is None:
        return Verdict(goal, ours.scaled(UNITS[goal.unit]), ours, None)
    theirs = figures.single(series, goal.theirs, goal.metric)
    if goal.above:
        found = figures.excess(series, goal.ours, goal.theirs, goal.metric).scaled(UNITS[goal.unit])
    else:
        found = figures.ratio(series, goal.ours, goal.theirs, goal.metric)
    return Verdict(goal, found, ours, theirs)


def judge_all(cells: Mapping[str, Series], goals: Iterable[Goal] | None = None) -> list[Verdict]:
    """Hold every goal against the cells, as far as these were measured."""
    return [judge(goal, cells[goal.cell]) for goal in (GOALS if goals is None else goals) if goal.cell in cells]


def _cpu(row: str, what: str, cell: str, bound: float, theirs: str = plan.AMS, headline: str = "") -> Goal:
    return Goal(row, what, cell, "total", plan.WSAUTH, theirs, bound, headline=headline)


def _rate(row: str, what: str, cell: str, bound: float, theirs: str = plan.AMS, headline: str = "") -> Goal:
    return Goal(row, what, cell, "rate", plan.WSAUTH, theirs, bound, at_least=True, headline=headline)


def _above(
    row: str, what: str, cell: str, ours: str, floor: str, bound: float, unit: str = "µs", metric: str = "cpu"
) -> Goal:
    return Goal(row, what, cell, metric, ours, floor, bound, unit, above=True)


SIGNED = "bad signature"
SESSIONS = "session handshakes, 100 at once, CPU of server and PostgreSQL"
USERS = "JWT and Django user, 100 at once, CPU of server and PostgreSQL"
GOALS: tuple[Goal, ...] = (
    _cpu("1a", f"{SESSIONS}, CONN_MAX_AGE=60", "session-100", 0.08, headline="Session, 100 clients at once"),
    _cpu("1b", f"{SESSIONS}, CONN_MAX_AGE=0", "session-100-new", 0.03, headline="The same, CONN_MAX_AGE=0"),
    _cpu("2a", "session handshake, one at a time: CPU", "session-1", 0.5, headline="Session, one client"),
    *(
        _cpu(f"2{letter}", f"session handshake, one at a time, {what}: never worse", cell, 1.0)
        for letter, what, cell in (
            ("b", "get_user overridden", "session-1-custom"),
            ("c", "engine cached_db", "session-1-cached_db"),
            ("d", "engine cache", "session-1-cache"),
            ("e", "engine file", "session-1-file"),
            ("f", "engine signed_cookies", "session-1-signed_cookies"),
        )
    ),
    _rate("3a", "uvicorn, Channels consumer, 32 in flight, CONN_MAX_AGE=60: handshakes/s", "uvicorn", 2.3,
          headline="uvicorn, sockets, a Channels consumer"),
    _rate("3b", "the same", "uvicorn", 0.8, plan.CHANNELS),
    _rate("3c", "the same, CONN_MAX_AGE=0", "uvicorn-new", 6.0),
    _rate("4", "database 1.2 ms away, 100 at once: handshakes/s", "session-100-far", 8.0, headline="Database 1.2 ms away"),
    _above("5a", "HS256 without user look-up, Starlette", "jwt-starlette", plan.WSAUTH, plan.FRAMEWORK, 20),
    _above("5b", "HS256 without user look-up, FastAPI", "jwt-fastapi", plan.WSAUTH, plan.FRAMEWORK, 20),
    _above("5c", "HS256 without user look-up, bare", "jwt-bare", plan.WSAUTH, plan.BARE, 20),
    _cpu("6a", "JWT and Django user, one at a time: CPU", "user-1", 0.6, plan.PYJWT, headline="JWT and user, one client"),
    _cpu("6b", f"{USERS}, CONN_MAX_AGE=60", "user-100", 0.08, plan.PYJWT, headline="JWT and user, 100 clients at once"),
    _cpu("6c", f"{USERS}, CONN_MAX_AGE=0", "user-100-new", 0.03, plan.PYJWT),
    *(
        _above(f"7{letter}", f"refused: {case}", "refused", case, plan.BARE, 20 if case == SIGNED else 8)
        for letter, case in zip("abcdef", REFUSED, strict=True)
    ),
    *(
        Goal(f"7{letter}", f"hops, queries and applications: {case}", "refused-traces", "reached", case, None, 0)
        for letter, case in zip("ghijkl", REFUSED, strict=True)
    ),
    _above("8", "one message received and sent", "message", plan.WSAUTH, plan.BARE, 0.5),
    _above("9a", "memory of an idle connection, token identity", "memory", plan.TOKEN, plan.BARE, 819, "B", "traced"),
    _above("9b", "the same with a loaded user, by token", "memory", plan.USER, plan.BARE, 1792, "B", "traced"),
    _above("9c", "the same with a loaded user, by session", "memory", plan.SESSION, plan.BARE, 1792, "B", "traced"),
    Goal("10a", "revoke 1 of 5,000", "revoke-one", "seconds", plan.WSAUTH, None, 2, "ms"),
    Goal("10b", "revoke 5,000 records in process", "revoke-all", "seconds", plan.RECORDS, plan.GROUP_SEND, 0.01),
    Goal("10c", "revoke 5,000 real sockets", "revoke-sockets", "seconds", plan.WSAUTH, plan.GROUP_SEND, 0.3,
         headline="Log 5,000 sockets out"),
    Goal("11a", "`import wsauth`", "import", "seconds", "import wsauth", None, 10, "ms"),
    Goal("11b", "every public name of wsauth", "import", "seconds", "from wsauth import *", None, 10, "ms"),
    Goal("11c", "frameworks that every public name loads", "import", "frameworks", "from wsauth import *", None, 0),
    *(
        Goal(f"12{letter}", f"100,000 revocations: {what}", "records", metric, plan.WSAUTH, None, bound, unit)
        for letter, what, metric, bound, unit in (
            ("a", "bytes of each in a process", "bytes", 250, "B"),
            ("b", "CPU to take them in", "cpu", 2, "s"),
            ("c", "the longest turn of the loop meanwhile", "turn", 20, "ms"),
            ("d", "a token that outlives all before", "outlast", 5, "ms"),
            ("e", "a call when all have lapsed at once", "lapse", 5, "ms"),
        )
    ),
)  # fmt: skip
