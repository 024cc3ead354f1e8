"""``pictell labels`` as a subprocess."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from command import PICTELL, environment, pictell

QUANT = "mobilenet_v1_0.25_128_quant.tflite"
BIRD = "mobilenet_v2_1.0_224_inat_bird_quant.tflite"


def lines(*words: str | Path) -> list[str]:
    run = pictell("labels", *words)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def test_the_whole_tree() -> None:
    tree = lines()
    assert tree[0].startswith("animal  (398 classes")
    assert sum(line.endswith(")") and "  (" in line for line in tree) > 100
    assert len({line.split("  ")[-1] for line in tree if not line.endswith(")")}) == 1000


def test_a_word_shows_what_is_above_and_below() -> None:
    assert lines("mammal")[:2] == [
        "animal  (398 classes, never an answer)",
        "  mammal  (218 classes, never an answer)",
    ]
    assert (
        lines("tiger", "cat")
        == lines("TIGER CAT")
        == [
            "animal  (398 classes, never an answer)",
            "  mammal  (218 classes, never an answer)",
            "    cat  (5 classes)",
            "      tiger cat  n02123159",
        ]
    )


def test_json() -> None:
    *_, cat = json.loads("\n".join(lines("tiger cat", "--format", "json")))
    assert cat == {
        "id": "n02123159",
        "name": "tiger cat",
        "path": ["animal", "mammal", "cat", "tiger cat"],
        "classes": [282],
        "synonyms": cat["synonyms"],
        "heading": False,
    }
    records = json.loads("\n".join(lines("--format", "json")))
    broader = next(record for record in records if record["name"] == "cat")
    assert broader["classes"] == [281, 282, 283, 284, 285]
    ids = [record["id"] for record in records]
    assert len(ids) == len(set(ids))


def test_other_names(tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("animal,Tier\nn02123159,Tigerkatze\x1b[31m\n", encoding="utf-8")
    found = lines("tigerkatze", "--labels-from", names)
    assert found[0].startswith("Tier  (398 classes")
    assert found[-1] == r"      Tigerkatze\x1b[31m  n02123159"


def test_a_model_without_a_taxonomy_is_a_list(shared: Path) -> None:
    coral = shared / "models" / "coral"
    assert lines("--model", coral / QUANT)[:2] == ["background  0", "tench  n01440764"]
    bird = (coral / BIRD, "--labels", coral / "inat_bird_labels.txt")
    assert "Bubo virginianus (Great Horned Owl)  347" in lines("owl", "--model", *bird)
    assert lines("964", "--model", *bird) == ["background  964"]


def test_no_runtime_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise SystemExit('loaded')")
    path = ":".join([str(tmp_path), *filter(None, sys.path)])
    run = pictell("labels", "cat", env=environment(PYTHONPATH=path))
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["retreiver"], "(nearest: retriever"),
        (["retreiver", "--format", "json"], "(nearest: retriever"),
        ([""], "is empty"),
        (["\x1b[31m\n"], r"no label has '\x1b[31m\n'"),
        ([b"\xff"], "no label has"),
        (["["], "no label has '['"),
        (["x" * 10_000], "no label has 'xxx"),
        (["cat", "--model", "nothing"], "no model named 'nothing'"),
        (["cat", "--labels", "x"], "default"),
        (["--labels-from", "nothing.csv"], "the file of names nothing.csv cannot be read"),
    ],
)
def test_bad_input_gets_one_line(words: list[str], message: str) -> None:
    run = pictell("labels", *words)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_any_locale() -> None:
    run = pictell("labels", "café", env=environment(LC_ALL="C"))
    assert (run.returncode, len(run.stderr.splitlines())) == (2, 1)


def test_the_reader_closes_the_pipe() -> None:
    with subprocess.Popen([PICTELL, "labels"], stdout=PIPE, stderr=PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == ""
    assert run.returncode == -signal.SIGPIPE
