"""Goals, and when they are reached."""

import pytest
from benchmarks.cells import Imports
from benchmarks.goals import GOALS, Goal, judge, judge_all
from benchmarks.plan import CELLS

SERIES = {"wsauth": [{"cpu": 3e-6, "rate": 30.0}] * 3, "other": [{"cpu": 2e-6, "rate": 10.0}] * 3}


def goal(bound: float, **changes: object) -> Goal:
    given = {"row": "1", "what": "x", "cell": "c", "metric": "cpu", "ours": "wsauth", "theirs": "other", "bound": bound}
    return Goal(**{**given, **changes})


@pytest.mark.parametrize(
    ("judged", "reached"),
    [
        (goal(1.5), True),
        (goal(1.49), False),
        (goal(3.0, metric="rate", at_least=True), True),
        (goal(3.1, metric="rate", at_least=True), False),
        (goal(1.1, above=True, unit="µs"), True),
        (goal(0.9, above=True, unit="µs"), False),
        (goal(3.1, theirs=None, unit="µs"), True),
        (goal(2.9, theirs=None, unit="µs"), False),
    ],
)
def test_reached_or_not(judged: Goal, reached: bool):
    """A goal is reached where the median is within its bound, in its unit and on its side."""
    assert judge(judged, SERIES).reached is reached


@pytest.mark.parametrize(
    ("judged", "text"),
    [
        (goal(0.5), "≤ 0.5 × other"),  # noqa: RUF001 - times
        (goal(2.3, at_least=True), "≥ 2.3 × other"),  # noqa: RUF001
        (goal(8, above=True, unit="µs"), "≤ other + 8 µs"),
        (goal(10, theirs=None, unit="ms"), "≤ 10 ms"),
    ],
)
def test_a_goal_in_words(judged: Goal, text: str):
    """A reader sees what is held against what."""
    assert judged.text == text


def test_goals_of_cells_that_were_not_measured_are_left_out():
    """Part of a run is judged as far as it goes."""
    assert [verdict.goal.cell for verdict in judge_all({"c": SERIES}, [goal(1), goal(1, cell="d")])] == ["c"]


def test_every_goal_can_be_measured():
    """Each names a cell of the plan and subjects of that cell, and every row of the project's table is there."""
    subjects = {
        cell.name: set(cell.statements) if isinstance(cell, Imports) else {subject.label for subject in cell.subjects}
        for cell in CELLS
    }
    for each in GOALS:
        assert {each.ours, each.theirs or each.ours} <= subjects[each.cell], each
    assert {int("".join(filter(str.isdigit, each.row))) for each in GOALS} == set(range(1, 13))
    assert len({each.row for each in GOALS}) == len(GOALS)
    assert len(subjects) == len(CELLS)
