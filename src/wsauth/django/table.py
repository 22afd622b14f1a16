"""What a process has read of the table of `DatabaseLog`, page by page: at a start all of it, then what is new."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db import DatabaseError, InterfaceError, connections, router

from wsauth.django import clock
from wsauth.django.seen import Seen
from wsauth.revocation.clock import Clock
from wsauth.revocation.records import Records
from wsauth.revocation.said import Said, read, since

logger = logging.getLogger("wsauth")

WHOLE = 60.0  # seconds between two looks at all of it
PAGE = 1000  # rows in one query
BATCH = 500  # rows in one query that names each
KEPT = 3600.0  # seconds that a row is kept after it has lapsed: no host's clock is that wrong
LAPSED = 2000  # rows deleted at once
LATE = 1.0  # seconds that a row may come in after the look that should have found it


class Table:
    """What this process has read of the table. All of it runs in the threads of its readers."""

    def __init__(self, records: Records, monotonic: Callable[[], float]) -> None:
        self.known_at = float("-inf")
        self.clock = Clock()
        self._records = records
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_whole_at = float("-inf")
        self._seen = Seen()
        self._floor = self._newest = 0  # the highest id one whole look earlier, and at the last
        self._settled = 0  # the highest id of a record that is older than the time between two whole looks
        self._has_met_an_odd_row = False
        self._trouble = ""  # why it could not be read the last time

    def start_over(self) -> None:
        """Know nothing. A reader of the parent may have held the lock."""
        self._lock = threading.Lock()
        self.known_at = self._read_whole_at = float("-inf")

    def keep_up(self) -> bool:
        """Take in what is new. Returns whether the database could be asked; says each cause once where it could not."""
        try:
            with self._lock:
                self._look()
        except Exception as error:  # whatever it is, records may be missing
            if self._trouble != (cause := why(error)):
                self._trouble = cause
                logger.error("the revocation log cannot be read: %s", cause)
            return False
        if self._trouble:
            self._trouble = ""
            logger.warning("the revocation log can be read again")
        return True

    def _look(self) -> None:
        began = self._monotonic()
        rows = model()._default_manager.using(router.db_for_write(model()))
        is_whole = began - self._read_whole_at >= WHOLE
        looked_at = rows.filter(until__gt=self._missed()) if is_whole else rows.filter(pk__gt=self._floor)
        columns = ("pk", "until", "body") if is_whole and not self._seen else ("pk", "until")
        there = Seen() if is_whole else self._seen
        for page in _pages(looked_at, columns):
            self._take(rows, [row for row in page if row[:2] not in self._seen])
            for row in page:
                there.add(row[:2])
        if is_whole:
            self._raise_floor(there)
            self._seen, self._read_whole_at = there, began
        self.known_at = began
        if is_whole:
            self._compare_clocks(rows.db)
            _delete_lapsed(rows, self._records.now() - KEPT)  # last, for it may wait for another writer

    def _raise_floor(self, there: Seen) -> None:
        """Ids below the floor are asked for at whole looks only: those of a minute or two ago, by now."""
        is_first, newest = not self._seen, there.newest
        self._floor, self._newest = min(self._settled if is_first else self._newest, newest), newest

    def _compare_clocks(self, alias: str) -> None:
        with contextlib.suppress(DatabaseError, InterfaceError):
            if (ahead := clock.ahead(alias, self._records.now())) is not None:
                self.clock.learn(ahead)

    def _missed(self) -> float:
        """Since when (POSIX seconds) something may have come that is not known, and has lapsed meanwhile."""
        if self.known_at == float("-inf"):  # nobody is connected who came before it
            return self._records.now()
        return self._records.now() - (self._monotonic() - self.known_at) - LATE

    def _take(self, rows: Any, new: list[Any]) -> None:
        """Take in rows that have not been read, with their bodies or without."""
        missed = self._missed()
        whole = [(pk, body) for pk, _, *bodies in new for body in bodies]
        if whole:
            self._apply(whole, missed)
            return
        pks = [pk for pk, *_ in new]
        for at in range(0, len(pks), BATCH):
            self._apply(rows.filter(pk__in=pks[at : at + BATCH]).order_by("pk").values_list("pk", "body"), missed)

    def _apply(self, bodies: Iterable[tuple[int, str]], missed: float) -> None:
        settled = self._records.now() - WHOLE
        several = [(pk, said) for pk, body in bodies if (said := self._read(body)) is not None]
        self._records.take([said for _, said in several], missed)
        self._settled = max([self._settled, *(pk for pk, (_, said) in several if since(said) < settled)])

    def _read(self, body: str) -> Said | None:
        try:
            return read(body.encode("utf-8", "surrogatepass"))
        except ValueError as error:
            if not self._has_met_an_odd_row:
                self._has_met_an_odd_row = True
                logger.error("rows of the revocation log are skipped: %s", error)
        return None


def _pages(rows: Any, columns: tuple[str, ...]) -> Iterator[list[Any]]:
    """Yield all rows, so many at once that nobody else waits long for this thread; an empty page where there are none."""
    page: list[Any] = list(rows.order_by("pk").values_list(*columns)[:PAGE])
    yield page
    while len(page) == PAGE:
        time.sleep(0)
        page = list(rows.filter(pk__gt=page[-1][0]).order_by("pk").values_list(*columns)[:PAGE])
        yield page


def _delete_lapsed(rows: Any, before: float) -> None:
    """Delete some of what nobody needs any more. Another process may do the same, and a table that is locked can wait."""
    with contextlib.suppress(DatabaseError, InterfaceError):
        lapsed = rows.filter(until__lt=before).order_by("pk").values_list("pk", flat=True)[:LAPSED]
        rows.filter(pk__in=list(lapsed)).delete()


def model() -> Any:
    """The model, which is there once Django is set up. Raises LookupError where the app is not installed."""
    return apps.get_model("wsauth", "Revocation")


def why(error: Exception) -> str:
    """Say what failed, and what to do where that is known; never the error's own text, which may quote values."""
    if not apps.is_installed("wsauth.django"):
        return 'it has no table; add "wsauth.django" to INSTALLED_APPS and run `manage.py migrate`'
    with contextlib.suppress(Exception):  # the database that has just failed is asked
        table = model()
        names = connections[router.db_for_write(table)].introspection.table_names()
        if isinstance(error, DatabaseError) and table._meta.db_table not in names:
            return "its table is missing; run `manage.py migrate`"
    return f"the database answered {type(error).__name__}"
