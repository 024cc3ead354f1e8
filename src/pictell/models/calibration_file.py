"""What was fitted for a model on pictures it had not seen: ``calibration.toml`` in its folder.

The text states the checksum of the weights it was fitted for, and is refused beside any others.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple, get_args

from pictell.errors import StoreError
from pictell.files import write_file
from pictell.models import toml_table
from pictell.models.folder import CALIBRATION_FILE
from pictell.models.toml_table import Document, Table, as_float
from pictell.scoring.calibration import Abstention, Calibration, Score
from pictell.types import ModelSpec

TABLES = {"fitted", "calibration", "abstention", "before", "after"}
# Divided by less, logits may be finite no more. What is fitted is never below 0.02.
LEAST = 1e-6


class Figures(NamedTuple):
    """How good scores are, each best at 0: the expected calibration error (0..1), the mean
    negative log-likelihood of the right class (nats) and the Brier score (0..2).
    """

    calibration_error: float
    negative_log_likelihood: float
    brier_score: float


class FittedCalibration(NamedTuple):
    """What makes a model's scores mean what they say, and when it says 'not sure'.

    ``fitted_on`` names the data, ``pictures`` counts them; ``before`` and ``after`` are their
    figures, after by cross-fitting.
    """

    calibration: Calibration
    abstention: Abstention
    fitted_on: str
    pictures: int
    before: Figures
    after: Figures


def read_calibration(spec: ModelSpec) -> FittedCalibration | None:
    """What was fitted for the model, if anything was.

    Raises ``InvalidModelError``, also when it was fitted for other weights.
    """
    if spec.calibration is None:
        return None
    document = Document(spec.calibration.text, spec.calibration.name, TABLES)
    table = document.table("fitted")
    if table.take("weights_sha256", str) != spec.sha256:
        raise table.error(
            "weights_sha256", "is not that of the weights: fit anew with pictell calibrate"
        )
    fitted = FittedCalibration(
        calibration=_calibration(document.table("calibration")),
        abstention=_abstention(document.table("abstention")),
        fitted_on=table.take("on", str),
        pictures=table.take_positive("pictures"),
        before=_figures(document.table("before")),
        after=_figures(document.table("after")),
    )
    table.close()
    return fitted


def write_calibration(folder: Path, fitted: FittedCalibration, sha256: str) -> None:
    """Write ``calibration.toml`` into a model's folder: whole, or not at all. Raises ``StoreError``.

    ``sha256`` is the checksum of the weights it was fitted for.
    """
    try:
        write_file(folder / CALIBRATION_FILE, to_toml(fitted, sha256).encode())
    except OSError as error:
        raise StoreError(f"{CALIBRATION_FILE} cannot be written: {error.strerror}") from error


def to_toml(fitted: FittedCalibration, sha256: str) -> str:
    """The ``calibration.toml`` that ``read_calibration`` reads back as ``fitted``."""
    tables: dict[str, dict[str, object]] = {
        "fitted": {"on": fitted.fitted_on, "pictures": fitted.pictures, "weights_sha256": sha256},
        "calibration": fitted.calibration._asdict(),
        "abstention": fitted.abstention._asdict(),
        "before": fitted.before._asdict(),
        "after": fitted.after._asdict(),
    }
    return f"# Written by pictell calibrate.\n{toml_table.to_text(tables)}"


def _calibration(table: Table) -> Calibration:
    found = Calibration(_divisor(table, "temperature"), _divisor(table, "knee"))
    if math.isinf(found.temperature):
        raise table.error("temperature", "must be finite")
    table.close()
    return found


def _abstention(table: Table) -> Abstention:
    found = Abstention(
        score=table.take_one_of("score", get_args(Score)),
        threshold=_number(table, "threshold"),
        false_alarms=_number(table, "false_alarms"),
    )
    table.close()
    return found


def _figures(table: Table) -> Figures:
    found = Figures(
        calibration_error=_number(table, "calibration_error"),
        negative_log_likelihood=_number(table, "negative_log_likelihood"),
        brier_score=_number(table, "brier_score"),
    )
    table.close()
    return found


def _number(table: Table, key: str) -> float:
    value = as_float(table.take(key, (int, float)))
    if not 0 <= value < math.inf:
        raise table.error(key, "must be 0 or more")
    return value


def _divisor(table: Table, key: str) -> float:
    value = as_float(table.take(key, (int, float)))
    if not value >= LEAST:
        raise table.error(key, f"must be {LEAST:g} or more")
    return value
