"""The guard against regressions."""

import json

from benchmarks import bounds
from benchmarks.plan import QUICK

NAME = "session, one at a time"


def cells(ours: float):
    cell, metric, us, them = bounds.GUARDED[NAME]
    return {cell: {us: [{metric: ours}], them: [{metric: 1.0}]}}


def test_recorded_bounds_hold_for_what_was_recorded(tmp_path):
    """The run that was recorded passes, and so does one that is a little worse."""
    bounds.record(cells(0.5), tmp_path / "bounds.json")
    recorded = json.loads((tmp_path / "bounds.json").read_text())
    assert bounds.breaches(cells(0.5), recorded) == []
    assert bounds.breaches(cells(0.6), recorded) == []


def test_the_best_turns_are_compared():
    """A turn that something disturbed is no regression."""
    cell, metric, us, them = bounds.GUARDED[NAME]
    disturbed = {cell: {us: [{metric: 9.0}, {metric: 0.5}], them: [{metric: 1.0}, {metric: 7.0}]}}
    assert bounds.ratios(disturbed) == {NAME: 0.5}


def test_a_regression_is_named():
    """What is above its bound is told by name, and measured again in its cell."""
    assert bounds.breaches(cells(0.6), {NAME: 0.5}) == [NAME]
    assert bounds.cells_of([NAME]) == {bounds.GUARDED[NAME][0]}


def test_what_a_refused_handshake_must_not_reach():
    """Nothing stays nothing: there is no slack on zero."""
    found = {"refused-traces": {"missing": [{"reached": 0.0}]}}
    recorded = {name: ratio * bounds.SLACK for name, ratio in bounds.ratios(found).items()}
    assert bounds.breaches(found, recorded) == []
    found["refused-traces"]["missing"][0]["reached"] = 1.0
    assert bounds.breaches(found, recorded) == ["reached, missing"]
    assert bounds.cells_of(["reached, missing"]) == {"refused-traces"}


def test_the_short_run_measures_what_is_guarded():
    """Every guarded ratio has its cell in the short run."""
    assert {cell for cell, *_ in bounds.GUARDED.values()} | {bounds.NEVER[0]} <= {cell.name for cell in QUICK}
