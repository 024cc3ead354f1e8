"""Plots as inline SVG in the colours of the page. The ``name`` of a plot is unique on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from pictell.evaluation.summary import Summary
from pictell.reports.escape import visible
from pictell.reports.evaluation.svg import to_inline

# Placeholders that svg.py replaces by the colours of the page.
INK, RIGHT, WRONG, LINE = COLOURS = ("#010101", "#020202", "#030303", "#040404")
PAGE_COLOURS = dict(
    zip(COLOURS, ("currentColor", "var(--right)", "var(--wrong)", "var(--muted)"), strict=True)
)
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pictell",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
SIZE = (4.6, 4.0)
MAX_LABEL = 20
MAX_ROWS, MAX_OTHER_COLUMNS = 10, 5
# The confusion matrix: the height of a row, and of the slanted names above.
ROW_INCHES, HEAD_INCHES = 0.34, 1.65


def reliability(summary: Summary, name: str) -> str:
    """The reliability diagram: accuracy at each score, and below it the share of pictures."""

    def draw(figure: Figure) -> None:
        bins = summary.reliability.bins
        width = bins[0].high - bins[0].low
        middle = [one.low + width / 2 for one in bins]
        upper = figure.add_axes((0.19, 0.38, 0.74, 0.58))
        lower = figure.add_axes((0.19, 0.13, 0.74, 0.19), sharex=upper)
        upper.plot([0, 1], [0, 1], color=LINE, linestyle="--", linewidth=1)
        upper.bar(middle, [one.accuracy for one in bins], width * 0.9, color=RIGHT, alpha=0.3)
        _with_intervals(upper, summary)
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="best class right")
        upper.tick_params(labelbottom=False)
        lower.bar(middle, [one.share for one in bins], width * 0.9, color=LINE, alpha=0.7)
        lower.set(xlabel="score of the best class", ylabel="all pictures")
        lower.locator_params(axis="y", nbins=3)
        for axis in (upper.yaxis, lower.xaxis, lower.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))

    return _drawn(draw, name, "Reliability diagram: accuracy at each score")


def risk_coverage(summary: Summary, name: str) -> str:
    """The risk-coverage curve of the best classes."""

    def draw(figure: Figure) -> None:
        curve = summary.risk_coverage
        axes = figure.add_axes((0.19, 0.13, 0.74, 0.83))
        shown = np.unique(np.linspace(0, len(curve.risk) - 1, 400).astype(int))
        coverage, risk = curve.coverage[shown], curve.risk[shown]
        axes.axhline(1 - summary.top1.value, color=LINE, linestyle="--", linewidth=1)
        axes.fill_between(coverage, risk, color=WRONG, alpha=0.15, linewidth=0, step="pre")
        axes.plot(coverage, risk, color=WRONG, linewidth=1.8, drawstyle="steps-pre")
        for one in summary.thresholds:
            if one.score is not None and one.coverage is not None:
                _mark(axes, one.score, (one.coverage, 1 - one.accuracy))
        axes.set(
            xlim=(0, 1.01),
            ylim=(0, None),
            xlabel="pictures, highest score first",
            ylabel="best class wrong",
        )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))

    return _drawn(draw, name, "Risk-coverage curve: error rate among the highest scores")


def confusion(summary: Summary, name: str) -> str:
    """The confusion matrix of the classes with the most errors."""
    rows, columns = _confused(summary)
    shares = _shares(summary, rows, columns)
    pictures = {one.class_index: one.pictures for one in summary.per_class}
    names = {
        f"row{i}": f"{_short(summary, index)} ({pictures[index]})" for i, index in enumerate(rows)
    }
    names |= {f"column{i}": _short(summary, index) for i, index in enumerate(columns)}

    width, height = SIZE[0] * 1.45, len(rows) * ROW_INCHES + HEAD_INCHES

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.28, 0.1 / height, 0.6, len(rows) * ROW_INCHES / height))
        for (y, x), share in np.ndenumerate(shares):
            colour = RIGHT if x < len(columns) and rows[y] == columns[x] else WRONG
            _cell(axes, (x, y), float(share), colour)
        axes.set(xlim=(-0.5, len(columns) + 0.5), ylim=(len(rows) - 0.5, -0.5))
        axes.xaxis.tick_top()
        # Matplotlib would parse "$" in names as maths: svg.py inserts the names.
        axes.set_xticks(
            range(len(columns) + 1),
            [*(f"column{i}" for i in range(len(columns))), "any other"],
            rotation=50,
            ha="left",
            rotation_mode="anchor",
        )
        axes.set_yticks(range(len(rows)), [f"row{i}" for i in range(len(rows))])
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)

    return _drawn(
        draw, name, "Confusion matrix of the classes with the most errors", names, (width, height)
    )


def _with_intervals(axes: Axes, summary: Summary) -> None:
    bins = summary.reliability.bins
    accuracy = np.array([one.accuracy for one in bins])
    ends = np.array([(one.interval.low, one.interval.high) for one in bins]).T
    axes.errorbar(
        [one.confidence for one in bins],
        accuracy,
        yerr=np.abs(ends - accuracy),
        fmt="o",
        color=RIGHT,
        markersize=4,
        elinewidth=1,
        capsize=2,
    )


def _mark(axes: Axes, score: float, place: tuple[float, float]) -> None:
    """Draw a dot with its score on the left, or on the right near the axis."""
    left = place[0] > 0.3
    axes.plot(*place, "o", color=INK, markersize=4)
    axes.annotate(
        f"score {score:.2f}",
        place,
        xytext=(-6, 5) if left else (6, -4),
        textcoords="offset points",
        ha="right" if left else "left",
        fontsize=10,
    )


def _cell(axes: Axes, place: tuple[int, int], share: float, colour: str) -> None:
    x, y = place
    # A light colour even for 0: the grid stays visible.
    axes.add_patch(
        Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, facecolor=colour, alpha=0.05 + 0.6 * share)
    )
    if share >= 0.005:
        axes.text(x, y, f"{100 * share:.0f}", ha="center", va="center", fontsize=9.5)


def _confused(summary: Summary) -> tuple[list[int], list[int]]:
    """The rows: the most confused classes; the columns: those and their wrong best classes."""
    pairs = sorted(summary.confusions, key=lambda one: -one.pictures)
    rows = sorted(list(dict.fromkeys(one.target for one in pairs))[:MAX_ROWS])
    others = dict.fromkeys(one.best for one in pairs if one.target in rows)
    return rows, [*rows, *[index for index in others if index not in rows][:MAX_OTHER_COLUMNS]]


def _shares(
    summary: Summary, rows: Sequence[int], columns: Sequence[int]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The weighted share of each row's pictures in each column; the last column is the rest."""
    outcomes = summary.outcomes
    shares = np.zeros((len(rows), len(columns) + 1))
    for y, index in enumerate(rows):
        of_class = outcomes.targets == index
        best, weights = outcomes.best[of_class], outcomes.weights[of_class]
        got = [weights[best == column].sum() for column in columns]
        shares[y] = np.array([*got, weights.sum() - sum(got)]) / (weights.sum() or 1.0)
    return shares


def _short(summary: Summary, index: int) -> str:
    name = visible(summary.classes[index].name)
    return name if len(name) <= MAX_LABEL else f"{name[: MAX_LABEL - 1]}…"


def _drawn(
    draw: Callable[[Figure], None],
    name: str,
    title: str,
    texts: dict[str, str] | None = None,
    size: tuple[float, float] = SIZE,
) -> str:
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=size)
        figure.patch.set_alpha(0)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        stream = BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return to_inline(stream.getvalue(), name, title, PAGE_COLOURS, texts or {})
