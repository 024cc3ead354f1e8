"""Names of one's own: every form of the file, each mistake with its line."""

from pathlib import Path

import pytest

import pictell
from pictell.errors import UsageError
from pictell.models.display_names import rename
from pictell.naming import Naming
from pictell.taxonomy import build
from pictell.types import Label

CLASSES = (Label("tabby", "n02123045"), Label("lorry"), Label("crane", "n03126707"))
TREE = build(CLASSES, [Label("animal"), Label("cat", "n02121620")], [5, 3, 3, 3, 4])
NAMING = Naming(CLASSES, "softmax", taxonomy=TREE)


def renamed(folder: Path, text: str, naming: Naming = NAMING) -> Naming:
    path = folder / "names"
    path.write_bytes(text.encode())
    return rename(naming, path)


@pytest.mark.parametrize(
    "text",
    [
        "n02123045,Tigerkatze\nn02121620,Katze\n1,Lastwagen\n",
        "\ufeffsynset,name\r\nn02123045,Tigerkatze\r\n\r\nn02121620,Katze\r\n1,Lastwagen",
        "index\tname\n0\tTigerkatze\nn02121620\tKatze\n1\t Lastwagen \n",
        'n02123045,"Tigerkatze"\nn02121620, Katze\n1,Lastwagen\n',
        '{"n02123045": "Tigerkatze", "n02121620": "Katze", "1": "Lastwagen"}',
    ],
)
def test_classes_and_the_names_above_them_are_renamed(tmp_path: Path, text: str) -> None:
    naming = renamed(tmp_path, text)
    assert [label.name for label in naming.labels] == ["Tigerkatze", "Lastwagen", "crane"]
    assert naming.labels[0].synset == "n02123045"
    assert naming.taxonomy is not None
    assert naming.taxonomy.path(0) == ("animal", "Katze", "Tigerkatze")
    assert naming.taxonomy.path(1) == ("Lastwagen",)


def test_an_index_goes_before_a_wordnet_id_and_a_name_may_hold_commas(tmp_path: Path) -> None:
    naming = renamed(tmp_path, 'n03126707,Kran\n2,"Kran, Vogel"\n')
    assert naming.labels[2].name == "Kran, Vogel"


def test_a_model_without_a_taxonomy(tmp_path: Path) -> None:
    naming = renamed(tmp_path, "1,Lastwagen\n", Naming(CLASSES, "softmax"))
    assert naming.labels[1].name == "Lastwagen"
    assert naming.taxonomy is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,Lastwagen\nn99999999,Katze\n", "line 2: the model has no WordNet id or class index"),
        ("3,Katze\n", "line 1: the model has no WordNet id or class index '3'"),
        ("tabby,Katze\n", "line 1: the model has no WordNet id or class index 'tabby'"),
        ("1,Lastwagen\n1,Laster\n", "line 2: '1' has a name already"),
        ("1,\n", "line 1: '1' has no name"),
        ("1\n", "line 1: a line is a WordNet id or a class index, and a name"),
        ("1,Lastwagen,Laster\n", "line 1: a line is a WordNet id or a class index, and a name"),
        ("1\tLastwagen\n2,Kran\n", "line 2: a line is"),
        ('{"1": "Lastwagen", "9": "Kran"}', "entry 2: the model has no"),
        ('{"1": "Lastwagen", "1": "Laster"}', "entry 2: '1' has a name already"),
        ('{"1": {"de": "Lastwagen"}}', "entry 1: the name of '1' is not a text"),
        ('{"1": "Lastwagen",\n', "line 2: "),
        ('{"1": ' + "[" * 100_000, " is nested too deeply"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
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
    with pytest.raises(UsageError, match="no text in UTF-8"):
        rename(NAMING, path)
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(UsageError, match="too long"):
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
