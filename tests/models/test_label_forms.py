"""The forms of labels files that people have, and errors for those that cannot be read."""

from pathlib import Path

import pytest

from command import pictell as command
from pictell.errors import InvalidModelError
from pictell.models.bare import describe
from pictell.models.folder import create_model_folder, read_model_folder, read_weights
from pictell.models.label_forms.values import MAX_LENGTH
from pictell.models.labels import labels_from_text, read_labels
from pictell.options import ModelOptions
from pictell.types import MAX_LABELS, Label

THREE = ["cat", "dog", "bird"]


def read(text: str) -> list[str]:
    return [label.name for label in labels_from_text(text, "labels")]


def refusal(text: str) -> str:
    with pytest.raises(InvalidModelError) as caught:
        labels_from_text(text, "labels")
    assert str(caught.value).startswith("labels: ")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("labels: ")


@pytest.mark.parametrize(
    "text",
    [
        # JSON of programs for training and serving.
        '["cat", "dog", "bird"]',
        '{"cat": 0, "bird": 2, "dog": 1}',
        '{"1": "cat", "3": "bird", "2": "dog"}',
        '{\n"cat":\t\t0,\n"dog":\t\t1,\n"bird":\t\t2\n}',
        '{"cat": "0", "bird": "2", "dog": "1"}',
        '{"id2label": {"0": "cat", "2": "bird", "1": "dog"}, "label2id": {"cat": 0}, "x": [1]}',
        '{"tfjsVersion": "1.3.1", "labels": ["cat", "dog", "bird"], "imageSize": 224}',
        '{"classes": {"Label": ["cat", "dog", "bird"]}, "inputs": {"Image": {"shape": [1, 2]}}}',
        '{"num_classes": 3, "pretrained_cfg": {"label_names": ["cat", "dog", "bird"]}}',
        '{"x": {"features": {"label": {"names": ["cat", "dog", "bird"], "_type": "ClassLabel"}}}}',
        '{"images": [], "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}, '
        '{"id": 3, "name": "bird", "supercategory": "animal"}]}',
        '{"labels": [0, 1, 0, 2], "classes": ["cat", "dog", "bird"]}',
        '"0": "cat",\n"1": "dog",\n"2": "bird",\n',
        '{"0": {"name": "cat"}, "1": {"name": "dog"}, "2": {"name": "bird"}}',
        '[["bird", 2], ["dog", 1], ["cat", 0]]',
        '{"id": 1, "name": "dog"}\n{"id": 0, "name": "cat"}\n{"id": 2, "name": "bird"}\n',
        # What Python and JavaScript print.
        "{0: 'cat',\n 1: 'dog',\n 2: 'bird'}",
        "['cat', 'dog', 'bird']",
        "('cat', \"dog\", u'bird')",
        "(#3) ['cat','dog','bird']",
        "class_names = ['cat',  # a comment\n 'dog', 'bird',]\n",
        "export const CLASSES = {\n  0: 'cat',\n  1: 'dog',\n  2: 'bird',\n};\n",
        'const char* labels[] = {"cat", "dog", "bird"};',
        '# A comment.\n\n// Another one.\nNAMES = ["cat",  // this one\n "dog", "bird"]\n',
        "[('dog', 1), ('bird', 2), ('cat', 0)]",
        "export default ['cat', 'dog', 'bird'];\n",
        "'cat': 0,\n'bird': 2,\n'dog': 1",
        # YAML.
        "train: a\nnc: 3\nnames: ['cat', dog, \"bird\"]\nval: b\n",
        "names:\n  0: cat\n# a comment\n  2: 'bird'\n\n  1: dog  # another one\ndownload: |\n  x\n",
        "names:\n- cat\n- dog\n- bird\nnc: 3\n",
        "- cat\n- dog\n- bird\n",
        "---\n0: cat\n1: dog\n2: bird\n",
        "# names\n---\n- cat\n- dog\n- bird\n",
        "a:\n- b: c\n  class_label:\n    names:\n      '0': cat\n      '1': dog\n      '2': bird\n",
        "names: [cat,\n  dog,\n  bird\n]\ntrain: a\n",
        "[cat, dog, bird]",
        # Label maps.
        "item {\n id: 1\n name: 'cat'\n}\nitem {\n id: 2\n name: 'dog'\n}\n"
        "item {\n id: 3\n name: 'bird'\n}\n",
        '# a comment\nitem { name: "/m/01yrx" id: 1 display_name: "cat" }\n'
        'item { name: "/m/0bt9lr" id: 2 display_name: "dog" }\n'
        'item { id: 3, display_name: "bird", keypoints { id: 9 label: "beak" } }',
        # Tables.
        "index,label\n1,dog\n0,cat\n2,bird\n",
        "name;id\nbird;2\ndog;1\ncat;0\n",
        ",name\n0,cat\n1,dog\n2,bird\n",
        "ClassId,SignName\n0,cat\n1,dog\n2,bird\n",
        'index,mid,display_name\n0,/m/01yrx,"cat"\n1,/m/0bt9lr,"dog"\n2,/m/015p6,"bird"\n',
        "id,name,supercategory\n1,cat,mammal\n2,dog,mammal\n3,bird,animal\n",
        "label,count\ncat,10\ndog,700\nbird,10\n",
        '"dog",1\n"cat",0\n"bird",2\n',
        "'0','cat'\n'1','dog'\n'2','bird'\n",
        '"cat"\n"dog"\n"bird"\n',
        'sep=;\n"0";"cat"\n"2";"bird"\n"1";"dog"\n',
        "cat, dog, bird",
        '"cat", "dog", "bird"',
        # Lines.
        "0 cat\n2 bird\n1 dog\n",
        "0  cat\n1  dog\n2  bird\n",
        "0: cat\n2: bird\n1: dog\n",
        "1) cat\n2) dog\n3) bird\n",
        "(1) cat\n(2) dog\n(3) bird\n",
        "1. cat\n2. dog\n3. bird\n",
        "001.cat\n002.dog\n003.bird\n",
        "0 - cat\n1 - dog\n2 - bird\n",
        "0 -> cat\n1 -> dog\n2 -> bird\n",
        "0=cat\n1=dog\n2=bird\n",
        "class 0: cat\nclass 2: bird\nclass 1: dog\n",
        "#1 - cat\n#2 - dog\n#3 - bird\n",
        "* cat\n* dog\n* bird\n",
        "dog,1\ncat,0\nbird,2\n",
        "dog\t1\ncat\t0\nbird\t2\n",
        "dog 1\ncat 0\nbird 2\n",
        "cat: 0\ndog: 1\nbird: 2\n",
        "0: 'cat'\n1: dog\n2: \"bird\"\n",
        '"cat",\n"dog",\n"bird"\n',
        "cat,\ndog,\nbird",
        "/m/01yrx,cat\n/m/0bt9lr,dog\n/m/015p6,bird\n",
    ],
)
def test_the_same_three_labels(text: str) -> None:
    assert read(text) == THREE


@pytest.mark.parametrize(
    "text",
    [
        "18 years\n19 years\n20 years",
        "0 fingers\n1 fingers\n2 fingers",
        "0 fingers\n1 finger\n2 fingers\n3 fingers",
        "class 2\nclass 1\nclass 3",
        "1. FC Köln\n1. FC Nürnberg\n1. FC Union",
        "0 - 1 years\n1 - 2 years\n2 - 3 years",
        "0-2\n3-5\n6-8",
        "1.5 litres\n2.5 litres",
        "10,000 euro\n20,000 euro",
        "1 hour\n24 hours",
        "3D printer\n4K monitor",
        "٣: cat\n٤: dog",
        "³ cat\n¹ dog",
        "(0, 2)\n(4, 6)\n(8, 12)",
        "[unknown]\ncat\ndog",
        "<background>\ncat\ndog",
        '24" monitor\n"Weird Al" Yankovic',
        "rock 'n' roll\n'tis",
        "C++\nC#\nF#",
        "0\n1\n2",
        "crane\ncat\ncrane",
        "#1 cat\n#2 dog",
        "class 1 laser\nclass 2 laser",
    ],
)
def test_lines_that_are_names_stay_as_they_are(text: str) -> None:
    assert read(text) == text.split("\n")


def test_a_few_names_may_repeat() -> None:
    lines = [f"{number}: name {number % 40}." for number in range(41)]
    assert read("\n".join(lines))[40] == "name 0."


def test_structured_names_are_not_searched_for_numbers() -> None:
    assert read('["1 cat", "0: dog", "\\"bird\\""]') == ["1 cat", "0: dog", '"bird"']
    assert read("{'no': 0, 'null': 1, '7': 2}") == ["no", "null", "7"]
    assert read("names: [no, null, 7]") == ["no", "null", "7"]


@pytest.mark.parametrize(
    "text",
    [
        '{"0": ["n02123045", "tabby"], "1": ["n02129165", "lion"]}',
        '[{"synset": "n02123045", "name": "tabby"}, {"synset": "n02129165", "name": "lion"}]',
        "index,wnid,name\n1,n02129165,lion\n0,n02123045,tabby\n",
        "n02129165 2 lion\nn02123045 1 tabby\n",
        "0\tn02123045\ttabby\n1\tn02129165\tlion\n",
        "n02123045-tabby\nn02129165-lion\n",
        'item { id: 2 name: "n02129165" display_name: "lion" }\n'
        'item { id: 1 name: "n02123045" display_name: "tabby" }\n',
    ],
)
def test_wordnet_ids_are_kept(text: str) -> None:
    assert labels_from_text(text, "labels") == (
        Label("tabby", "n02123045"),
        Label("lion", "n02129165"),
    )


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("0: cat\n1: dog\n3: bird\n", ["without 2", "0 = 'cat', 1 = 'dog'"]),
        ("1 cat\n2 dog\n4 bird\n", ["without 3", "1 = 'cat', 2 = 'dog'"]),
        ("0,cat\n1,dog\n1,bird\n", ["more than one name has the number 1", "0 = 'cat'"]),
        ("index,label\n1,dog\n0,cat\n0,bird", ["more than one name has the number 0"]),
        ("cat,0\ndog,2\n", ["without 1"]),
        ("5: cat\n6: dog\n", ["begin at 5"]),
        ("0: cat\n1: dog\nbird\n", ["line 3, 'bird', has no number"]),
        ("2 fingers\n0 fingers\n1 fingers\n", ["not in the order", "2 = 'fingers'"]),
        ('{"0": "cat", "2": "dog"}', ["without 1", "0 = 'cat', 2 = 'dog'"]),
        ('{"0": "cat", "0": "dog"}', ["more than one name has the number 0"]),
        ('{"cat": 1, "dog": 1}', ["more than one name has the number 1"]),
        ("{0: 'cat', 0: 'dog'}", ["more than one name has the number 0"]),
        ("names:\n  0: cat\n  2: dog\n", ["without 1"]),
        ("item { id: 1 name: 'a' }\nitem { id: 13 name: 'b' }", ["without 2, 3, 4 and 8 more"]),
        ('"0","1"\n"1","0"\n', ["either of two numbers"]),
    ],
)
def test_numbers_that_are_no_index_are_an_error(text: str, messages: list[str]) -> None:
    for message in messages:
        assert message in refusal(text)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"0": "cat",\n', "JSON"),
        ('["cat", "dog"', "JSON"),
        ('{"hidden_size": 768, "x": {"y": 1}}', "JSON"),
        ('{"cat": "a", "dog": "b"}', "JSON"),
        ('["cat", 0.5]', "JSON"),
        ('["cat", null]', "JSON"),
        ('[{"color": "red"}]', "JSON"),
        ("[" * 100_000, "JSON"),
        ('{"names": ' * 900 + "[]" + "}" * 900, "JSON"),
        ("['cat' 'dog'\n 'bird']", "Python text without a comma"),
        ("{0: 'cat', 1: 'dog'", "Python text"),
        ("[np.str_('cat'), np.str_('dog')]", "Python text"),
        ("array(['cat', 'dog'], dtype='<U3')", "Python text"),
        ('c("cat", "dog")', "Python text"),
        ("# A comment.\nnames = ['cat' 'dog']", "Python text"),
        ("{'cat'}\n{'dog'}", "Python text"),
        ("['c\\qat']", "Python text"),
        ("names = ['cat', " + "[" * 100, "Python text"),
        ("train: a\nval: b\nnc: 3\n", "YAML"),
        ("x: 1\nspecies:\n  0: cat\n  1: dog\n", "YAML"),
        ("species:\n- cat\n- dog\n", "YAML"),
        ("x: 1\nspecies: [cat, dog]\n", "YAML"),
        ("species: {0: cat,\n  1: dog}\n", "YAML"),
        ("[('cat', 0), ('dog', 1)", "Python text"),
        ("names: &all\n- cat\n- dog\n", "YAML"),
        ("names:\n- name: cat\n- name: dog\n", "YAML"),
        ("names: [cat, [dog]]\n", "YAML"),
        ("names: [cat, dog\nnc: 2\n", "YAML"),
        ("names:\n- cat\nx:\n  names:\n  - dog\n", "YAML"),
        ("names:\n  - cat\n -dog\n - bird\n", "YAML"),
        ("item { id: 1 name: 'cat'\n", "a label map"),
        ("item { id: 1 name 'cat' } }\n", "a label map"),
        ("item { id: 1 name: 'c\\377t' }\n", "a label map"),
        ("id,width,height\n0,3,4\n1,5,6\n", "a table"),
        ('"cat","mammal"\n"dog","mammal"\n', "a table"),
        ("| id | name |\n|---|---|\n| 0 | cat |\n", "a table in Markdown"),
        ("<!DOCTYPE html>\n<html>\n", "HTML"),
        ('<?xml version="1.0"?>\n<a/>\n', "XML"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS"),
        ("c\0a\0t\0\n\0", "binary"),
        ('["\\ud800"]', "a character that Unicode does not have"),
        ('["cat", " "]', "label 2 is empty"),
        ("[]", "no labels"),
        ("names: []", "no labels"),
    ],
)
def test_a_text_with_a_structure_is_never_taken_for_names(text: str, form: str) -> None:
    assert form in refusal(text)


def test_a_name_may_begin_with_a_digit() -> None:
    assert read("0 - cat\n2 - dog\n1 - 3D printer") == ["cat", "3D printer", "dog"]
    assert read("0,1990 Ford\n1,2012 BMW") == ["1990 Ford", "2012 BMW"]
    assert read('[{"label": "7"}, {"label": "3"}]') == ["7", "3"]


def test_the_heading_says_which_numbers_are_the_index() -> None:
    assert read("id,index,name\n70,1,dog\n90,0,cat\n") == ["cat", "dog"]
    assert read("label,count\ncat,2\ndog,1\n") == ["cat", "dog"]
    assert read("name,label\n7,1\n3,0\n") == ["3", "7"]


def test_line_breaks_and_tabs_in_names_become_spaces() -> None:
    assert read('["big\\ncat", "big\\tdog"]') == ["big cat", "big dog"]
    assert read('0,"big\ncat"\n1,"dog"\n') == ["big cat", "dog"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", ["0\tcat\n1\tdog\n2\tbird\n", '{"cat": 0, "bird": 2, "dog": 1}'])
def test_encodings_of_windows(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert [label.name for label in read_labels(path)] == THREE


def test_utf_16_without_its_mark_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes("cat\ndog\n".encode("utf-16-le"))
    with pytest.raises(InvalidModelError, match="UTF-16 without its mark"):
        read_labels(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "ab\n" * 5_000_000,
        "[" + "0," * 7_000_000 + "0]",
        '{"a":' * 3_000_000,
        "{'a':" * 3_000_000,
        "['" + "a" * 15_000_000,
        "['" + "a '\n'" * (MAX_LENGTH // 5) + "']",
        "names: ['a" + " " * (MAX_LENGTH - 20) + "b']",
        "names:\n- 'a" + "\n    # b" * (MAX_LENGTH // 10),
        "names:\n - a\n" * 1_200_000,
        "item {" * (MAX_LENGTH // 7),
        '"' + "a" * 15_000_000,
        '"' + '","'.join("a" * 3_000_000) + '"',
        "1" * 15_000_000,
        "0" + " " * 15_000_000 + "x" * 10_001,
        "a\t" * 7_000_000,
        "'" * 15_000_000,
        '["' + "a" * 10_001 + '"]',
        "\n".join(map(str, range(MAX_LABELS + 1))),
    ],
    ids=lambda text: text[:12],
)
def test_huge_texts_are_refused_in_linear_time(text: str) -> None:
    assert len(refusal(text)) < 500


RIGHT = {
    "ages.txt": ["18 years", "19 years", "20 years"],
    "fingers.txt": ["0 fingers", "1 fingers", "2 fingers"],
    "imagenet_class_index.json": ["tench", "goldfish", "great_white_shark"],
    "lab1000_pydict.txt": ["tench", "goldfish", "great white shark"],
}


def test_files_that_people_had(shared: Path) -> None:
    for path in sorted((shared / "cases" / "labels").iterdir()):
        labels = read_labels(path)
        expected = RIGHT.get(path.name, THREE)
        assert [label.name for label in labels[:3]] == expected, path.name


def test_the_command_shows_the_first_labels_if_their_number_is_wrong(
    shared: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text('["cat", "dog"]')
    run = command(
        "--model", shared / "cases" / "models" / "plain.onnx", "--labels", labels,
        "--preset", "unit", "samples/golf-ball.png",
    )  # fmt: skip
    assert run.returncode == 2
    assert "2 labels for an output of 3 classes" in run.stderr
    assert "begin with 'cat' and 'dog'" in run.stderr


def test_a_model_folder_may_have_labels_in_any_form(shared: Path, tmp_path: Path) -> None:
    weights = shared / "cases" / "models" / "plain.onnx"
    labels = shared / "cases" / "labels" / "rev_shuffled.csv"
    spec = describe(weights, ModelOptions(labels=labels, preset="unit"))
    folder = tmp_path / "model"
    create_model_folder(folder, spec, read_weights(spec))
    assert read_model_folder(folder).labels == spec.labels == tuple(map(Label, THREE))
    (folder / "labels.tsv").write_text('{"cat": 2, "bird": 0, "dog": 1}')
    assert [label.name for label in read_model_folder(folder).labels] == THREE[::-1]
