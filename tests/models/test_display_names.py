"""Files of other names: every format, and errors that name the line."""

import re
from pathlib import Path

import pytest

import pictell
from command import ROOT
from command import pictell as command
from pictell import models
from pictell.errors import UsageError
from pictell.models import display_names
from pictell.models.display_names import rename
from pictell.models.scorer import build_scorer
from pictell.models.taxonomy_file import read_taxonomy
from pictell.scoring.decision import Scorer
from pictell.scoring.taxonomy import build
from pictell.types import Attachment, Label

CLASSES = (Label("tabby", "n02123045"), Label("lorry"), Label("crane", "n03126707"))
TREE = build(CLASSES, [Label("animal"), Label("cat", "n02121620")], [5, 3, 3, 3, 4])
NAMING = Scorer(CLASSES, "softmax", taxonomy=TREE)


def renamed(folder: Path, text: str, scorer: Scorer = NAMING) -> Scorer:
    path = folder / "names"
    path.write_bytes(text.encode())
    return rename(scorer, path)


@pytest.mark.parametrize(
    "text",
    [
        "n02123045,Tigerkatze\nn02121620,Katze\n1,Lastwagen\n",
        "\ufeffsynset,name\r\nn02123045,Tigerkatze\r\n\r\nn02121620,Katze\r\n1,Lastwagen",
        "index\tname\n0\tTigerkatze\nn02121620\tKatze\n1\t Lastwagen \n",
        'n02123045,"Tigerkatze"\nn02121620, Katze\n1,Lastwagen\n',
        '{"n02123045": "Tigerkatze", "n02121620": "Katze", "1": "Lastwagen"}',
        "synset;name\nn02123045;Tigerkatze\nn02121620;Katze\n1;Lastwagen\n",
        "tabby,Tigerkatze\ncat,Katze\nlorry,Lastwagen\n",
        'name;German\n"tabby";Tigerkatze\n1;"Lastwagen"\ncat;Katze\n',
        "\n \n1\tLastwagen\ntabby\tTigerkatze\ncat\tKatze\n",
        "n02123045: Tigerkatze\nn02121620: Katze\n1: Lastwagen\n",
        "{'n02123045': 'Tigerkatze', 'n02121620': 'Katze', 1: 'Lastwagen'}",
        "names:\n  n02123045: Tigerkatze\n  cat: Katze\n  1: Lastwagen\n",
        '{"x": {}, "id2label": {"0": "Tigerkatze", "1": "Lastwagen", "n02121620": "Katze"}}',
        '[{"id": 0, "name": "Tigerkatze"}, {"id": 1, "name": "Lastwagen"}, ["n02121620", "Katze"]]',
        # As a spreadsheet saves it, with empty cells.
        "1;Lastwagen\n;\ntabby;Tigerkatze\ncat;Katze\n",
    ],
)
def test_classes_and_broader_labels_are_renamed(tmp_path: Path, text: str) -> None:
    scorer = renamed(tmp_path, text)
    assert [label.name for label in scorer.labels] == ["Tigerkatze", "Lastwagen", "crane"]
    assert scorer.labels[0].synset == "n02123045"
    assert scorer.taxonomy is not None
    assert scorer.taxonomy.path(0) == ("animal", "Katze", "Tigerkatze")
    assert scorer.taxonomy.path(1) == ("Lastwagen",)


@pytest.mark.parametrize(
    "text",
    [
        "Tigerkatze\nLastwagen\nKran\n",
        "2: Kran\n0: Tigerkatze\n1: Lastwagen\n",
        "1 Tigerkatze\n2 Lastwagen\n3 Kran\n",
        '["Tigerkatze", "Lastwagen", "Kran"]',
        '{"Kran": 2, "Tigerkatze": 0, "Lastwagen": 1}',
        "item { id: 1 name: 'Tigerkatze' } item { id: 3 name: 'Kran' }"
        " item { id: 2 name: 'Lastwagen' }",
        "index,name\n1,Tigerkatze\n2,Lastwagen\n3,Kran\n",
    ],
)
def test_the_names_of_all_classes_need_no_keys(tmp_path: Path, text: str) -> None:
    scorer = renamed(tmp_path, text)
    assert [label.name for label in scorer.labels] == ["Tigerkatze", "Lastwagen", "Kran"]


def test_names_in_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes("1\tLastwagen\r\n".encode("utf-16"))
    assert rename(NAMING, path).labels[1].name == "Lastwagen"


def test_an_index_wins_over_a_wordnet_id_and_a_name_may_have_commas(tmp_path: Path) -> None:
    scorer = renamed(tmp_path, 'n03126707,Kran\n2,"Kran, Vogel"\n')
    assert scorer.labels[2].name == "Kran, Vogel"


def test_a_model_without_a_taxonomy(tmp_path: Path) -> None:
    scorer = renamed(tmp_path, "1,Lastwagen\n", Scorer(CLASSES, "softmax"))
    assert scorer.labels[1].name == "Lastwagen"
    assert scorer.taxonomy is None


def test_an_index_is_never_a_name_too(tmp_path: Path) -> None:
    digits = tuple(Label(str(number)) for number in range(1, 4))
    scorer = renamed(tmp_path, "1,zwei\n3,drei\n", Scorer(digits, "softmax"))
    assert [label.name for label in scorer.labels] == ["1", "zwei", "drei"]


def test_an_index_wins_over_a_wordnet_id_which_wins_over_a_name(tmp_path: Path) -> None:
    text = "crane,Name\nn03126707,Id\n2,Index\ntabby,Name\nn02123045,Id\n"
    scorer = renamed(tmp_path, text)
    assert [label.name for label in scorer.labels] == ["Id", "lorry", "Index"]


def test_the_key_of_a_name_without_a_wordnet_id_is_the_name(tmp_path: Path) -> None:
    scorer = renamed(tmp_path, "animal,Tier\n")
    assert scorer.taxonomy is not None
    assert scorer.taxonomy.path(0) == ("Tier", "cat", "tabby")


def test_a_current_name_renames_everything_of_that_name(tmp_path: Path) -> None:
    classes = (Label("crane", "n02012849"), Label("crane", "n03126707"), Label("cat"))
    tree = build(classes, [Label("cat")], [3, 3, 4, 3])
    scorer = renamed(tmp_path, "crane,Kran\ncat,Katze\n", Scorer(classes, "softmax", tree))
    assert [label.name for label in scorer.labels] == ["Kran", "Kran", "Katze"]
    assert scorer.taxonomy is not None
    assert scorer.taxonomy.path(2) == ("Katze", "Katze")


def test_the_root_cannot_be_renamed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the model has no name 'something'"):
        renamed(tmp_path, "something,etwas\n")


def test_one_file_serves_several_models(tmp_path: Path) -> None:
    scorer = renamed(tmp_path, "n99999999,Fisch\nn02123045,Tigerkatze\n")
    assert scorer.labels[0].name == "Tigerkatze"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3,Katze\n", "line 1: the model has no class index '3': they are 0 to 2"),
        ("1,Lastwagen\n007,Katze\n", "line 2: the model has no class index '007'"),
        ("1,Laster\ntaby,Katze\n", "line 2: the model has no name 'taby' (nearest: tabby)"),
        ("qqqqq,Katze\n", "line 1: the model has no name 'qqqqq'"),
        ("n99999999,Katze\n", ": the model has none of the WordNet ids in it"),
        ("", " has no names: each line must be"),
        (" \r\n\r\n", " has no names: each line must be"),
        ("synset,name\n", " has no names: each line must be"),
        ("{}", " has no names: each line must be"),
        ("1,Lastwagen\n1,Laster\n", "line 2: '1' was named before"),
        ("1,\n", "line 1: '1' has no name"),
        ("1,Lastwagen\n,Kran\n", "line 2: a line must be"),
        ("1\n", "line 1: a line must be"),
        ("1,Lastwagen,Laster\n", "line 1: a line must be"),
        ("1\tLastwagen\n2,Kran\n", "line 2: a line must be"),
        ("1;Lastwagen\n2,Kran\n", "line 2: a line must be"),
        ('{"1": "Lastwagen", "9": "Kran"}', "entry 2: the model has no"),
        ('{"1": "Lastwagen", "1": "Laster"}', "entry 2: '1' was named before"),
        ('{"1": {"de": "Lastwagen"}}', "entry 1: the name of '1' must be text"),
        ('{"1": "Lastwagen",\n', "line 2 "),
        ('["Lastwagen"]', "1 names without keys for 3 classes"),
        ("train: a\nval: b\n", "YAML"),
        ("<html>", "HTML"),
        ('{"1": "\\ud800"}', "a character that Unicode does not have"),
        ('{"1": ' + "[" * 100_000, " is not valid JSON: "),
        ('{"1": ' + "9" * 5000 + "}", " is not valid JSON: "),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        renamed(tmp_path, text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("names")
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "names"
    with pytest.raises(UsageError, match=r"/names cannot be read: No such file or directory$"):
        rename(NAMING, path)
    path.write_bytes(b"1,\xff\n")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        rename(NAMING, path)
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(UsageError, match="is longer than"):
        rename(NAMING, path)


def test_a_loaded_model_has_these_names(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text("574,Golfball\n", encoding="utf-8")
    classifier = pictell.load(labels_from=path)
    assert classifier.spec.labels[574].name == "Golfball"
    result = classifier.classify("samples/golf-ball.png")
    assert result.top.label == "Golfball"
    assert result.answer is not None
    assert result.answer.path[-2:] == ("ball", "Golfball")


def test_flat_takes_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text("animal,Tier\nn02121808,Katze\n574,Golfball\n", encoding="utf-8")
    spec = models.find("default")
    scorer = build_scorer(spec, 0.9, flat=True, labels_from=path)
    assert scorer.labels[574].name == "Golfball"
    run = command("--flat", "--labels-from", path, ROOT / "samples" / "golf-ball.png")
    assert (run.returncode, run.stderr) == (0, "")
    assert "Golfball" in run.stdout


def examples(text: str) -> str:
    """The indented lines of a text that are a key, a comma and a name."""
    return "\n".join(re.findall(r"^    ([^,()\n]+,[^\s,][^,\n]*)$", text, re.MULTILINE))


@pytest.mark.parametrize("place", ["docs/trust.md", "docstring"])
def test_the_example_of_the_docs(tmp_path: Path, place: str) -> None:
    text = display_names.__doc__ if place == "docstring" else (ROOT / place).read_text("utf-8")
    path = tmp_path / "german.csv"
    path.write_text(examples(text or ""), encoding="utf-8")
    tree = build_scorer(models.find("default"), 0.9, labels_from=path).taxonomy
    assert tree is not None
    names = tree.path(282)
    assert (names[0], names[-2:]) == ("Tier", ("Katze", "Tigerkatze"))
    assert tree.path(892)[-1] == "Wanduhr"


def test_the_taxonomy_of_the_docs() -> None:
    text = (ROOT / "docs" / "models.md").read_text("utf-8")
    (block,) = re.findall(r"(?:^    (?:#|a |n\d|tiger|5).*\n){6,}", text, re.MULTILINE)
    lines = [re.sub(r" {2,}", "\t", line.strip()) for line in block.splitlines() if "#" not in line]
    labels = models.find("default").labels
    tree = read_taxonomy(Attachment("taxonomy.tsv", "\n".join(lines)), labels)
    assert tree.path(282) == ("animal", "cat", "tiger cat")
    assert "n02121808" in block


@pytest.mark.parametrize("place", ["docs/trust.md", "docs/models.md"])
def test_the_ids_are_where_the_docs_say(place: str) -> None:
    assert "`pictell models path default`" in (ROOT / place).read_text("utf-8")
    folder = Path(command("models", "path", "default").stdout.strip())
    assert "\tn02123159\t" in (folder / "labels.tsv").read_text("utf-8")
    assert "n02121808\tcat\t" in (folder / "taxonomy.tsv").read_text("utf-8")
