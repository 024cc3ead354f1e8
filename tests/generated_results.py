"""Results for Hypothesis, with names of any kind."""

import os
from typing import get_args

from hypothesis import strategies as st

from pictell.errors import error_classes
from pictell.results import Answer, Prediction, Result, Status, Timings
from pictell.types import PictureWarning

# What names hold: text, the surrogates that stand for single bytes (PEP 383), and what spreadsheets
# and readers of lines trip over.
names = (
    st.text()
    | st.binary().map(os.fsdecode)
    | st.text(st.sampled_from("=+-@＝＠'\",;\t\r\n\0\x1b\u2028\u202e\ufeff›\\ a猫😀"), max_size=8)
)
scores = st.floats(0, 1)
classes = st.integers(0, 10_000)
milliseconds = st.floats(0, 1e9)
pixels = st.integers(1, 2**31)
predictions = st.builds(Prediction, names, scores, classes, st.none() | names)
answers = st.builds(
    Answer,
    names,
    scores,
    names,
    st.lists(names, min_size=1, max_size=4).map(tuple),
    st.lists(classes, min_size=1, max_size=4, unique=True).map(sorted).map(tuple),
)
warnings = st.lists(st.sampled_from(get_args(PictureWarning)), unique=True).map(tuple)
timings = st.builds(Timings, milliseconds, milliseconds, milliseconds, milliseconds)


@st.composite
def classified(draw: st.DrawFn) -> Result:
    status = draw(st.none() | st.sampled_from(Status))
    return Result(
        draw(names),
        draw(names),
        status,
        draw(answers) if status in {Status.SURE, Status.LIKELY} else None,
        tuple(draw(st.lists(predictions, min_size=1, max_size=4))),
        draw(pixels),
        draw(pixels),
        draw(timings),
        draw(warnings),
    )


@st.composite
def failed(draw: st.DrawFn) -> Result:
    error = draw(st.sampled_from(sorted(error_classes().items())))[1]
    return Result(draw(names), draw(names), error=error(draw(names)))


results = classified() | failed()
