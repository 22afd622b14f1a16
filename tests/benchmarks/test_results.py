"""The table, the plot and the README's section, of a run that never was."""

from xml.etree import ElementTree

import pytest
from benchmarks import plot, readme
from benchmarks.figures import Spread
from benchmarks.goals import GOALS
from benchmarks.plot import Pair
from benchmarks.results import Results, markdown, number, spread

ABOUT = {
    "when": "2026-01-01",
    "rounds": 3,
    "seconds": 0.5,
    "python": "3.11",
    "machine": "a machine",
    "versions": {"wsauth": "1"},
}
METRICS = (
    *("cpu", "postgres", "total", "seconds", "rate", "traced", "frameworks", "reached"),
    *("bytes", "turn", "outlast", "lapse"),
)


def results(ours: float, theirs: float) -> Results:
    """Every cell that a goal names, with the same figures in it."""
    made = Results(ABOUT)
    for goal in GOALS:
        cell = made.cells.setdefault(goal.cell, {})
        made.titles[goal.cell] = f"title of {goal.cell}"
        if goal.theirs is not None:
            cell[goal.theirs] = [dict.fromkeys(METRICS, theirs)] * 3
        cell[goal.ours] = [dict.fromkeys(METRICS, ours)] * 3
    return made


def test_the_table_marks_each_goal():
    """One line for each goal, and what was missed has its reason and its profile."""
    found = results(2e-6, 1e-6)
    found.profiles = {"session-100: wsauth": "the top of a profile"}
    text = markdown(found, {"1a": "because"})
    lines = [line for line in text.splitlines() if line.startswith(tuple(f"| {goal.row} |" for goal in GOALS))]
    assert len(lines) == len(GOALS)
    assert [line.endswith("| yes |") for line in lines] == [verdict.reached for verdict in found.verdicts]
    assert "### 1a:" in text
    assert "Reason: because" in text
    assert "the top of a profile" in text
    assert "not written down yet" in text
    assert "### 11a" not in text


def test_results_survive_a_file(tmp_path):
    """The raw figures are all that the table needs."""
    found = results(1e-6, 2e-6)
    found.save(tmp_path / "results.json")
    assert markdown(Results.load(tmp_path / "results.json"), {}) == markdown(found, {})


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.012"), (0.1234, "0.123"), (12.345, "12.3"), (1234.5, "1,234"), (-3.21, "-3.21")],
)
def test_digits_that_mean_something(value: float, text: str):
    """A figure promises no more than it was measured with."""
    assert number(value) == text


def test_a_spread_in_words():
    """The range stands beside the median."""
    assert spread(Spread(2, 1, 30), "µs") == "2 (1–30) µs"  # noqa: RUF001


def test_the_plot_is_well_formed():
    """Whatever stands in the titles; the longer bar of each pair is the full length."""
    drawn = plot.svg("a < b & c", [Pair("x & y", 4.0, 1.0, "<theirs>", "ours"), Pair("z", 1.0, 2.0, "", "")])
    root = ElementTree.fromstring(drawn)  # noqa: S314 - ours
    bars = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == [plot.FULL, plot.FULL / 4, plot.FULL / 2, plot.FULL]
    assert "prefers-color-scheme: dark" in drawn


def test_throughput_is_drawn_as_time():
    """In every pair less is better."""
    pair = next(p for p in readme.pairs(results(ours=30.0, theirs=10.0)) if p.title.startswith("uvicorn"))
    assert pair.ours == pytest.approx(pair.theirs / 3)


def test_the_readme_gets_its_section():
    """Between the markers, again and again, and nowhere else."""
    page = f"# x\n\n{readme.BEGIN}\nold\n{readme.END}\n\n## y\n"
    written = readme.put(page, readme.section(results(1e-6, 2e-6)))
    assert written.startswith(f"# x\n\n{readme.BEGIN}\n## Performance\n")
    assert written.endswith(f"{readme.END}\n\n## y\n")
    assert "old" not in written
    assert readme.put(written, readme.section(results(1e-6, 2e-6))) == written


def test_the_readme_says_what_was_measured(tmp_path):
    """Both sides and how many times, and --check tells a section that is out of date."""
    page, raw = tmp_path / "README.md", tmp_path / "results.json"
    page.write_text(f"{readme.BEGIN}\n{readme.END}\n")
    results(1e-6, 2e-6).save(raw)
    assert readme.main(["--check"], page, raw) == 1
    assert readme.main([], page, raw) == 0
    assert readme.main(["--check"], page, raw) == 0
    assert "| Session, one client | 1 µs | AuthMiddlewareStack: 2 µs | 0.5 × the cost |" in page.read_text()  # noqa: RUF001


def test_a_readme_without_markers_is_left_alone():
    """Nothing is written to a place that nobody named."""
    with pytest.raises(ValueError, match="lacks the markers"):
        readme.put("# x\n", "section")


def test_our_readme_has_the_markers():
    """`make bench` finds the place that it writes to."""
    assert "\nthe section\n" in readme.put((readme.ROOT / "README.md").read_text("utf-8"), "the section")
