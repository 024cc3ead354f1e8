"""A model's results on labelled pictures, summarised and compared."""

import math
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelled_pictures import (
    LABELS,
    classifier,
    compared,
    evaluated,
    make,
    save,
    with_answers,
)
from pictell import load
from pictell.errors import RuntimeFailedError, UsageError
from pictell.evaluation.collect import collect
from pictell.evaluation.comparison import compare
from pictell.evaluation.dataset import read_dataset
from pictell.evaluation.intervals import Interval, wilson
from pictell.evaluation.matching import Match, match_dataset
from pictell.evaluation.outcomes import CONFIDENCE_GRID, ROW, Outcomes
from pictell.evaluation.thumbnails import SIDE, thumbnails
from pictell.reports.evaluation.figures import FIGURES, NOT_GIVEN
from pictell.results import Status
from pictell.scoring.calibration import Abstention, Calibration

WEIGHTED = (("right", 3), ("wrong", 1))


def outcomes_of(folder: Path) -> Outcomes:
    return evaluated(read_dataset(folder), classifier()).outcomes


def test_every_picture_is_a_row_of_a_few_bytes(tmp_path: Path) -> None:
    outcomes = outcomes_of(make(tmp_path))
    assert len(outcomes) == 10
    assert ROW.itemsize == 101
    # In natural order of the folders: bright, dark, dim, grey, light.
    assert outcomes.targets.tolist() == [4, 4, 0, 0, 1, 1, 2, 2, 3, 3]
    assert outcomes.best.tolist() == [4, 0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert outcomes.right.tolist() == [True, False] * 5
    assert outcomes.top5.all()
    assert outcomes.weights.tolist() == [1.0] * 10


def test_a_row_holds_what_the_result_said(tmp_path: Path) -> None:
    outcomes = outcomes_of(make(tmp_path))
    data = read_dataset(tmp_path)
    for row in outcomes.rows:
        result = classifier().classify(data.path(int(row["picture"])), probabilities=True)
        expected = result.probabilities
        assert expected is not None
        assert row["best"].tolist() == [one.class_index for one in result.predictions]
        assert row["score"] == row["group_score"] == pytest.approx(expected.max(), abs=1e-6)
        assert row["target_score"] == pytest.approx(expected[row["target"]], abs=1e-6)
        assert row["sum_of_squares"] == pytest.approx((expected**2).sum(), abs=1e-6)
        assert row["latency_ms"] > 0


def test_a_model_of_two_classes_has_two_best_classes(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\ndark/right.png,dark\nbright/right.png,bright")
    summary = evaluated(read_dataset(tmp_path), classifier(("dark", "bright")))
    assert summary.outcomes.rows["best"].tolist() == [[0, 1, 2, 2, 2], [1, 0, 2, 2, 2]]
    assert summary.top1.value == 1
    assert summary.confusions == ()


def test_pictures_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "dark" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (tmp_path / "dark" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    seen = []
    data = read_dataset(tmp_path)
    outcomes = collect(
        classifier(), data, match_dataset(data, classifier().scorer.tree), seen.append
    )
    assert len(outcomes) == 10
    assert len(seen) == len(data)
    failed = {one.file: one.code for one in outcomes.failed}
    assert failed == {"dark/broken.png": "broken_picture", "dark/gone.png": "source_not_found"}


def test_missing_files_are_counted_and_all_missing_is_an_error(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "labels.csv"
    path.write_text("file,label\ndark/right.png,dark\nnone.png,bright\n")
    outcomes = outcomes_of(tmp_path)
    assert [(one.file, one.code) for one in outcomes.failed] == [("none.png", "source_not_found")]
    path.write_text("file,label\nnone.png,dark\ngone.png,bright\n")
    with pytest.raises(UsageError, match="none of the pictures could be read"):
        outcomes_of(tmp_path)


def test_an_address_in_a_list_is_not_fetched(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "labels.csv").write_text(
        "file,label\nhttp://127.0.0.1:1/a.png,dark\ndark/right.png,bright\n"
    )
    outcomes = outcomes_of(tmp_path)
    assert [one.code for one in outcomes.failed] == ["source_not_found"]


def test_a_password_in_a_list_is_not_shown(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "labels.csv").write_text(
        "file,label\nhttp://me:secret@127.0.0.1/a.png,dark\ndark/right.png,bright\n"
    )
    (failed,) = outcomes_of(tmp_path).failed
    assert failed.file == "http://***@127.0.0.1/a.png"


def test_a_failing_model_ends_the_evaluation(tmp_path: Path) -> None:
    model = classifier()
    model.scorer = replace(model.scorer, labels=model.spec.labels[:4])
    with pytest.raises(RuntimeFailedError, match="5 outputs for 4 labels"):
        collect(model, read_dataset(make(tmp_path)), [Match("any", 0, "name")] * 5)


def test_a_model_without_status_has_no_answers(tmp_path: Path) -> None:
    summary = evaluated(read_dataset(make(tmp_path)), classifier())
    assert summary.answers is None
    assert summary.answers_at == ()
    assert summary.statuses == ()
    root = summary.outcomes.tree.root
    assert (summary.outcomes.rows["answer"] == root).all()
    assert (summary.outcomes.rows["answers_at"] == root).all()


def test_a_broader_label_is_right_if_it_is_above_the_right_class(
    tmp_path: Path,
) -> None:
    # low is above dark, dim and grey; light and bright are below the root.
    summary = evaluated(read_dataset(make(tmp_path)), with_answers(min_confidence=0.97))
    outcomes, answers = summary.outcomes, summary.answers
    # Bright and dark have one neighbour, and scores of 0.98 where the others have 0.963.
    sure = outcomes.in_status(Status.SURE)
    assert sure.tolist() == [True] * 7 + [False, False, True]
    names = [outcomes.tree.labels[node].name for node in outcomes.rows["answer"][sure]]
    assert names == ["bright", "dark", "dark", "low", "low", "low", "low", "bright"]
    right = [True, False, True, True, True, True, True, False]
    assert outcomes.are_right(outcomes.rows["answer"])[sure].tolist() == right
    assert answers is not None
    assert answers.right is not None
    assert answers.right.value == 6 / 8
    assert answers.answered == pytest.approx(0.8)
    assert answers.information == pytest.approx(0.2 * math.log2(5) + 0.4 * math.log2(5 / 3))
    assert summary.best_class_information == pytest.approx(0.5 * math.log2(5))
    shown = {figure.name: figure.value(summary) for figure in FIGURES}
    assert shown["right answers"] == "75.0 %"
    assert (shown["sure answers"], shown["abstained"]) == ("80.0 %", "0.0 %")
    # Of the two likely answers one is right, a class.
    assert summary.information == pytest.approx(answers.information + 0.1 * math.log2(5))
    assert shown["information"] == "0.99 bits"


def test_answers_at_each_threshold_are_those_that_a_classifier_gives(tmp_path: Path) -> None:
    data = read_dataset(make(tmp_path))
    outcomes = evaluated(data, with_answers()).outcomes
    for place, min_confidence in enumerate(CONFIDENCE_GRID):
        model = with_answers(min_confidence=min_confidence)
        nodes = outcomes.rows["answers_at"][:, place]
        right = outcomes.are_right(nodes)
        for row, node, is_right in zip(outcomes.rows, nodes, right, strict=True):
            result = model.classify(data.path(int(row["picture"])))
            answer = result.answer if result.status is Status.SURE else None
            classes = () if answer is None else answer.classes
            below = () if node == outcomes.tree.root else outcomes.tree.classes_below(node)
            assert sorted(below) == sorted(classes)
            assert is_right == (row["target"] in classes)
    assert (outcomes.rows["answers_at"] == outcomes.tree.root).any()


def test_status_and_answer_are_those_of_the_result(tmp_path: Path) -> None:
    for number, brightness in enumerate(range(20, 256, 5)):
        save(tmp_path / "dark" / f"{number}.png", brightness)
    data = read_dataset(tmp_path)
    seen = set[Status | None]()
    for min_confidence in (0.3, 0.7, 0.9):
        model = with_answers(
            calibration=Calibration(temperature=3, likely_slope=0.5),
            abstention=Abstention("probability", 0.45, 0.05),
            min_confidence=min_confidence,
        )
        outcomes = evaluated(data, model).outcomes
        results = list(model.stream(map(data.path, range(len(data)))))
        shown = outcomes.pictures(np.arange(len(data)))
        for row, one, result in zip(outcomes.rows, shown, results, strict=True):
            assert (one.status, one.answer) == (result.status, result.answer and result.answer.name)
            score = result.answer.score if result.answer else 0
            assert row["answer_score"] == pytest.approx(score, abs=1e-6)
        seen |= {result.status for result in results}
    assert seen == set(Status)


def test_an_unknown_picture_has_no_answer_at_any_threshold(tmp_path: Path) -> None:
    unknown = with_answers(
        calibration=Calibration(),
        abstention=Abstention("probability", 1.0, 0.05),
        min_confidence=0.9,
    )
    summary = evaluated(read_dataset(make(tmp_path)), unknown)
    assert (summary.outcomes.rows["answers_at"] == summary.outcomes.tree.root).all()
    assert [one.right for one in summary.answers_at] == [None] * len(CONFIDENCE_GRID)
    assert {one.answered for one in summary.answers_at} == {0.0}
    assert summary.answers is not None
    assert summary.answers.right is None
    assert (summary.answers.answered, summary.answers.information) == (0, 0)
    shown = {figure.name: figure.value(summary) for figure in FIGURES}
    assert (shown["right answers"], shown["abstained"]) == (NOT_GIVEN, "100.0 %")


def test_a_calibrated_model_without_a_taxonomy_answers_with_classes(tmp_path: Path) -> None:
    model = classifier()
    model.scorer = replace(model.scorer, calibration=Calibration(), min_confidence=0.97)
    summary = evaluated(read_dataset(make(tmp_path)), model)
    # The scores of dark and bright are 0.98, the others 0.963.
    sure = [True, True, True, False, False, False, False, False, False, True]
    assert summary.outcomes.in_status(Status.SURE).tolist() == sure
    assert summary.answers is not None
    assert summary.answers.answered == pytest.approx(0.4)
    assert summary.answers.right is not None
    assert summary.answers.right.value == 0.5
    assert summary.answers.information == pytest.approx(0.2 * math.log2(5))
    assert (summary.answers_at[0].answered, summary.answers_at[-1].answered) == (1, 0)


def test_a_model_without_a_taxonomy_may_find_pictures_unknown(tmp_path: Path) -> None:
    model = classifier()
    never = Abstention("probability", 1.0, 0.05)
    model.scorer = replace(model.scorer, calibration=Calibration(), abstention=never)
    summary = evaluated(read_dataset(make(tmp_path)), model)
    assert summary.answers is not None
    assert summary.answers.answered == 0
    assert [one.share for one in summary.statuses] == [0, 0, 0, 1]


def test_the_grid_agrees_with_the_figures_of_the_chosen_threshold(tmp_path: Path) -> None:
    summary = evaluated(read_dataset(make(tmp_path)), with_answers(min_confidence=0.98))
    found = {one.min_confidence: one for one in summary.answers_at}
    assert tuple(found) == CONFIDENCE_GRID
    assert found[0.98] == summary.answers
    # At 0.5 every answer is a class, and half of them are right.
    assert found[0.5].right is not None
    assert (found[0.5].right.value, found[0.5].answered) == (0.5, 1.0)
    assert found[0.5].information == pytest.approx(0.5 * math.log2(5))


def test_the_interval_of_a_perfect_accuracy_is_not_empty(tmp_path: Path) -> None:
    make(tmp_path)
    rows = [f"{label}/right.png,{label},{weight}" for weight, label in enumerate(LABELS, 1)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,weight", *rows]))
    summary = evaluated(read_dataset(tmp_path), classifier())
    assert summary.top1.value == 1
    assert summary.top1.interval.high == 1
    assert summary.top1.interval.low < 0.6


def test_an_accuracy_that_no_score_reaches_has_no_threshold(tmp_path: Path) -> None:
    make(tmp_path)
    for path in tmp_path.glob("*/right.png"):
        path.unlink()
    summary = evaluated(read_dataset(tmp_path), classifier())
    assert [(one.accuracy, one.score, one.coverage) for one in summary.thresholds] == [
        (0.9, None, None),
        (0.95, None, None),
        (0.99, None, None),
    ]


def test_labels_without_a_class_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, ("dark", "dim", "grey", "light", "brigt"))
    summary = evaluated(read_dataset(tmp_path), classifier())
    assert len(summary.outcomes) == 8
    assert summary.outcomes.matches[0] == Match("brigt", hint="nearest: bright, light")


def test_weights_change_the_figures_and_plain_ones_stand_beside(tmp_path: Path) -> None:
    make(tmp_path)
    rows = [f"{label}/{name}.png,{label},{w}" for label in LABELS for name, w in WEIGHTED]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,weight", *rows]))
    summary = evaluated(read_dataset(tmp_path), classifier())
    assert summary.top1.value == pytest.approx(0.75)
    assert summary.top1.interval == wilson(0.75, summary.effective_pictures)
    assert summary.top1_unweighted is not None
    assert summary.top1_unweighted.value == 0.5
    assert summary.effective_pictures == pytest.approx(20**2 / (5 * 9 + 5 * 1))
    assert summary.risk_coverage[-1].risk == pytest.approx(0.25)


def test_wrong_pictures_come_with_the_highest_score_first(tmp_path: Path) -> None:
    summary = evaluated(read_dataset(make(tmp_path)), classifier())
    assert [one.right for one in summary.wrong] == [False] * 5
    scores = [one.score for one in summary.wrong]
    assert scores == sorted(scores, reverse=True)


def test_two_models_are_compared_picture_by_picture(tmp_path: Path) -> None:
    evaluation = compared(make(tmp_path))
    (one,) = evaluation.comparisons
    # The second gives every picture the next class, so none is right in both.
    assert (one.pictures, one.both_right, one.only_first_right) == (10, 0, 5)
    assert one.only_second_right + one.both_wrong == 5
    gained = one.only_second_right - one.only_first_right
    assert one.top1_difference == pytest.approx(gained / 10)
    interval = one.top1_difference_interval
    assert interval.low <= one.top1_difference <= interval.high
    assert [lost.right for lost, _ in one.changed] == [True] * 5 + [False] * 5
    # 5 to 0 is not significant.
    assert one.mcnemar_exact_p > 0.05
    assert not one.clear


def test_a_model_compared_with_itself_changes_nothing(tmp_path: Path) -> None:
    summary = evaluated(read_dataset(make(tmp_path)), classifier())
    comparison = compare(summary, summary)
    assert comparison is not None
    assert (comparison.mcnemar_exact_p, comparison.top1_difference) == (1.0, 0.0)
    assert comparison.changed == ()
    assert not comparison.clear


def test_models_that_share_no_picture_cannot_be_compared(tmp_path: Path) -> None:
    data = read_dataset(make(tmp_path))
    first = evaluated(data, classifier(("dark", "dim")))
    second = evaluated(data, classifier(("light", "bright")))
    assert compare(first, second) is None


def test_thumbnails_are_small_and_broken_pictures_have_none(tmp_path: Path, shared: Path) -> None:
    make(tmp_path)
    big = shared / "images" / "hymenoptera_data" / "val" / "ants" / "10308379_1b6c72e180.jpg"
    (tmp_path / "dark" / "big.jpg").write_bytes(big.read_bytes())
    (tmp_path / "dark" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    data = read_dataset(tmp_path)
    found = thumbnails(data, range(len(data)))
    assert set(range(len(data))) - found.keys() == {data.files.index("dark/broken.png")}
    jpeg = found[data.files.index("dark/big.jpg")]
    assert jpeg.startswith(b"\xff\xd8")
    assert len(jpeg) < 20_000
    assert max(Image.open(BytesIO(jpeg)).size) == SIDE


def test_a_difference_is_clear_if_test_and_interval_agree(tmp_path: Path) -> None:
    (one,) = compared(make(tmp_path)).comparisons
    less = replace(
        one,
        only_first_right=9,
        only_second_right=1,
        top1_difference=-0.4,
        top1_difference_interval=Interval(-0.6, -0.1),
        mcnemar_exact_p=0.02,
    )
    assert less.clear
    assert not replace(less, top1_difference_interval=Interval(-0.6, 0.1)).clear
    assert not replace(less, mcnemar_exact_p=0.06).clear
    # The weighted difference may contradict the counts.
    more = Interval(0.1, 0.6)
    assert not replace(less, top1_difference=0.4, top1_difference_interval=more).clear


@pytest.mark.slow
def test_the_grid_agrees_with_the_answers_at_each_threshold(shared: Path) -> None:
    data = read_dataset(shared / "images" / "imagenet_val650")
    few = replace(
        data, files=data.files[:40], label_of=data.label_of[:40],
        weights=None if data.weights is None else data.weights[:40],
    )  # fmt: skip
    summary = evaluated(few, load())
    for min_confidence in (0.5, 0.9, 0.99):
        results = list(load(min_confidence=min_confidence).stream(map(few.path, range(len(few)))))
        answers = [
            one.answer.classes if one.answer is not None and one.status is Status.SURE else ()
            for one in results
        ]
        answered = np.array([len(classes) > 0 for classes in answers])
        targets = summary.outcomes.targets.tolist()
        right = np.array([a in b for a, b in zip(targets, answers, strict=True)])
        (row,) = (one for one in summary.answers_at if one.min_confidence == min_confidence)
        weights = summary.outcomes.weights
        assert row.answered == pytest.approx(np.average(answered, weights=weights))
        assert row.right is not None
        assert row.right.value == pytest.approx(
            np.average(right[answered], weights=weights[answered])
        )


@pytest.mark.slow
def test_the_default_model_on_imagenets_pictures(shared: Path) -> None:
    data = read_dataset(shared / "images" / "imagenet_val650")
    summary = evaluated(data, load())
    assert summary.top1_unweighted is not None
    assert summary.top5_unweighted is not None
    # As benchmarks/README.md has them, measured by another program.
    assert round(100 * summary.top1_unweighted.value, 1) == 84.3
    assert round(100 * summary.top5_unweighted.value, 1) == 97.4
    assert round(100 * summary.top1.value, 1) == 75.8
    assert round(100 * summary.top5.value, 1) == 95.8


def test_a_box_is_the_part_that_is_evaluated_and_shown(tmp_path: Path) -> None:
    pixels = np.full((20, 40, 3), 25, np.uint8)
    pixels[:, 30:] = 229
    Image.fromarray(pixels).save(tmp_path / "a.png")
    rows = "a.png,dark,0,0,30,20\na.png,bright,30,0,99,20\na.png,grey,50,0,60,9\n"
    (tmp_path / "labels.csv").write_text(f"file,label,left,top,right,bottom\n{rows}")
    data = read_dataset(tmp_path)
    outcomes = evaluated(data, classifier()).outcomes
    assert outcomes.best.tolist() == [0, 4]
    assert [one.code for one in outcomes.failed] == ["box_outside"]
    shown = thumbnails(data, [0, 1, 2])
    assert shown.keys() == {0, 1}
    assert Image.open(BytesIO(shown[1])).size == (10, 20)


def test_several_labels_a_picture_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,labels\na.png,dark;bright\n")
    with pytest.raises(UsageError, match="several labels a picture"):
        evaluated(read_dataset(tmp_path), classifier())
