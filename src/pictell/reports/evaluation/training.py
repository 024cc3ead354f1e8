"""What the page of a trained model says besides its figures."""

from __future__ import annotations

from collections.abc import Iterator

from pictell.evaluation.matching import listed
from pictell.reports.evaluation.figures import count
from pictell.reports.evaluation.notes import MAX_LISTED
from pictell.training.measure import Measured


def method_notes(measured: Measured) -> Iterator[str]:
    """How the figures were measured, and which pictures they are not about."""
    if measured.validation:
        yield "measured on a validation set: the model was not trained on these pictures"
    else:
        yield (
            "cross-validated: each picture was classified by a model that was trained on "
            "others, without copies of it"
        )
        yield (
            "the scores and the limit of unknown pictures were calibrated on the same results: on "
            "other pictures they are a little less exact"
        )
        unmeasured = len(measured.dataset) - len(measured.failed) - len(measured.pictures)
        if unmeasured:
            pictures = count(unmeasured, "picture")
            yield f"{pictures} not measured: in a class of one picture, or of its copies"
    if measured.copies:
        files = listed((one.file for one in measured.copies), MAX_LISTED)
        pictures = count(len(measured.copies), "picture")
        yield f"{pictures} left out as copies of trained ones: {files}"
