"""What was fitted for a model on pictures it had not seen: ``trust.toml`` in its folder.

The text states the checksum of the weights it was fitted for, and is refused beside any others.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple, get_args

from pictell.calibration import Abstention, Calibration, Score
from pictell.drafts import write_file
from pictell.errors import StoreError
from pictell.models import toml_table
from pictell.models.folder import TRUST_FILE
from pictell.models.toml_table import Document, Table, as_float
from pictell.types import ModelSpec

TABLES = {"fitted", "calibration", "not_sure", "before", "after"}
# Divided by less, logits may be finite no more. What is fitted is never below 0.02.
LEAST = 1e-6


class Figures(NamedTuple):
    """How good scores are, each best at 0: the expected calibration error (0..1), the mean
    negative log-likelihood of the right class (nats) and the Brier score (0..2).
    """

    calibration_error: float
    negative_log_likelihood: float
    brier_score: float


class Trust(NamedTuple):
    """What makes a model's scores mean what they say, and when it says 'not sure'.

    ``fitted_on`` names the data, ``pictures`` counts them; ``before`` and ``after`` are their
    figures, after by cross-fitting.
    """

    calibration: Calibration
    not_sure: Abstention
    fitted_on: str
    pictures: int
    before: Figures
    after: Figures


def read_trust(spec: ModelSpec) -> Trust | None:
    """What was fitted for the model, if anything was.

    Raises ``InvalidModelError``, also when it was fitted for other weights.
    """
    if spec.trust is None:
        return None
    document = Document(spec.trust.text, spec.trust.name, TABLES)
    fitted = document.table("fitted")
    if fitted.take("weights_sha256", str) != spec.sha256:
        raise fitted.error(
            "weights_sha256", "is not that of the weights: fit anew with pictell calibrate"
        )
    trust = Trust(
        calibration=_calibration(document.table("calibration")),
        not_sure=_not_sure(document.table("not_sure")),
        fitted_on=fitted.take("on", str),
        pictures=fitted.take_positive("pictures"),
        before=_figures(document.table("before")),
        after=_figures(document.table("after")),
    )
    fitted.close()
    return trust


def write_trust(folder: Path, trust: Trust, sha256: str) -> None:
    """Write ``trust.toml`` into a model's folder: whole, or not at all. Raises ``StoreError``.

    ``sha256`` is the checksum of the weights it was fitted for.
    """
    try:
        write_file(folder / TRUST_FILE, to_toml(trust, sha256).encode())
    except OSError as error:
        raise StoreError(f"{TRUST_FILE} cannot be written: {error.strerror}") from error


def to_toml(trust: Trust, sha256: str) -> str:
    """The ``trust.toml`` that ``read_trust`` reads back as ``trust``."""
    tables: dict[str, dict[str, object]] = {
        "fitted": {"on": trust.fitted_on, "pictures": trust.pictures, "weights_sha256": sha256},
        "calibration": trust.calibration._asdict(),
        "not_sure": trust.not_sure._asdict(),
        "before": trust.before._asdict(),
        "after": trust.after._asdict(),
    }
    return f"# Written by pictell calibrate.\n{toml_table.to_text(tables)}"


def _calibration(table: Table) -> Calibration:
    found = Calibration(_divisor(table, "temperature"), _divisor(table, "knee"))
    if math.isinf(found.temperature):
        raise table.error("temperature", "must be finite")
    table.close()
    return found


def _not_sure(table: Table) -> Abstention:
    found = Abstention(
        score=table.take_one_of("score", get_args(Score)),
        below=_number(table, "below"),
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
