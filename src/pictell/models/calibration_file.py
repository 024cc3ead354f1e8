"""``calibration.toml``: the calibration that was fitted for a model, and when the model abstains.

The file has the checksum of the weights that it was fitted for. With other weights it is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, field
from msgspec.structs import replace

from pictell.errors import InvalidModelError
from pictell.models import toml
from pictell.models.folder import CALIBRATION_FILE, write_text
from pictell.scoring.calibration import Abstention, Calibration, NonNegative
from pictell.types import ModelSpec


class Data(toml.Table, frozen=True):
    """What a calibration was fitted on: the name of the data, the number of pictures, the weights.

    ``weights_sha256`` is the checksum of the weights in the file, and empty elsewhere.
    """

    on: str
    pictures: Annotated[int, Meta(ge=1, le=10**12)]
    weights_sha256: str = ""


class ScoreErrors(toml.Table, frozen=True):
    """How wrong scores are, 0 is best: the expected calibration error (0..1), the mean negative
    log-likelihood of the right class (nats) and the Brier score (0..2).
    """

    calibration_error: NonNegative
    negative_log_likelihood: NonNegative
    brier_score: NonNegative


class FittedCalibration(toml.Table, frozen=True):
    """A ``calibration.toml``: a model's calibration, and when it abstains.

    ``before`` and ``after`` are the errors of the scores without and with calibration; after is
    measured by cross-fitting.
    """

    data: Data = field(name="fitted")
    calibration: Calibration
    abstention: Abstention
    before: ScoreErrors
    after: ScoreErrors


def read_calibration(spec: ModelSpec) -> FittedCalibration | None:
    """The model's calibration, ``None`` if it has none.

    Raises ``InvalidModelError``, also if it was fitted for other weights.
    """
    if spec.calibration is None:
        return None
    name = spec.calibration.name
    fitted = toml.parse(spec.calibration.text, name, FittedCalibration)
    if fitted.data.weights_sha256 != spec.sha256:
        raise InvalidModelError(
            f"{name}: fitted.weights_sha256 is not that of the weights: run pictell calibrate again"
        )
    if fitted.abstention.score == "familiarity" and spec.familiarity is None:
        raise InvalidModelError(f"{name}: the model has no output for the score familiarity")
    return _for_weights(fitted, "")


def write_calibration(folder: Path, fitted: FittedCalibration, sha256: str) -> None:
    """Write ``calibration.toml`` into a model's folder: whole, or not at all.

    ``sha256`` is the checksum of the weights it was fitted for. Raises ``StoreError``.
    """
    write_text(folder / CALIBRATION_FILE, to_toml(fitted, sha256))


def to_toml(fitted: FittedCalibration, sha256: str) -> str:
    """The ``calibration.toml`` that ``read_calibration`` reads back as ``fitted``."""
    return f"# Written by pictell calibrate.\n{toml.to_text(_for_weights(fitted, sha256))}"


def _for_weights(fitted: FittedCalibration, sha256: str) -> FittedCalibration:
    return replace(fitted, data=replace(fitted.data, weights_sha256=sha256))
