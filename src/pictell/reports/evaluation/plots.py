"""Plots of a model's figures, as SVG images for the page."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import product
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from pictell.evaluation.summary import Summary
from pictell.reports.escape import visible
from pictell.reports.evaluation.placing import find_place, steps

INK, RIGHT, WRONG, LINE = "#1d1f23", "#1f6feb", "#c2410c", "#646972"
SETTINGS: dict[Any, Any] = {
    # The browser's fonts have more characters than that of Matplotlib.
    "svg.fonttype": "none",
    "svg.hashsalt": "pictell",
    "text.parse_math": False,
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
# The font of a score, and the width and height of the text in wide fonts.
SCORE_SIZE, SCORE_POINTS = 10, (60.0, 12.0)
MAX_ROWS, MAX_OTHER_COLUMNS = 10, 10
# The confusion matrix: the height of a row, and of the slanted names above.
ROW_INCHES, HEAD_INCHES = 0.34, 1.65
# Not allowed in XML, and not replaced by ``visible``.
NOT_XML = {0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}


class Plot(NamedTuple):
    """A plot with its title and a caption; ``image`` is a data URI."""

    title: str
    caption: str
    image: str


def plots(summary: Summary) -> Iterator[Plot]:
    """The plots of a model."""
    yield Plot(
        "Reliability diagram",
        "Each bar: how often the best class is right at this score, with 95 % intervals (Wilson). "
        "On the dashed line scores equal accuracy. Below: the share of the pictures with that "
        "score. A best class below a broader label of the data has that label's score.",
        _drawn(_reliability, summary, SIZE),
    )
    yield Plot(
        "Risk-coverage curve",
        "How many best classes are wrong among the pictures with the highest scores. The dashed "
        "line is that of random scores; the dots are the thresholds of a table below.",
        _drawn(_risk_coverage, summary, SIZE),
    )
    if summary.confusions:
        rows, _ = _confused(summary)
        yield Plot(
            "Confusion matrix",
            "The classes with the most errors. Each row is a class; each cell is the percentage of "
            "its pictures with that best class. Blue is right.",
            _drawn(_confusion, summary, (SIZE[0] * 2, len(rows) * ROW_INCHES + HEAD_INCHES)),
        )


def _drawn(
    draw: Callable[[Figure, Summary], None], summary: Summary, inches: tuple[float, float]
) -> str:
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # Matplotlib's own font is used only for the layout.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure = Figure(figsize=inches)
        draw(figure, summary)
        stream = BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{b64encode(stream.getvalue()).decode('ascii')}"


def _reliability(figure: Figure, summary: Summary) -> None:
    bins = summary.reliability
    width = bins[0].high - bins[0].low
    middle = [one.low + width / 2 for one in bins]
    accuracy = np.array([one.accuracy for one in bins])
    ends = np.array([(one.interval.low, one.interval.high) for one in bins]).T
    upper = figure.add_axes((0.19, 0.38, 0.74, 0.58))
    lower = figure.add_axes((0.19, 0.13, 0.74, 0.19), sharex=upper)
    upper.plot([0, 1], [0, 1], color=LINE, linestyle="--", linewidth=1)
    upper.bar(middle, accuracy, width * 0.9, color=RIGHT, alpha=0.3)
    upper.errorbar(
        [one.confidence for one in bins], accuracy, yerr=np.abs(ends - accuracy),
        fmt="o", color=RIGHT, markersize=4, elinewidth=1, capsize=2,
    )  # fmt: skip
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="best class right")
    upper.tick_params(labelbottom=False)
    lower.bar(middle, [one.share for one in bins], width * 0.9, color=LINE, alpha=0.7)
    lower.set(xlabel="score of the best class", ylabel="all pictures")
    lower.locator_params(axis="y", nbins=3)
    for axis in (upper.yaxis, lower.xaxis, lower.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _risk_coverage(figure: Figure, summary: Summary) -> None:
    axes = figure.add_axes((0.19, 0.13, 0.74, 0.83))
    coverage = [one.coverage for one in summary.risk_coverage]
    risk = [one.risk for one in summary.risk_coverage]
    axes.axhline(1 - summary.top1.value, color=LINE, linestyle="--", linewidth=1)
    axes.fill_between(coverage, risk, color=WRONG, alpha=0.15, linewidth=0, step="pre")
    axes.plot(coverage, risk, color=WRONG, linewidth=1.8, drawstyle="steps-pre")
    axes.set(
        xlim=(0, 1.01),
        ylim=(0, None),
        xlabel="pictures, highest score first",
        ylabel="best class wrong",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    _mark_thresholds(axes, summary, np.array([coverage, risk]).T)


def _mark_thresholds(axes: Axes, summary: Summary, curve: NDArray[np.float64]) -> None:
    """Draw a dot at each threshold, and its score where nothing else is drawn."""
    dots = {
        one.score: (one.coverage, 1 - one.accuracy)
        for one in summary.thresholds
        # Where all pictures are accurate enough, the curve has another risk.
        if one.score is not None and one.coverage is not None and one.coverage < 1
    }
    random = 1 - summary.top1.value
    points = {score: _in_points(axes, [dot])[0] for score, dot in dots.items()}
    obstacles = np.concatenate(
        [
            steps(_in_points(axes, curve)),
            steps(_in_points(axes, [(0, random), (1, random)])),
            *(np.tile(point, (1, 2)) for point in points.values()),
        ]
    )
    area = _in_points(axes, [(axes.get_xlim()[0], axes.get_ylim()[0]), (1, axes.get_ylim()[1])])
    for score, (x, y) in points.items():
        box = find_place((x, y), SCORE_POINTS, obstacles, area.ravel().tolist())
        obstacles = np.vstack([obstacles, box])
        axes.plot(*dots[score], "o", color=INK, markersize=4)
        axes.annotate(
            f"score {score:.2f}",
            dots[score],
            xytext=(box[0] - x, box[1] - y),
            textcoords="offset points",
            fontsize=SCORE_SIZE,
            arrowprops={"arrowstyle": "-", "color": LINE, "linewidth": 0.8},
        )


def _in_points(axes: Axes, places: ArrayLike) -> NDArray[np.float64]:
    """Places (N, 2) in the units of the axes as points of the figure."""
    pixels = axes.transData.transform(np.asarray(places, np.float64))
    return np.asarray(pixels * 72 / axes.figure.dpi, np.float64)


def _confusion(figure: Figure, summary: Summary) -> None:
    rows, columns = _confused(summary)
    shares = {(one.node, one.best_node): one.share for one in summary.confusions}
    shares |= {(one.node, one.node): one.recall or 0.0 for one in summary.classes}
    height = len(rows) * ROW_INCHES + HEAD_INCHES
    axes = figure.add_axes((0.2, 0.1 / height, 0.7, len(rows) * ROW_INCHES / height))
    for (y, row), (x, column) in product(enumerate(rows), enumerate(columns)):
        share, colour = shares.get((row, column), 0.0), RIGHT if row == column else WRONG
        # A light colour even for 0: the grid stays visible.
        cell = Rectangle(
            (x - 0.47, y - 0.47), 0.94, 0.94, facecolor=colour, alpha=0.05 + 0.6 * share
        )
        axes.add_patch(cell)
        if share >= 0.005:
            axes.text(x, y, f"{100 * share:.0f}", ha="center", va="center", fontsize=9.5)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.xaxis.tick_top()
    names = [_short(summary.outcomes.tree.labels[index].name) for index in columns]
    axes.set_xticks(range(len(names)), names, rotation=50, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), names[: len(rows)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _confused(summary: Summary) -> tuple[list[int], list[int]]:
    """The rows: the most confused classes; the columns: those and their wrong best classes."""
    pairs = sorted(summary.confusions, key=lambda one: -one.pictures)
    rows = sorted(list(dict.fromkeys(one.node for one in pairs))[:MAX_ROWS])
    others = dict.fromkeys(one.best_node for one in pairs if one.node in rows)
    return rows, [*rows, *[index for index in others if index not in rows][:MAX_OTHER_COLUMNS]]


def _short(label: str) -> str:
    name = visible(label).translate(NOT_XML)
    return name if len(name) <= MAX_LABEL else f"{name[: MAX_LABEL - 1]}…"
