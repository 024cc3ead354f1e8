"""A model that is still opening, and one that does not open."""

import threading
from concurrent.futures import Future
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

import fake_model as fake
import pictell
from pictell import Classifier
from pictell.errors import InvalidModelError, UsageError
from pictell.image_model import ImageModel
from pictell.runtimes import Session

CAT = Path(__file__).parent.parent / "samples" / "cat.jpg"
LABELS = ["dark", "grey", "bright"]
GREY = np.full((8, 8, 3), 128, np.uint8)


def opening() -> Future[Session]:
    return Future()


def classifier(session: Future[Session]) -> Classifier:
    return Classifier(ImageModel(fake.spec(LABELS), session))


def test_pictures_wait_for_a_session_that_opens_later() -> None:
    session = opening()
    results = classifier(session).stream(repeat(GREY, 20))
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.extend(one.top.label for one in results))
    reader.start()
    session.set_result(fake.FakeSession(3))
    reader.join(10)
    assert found == ["grey"] * 20


@pytest.mark.parametrize("pictures", [[], [GREY], ["nowhere.jpg"], [GREY] * 20])
def test_a_session_that_does_not_open_is_one_error_of_the_stream(pictures: list[object]) -> None:
    session = opening()
    session.set_exception(InvalidModelError("refused"))
    with pytest.raises(InvalidModelError, match="refused"):
        list(classifier(session).stream(pictures))


def test_a_session_that_does_not_open_is_an_error_of_classify_and_wait() -> None:
    session = opening()
    session.set_exception(InvalidModelError("refused"))
    with pytest.raises(InvalidModelError, match="refused"):
        classifier(session).classify(GREY)
    with pytest.raises(InvalidModelError, match="refused"):
        classifier(session).model.wait()


def test_load_may_return_before_the_model_is_open() -> None:
    with pictell.load(wait=False) as early, pictell.load() as late:
        assert early.classify(CAT).predictions == late.classify(CAT).predictions


def test_a_classifier_closed_while_its_session_opens_closes_it_then() -> None:
    session = opening()
    closed = threading.Event()

    class Closing(fake.FakeSession):
        def close(self) -> None:
            closed.set()

    with classifier(session):
        pass
    assert not closed.is_set()
    session.set_result(Closing(3))
    assert closed.is_set()


def test_a_classifier_closes_without_a_session() -> None:
    session = opening()
    with classifier(session):
        session.set_exception(UsageError("refused"))
