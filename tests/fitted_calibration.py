"""What could have been fitted for a model."""

from pictell.models.calibration_file import Data, FittedCalibration, ScoreErrors
from pictell.scoring.calibration import Abstention, Calibration

FITTED = FittedCalibration(
    Data('my "best" pictures\\\x7f', 650),
    Calibration(0.75, 5.5),
    Abstention("peak", 8.25, 0.05),
    before=ScoreErrors(0.07, 0.99, 0.36),
    after=ScoreErrors(0.05, 0.93, 0.35),
)
