"""Which rows of a table have been read: by their ids and by when they lapse, in sixteen bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left

Row = tuple[int, float]  # id, and until when it counts: ids are given again after a restore, but with other times


class Seen:
    """Rows in the order of their ids."""

    def __init__(self) -> None:
        self._ids, self._untils = array("q"), array("d")

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def newest(self) -> int:
        """The highest id; zero where there is none."""
        return self._ids[-1] if self._ids else 0

    def __contains__(self, row: Row) -> bool:
        at = bisect_left(self._ids, row[0])
        return at < len(self._ids) and self._ids[at] == row[0] and self._untils[at] == row[1]

    def add(self, row: Row) -> None:
        """Note a row, in the place of the one that had its id before."""
        if not self._ids or row[0] > self._ids[-1]:
            self._ids.append(row[0])
            self._untils.append(row[1])
        elif row[0] == self._ids[at := bisect_left(self._ids, row[0])]:
            self._untils[at] = row[1]
        else:
            self._ids.insert(at, row[0])
            self._untils.insert(at, row[1])
