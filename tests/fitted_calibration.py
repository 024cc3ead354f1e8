"""What could have been fitted for a model."""

from pictell.models.calibration_file import ScoreErrors, FittedCalibration
from pictell.scoring.calibration import Abstention, Calibration

FITTED = FittedCalibration(
    calibration=Calibration(0.75, 5.5),
    abstention=Abstention("peak", 8.25, 0.05),
    fitted_on='my "best" pictures\\\x7f',
    pictures=650,
    before=ScoreErrors(0.07, 0.99, 0.36),
    after=ScoreErrors(0.05, 0.93, 0.35),
)
