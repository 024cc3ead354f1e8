"""An evaluation as text, JSON and a page, however hostile the names."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from labelled_pictures import LABELS, classifier, compared, evaluated, make, save
from pictell.evaluation.comparison import Evaluation
from pictell.evaluation.dataset import read_dataset
from pictell.evaluation.thumbnails import thumbnails
from pictell.reports.evaluation import FORMATS, html

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
BIDI = "\u202egnp.exe\u2066"
HOSTILE = (
    SCRIPT,
    IMAGE.replace("/", "-"),
    f"a'b\"c&{BIDI}",
    "$\\frac{1}{2}$ {{7*7}}",
    "\uffff\x1b[31m",
)
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
    data = evaluation.summaries[0].dataset
    return html.render(evaluation, thumbnails(data, html.shown_pictures(evaluation)))


def test_the_text_has_aligned_figures_and_every_change(evaluation: Evaluation) -> None:
    text = "".join(FORMATS["text"](evaluation))
    lines = text.splitlines()
    assert "  10 pictures of 5 classes" in lines
    head = next(index for index, line in enumerate(lines) if line.split() == ["first", "second"])
    column = lines[head].index("second")
    assert lines[head + 1].split()[:5] == ["top-1", "50.0", "%", "23.7", "to"]
    assert all(line[column - 1] == " " for line in lines[head : head + 7])
    assert "first: 5 wrong, the surest first" in lines
    assert "first and second" in lines
    assert "  10 changed answers" in lines
    assert sum("✓" in line for line in lines) >= 5
    assert not any(line != line.rstrip() for line in lines)


def test_json_holds_every_figure(evaluation: Evaluation) -> None:
    record = json.loads("".join(FORMATS["json"](evaluation)))
    assert record["data"]["pictures"] == 10
    first = record["models"][0]
    assert first["top1"] == {
        "value": 0.5,
        "interval": {
            "low": pytest.approx(0.2366, abs=1e-4),
            "high": pytest.approx(0.7634, abs=1e-4),
        },
        "method": "Wilson",
    }
    assert first["plain_top1"] is None
    assert len(first["wrong"]) == 5
    assert first["wrong"][0].keys() == {"file", "label", "answer", "score"}
    assert [one["label"] for one in first["labels"]] == ["bright", "dark", "dim", "grey", "light"]
    assert sum(one["pictures"] for one in first["reliability"]) == 10
    assert first["risk_coverage"][-1]["coverage"] == 1.0
    assert len(first["classes"]) == 5
    (comparison,) = record["comparisons"]
    assert (comparison["first"], comparison["second"]) == ("first", "second")
    assert len(comparison["changed"]) == 10


def test_the_page_is_complete_and_self_contained(evaluation: Evaluation) -> None:
    text = page_of(evaluation)
    page = Page(text)
    assert any(
        meta.get("http-equiv") == "Content-Security-Policy" and meta.get("content") == POLICY
        for meta in page.all("meta")
    )
    assert not list(page.all("script"))
    assert not list(page.all("link"))
    assert len(list(page.all("svg"))) == 6
    assert len(list(page.all("img"))) == 10 + 5 + 10
    assert all(
        (image["src"] or "").startswith("data:image/jpeg;base64,") for image in page.all("img")
    )
    assert "10 changed answers" in page.text
    assert re.findall(r"https?://[^\"' <]*", text) == []


def test_ids_are_unique_and_references_lead_to_them(evaluation: Evaluation) -> None:
    text = page_of(evaluation)
    ids = [attributes["id"] for _, attributes in Page(text).elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = re.findall(r'href="#([^"]*)"', text) + re.findall(r"url\(#([^)]*)\)", text)
    assert links
    assert set(links) <= set(ids)


def test_plots_take_the_colours_of_the_page(evaluation: Evaluation) -> None:
    plots = "".join(re.findall(r"<svg.*?</svg>", page_of(evaluation), re.DOTALL))
    assert "var(--right)" in plots
    assert "var(--wrong)" in plots
    assert "currentColor" in plots
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", plots)) <= {"#ffffff"}


def test_hostile_names_are_only_text(hostile: str) -> None:
    page = Page(hostile)
    assert not list(page.all("script"))
    assert all(image.keys() == {"src", "alt", "loading"} for image in page.all("img"))
    assert all(not name.startswith("on") for _, found in page.elements for name in found)
    assert SCRIPT in page.text
    assert IMAGE in page.text
    assert "$\\frac{1}{2}$ {{7*7}}" in page.text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", hostile)
    assert "\\u202egnp.exe\\u2066" in page.text


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
    assert len(list(page.all("img"))) == 5
    assert "<title>Evaluation of model &lt;script&gt;" in run.stdout
    assert "<title>owned" not in run.stdout


def test_hostile_names_do_nothing_in_text_and_json(tmp_path: Path) -> None:
    make(tmp_path)
    rows = [{"file": f"{BIDI}\x1b[31m\n.png", "label": "dark"}]
    rows += [{"file": f"{label}/wrong.png", "label": label} for label in LABELS]
    save(tmp_path / rows[0]["file"], 100)
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    evaluation = Evaluation((evaluated(read_dataset(tmp_path), classifier()),))
    for render in FORMATS.values():
        written = "".join(render(evaluation))
        assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", written)
    files = [one["file"] for one in json.loads(written)["models"][0]["wrong"]]
    assert rows[0]["file"] in files


def test_nothing_wrong_makes_a_page_too(tmp_path: Path) -> None:
    make(tmp_path)
    for path in tmp_path.glob("*/wrong.png"):
        path.unlink()
    evaluation = Evaluation((evaluated(read_dataset(tmp_path), classifier()),))
    page = Page(page_of(evaluation))
    assert len(list(page.all("svg"))) == 2
    assert not list(page.all("img"))
    assert "".join(FORMATS["text"](evaluation)).count("\n\n") == 2


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    make(tmp_path, ("dark", "dim", "greys", "light", "brigt"))
    (tmp_path / "void").mkdir()
    (tmp_path / "dark" / "broken.png").write_bytes(b"")
    (tmp_path / "notes.txt").touch()
    evaluation = Evaluation((evaluated(read_dataset(tmp_path), classifier()),))
    for told in ("".join(FORMATS["text"](evaluation)), Page(page_of(evaluation)).text):
        assert "classes without pictures: void" in told
        assert "1 file skipped: no pictures, or in no class folder" in told
        assert "1 picture could not be read" in told
        assert (
            "2 pictures left out, of 1 label that this model has not: 'brigt' (nearest: bright"
        ) in told
        assert "labels found by another name: greys is grey" in told
