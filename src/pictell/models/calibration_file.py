"""``calibration.toml``: the calibration that was fitted for a model, and when the model abstains.

The file has the checksum of the weights that it was fitted for. With other weights it is an error.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple, get_args

from pictell.models import toml_table
from pictell.models.folder import CALIBRATION_FILE, write_text
from pictell.models.toml_table import Document, Table, as_float
from pictell.scoring.calibration import Abstention, Calibration, Score
from pictell.types import ModelSpec

TABLES = {"fitted", "calibration", "abstention", "before", "after"}
# Division by a smaller number can make logits infinite. Fitted values are above 0.02.
MIN_DIVISOR = 1e-6


class ScoreErrors(NamedTuple):
    """How wrong scores are, 0 is best: the expected calibration error (0..1), the mean negative
    log-likelihood of the right class (nats) and the Brier score (0..2).
    """

    calibration_error: float
    negative_log_likelihood: float
    brier_score: float


class FittedCalibration(NamedTuple):
    """A model's calibration, and when it abstains.

    ``fitted_on`` names the data, ``pictures`` is the number of pictures. ``before`` and ``after``
    are the errors of the scores without and with calibration; after is measured by cross-fitting.
    """

    calibration: Calibration
    abstention: Abstention
    fitted_on: str
    pictures: int
    before: ScoreErrors
    after: ScoreErrors


def read_calibration(spec: ModelSpec) -> FittedCalibration | None:
    """The model's calibration, ``None`` if it has none.

    Raises ``InvalidModelError``, also if it was fitted for other weights.
    """
    if spec.calibration is None:
        return None
    document = Document(spec.calibration.text, spec.calibration.name, TABLES)
    table, calibration, abstention = map(document.table, ("fitted", "calibration", "abstention"))
    if table.take("weights_sha256", str) != spec.sha256:
        raise table.error(
            "weights_sha256", "is not that of the weights: run pictell calibrate again"
        )
    fitted = FittedCalibration(
        calibration=Calibration(
            _divisor(calibration, "temperature"), _divisor(calibration, "knee")
        ),
        abstention=Abstention(
            score=abstention.take_one_of("score", get_args(Score)),
            threshold=_number(abstention, "threshold"),
            false_alarms=_number(abstention, "false_alarms"),
        ),
        fitted_on=table.take("on", str),
        pictures=table.take_positive("pictures"),
        before=_score_errors(document.table("before")),
        after=_score_errors(document.table("after")),
    )
    if math.isinf(fitted.calibration.temperature):
        raise calibration.error("temperature", "must be finite")
    for read in (table, calibration, abstention):
        read.close()
    return fitted


def write_calibration(folder: Path, fitted: FittedCalibration, sha256: str) -> None:
    """Write ``calibration.toml`` into a model's folder: whole, or not at all.

    ``sha256`` is the checksum of the weights it was fitted for. Raises ``StoreError``.
    """
    write_text(folder / CALIBRATION_FILE, to_toml(fitted, sha256))


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


def _score_errors(table: Table) -> ScoreErrors:
    found = ScoreErrors(*(_number(table, name) for name in ScoreErrors._fields))
    table.close()
    return found


def _number(table: Table, key: str) -> float:
    value = as_float(table.take(key, (int, float)))
    if not 0 <= value < math.inf:
        raise table.error(key, "must be 0 or more")
    return value


def _divisor(table: Table, key: str) -> float:
    value = as_float(table.take(key, (int, float)))
    if not value >= MIN_DIVISOR:
        raise table.error(key, f"must be {MIN_DIVISOR:g} or more")
    return value
