"""What the page of a trained model says besides its figures."""

from __future__ import annotations

from collections.abc import Iterator

from pictell.evaluation.matching import listed
from pictell.reports.evaluation.figures import count
from pictell.reports.evaluation.notes import MAX_LISTED
from pictell.training.measure import Tested


def method_notes(tested: Tested) -> Iterator[str]:
    """How the figures were measured, and which pictures they are not about."""
    if tested.validation:
        yield "measured on a validation set: the model was not trained on these pictures"
    else:
        yield (
            "cross-validated: each picture was classified by a model that was trained on the "
            "others, without copies of it"
        )
        yield (
            "the scores and the limit of unknown pictures were calibrated on the same results: on "
            "other pictures they are a little less exact"
        )
        untested = len(tested.dataset) - len(tested.failed) - len(tested.pictures)
        if untested:
            yield f"{count(untested, 'picture')} not tested, being the only one of a class"
    if tested.copies:
        files = listed((one.file for one in tested.copies), MAX_LISTED)
        yield f"{count(len(tested.copies), 'picture')} left out as copies of trained ones: {files}"
