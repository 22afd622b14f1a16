"""The plot: for each headline a pair of bars, theirs at full length and wsauth's beside it. Plain SVG, light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, MARGIN = 760, 20
BAR, GAP, GROUP = 16, 3, 74  # pixels: a bar, between two bars, from one pair to the next
FULL = 440  # pixels: the longest bar; the rest is for the words behind it

STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-size: 16px; font-weight: 600; }
    .small { font-size: 12px; fill: #59636e; }
    .theirs { fill: #afb8c1; }
    .ours { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .small { fill: #9198a1; }
      .theirs { fill: #59636e; }
      .ours { fill: #4493f8; }
    }
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two costs of one thing; less is better. The words stand behind the bars."""

    title: str
    theirs: float
    ours: float
    their_words: str
    our_words: str


def svg(title: str, pairs: Sequence[Pair]) -> str:
    """Draw the pairs below each other, each in its own scale: what is compared is the length within a pair."""
    height = 64 + GROUP * len(pairs)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"  <title>{escape(title)}</title>",
            f"  <style>{STYLE}  </style>",
            f'  <text class="title" x="{MARGIN}" y="30">{escape(title)}</text>',
            *_bars(pairs),
            "</svg>",
            "",
        ]
    )


def _bars(pairs: Sequence[Pair]) -> Iterator[str]:
    for place, pair in enumerate(pairs):
        top = 56 + GROUP * place
        longest = max(pair.theirs, pair.ours)
        yield f'  <text x="{MARGIN}" y="{top}">{escape(pair.title)}</text>'
        yield from _bar("theirs", top + 8, pair.theirs / longest, pair.their_words)
        yield from _bar("ours", top + 8 + BAR + GAP, pair.ours / longest, pair.our_words)


def _bar(kind: str, top: int, share: float, words: str) -> Iterator[str]:
    width = max(round(FULL * share, 1), 1)
    yield f'  <rect class="{kind}" x="{MARGIN}" y="{top}" width="{width}" height="{BAR}" rx="2"/>'
    yield f'  <text class="small" x="{MARGIN + width + 8}" y="{top + 12}">{escape(words)}</text>'
