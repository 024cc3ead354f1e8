"""An evaluation as text, JSON and HTML page, also with hostile names."""

import json
import re
import shutil
import subprocess
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from damaged_pictures import damage
from labelled_pictures import (
    BRIGHTNESS,
    LABELS,
    classifier,
    compared,
    evaluated,
    make,
    save,
    with_answers,
)
from pictell.evaluation.comparison import Comparison, Evaluation, compare
from pictell.evaluation.dataset import read_dataset
from pictell.evaluation.intervals import Interval
from pictell.evaluation.thumbnails import thumbnails
from pictell.reports.evaluation import EVALUATION_FORMATS, html
from pictell.reports.evaluation.notes import comparison_notes, verdict
from pictell.scoring.calibration import Abstention, Calibration
from pictell.training.measure import Suspect

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
BIDI = "\u202egnp.exe\u2066"
HOSTILE = (
    SCRIPT,
    IMAGE.replace("/", "-"),
    f"a'b\"c&{BIDI}",
    "$\\frac{1}{2}$ {{7*7}}",
    "猫\uffff\x1b[31m",
)
WEIGHTED = (("right", 3), ("wrong", 1))
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Page(HTMLParser):
    """What a browser would make of the page: its elements with attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for found, attributes in self.elements if found == tag)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return compared(make(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page about pictures, classes and a model of hostile names."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for index, label in enumerate(HOSTILE):
        name = f'{index} {IMAGE} " {BIDI}.png'
        save(folder / name, 25 + 51 * ((index + 1) % 5))
        rows.append({"file": name, "label": label})
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = read_dataset(folder)
    summary = evaluated(data, classifier(HOSTILE), f"model {SCRIPT}")
    evaluation = Evaluation((summary,))
    return html.render(evaluation, thumbnails(data, html.shown_pictures(evaluation)))


def page_of(evaluation: Evaluation) -> str:
    data = evaluation.summaries[0].outcomes.dataset
    return html.render(evaluation, thumbnails(data, html.shown_pictures(evaluation)))


def page_text(evaluation: Evaluation) -> str:
    return Page(page_of(evaluation)).text.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Of a model with names above its classes."""
    data = read_dataset(make(tmp_path_factory.mktemp("data")))
    return Evaluation((evaluated(data, with_answers(min_confidence=0.97), "kinds"),))


def text_of(evaluation: Evaluation) -> str:
    return "".join(EVALUATION_FORMATS["text"](evaluation))


def test_the_text_has_aligned_figures_and_some_changes(evaluation: Evaluation) -> None:
    text = text_of(evaluation)
    lines = text.splitlines()
    assert "  10 pictures of 5 classes" in lines
    head = next(index for index, line in enumerate(lines) if line.split() == ["first", "second"])
    column = lines[head].index("second")
    assert lines[head + 1].split()[:7] == ["top-1", "accuracy", "50.0", "%", "23.7", "to", "76.3"]
    assert all(line[column - 1] == " " for line in lines[head : head + 7])
    assert "first: 5 pictures with a wrong best class, highest score first" in lines
    assert "first and second" in lines
    assert any(
        line.startswith("  10 pictures with another best class, first where only first")
        for line in lines
    )
    assert sum("✓" in line for line in lines) >= 5
    assert not any(line != line.rstrip() for line in lines)


def test_damaged_pictures_are_evaluated_and_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "data")
    assert "damaged or truncated" not in text_of(compared(folder))
    damage(folder / "dark" / "wrong.png", "damaged", "truncated")
    damage(folder / "dim" / "right.png", "truncated")
    found = compared(folder)
    text, page = text_of(found), page_text(found)
    named = (
        "2 pictures are damaged or truncated, and used nevertheless: dark/wrong.png, dim/right.png"
    )
    assert named in text
    assert named in page
    for summary in found.summaries:
        assert len(summary.outcomes) == 10
    # Where the wrong pictures are listed.
    shown = "dark/wrong.png (damaged, truncated)"
    assert shown in text
    assert shown in page
    record = json.loads("".join(EVALUATION_FORMATS["json"](found)))
    assert record["models"][0]["warned"] == [
        {"file": "dark/wrong.png", "warnings": ["damaged", "truncated"]},
        {"file": "dim/right.png", "warnings": ["truncated"]},
    ]
    wrong = {one["file"]: one["warnings"] for one in record["models"][0]["wrong"]}
    assert wrong["dark/wrong.png"] == ["damaged", "truncated"]
    assert wrong["grey/wrong.png"] == []


def test_json_holds_every_figure(evaluation: Evaluation) -> None:
    record = json.loads("".join(EVALUATION_FORMATS["json"](evaluation)))
    assert record["data"]["pictures"] == 10
    first = record["models"][0]
    assert first["top1"] == {
        "value": 0.5,
        "interval": {
            "low": pytest.approx(0.2366, abs=1e-4),
            "high": pytest.approx(0.7634, abs=1e-4),
        },
    }
    assert first["top1_unweighted"] is None
    assert len(first["wrong"]) == 5
    wrong = first["wrong"][0]
    assert (wrong["right"], wrong["answer"], wrong["answer_right"]) == (False, None, None)
    assert (first["answers"], first["answers_at"]) == (None, [])
    assert [one["label"] for one in first["labels"]] == ["bright", "dark", "dim", "grey", "light"]
    assert sum(one["pictures"] for one in first["reliability"]) == 10
    assert first["risk_coverage"][-1]["coverage"] == 1.0
    assert len(first["classes"]) == 5
    (comparison,) = record["comparisons"]
    assert (comparison["first"], comparison["second"]) == ("first", "second")
    assert [one["second"]["right"] for one in comparison["changed"]] == [False] * 10
    assert comparison["clear"] is False


def test_json_has_answers_beside_best_classes(answered: Evaluation) -> None:
    (model,) = json.loads("".join(EVALUATION_FORMATS["json"](answered)))["models"]
    assert [one["min_confidence"] for one in model["answers_at"]][:2] == [0.5, 0.6]
    assert model["answers_at"][0]["right"]["value"] == 0.5
    wrong = {one["file"]: one for one in model["wrong"]}
    found = wrong["dark/wrong.png"]
    assert (found["best_class"], found["answer"], found["answer_right"]) == ("dim", "low", True)
    grey = wrong["grey/wrong.png"]
    assert (grey["status"], grey["answer"], grey["answer_right"]) == ("likely", "light", False)
    assert [one["status"] for one in model["statuses"]] == ["sure", "likely", "unsure", "unknown"]
    assert [one["share"] for one in model["statuses"]] == pytest.approx([0.8, 0.2, 0, 0])
    assert model["statuses"][1]["right"]["value"] == 0.5
    assert model["statuses"][1]["mean_score"] == pytest.approx(0.963, abs=1e-3)
    assert (model["statuses"][3]["right"], model["statuses"][3]["mean_score"]) == (None, None)


def test_the_text_has_answers_by_confidence_threshold(answered: Evaluation) -> None:
    lines = text_of(answered).splitlines()
    start = lines.index("kinds: results by status")
    assert lines[start + 1].split() == ["status", "pictures", "right", "answers", "mean", "score"]
    assert lines[start + 2].split()[:5] == ["sure", "80.0", "%", "75.0", "%"]
    assert lines[start + 3].split()[:5] == ["likely", "20.0", "%", "50.0", "%"]
    assert lines[start + 4].split() == ["unsure", "0.0", "%", "—", "—"]
    start = lines.index(
        "kinds: sure answers by confidence threshold (--min-confidence, default 0.9)"
    )
    assert lines[start + 1].split() == ["threshold", "right", "answers", "sure", "bits"]
    assert lines[start + 2].split()[:4] == ["0.50", "50.0", "%", "(23.7"]
    mistakes = lines.index("kinds: 5 pictures with a wrong best class, highest score first")
    assert lines[mistakes + 1] == (
        "  Their answer is right for 2 and wrong for 3; the model abstained for 0."
    )
    assert lines[mistakes + 2].split()[-1] == "answer"
    assert sum(line.endswith("✓ low") for line in lines) == 2
    assert sum(line.endswith("  ✗ probably light") for line in lines) == 1


def test_the_page_shows_answers_beside_best_classes(answered: Evaluation) -> None:
    page = Page(page_of(answered))
    assert "Results by status" in page.text
    assert "Sure answers by confidence threshold (--min-confidence" in page.text
    assert "answer ✓ low" in page.text
    assert "answer ✗ probably light" in page.text


def test_pictures_without_an_answer_are_abstained(tmp_path: Path) -> None:
    never = Abstention("probability", 1.0, 0.05)
    unknown = with_answers(calibration=Calibration(), abstention=never)
    evaluation = Evaluation((evaluated(read_dataset(make(tmp_path)), unknown),))
    assert "answer abstained" in page_text(evaluation)
    text = text_of(evaluation)
    assert sum(line.endswith("  abstained") for line in text.splitlines()) == 5
    assert "the model abstained for 5" in text


def test_a_model_without_answers_has_no_figures_about_answers(
    evaluation: Evaluation,
) -> None:
    for report in (text_of(evaluation), page_text(evaluation)):
        assert "--min-confidence" not in report
        assert "answer" not in report


def test_an_accuracy_that_no_score_reaches_is_marked(evaluation: Evaluation) -> None:
    (line,) = (
        line for line in text_of(Evaluation(evaluation.summaries[1:])).splitlines()
        if line.startswith("   99 %")
    )  # fmt: skip
    assert line.split() == ["99", "%", "not", "reached", "—"]
    assert "not reached" in Page(page_of(evaluation)).text


def test_classes_without_pictures_do_not_lead_the_errors(tmp_path: Path) -> None:
    for label, brightness in (("dark", 25), ("dim", 25 + 4 * 51)):
        for number in range(3):
            save(tmp_path / label / f"{number}.png", brightness)
    evaluation = Evaluation((evaluated(read_dataset(tmp_path), classifier()),))
    lines = text_of(evaluation).splitlines()
    start = lines.index("fake: classes with the most errors")
    table = lines[start + 1 : lines.index("", start)]
    assert [line.split()[0] for line in table] == ["class", "dim"]
    assert lines[lines.index("fake: best classes without an evaluated picture") + 2].split() == [
        "bright",
        "3",
    ]
    assert "Best classes without an evaluated picture" in Page(page_of(evaluation)).text


def test_weights_are_explained(tmp_path: Path) -> None:
    make(tmp_path)
    rows = [f"{label}/{name}.png,{label},{w}" for label in LABELS for name, w in WEIGHTED]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,weight", *rows]))
    evaluation = Evaluation((evaluated(read_dataset(tmp_path), classifier()),))
    for report in (text_of(evaluation), page_text(evaluation)):
        assert "shares are weighted" in report
        assert "share by weight" in report
    assert re.search(r"dark +dim +1 of 2 +25\.0 %", text_of(evaluation))


def test_the_verdict_says_which_model_is_better_or_that_it_may_be_chance(
    evaluation: Evaluation,
) -> None:
    (one,) = evaluation.comparisons
    worse = replace(
        one,
        top1_difference=-0.063,
        top1_difference_interval=Interval(-0.09, -0.03),
        mcnemar_exact_p=2.4e-5,
    )
    assert verdict(worse) == (
        "second is worse than first: −6.3 points top-1 accuracy (p = 2.4e-05)."
    )
    better = replace(
        one,
        only_first_right=0,
        only_second_right=5,
        top1_difference=0.2,
        top1_difference_interval=Interval(0.1, 0.3),
        mcnemar_exact_p=1e-9,
    )
    assert verdict(better) == (
        "second is better than first: +20.0 points top-1 accuracy (p < 0.000001)."
    )
    unclear = replace(one, top1_difference=0.004, mcnemar_exact_p=0.5)
    assert verdict(unclear) == (
        "The difference may be chance: second has +0.4 points top-1 accuracy (p = 0.5)."
    )
    assert "+0.02 points" in verdict(replace(better, top1_difference=0.0002))
    lines = text_of(evaluation).splitlines()
    assert lines.index(f"  {verdict(one)}") < lines.index("what the figures mean")
    assert verdict(one) in page_text(evaluation)


def test_a_verdict_includes_answers_if_both_models_give_some(tmp_path: Path) -> None:
    data = read_dataset(make(tmp_path))
    careful, bold = (evaluated(data, with_answers(min_confidence=least)) for least in (0.99, 0.5))
    comparison = compare(careful, bold)
    assert comparison is not None
    assert verdict(comparison) == (
        "fake (first) and fake (second) have the same best class for every picture. "
        "Sure answers: 40.0 % and 100.0 % of the pictures, of these right: 75.0 % and 50.0 %."
    )
    flat = compare(careful, evaluated(data, classifier()))
    assert flat is not None
    assert "answers" not in verdict(flat)


def test_two_models_of_one_name_are_told_apart(evaluation: Evaluation) -> None:
    summary = evaluation.summaries[0]
    comparison = compare(summary, summary)
    assert comparison is not None
    text = text_of(Evaluation((summary, summary), (comparison,)))
    assert "\nfirst (first) and first (second)\n" in text
    assert "  first (first) and first (second) have the same best class for every picture" in text
    notes = "\n".join(comparison_notes(_with_changes(comparison)))
    assert "only in first (first): 0, only in first (second): 0" in notes


def _with_changes(comparison: Comparison) -> Comparison:
    outcome = comparison.first.wrong[0]
    return replace(comparison, changed=((outcome, outcome),))


def test_the_text_lists_ten_changes_and_says_how_many_more_there_are(tmp_path: Path) -> None:
    make(tmp_path)
    for label in LABELS:
        save(tmp_path / label / "more.png", BRIGHTNESS[label])
    evaluation = compared(tmp_path)
    text = text_of(evaluation)
    assert "  15 pictures with another best class" in text
    assert text.endswith("\n  and 5 more (all: --format json)\n")
    assert len(text.split("another best class")[1].splitlines()) == 1 + 1 + 10 + 1


def test_the_page_is_complete_and_self_contained(evaluation: Evaluation) -> None:
    text = page_of(evaluation)
    page = Page(text)
    assert any(
        meta.get("http-equiv") == "Content-Security-Policy" and meta.get("content") == POLICY
        for meta in page.all("meta")
    )
    assert not list(page.all("script"))
    assert not list(page.all("link"))
    sources = [image["src"] or "" for image in page.all("img")]
    kinds = Counter(source.partition(",")[0] for source in sources)
    assert kinds == {"data:image/svg+xml;base64": 6, "data:image/jpeg;base64": 10 + 5 + 10}
    assert "10 pictures with another best class" in page.text
    assert re.findall(r"https?://[^\"' <]*", text) == []


def test_ids_are_unique_and_references_lead_to_them(evaluation: Evaluation) -> None:
    text = page_of(evaluation)
    ids = [attributes["id"] for _, attributes in Page(text).elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = re.findall(r'href="#([^"]*)"', text)
    assert links
    assert set(links) <= set(ids)


def test_hostile_names_are_only_text_in_a_plot(hostile: str) -> None:
    plots = [image["src"] or "" for image in Page(hostile).all("img")][:3]
    confusion = ElementTree.fromstring(b64decode(plots[2].partition(",")[2]))
    texts = {element.text for element in confusion.iter("{http://www.w3.org/2000/svg}text")}
    assert {"<script>document.ti…", "$\\frac{1}{2}$ {{7*7…", "猫\ufffd\\x1b[31m"} <= texts
    tags = {element.tag.rpartition("}")[2] for element in confusion.iter()}
    assert not tags & {"script", "foreignObject", "image", "a"}


def test_hostile_names_are_only_text(hostile: str) -> None:
    page = Page(hostile)
    assert not list(page.all("script"))
    assert all(image.keys() == {"src", "alt"} for image in page.all("img"))
    assert all(not name.startswith("on") for _, found in page.elements for name in found)
    assert SCRIPT in page.text
    assert IMAGE in page.text
    assert "$\\frac{1}{2}$ {{7*7}}" in page.text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", hostile)
    assert "\\u202egnp.exe\\u2066" in page.text


def test_suspicious_labels_have_their_own_pictures_and_are_only_text(
    evaluation: Evaluation,
) -> None:
    suspects = (Suspect(7, IMAGE, SCRIPT, f"猫{BIDI}", 0.001, 0.9713),) * 103
    training = html.Training([f"measured {SCRIPT}"], suspects, {7: b"seven"})
    page = Page(html.render(evaluation, {}, training))
    assert not list(page.all("script"))
    assert "103 labels may be wrong" in page.text
    assert f"measured {SCRIPT}" in page.text
    assert page.text.count(f"{SCRIPT} 0.1 %") == page.text.count("97.1 %") == 100
    assert "and 3 more." in page.text
    sources = [image["src"] for image in page.all("img")]
    assert sources.count("data:image/jpeg;base64,c2V2ZW4=") == 100


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium here")
@pytest.mark.slow
def test_hostile_names_do_nothing_in_a_browser(hostile: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(hostile, encoding="utf-8")
    switches = (
        "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
        "disable-component-update disable-sync dump-dom"
    )
    run = subprocess.run(
        [
            "chromium",
            *(f"--{switch}" for switch in switches.split()),
            f"--user-data-dir={tmp_path / 'profile'}",
            path.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        encoding="utf-8",
    )
    page = Page(run.stdout)
    assert not list(page.all("script"))
    assert len(list(page.all("img"))) == 3 + 5
    assert "<title>Evaluation of model &lt;script&gt;" in run.stdout
    assert "<title>owned" not in run.stdout


def test_hostile_names_do_nothing_in_text_and_json(tmp_path: Path) -> None:
    make(tmp_path)
    rows = [{"file": f"{BIDI}\x1b[31m\n.png", "label": "dark"}]
    rows += [{"file": f"{label}/wrong.png", "label": label} for label in LABELS]
    save(tmp_path / rows[0]["file"], 100)
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    evaluation = Evaluation((evaluated(read_dataset(tmp_path), classifier()),))
    for render in EVALUATION_FORMATS.values():
        written = "".join(render(evaluation))
        assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", written)
    files = [one["file"] for one in json.loads(written)["models"][0]["wrong"]]
    assert rows[0]["file"] in files


def test_a_perfect_model_has_a_page_too(tmp_path: Path) -> None:
    make(tmp_path)
    for path in tmp_path.glob("*/wrong.png"):
        path.unlink()
    evaluation = Evaluation((evaluated(read_dataset(tmp_path), classifier()),))
    page = Page(page_of(evaluation))
    assert [image["alt"] for image in page.all("img")] == [
        "Reliability diagram of fake",
        "Risk-coverage curve of fake",
    ]
    text = text_of(evaluation)
    assert "wrong best class" not in text


def test_missing_and_skipped_pictures_are_reported(tmp_path: Path) -> None:
    make(tmp_path, ("dark", "dim", "greys", "light", "brigt"))
    (tmp_path / "void").mkdir()
    (tmp_path / "dark" / "broken.png").write_bytes(b"")
    (tmp_path / "notes.txt").touch()
    evaluation = Evaluation((evaluated(read_dataset(tmp_path), classifier()),))
    for report in (text_of(evaluation), page_text(evaluation)):
        assert "classes without pictures: void" in report
        assert "1 file skipped: not a picture, or not in a class folder" in report
        assert "1 picture could not be read" in report
        assert "2 pictures left out: 1 label unknown to this model: 'brigt'" in report
        assert "(nearest: bright" in report
        assert "labels matched by another name: greys is grey" in report
