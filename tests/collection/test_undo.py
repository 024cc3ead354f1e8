"""Undo brings back exactly what was there, also after a crash, and touches nothing that changed."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from file_trees import tree
from pictell.collection.changes import Changes, Step
from pictell.collection.journal import Run, find_runs
from pictell.collection.undo import Undone, undo
from pictell.errors import JournalError

CRASHES = Path(__file__).with_name("crashes.py")
OTHER = Path("/dev/shm")
needs_other = pytest.mark.skipif(not OTHER.is_dir(), reason="there is no /dev/shm")


def make(folder: Path, *steps: Step) -> Run:
    with Changes.begin("sort", folder.parent / "journals") as changes:
        assert [made.error for made in changes.make(steps)] == [None] * len(steps)
    return find_runs(folder.parent / "journals")[0]


def refused(files: list[Undone]) -> list[Path]:
    return [file.path for file in files if file.refused is not None]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos and a sidecar."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("a.jpg", "b.jpg", "b.xmp")):
        (folder / name).write_bytes(name.encode() * 100)
        (folder / name).chmod(0o600 + number)
        os.utime(folder / name, ns=(1, 1_400_000_000_123_456_789 + number))
    return folder


def steps_of(photos: Path) -> dict[str, Step]:
    return {
        "copy": Step("copy", photos / "cat" / "a.jpg", photos / "a.jpg"),
        "link": Step("link", photos / "cat" / "a.jpg", photos / "a.jpg"),
        "move": Step("move", photos / "cat" / "a.jpg", photos / "a.jpg"),
        "write": Step("write", photos / "a.xmp", content=b"new"),
        "replace": Step("write", photos / "b.xmp", content=b"new"),
        "remove": Step("remove", photos / "b.xmp"),
    }


@pytest.mark.parametrize("action", ["copy", "link", "move", "write", "replace", "remove"])
def test_a_step_is_undone_once(action: str, photos: Path) -> None:
    before = tree(photos)
    run = make(photos, steps_of(photos)[action])
    assert tree(photos) != before
    assert len([*undo(run, dry_run=True)]) == 1
    assert run.state == "done"
    assert len([*undo(run)]) == 1
    assert tree(photos) == before
    assert run.state == "undone"
    assert [*undo(run)] == []
    assert tree(photos) == before


@pytest.mark.parametrize("action", ["copy", "move", "write", "replace"])
@pytest.mark.parametrize("change", ["edited", "replaced", "gone"])
def test_what_was_changed_since_is_named_and_kept(action: str, change: str, photos: Path) -> None:
    step = steps_of(photos)[action]
    run = make(photos, step, Step("move", photos / "dog" / "b.jpg", photos / "b.jpg"))
    if change == "edited":
        step.target.write_bytes(b"edited")
    elif change == "replaced":
        (photos / "new").write_bytes(b"another")
        (photos / "new").replace(step.target)
    else:
        step.target.unlink()
    before = step.target.exists() and step.target.read_bytes()
    if change == "gone" and action in ("copy", "write"):
        # There is nothing left to remove.
        assert refused([*undo(run)]) == []
        return
    for _ in range(2):
        assert refused([*undo(run)]) == [step.target]
        assert run.state == "partly undone"
        assert (step.target.exists() and step.target.read_bytes()) == before
        assert (photos / "b.jpg").exists()


def test_a_refused_step_is_undone_later(photos: Path) -> None:
    before = tree(photos)
    run = make(photos, steps_of(photos)["move"])
    (photos / "a.jpg").write_bytes(b"another file")
    assert refused([*undo(run)]) == [photos / "cat" / "a.jpg"]
    assert (photos / "a.jpg").read_bytes() == b"another file"
    (photos / "a.jpg").unlink()
    assert refused([*undo(run)]) == []
    assert tree(photos) == before


@pytest.mark.parametrize("loss", ["gone", "edited"])
def test_a_copy_that_is_the_last_one_is_not_removed(loss: str, photos: Path) -> None:
    run = make(photos, steps_of(photos)["copy"])
    if loss == "gone":
        (photos / "a.jpg").unlink()
    else:
        (photos / "a.jpg").write_bytes(b"edited")
    assert refused([*undo(run)]) == [photos / "cat" / "a.jpg"]
    assert (photos / "cat" / "a.jpg").read_bytes() == b"a.jpg" * 100


@pytest.mark.parametrize("action", ["copy", "link", "move"])
@pytest.mark.parametrize("link", ["photo", "folder"])
def test_a_file_to_which_its_original_leads_is_not_removed(
    action: str, link: str, photos: Path, tmp_path: Path
) -> None:
    sorted_photo = tmp_path / "sorted" / "a.jpg"
    run = make(photos, Step(action, sorted_photo, photos / "a.jpg"))
    if link == "photo":
        (photos / "a.jpg").unlink(missing_ok=True)
        (photos / "a.jpg").symlink_to(sorted_photo)
    else:
        photos.rename(tmp_path / "old")
        (tmp_path / "old" / "a.jpg").unlink(missing_ok=True)
        photos.symlink_to(sorted_photo.parent)
    assert refused([*undo(run)]) == [sorted_photo]
    assert sorted_photo.read_bytes() == b"a.jpg" * 100


@pytest.mark.parametrize("action", ["write", "replace"])
@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_took_the_place_of_a_sidecar_stays(
    action: str, kind: str, photos: Path, tmp_path: Path
) -> None:
    step = steps_of(photos)[action]
    run = make(photos, step)
    step.target.rename(tmp_path / "moved.xmp")
    if kind == "link":
        step.target.symlink_to(tmp_path / "moved.xmp")
    elif kind == "folder":
        step.target.mkdir()
    else:
        os.mkfifo(step.target)
    before = tree(photos)
    assert refused([*undo(run)]) == [step.target]
    assert tree(photos) == before
    assert (tmp_path / "moved.xmp").read_bytes() == b"new"


def test_a_removed_sidecar_does_not_replace_a_new_one(photos: Path) -> None:
    run = make(photos, steps_of(photos)["remove"])
    (photos / "b.xmp").write_bytes(b"new")
    assert refused([*undo(run)]) == [photos / "b.xmp"]
    assert (photos / "b.xmp").read_bytes() == b"new"


def test_a_folder_that_is_used_since_stays(photos: Path) -> None:
    run = make(photos, steps_of(photos)["move"])
    (photos / "cat" / "notes.txt").touch()
    assert refused([*undo(run)]) == []
    assert (photos / "cat" / "notes.txt").exists()


def test_a_file_whose_name_a_folder_took_comes_back(photos: Path) -> None:
    before = tree(photos)
    moved = Step("move", photos / "x.jpg", photos / "a.jpg")
    run = make(photos, moved, Step("copy", photos / "a.jpg" / "x.jpg", photos / "x.jpg"))
    assert refused([*undo(run)]) == []
    assert tree(photos) == before


def test_folders_that_the_user_removed_are_made_again(photos: Path, tmp_path: Path) -> None:
    run = make(photos, Step("move", tmp_path / "a.jpg", photos / "a.jpg"))
    for path in photos.iterdir():
        path.unlink()
    photos.rmdir()
    assert refused([*undo(run)]) == []
    assert [*photos.iterdir()] == [photos / "a.jpg"]


def test_runs_that_touch_the_same_files_are_undone_from_the_last_one(photos: Path) -> None:
    before = tree(photos)
    first = make(photos, steps_of(photos)["move"])
    second = make(photos, Step("move", photos / "x.jpg", photos / "cat" / "a.jpg"))
    after = tree(photos)
    assert refused([*undo(first)]) == [photos / "cat" / "a.jpg"]
    assert tree(photos).keys() | {"cat"} == after.keys() | {"cat"}
    for run in (second, first):
        assert refused([*undo(run)]) == []
    assert tree(photos) == before


@pytest.mark.parametrize("action", ["copy", "link", "write"])
def test_what_a_later_run_moved_is_undone_after_that(action: str, photos: Path) -> None:
    before = tree(photos)
    step = steps_of(photos)[action]
    first = make(photos, step)
    second = make(photos, Step("move", photos / "elsewhere.jpg", step.target))
    assert refused([*undo(first, dry_run=True)]) == [step.target]
    assert refused([*undo(first)]) == [step.target]
    assert first.state == "partly undone"
    for run in (second, first):
        assert refused([*undo(run)]) == []
    assert tree(photos) == before


def test_steps_that_were_announced_but_not_made_are_no_harm(photos: Path) -> None:
    before = tree(photos)
    with Changes.begin("sort", photos.parent / "journals") as changes:
        steps = changes.make(steps_of(photos)[name] for name in ("move", "write", "remove"))
        next(steps)
        steps.close()
    (photos / "a.xmp").write_bytes(b"mine")
    (run,) = find_runs(photos.parent / "journals")
    assert refused([*undo(run)]) == [photos / "a.xmp"]
    (photos / "a.xmp").unlink()
    assert refused([*undo(run)]) == []
    assert tree(photos) == before


def test_a_journal_may_end_anywhere(photos: Path) -> None:
    before = tree(photos)
    run = make(photos, steps_of(photos)["move"])
    with (run.folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"type":"step","number":1,"act')
    assert refused([*undo(run)]) == []
    assert tree(photos) == before


def test_a_damaged_journal_is_an_error_and_changes_nothing(photos: Path) -> None:
    run = make(photos, *(steps_of(photos)[name] for name in ("move", "write", "remove")))
    path = run.folder / "journal.jsonl"
    whole, after = path.read_bytes(), tree(photos)
    # Without its last byte, the last line is one that was not finished.
    for at in range(len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(JournalError, match="damaged"):
            list(undo(run))
    assert tree(photos) == after


def test_a_journal_of_a_later_version_is_an_error(photos: Path) -> None:
    run = make(photos, steps_of(photos)["move"])
    after = tree(photos)
    content = b'{"type":"step of tomorrow"}'
    with (run.folder / "journal.jsonl").open("ab") as file:
        file.write(b"%s %08x\n" % (content, crc32(content)))
    with pytest.raises(JournalError, match="version"):
        list(undo(run))
    assert tree(photos) == after


def test_a_run_that_cannot_be_locked_is_an_error(photos: Path) -> None:
    run = make(photos, steps_of(photos)["move"])
    (run.folder / "lock").unlink(missing_ok=True)
    (run.folder / "lock").mkdir()
    after = tree(photos)
    for work in (lambda: run.state, run.forget, lambda: list(undo(run))):
        with pytest.raises(JournalError, match="lock"):
            work()
    assert tree(photos) == after
    assert run.read()


def test_a_run_whose_state_is_damaged_can_be_undone(photos: Path) -> None:
    before = tree(photos)
    run = make(photos, steps_of(photos)["move"])
    (run.folder / "state").write_bytes(b"\xff\0")
    assert run.state == "partly undone"
    assert refused([*undo(run)]) == []
    assert tree(photos) == before


def test_a_run_at_work_is_not_undone(photos: Path) -> None:
    with Changes.begin("sort", photos.parent / "journals") as changes:
        assert [made.error for made in changes.make([steps_of(photos)["move"]])] == [None]
        (run,) = find_runs(photos.parent / "journals")
        assert run.state == "at work"
        with pytest.raises(JournalError, match="at work"):
            list(undo(run))
    assert refused([*undo(run)]) == []


def test_names_that_are_no_text_come_back(photos: Path) -> None:
    before = tree(photos)
    name = os.fsdecode(b"\xff\n" + "ä".encode() * 100)
    run = make(photos, Step("move", photos / name / name, photos / "a.jpg"))
    assert refused([*undo(run)]) == []
    assert tree(photos) == before


NAMES = st.sampled_from(["a", "b", "c", "x/a", "x/b", "x/y/c", "a/a"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["copy", "link", "move", "write", "remove"]), NAMES, NAMES),
    max_size=12,
)


@given(st.sets(NAMES), st.lists(STEPS, min_size=1, max_size=3))
def test_undo_of_any_steps_is_the_identity(files: set[str], runs: list[list[tuple]]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder, "root")
        root.mkdir()
        for name in files - ({"a"} if "a/a" in files else set()):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(name.encode())
        before = tree(root)
        for steps in runs:
            with Changes.begin("sort", Path(folder, "journals")) as changes:
                list(changes.make(_step(root, *step) for step in steps))
        for run in find_runs(Path(folder, "journals")):
            assert refused([*undo(run)]) == []
        assert tree(root) == before


def _step(root: Path, action: str, source: str, target: str) -> Step:
    if action in ("write", "remove"):
        return Step(action, root / target, content=b"new" if action == "write" else None)
    return Step(action, root / target, root / source)


@pytest.mark.slow
@needs_other
@pytest.mark.parametrize("way", ["call", "link", "reserve"])
def test_a_run_that_ends_at_any_line_is_undone(way: str, tmp_path: Path) -> None:
    with TemporaryDirectory(dir=OTHER) as other:
        command = [sys.executable, str(CRASHES), way, other, str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert all(int(lines) > 100 for lines in ended.stdout.split())


@pytest.mark.slow
@needs_other
def test_a_run_that_is_killed_at_any_moment_is_undone(tmp_path: Path) -> None:
    photos, here, journals = (tmp_path / name for name in ("photos", "here", "journals"))
    photos.mkdir()
    random = Random(17)
    for number in range(300):
        photo = photos / f"{number:03}.jpg"
        photo.write_bytes(random.randbytes(random.choice([0, 100, 100_000])) + photo.name.encode())
        photo.chmod(random.choice([0o600, 0o644, 0o444]))
        os.utime(photo, ns=(1, random.randrange(2 * 10**18)))
    before = tree(photos)
    killed = 0
    with TemporaryDirectory(dir=OTHER) as there:
        for _ in range(50):
            killed += kill_at_random([photos, here, Path(there), journals], random)
            found = sorted(
                (one.content, one.mtime_ns)
                for folder in (photos, here, Path(there))
                for path, one in tree(folder).items()
                if path.endswith(".jpg")
            )
            # A move to another file system has a moment with two whole files.
            assert {*found} == {(one.content, one.mtime_ns) for one in before.values()}
            assert len(found) <= len(before) + 1
            for run in find_runs(journals):
                assert refused([*undo(run)]) == []
            assert tree(photos) == before
            assert not here.exists()
            assert [*Path(there).iterdir()] == []
    assert killed > 25


def kill_at_random(folders: list[Path], random: Random) -> bool:
    """Run ``many_moves.py`` and kill it; return whether it was still at work."""
    script = Path(__file__).with_name("many_moves.py")
    command = [sys.executable, str(script), *map(str, folders)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        # A sleep would hit the same steps on a fast machine and none on a slow one.
        moved = random.randrange(300)
        while process.poll() is None and len([*folders[0].iterdir()]) > 300 - moved:
            pass
        process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


def test_an_empty_file_of_the_user_is_not_replaced(photos: Path) -> None:
    run = make(photos, steps_of(photos)["move"])
    (photos / "a.jpg").touch()
    for _ in range(2):
        assert refused([*undo(run)]) == [photos / "cat" / "a.jpg"]
        assert (photos / "cat" / "a.jpg").exists()
