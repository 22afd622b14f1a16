"""The performance section of the README, written from the results: `python -m benchmarks.readme`, with `--check` in CI."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Spread
from benchmarks.goals import Verdict
from benchmarks.plot import Pair
from benchmarks.processes import ROOT
from benchmarks.results import HERE, Results, amount, number

BEGIN, END = "<!-- performance: written by benchmarks/readme.py -->", "<!-- /performance -->"
FOOT = """\
`make bench` measured this on {when} (Python {python}, {machine}). Read the ratios: the times are that machine's. Every
figure, how it is measured and which goals are missed: [benchmarks/RESULTS.md](benchmarks/RESULTS.md)."""
TITLE = "The cost of a handshake, and of logging everybody out (less is better)"


def section(results: Results) -> str:
    """Return what stands between the markers."""
    headlines = [verdict for verdict in results.verdicts if verdict.goal.headline]
    return "\n".join(
        [
            "## Performance\n",
            "After a deploy all clients come back at once. Beside what people use today, in one run, taking turns:\n",
            f"![{TITLE}](benchmarks/results.svg)\n",
            *_table(headlines),
            "",
            FOOT.format(**results.about),
        ]
    )


def _table(headlines: list[Verdict]) -> Iterator[str]:
    yield "| | wsauth | compared with | |"
    yield "| --- | ---: | ---: | ---: |"
    for verdict in headlines:
        goal, theirs = verdict.goal, verdict.theirs
        if theirs is None:
            continue
        times = f"{number(verdict.found.median)} × {'the throughput' if goal.at_least else 'the cost'}"  # noqa: RUF001
        ours = amount(verdict.ours, goal.metric)
        yield f"| {goal.headline} | {ours} | {goal.theirs}: {amount(theirs, goal.metric)} | {times} |"


def pairs(results: Results) -> list[Pair]:
    """The headlines as bars; throughput is drawn as the time that one takes."""
    return [
        Pair(
            verdict.goal.headline,
            _cost(verdict, verdict.theirs),
            _cost(verdict, verdict.ours),
            f"{verdict.goal.theirs}, {amount(verdict.theirs, verdict.goal.metric)}",
            f"wsauth, {amount(verdict.ours, verdict.goal.metric)}",
        )
        for verdict in results.verdicts
        if verdict.goal.headline and verdict.theirs is not None
    ]


def _cost(verdict: Verdict, found: Spread) -> float:
    return 1 / found.median if verdict.goal.at_least else found.median


def put(readme: str, text: str) -> str:
    """Return the README with the section between its markers. Raises ValueError where these are missing."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main(arguments: list[str], readme: Path = ROOT / "README.md", results: Path = HERE / "results.json") -> int:
    """Write the section, or say with `--check` whether it is out of date."""
    before = readme.read_text("utf-8")
    after = put(before, section(Results.load(results)))
    if "--check" in arguments:
        return int(before != after)
    readme.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
