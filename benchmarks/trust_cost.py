"""The cost of answers, calibrated scores and the status: for scoring, a call and a whole run.

    python benchmarks/trust_cost.py [--pictures 200] [--runs 30]

Compared with the same model without its taxonomy and ``calibration.toml``. The two are measured in
turn, so that a slow moment of the machine affects both. Every call gets another picture: a
processor predicts branches better for repeated numbers. Medians; differences and ratios are those
of pairs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

import pictell
from accuracy import IMAGES, read_logits, read_set
from cold_start import MODEL, measure
from pictell import models
from pictell.models.folder import CALIBRATION_FILE, SPEC_FILE
from pictell.models.scorer import build_scorer
from pictell.options import MIN_CONFIDENCE
from pictell.scoring.decision import Scorer

SET = IMAGES / "imagenet_val650"
SAMPLE = MODEL.parents[3] / "samples" / "golf-ball.png"
REPEATS = 5
TOP = 5

Pair = tuple[float, float]


def main() -> None:
    """Print a row for each of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    print("| | without, ms | with, ms | difference, ms | ratio |\n|---|---|---|---|---|")
    print(row("scoring a picture by its logits", scoring_pairs(options.pictures)))
    with tempfile.TemporaryDirectory() as folder:
        whole, bare = copies(Path(folder))
        print(row("a call: `classify`", call_pairs(whole, bare, options.pictures)))
        print(row("a whole run: `pictell`", run_pairs(whole, bare, options.runs)))


def row(name: str, pairs: Iterable[Pair]) -> str:
    """A line of the table: medians of (without, with), in milliseconds."""
    pairs = list(pairs)
    without, with_trust = (1000 * median(column) for column in zip(*pairs, strict=True))
    difference = 1000 * median(more - less for less, more in pairs)
    ratio = median(more / less for less, more in pairs)
    return f"| {name} | {without:.3f} | {with_trust:.3f} | {difference:.3f} | {ratio:.3f} |"


def scoring_pairs(pictures: int) -> list[Pair]:
    """Seconds to score the output for one picture."""
    spec = models.find("default")
    tensors = read_set(SET)[0][:pictures]
    outputs = np.split(read_logits(spec, tensors), len(tensors))
    plain, full = Scorer(spec.labels, spec.activation), build_scorer(spec, MIN_CONFIDENCE)
    return [
        (seconds(partial(plain.score, one, TOP)), seconds(partial(full.score, one, TOP)))
        for _ in range(REPEATS)
        for one in outputs
    ]


def call_pairs(whole: Path, bare: Path, pictures: int) -> list[Pair]:
    """Seconds that a call takes for one encoded picture in memory."""
    full, plain = pictell.load(whole), pictell.load(bare)
    encoded = [path.read_bytes() for path in sorted(SET.rglob("*.JPEG"))[:pictures]]
    return [
        (fastest(partial(plain.classify, one)), fastest(partial(full.classify, one)))
        for one in encoded
    ]


def run_pairs(whole: Path, bare: Path, runs: int) -> list[Pair]:
    """Seconds that a run of the command takes from its start to its end."""
    command = str(Path(sys.executable).with_name("pictell"))
    return [
        (
            measure([command, "--model", str(bare), str(SAMPLE)]).wall_s,
            measure([command, "--model", str(whole), str(SAMPLE)]).wall_s,
        )
        for _ in range(runs)
    ]


def copies(folder: Path) -> tuple[Path, Path]:
    """The default model's folder as it is, and one without taxonomy and trust."""
    whole = Path(shutil.copytree(MODEL, folder / "whole"))
    bare = Path(shutil.copytree(MODEL, folder / "bare"))
    (bare / CALIBRATION_FILE).unlink()
    lines = (bare / SPEC_FILE).read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("taxonomy")]
    (bare / SPEC_FILE).write_text("".join(kept), encoding="utf-8")
    return whole, bare


def fastest(work: Callable[[], object]) -> float:
    """The seconds of the fastest of some repeats."""
    return min(seconds(work) for _ in range(REPEATS))


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes, wall-clock."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
