"""``pictell sort`` as its user has it: real pictures, real folders, and ``pictell undo``."""

import json
import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from command import PICTELL, ROOT, environment, pictell
from file_trees import tree

CAT, BALL, CUP = (ROOT / "samples" / name for name in ("cat.jpg", "golf-ball.png", "espresso.jpg"))
NOISE = ROOT / "samples" / "noise.png"


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """The folder of the index and the journals of all tests here."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    shutil.copy2(CAT, folder / "IMG_1.jpg")
    shutil.copy2(BALL, folder / "trip" / "IMG_1.png")
    shutil.copy2(NOISE, folder / "noise.png")
    for name in ("IMG_1.jpg.xmp", "IMG_1.MOV", "IMG_1.CR2", "notes.txt"):
        (folder / name).write_text(name)
    os.utime(folder / "IMG_1.MOV", (1_500_000_000, 1_500_000_000))
    return folder


def sort(data: Path, *words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return pictell("sort", *words, env=environment(XDG_DATA_HOME=str(data)), **options)


def undo(data: Path) -> None:
    run = pictell("undo", env=environment(XDG_DATA_HOME=str(data)))
    assert (run.returncode, run.stderr) == (0, "")


def files(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in paths)


@pytest.mark.parametrize("way", ["--copy", "--link", "--move"])
def test_photos_go_to_folders_and_undo_takes_it_back(way: str, data: Path, photos: Path) -> None:
    before, into = tree(photos), photos.parent / "sorted"
    run = sort(data, photos, "--into", into, way)
    assert run.returncode == 0, run.stderr
    cat, ball = "animal/mammal/cat", "man-made thing/sports equipment/ball/golf ball"
    names = ("IMG_1.CR2", "IMG_1.MOV", "IMG_1.jpg", "IMG_1.jpg.xmp")
    expected = [f"{cat}/{name}" for name in names] + [f"{ball}/IMG_1.png", "not-sure/noise.png"]
    assert files(into) == sorted(expected)
    assert tree(into / cat) == {name: before[name] for name in names}
    assert files(photos) == (["notes.txt"] if way == "--move" else files_of(before))
    if way == "--link":
        assert (into / cat / "IMG_1.jpg").samefile(photos / "IMG_1.jpg")
    assert "3 photos and 3 files with them" in run.stderr
    assert "undo" in run.stderr
    undo(data)
    assert tree(photos) == before
    assert not into.exists()


def files_of(found: dict[str, object]) -> list[str]:
    return sorted(name for name in found if "." in Path(name).name)


def test_the_same_command_again_changes_nothing(data: Path, photos: Path) -> None:
    command = (photos, "--into", photos / "sorted", "--copy", "--format", "json")
    first = json.loads(sort(data, *command).stdout)
    assert {one["action"] for one in first} == {"copy"}
    before = tree(photos)
    again = sort(data, *command)
    assert again.returncode == 0
    assert {one["reason"] for one in json.loads(again.stdout)} == {"same content"}
    assert "undo" not in again.stderr
    assert tree(photos) == before


def test_a_dry_run_says_what_the_run_does_and_changes_nothing(tmp_path: Path, photos: Path) -> None:
    before, data = tree(tmp_path), tmp_path.with_name(f"{tmp_path.name} data")
    command = (photos, "--into", tmp_path / "sorted", "--move", "--format", "jsonl")
    dry = sort(data, *command, "--dry-run")
    assert dry.returncode == 0
    assert tree(tmp_path) == before
    assert not (data / "pictell" / "undo").exists()
    wet = sort(data, *command)
    assert wet.stdout == dry.stdout
    for line in map(json.loads, wet.stdout.splitlines()):
        assert not Path(line["source"]).exists()
        assert Path(line["target"]).exists()


def test_photos_are_sorted_in_place(data: Path, photos: Path) -> None:
    before = tree(photos)
    assert sort(data, ".", "--into", ".", "--move", cwd=photos).returncode == 0
    assert (photos / "animal/mammal/cat/IMG_1.jpg").exists()
    sorted_once = tree(photos)
    run = sort(data, photos, "--into", photos, "--move")
    assert run.returncode == 0
    assert tree(photos) == sorted_once
    undo(data)
    assert tree(photos) == before


def test_what_was_sorted_is_sorted_again_only_by_name(data: Path, photos: Path) -> None:
    into = photos / "sorted"
    sort(data, photos, "--into", into, "--move")
    run = sort(data, photos, "--into", into, "--move", "--max-depth", "1")
    assert (run.returncode, run.stdout) == (0, "")
    run = sort(data, into / "animal", "--into", into, "--move", "--max-depth", "1")
    assert run.returncode == 0
    assert (into / "animal" / "IMG_1.jpg.xmp").exists()
    assert (into / "man-made thing/sports equipment/ball/golf ball/IMG_1.png").exists()


def test_folders_by_date_and_by_names_of_the_users_own(data: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("n07920052,Kaffee/stark\n")
    by = ("--by", "date,label", "--labels-from", names)
    run = sort(data, CUP, "--into", tmp_path / "out", "--copy", *by)
    assert run.returncode == 0, run.stderr
    assert files(tmp_path / "out") == ["no-date/food/drink/Kaffee-stark/espresso.jpg"]


def test_odd_names_stay_and_are_shown_on_one_line(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = ["a\nb\x1b[2J.jpg", "-rf.jpg", "x" * 251 + ".jpg", os.fsdecode(b"\xff.jpg")]
    for number, name in enumerate(names):
        (folder / name).write_bytes(CAT.read_bytes() + bytes(number))
    run = sort(data, folder, "--into", tmp_path / "out", "--copy")
    assert run.returncode == 0, run.stderr
    assert files(tmp_path / "out/animal/mammal/cat") == sorted(names)
    assert len(run.stdout.splitlines()) == len(names)
    assert "\x1b" not in run.stdout


def test_a_photo_that_cannot_be_sorted_is_named_and_the_others_are(
    data: Path, photos: Path
) -> None:
    into = photos.parent / "sorted"
    (into / "animal").parent.mkdir()
    (into / "animal").write_text("in the way")
    before = tree(photos)
    run = sort(data, photos, "--into", into, "--move")
    assert run.returncode == 1
    # The name of what is in the way is said once for the photo and the files with it.
    assert run.stderr.count(f"{into}/animal: Not a directory") == 1
    assert "1 photo and 3 files with them failed" in run.stderr
    assert (into / "not-sure" / "noise.png").exists()
    assert (photos / "IMG_1.jpg.xmp").exists()
    undo(data)
    assert tree(photos) == before
    assert files(into) == ["animal"]


def test_a_picture_that_cannot_be_read_stays(data: Path, photos: Path) -> None:
    (photos / "broken.jpg").write_bytes(CAT.read_bytes()[:100])
    run = sort(data, photos, "--into", photos.parent / "sorted", "--move")
    assert run.returncode == 1
    assert "broken.jpg" in run.stderr
    assert files(photos) == ["broken.jpg", "notes.txt"]


def test_a_group_moves_whole_or_not_at_all(data: Path, photos: Path) -> None:
    (photos / "IMG_1.MOV").unlink()
    # A move would make this link lead elsewhere.
    (photos / "IMG_1.MOV").symlink_to("notes.txt")
    before = tree(photos)
    run = sort(data, photos, "--into", photos.parent / "sorted", "--move")
    assert run.returncode == 1
    for name in ("IMG_1.jpg", "IMG_1.jpg.xmp", "IMG_1.MOV"):
        assert f"{photos}/{name}: " in run.stderr
        assert os.path.lexists(photos / name)
    assert not (photos / "noise.png").exists()
    undo(data)
    assert tree(photos) == before
    assert not (photos.parent / "sorted").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--into", "out"], "--copy, --link and --move"),
        (["--copy"], "--into"),
        (["--into", "out", "--copy", "--move"], "--move"),
        (["--into", "", "--copy"], "--into"),
        (["--into", "-", "--copy"], "--into"),
        (["--into", "https://example.org/", "--copy"], "--into"),
        (["--into", str(CAT), "--copy"], "--into"),
        (["--into", "out", "--copy", "--by", "size"], "--by"),
        (["--into", "out", "--copy", "--by", "date", "--max-depth", "1"], "--max-depth"),
        (["--into", "out", "--copy", "--by", "date", "--status", "sure"], "--status"),
        (["--into", "out", "--copy", "--by", "date", "--min-confidence", ".5"], "--min-conf"),
        (["--into", "out", "--copy", "--status", "unsure"], "--status"),
        (["--into", "out", "--copy", "--flat"], "--flat"),
        ([], "usage: pictell sort PHOTO … --into FOLDER (--copy | --link | --move)"),
        (["--into", "out", "--copy", "--by", "date,date"], "--by"),
        (["--into", "out", "--copy", "-"], "standard input"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], text: str, data: Path, tmp_path: Path) -> None:
    run = sort(data, CAT, *words, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert text in line
    assert not any(tmp_path.iterdir())


def test_what_is_missing_is_said_at_once(data: Path) -> None:
    run = sort(data)
    assert run.returncode == 2
    for part in ("PHOTO", "--into FOLDER", "--copy, --link and --move"):
        assert part in run.stderr.partition("usage")[0]


def test_probable_answers_are_filed_unless_only_sure_ones_are_wanted(
    data: Path, tmp_path: Path
) -> None:
    probable = ROOT / "samples" / "traffic-light.png"
    words = (probable, "--into", tmp_path / "out", "--copy", "-n", "-f", "json")
    for status, filed in ((None, True), ("likely", True), ("sure,likely", True), ("sure", False)):
        run = sort(data, *words, *(() if status is None else ("--status", status)))
        (one,) = json.loads(run.stdout)
        assert ("not-sure" not in one["target"]) == filed
        assert ("in not-sure/" not in run.stderr) == filed


@pytest.mark.parametrize("way", ["--copy", "--link", "--move"])
@pytest.mark.skipif(not shutil.which("setpriv"), reason="there is no setpriv")
def test_a_folder_that_takes_no_files_is_named_once(way: str, data: Path, photos: Path) -> None:
    into = photos.parent / "sorted"
    into.mkdir()
    into.chmod(0o555)
    # Without these, a superuser is refused too.
    drop = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    run = subprocess.run(
        [*(drop if os.geteuid() == 0 else ()), PICTELL, "sort", photos, "--into", into, way],
        env=environment(XDG_DATA_HOME=str(data)),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    first, summary = run.stderr.splitlines()
    assert first == f"pictell: {into}: Permission denied"
    assert "3 photos and 3 files with them failed" in summary


def test_companions_of_a_skipped_photo_are_said_to_be_left(data: Path, photos: Path) -> None:
    shutil.copy2(photos / "IMG_1.jpg", photos / "X.jpg")
    for name in ("IMG_1.jpg.xmp", "IMG_1.MOV", "IMG_1.CR2"):
        (photos / name).rename(photos / name.replace("IMG_1", "X"))
    run = sort(data, photos, "--into", photos.parent / "sorted", "--move")
    assert run.returncode == 0
    for name in ("X.CR2", "X.MOV", "X.jpg.xmp"):
        assert f"{photos}/{name}: left where it is, with {photos}/X.jpg" in run.stdout
    assert f"{photos}/X.jpg" not in [line.partition(":")[0] for line in run.stdout.splitlines()]
    assert "1 photo skipped (same content is there)" in run.stderr
    assert "3 files left with their photos" in run.stderr


def test_a_second_run_names_only_what_is_new(data: Path, photos: Path) -> None:
    command = (photos, "--into", photos.parent / "sorted", "--copy")
    sort(data, *command)
    again = sort(data, *command)
    assert (again.returncode, again.stdout) == (0, "")
    assert "nothing to copy: 3 photos and 3 files with them skipped" in again.stderr
    shutil.copy2(CUP, photos)
    assert len(sort(data, *command).stdout.splitlines()) == 1


def test_copies_on_another_disk_are_not_called_links(data: Path, photos: Path) -> None:
    with TemporaryDirectory(dir="/dev/shm") as there:
        words = (photos, "--into", Path(there, "sorted"), "--link")
        for extra in (("-n",), ()):
            text = sort(data, *words, *extra)
            done = "would be copied" if extra else "copied"
            assert f"3 photos and 3 files with them {done} (hard links are not" in text.stderr
            assert "linked" not in text.stderr
        undo(data)
        records = json.loads(sort(data, *words, "-f", "json").stdout)
        assert {one["action"] for one in records} == {"copy"}
        undo(data)


def test_files_that_are_no_pictures_are_counted(data: Path, photos: Path) -> None:
    for name in ("alone.CR2", "alone.mov", "alone.xmp"):
        (photos / name).write_text(name)
    words = (photos, "--into", photos / "sorted", "--copy")
    assert "3 files are not pictures that pictell reads: left" in sort(data, *words).stderr
    # Those that went to their places are not counted again.
    assert "3 files are not pictures that pictell reads: left" in sort(data, *words).stderr


def many(folder: Path, number: int) -> None:
    """Photos with a different content each, and some files with them."""
    for one in range(number):
        path = folder / f"{one % 4}" / f"IMG_{one}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((CAT, CUP)[one % 2].read_bytes() + one.to_bytes(4))
        os.utime(path, ns=(1_500_000_000_000_000_000, 1_500_000_000_123_456_789 + one))
        if one % 3 == 0:
            path.with_suffix(".jpg.xmp").write_text(str(one))
            path.with_suffix(".CR2").write_text(f"raw {one}")


def contents(*folders: Path) -> Counter[str]:
    """How often each content is there. A draft is a copy in the making."""
    return Counter(
        found.content
        for folder in folders
        for name, found in tree(folder).items()
        if found.content and not Path(name).name.startswith(".draft-")
    )


def test_ctrl_c_says_how_far_it_got(data: Path, tmp_path: Path) -> None:
    many(tmp_path / "photos", 60)
    before = tree(tmp_path / "photos")
    command = [PICTELL, "sort", tmp_path / "photos", "--into", tmp_path / "sorted", "--move"]
    # It waits in the middle, because the pipe is full.
    run = subprocess.Popen(
        [*command, "--format", "jsonl"],
        env=environment(XDG_DATA_HOME=str(data)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=4096,
        text=True,
    )
    assert run.stdout
    assert run.stdout.readline()
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == -signal.SIGINT
    assert "of 60 photos" in stderr
    assert "pictell undo" in stderr
    undo(data)
    assert tree(tmp_path / "photos") == before


@pytest.mark.slow
def test_after_a_kill_every_picture_is_there_once_and_undo_restores_all(data: Path) -> None:
    with TemporaryDirectory() as here, TemporaryDirectory(dir="/dev/shm") as there:
        photos = Path(here, "photos")
        many(photos, 80)
        before, once = tree(photos), contents(photos)
        into = [Path(here, "sorted"), Path(there, "sorted")]
        sort(data, photos, "--into", into[0], "--move", "--dry-run", timeout=300)
        chance, killed = random.Random(17), 0
        for number in range(50):
            folder = into[number % 2]
            run = subprocess.Popen(
                [PICTELL, "sort", photos, "--into", folder, "--move", "-q", "-f", "jsonl"],
                env=environment(XDG_DATA_HOME=str(data)),
                stdout=subprocess.PIPE,
            )
            assert run.stdout
            # From the first file on, or a little later.
            run.stdout.read(1)
            wait_after = chance.random() * (0.02, 0.2)[number % 2]
            try:
                run.wait(wait_after)
            except subprocess.TimeoutExpired:
                run.kill()
                killed += 1
            run.communicate()
            found = contents(photos, *(one for one in into if one.exists()))
            doubled = found - once
            assert found.keys() == once.keys()
            # Between the copy and the removal of one file, both are there.
            assert sum(doubled.values()) <= number % 2
            if contents(photos) != once or any(one.exists() for one in into):
                undo(data)
            assert tree(photos) == before
            assert not any(one.exists() for one in into)
        assert killed >= 25
