"""``pictell undo``: what it puts back, what it says and its exit status."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from command import environment, pictell
from pictell.collection.changes import Changes, Step
from pictell.collection.journal import find_runs


class Collection:
    """Photos and the journals of their runs, as the command finds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "photos"
        self.folder.mkdir()
        self.journals = folder / "data" / "pictell" / "undo"
        self.environment = environment(XDG_DATA_HOME=str(folder / "data"))

    def move(self, name: str | bytes) -> tuple[str, Path, Path]:
        """Sort a photo in a run of its own; return the run, and where the photo was and is."""
        source, target = (self.folder / part / os.fsdecode(name) for part in ("", "cat"))
        source.write_bytes(os.fsencode(name))
        with Changes.begin("sort", self.journals, ["photos", "--move"]) as changes:
            assert [made.error for made in changes.make([Step("move", target, source)])] == [None]
        return find_runs(self.journals)[0].id, source, target

    def undo(self, *words: str) -> tuple[int, str, str]:
        ran = pictell("undo", *words, env=self.environment)
        return ran.returncode, ran.stdout, ran.stderr


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path)


def test_the_last_run_that_is_not_undone_is_undone(collection: Collection) -> None:
    _, first, _ = collection.move("a.jpg")
    _, second, _ = collection.move("b.jpg")
    for photo, others in ((second, [first]), (first, [])):
        status, said, errors = collection.undo()
        assert (status, errors) == (0, "")
        assert "1 file" in said
        assert photo.exists()
        assert not any(other.exists() for other in others)
    status, said, errors = collection.undo()
    assert (status, said) == (2, "")
    assert errors.count("\n") == 1


def test_a_run_of_the_list_is_undone(collection: Collection) -> None:
    run, first, _ = collection.move("a.jpg")
    collection.move("b.jpg")
    assert collection.undo(run)[0] == 0
    assert first.exists()
    status, listed, _ = collection.undo("--list", "--format", "json")
    assert status == 0
    states = [(one["command"], one["files"], one["state"]) for one in json.loads(listed)]
    assert states == [("sort", 1, "done"), ("sort", 1, "undone")]
    assert len(collection.undo("--list")[1].splitlines()) == 2
    assert collection.undo("20200101-000000-000000")[0] == 2


def test_a_dry_run_says_what_it_would_do(collection: Collection) -> None:
    _, photo, target = collection.move("a.jpg")
    status, said, _ = collection.undo("--dry-run")
    assert status == 0
    assert said == f"move back {target} to {photo}\n"
    (record,) = json.loads(collection.undo("--dry-run", "--format", "json")[1])["files"]
    assert record == {
        "path": str(target), "action": "move back", "to": str(photo), "refused": None
    }  # fmt: skip
    assert target.exists()
    assert not photo.exists()


def test_a_changed_file_is_named_and_the_rest_put_back(collection: Collection) -> None:
    run, photo, target = collection.move(b"hostile\x1b[31m\n\xff.jpg")
    target.write_bytes(b"edited by its owner")
    for words in ((), (run,)):
        status, _, errors = collection.undo(*words)
        assert status == 1
        first, second = errors.splitlines()
        assert "\x1b" not in errors
        assert "changed" in first
        assert f"pictell undo --forget {run}" in second
        assert target.exists()
        assert not photo.exists()
    (one,) = json.loads(collection.undo("--list", "--format", "json")[1])
    assert one["state"] == "partly undone"


def test_what_was_taken_back_is_said_by_its_command_and_folder(collection: Collection) -> None:
    collection.move("a.jpg")
    _, said, _ = collection.undo()
    assert said == f"took back: pictell sort photos --move (in {Path.cwd()}): 1 file put back\n"
    source, target = collection.folder / "a.jpg", collection.folder / "new" / "a.jpg"
    with Changes.begin("sort", collection.journals, ["a b", "--copy"]) as changes:
        list(changes.make([Step("copy", target, source)]))
    _, said, _ = collection.undo()
    assert said == f"took back: pictell sort 'a b' --copy (in {Path.cwd()}): 1 file removed\n"
    assert not target.parent.exists()


def test_quiet_says_only_what_cannot_be_put_back(collection: Collection) -> None:
    collection.move("a.jpg")
    assert collection.undo("-q") == (0, "", "")
    _, _, target = collection.move("b.jpg")
    target.write_bytes(b"edited by its owner")
    status, said, errors = collection.undo("-q")
    assert (status, said, errors.count("\n")) == (1, "", 1)
    assert str(target) in errors


def listed(collection: Collection) -> list[tuple[int, str]]:
    found = json.loads(collection.undo("--list", "--format", "json")[1])
    return [(one["files"], one["state"]) for one in found]


def test_the_list_counts_what_was_done_and_not_what_was_announced(collection: Collection) -> None:
    folder = collection.folder
    (folder / "a.jpg").write_bytes(b"a")
    # The target appears between the announcement and the change.
    steps = [
        Step("copy", folder / "new.jpg", folder / "a.jpg"),
        Step("copy", folder / "a.jpg", folder / "a.jpg"),
        Step("move", folder / "moved.jpg", folder / "a.jpg"),
        Step("move", folder / "a.jpg", folder / "moved.jpg"),
    ]
    with Changes.begin("sort", collection.journals) as changes:
        list(changes.make(steps))
    assert listed(collection) == [(1, "done")]
    (line,) = collection.undo("--list")[1].splitlines()
    assert " 1 file " in line
    assert f"(in {Path.cwd()})" in line


@pytest.mark.parametrize("action", ["copy", "link", "move", "write"])
def test_the_list_counts_the_files_of_a_run_that_was_stopped(
    action: str, collection: Collection
) -> None:
    folder = collection.folder
    for number in range(10):
        (folder / f"{number}.jpg").write_bytes(b"photo %d" % number)
    steps = [
        Step("write", folder / f"{number}.xmp", content=b"x")
        if action == "write"
        else Step(action, folder / "to" / f"{number}.jpg", folder / f"{number}.jpg")
        for number in range(10)
    ]
    with suppress(KeyboardInterrupt), Changes.begin("sort", collection.journals) as changes:
        for number, _ in enumerate(changes.make(steps), 1):
            if number == 4:
                raise KeyboardInterrupt
    assert listed(collection) == [(4, "stopped")]
    assert collection.undo()[0] == 0
    assert listed(collection) == [(4, "undone")]


def test_forgotten_runs_are_gone(collection: Collection) -> None:
    run, *_ = collection.move("a.jpg")
    collection.move("b.jpg")
    assert collection.undo("--forget", run)[0] == 0
    assert len(find_runs(collection.journals)) == 1
    assert collection.undo("--forget", "all")[0] == 0
    assert [*collection.journals.iterdir()] == []
    assert collection.undo("--list") == (0, "", "")
    assert json.loads(collection.undo("--list", "--format", "json")[1]) == []


def test_a_damaged_journal_is_named_and_the_others_listed(collection: Collection) -> None:
    run, *_ = collection.move("a.jpg")
    collection.move("b.jpg")
    (collection.journals / run / "journal.jsonl").write_bytes(b"what\n")
    status, listed, errors = collection.undo("--list")
    assert (status, len(listed.splitlines()), errors.count("\n")) == (1, 1, 1)
    status, _, errors = collection.undo(run)
    assert (status, errors.count("\n")) == (2, 1)


def test_a_run_at_work_is_not_undone(collection: Collection) -> None:
    photo = collection.folder / "a.jpg"
    photo.touch()
    with Changes.begin("sort", collection.journals) as changes:
        list(changes.make([Step("move", collection.folder / "b.jpg", photo)]))
        status, _, errors = collection.undo()
    assert status == 2
    assert "at work" in errors
    assert not photo.exists()


@pytest.mark.parametrize(
    "words", [["--list", "--dry-run"], ["x", "--list"], ["--forget", "all", "x"], ["a", "b"]]
)
def test_options_that_contradict_each_other_are_wrong_use(
    words: list[str], collection: Collection
) -> None:
    status, said, errors = collection.undo(*words)
    assert (status, said, errors.count("\n")) == (2, "", 1)
