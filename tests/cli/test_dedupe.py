"""``pictell dedupe`` lists copies of photos and changes nothing."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from command import PICTELL, ROOT, environment, pictell
from dropout_model import NOTHING, write

CAT = ROOT / "samples" / "cat.jpg"


def encode(image: Image.Image, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A cat in several copies, another photo alone, and a file that is no picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("cat.jpg", "cat (1).jpg"):
        shutil.copy(CAT, folder / name)
    shutil.copy(ROOT / "samples" / "espresso.jpg", folder)
    (folder / "notes.txt").write_text("no picture")
    with Image.open(CAT) as image:
        encode(image, folder / "again" / "cat.webp")
        encode(image.resize((150, 100)), folder / "again" / "cat-small.jpg")
        encode(ImageOps.mirror(image), folder / "mirrored.png")
        encode(image.convert("L"), folder / "grey.jpg")
        encode(ImageOps.fit(image, (290, 290)), folder / "square.jpg")
    return folder


def dedupe(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    run = pictell("dedupe", *words, **options)
    assert "Traceback" not in run.stderr
    return run


def kinds(*words: str | Path, **options: Any) -> list[dict[str, str]]:
    """The groups that the command finds: names and their kinds, ``best`` for the best one."""
    run = dedupe(*words, "--format", "json", **options)
    assert run.returncode == 0, run.stderr
    return [
        {Path(group["best"]["path"]).name: "best"}
        | {Path(copy["path"]).name: copy["kind"] for copy in group["copies"]}
        for group in json.loads(run.stdout)
    ]


def state(folder: Path) -> dict[Path, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_copies_of_a_photo_are_listed_with_their_kinds(photos: Path) -> None:
    before = state(photos)
    expected = {
        "mirrored.png": "best",
        "cat.jpg": "near",
        "cat (1).jpg": "near",
        "cat.webp": "near",
        "cat-small.jpg": "near",
        "grey.jpg": "near",
    }
    assert kinds(photos) == [expected]
    assert kinds(photos, "--kind", "similar") == [expected | {"square.jpg": "similar"}]
    (photos / "mirrored.png").unlink()
    exact = {"cat.jpg": "best", "cat (1).jpg": "identical"}
    same = exact | {"cat.webp": "re-encoded", "cat-small.jpg": "re-encoded"}
    assert kinds(photos) == [same | {"grey.jpg": "near"}]
    assert kinds(photos, "--kind", "re-encoded") == [same]
    assert kinds(photos, "--kind", "identical") == [exact]
    del before[photos / "mirrored.png"]
    assert state(photos) == before


def test_text_has_a_paragraph_for_each_group(photos: Path) -> None:
    (photos / "mirrored.png").unlink()
    shutil.copy(photos / "espresso.jpg", photos / "red\x1b[31m.jpg")
    run = dedupe(photos)
    assert run.returncode == 0
    first, second = run.stdout.split("\n\n")
    assert [line.split()[-1] for line in first.splitlines()[1:]] == [
        "identical", "re-encoded", "re-encoded", "near",
    ]  # fmt: skip
    assert first.startswith(f"keep?  {photos / 'cat.jpg'}")
    assert "451x300" in first
    assert len(second.splitlines()) == 2
    assert "\x1b" not in run.stdout
    assert "8 photos: 5 copies of 2 photos" in run.stderr


@pytest.mark.parametrize("kind", ["identical", "re-encoded", "near", "similar"])
def test_what_is_named_for_removal_leaves_the_best_of_each_group(photos: Path, kind: str) -> None:
    run = dedupe(photos, "--copies", "--null", "--quiet", "--kind", kind)
    assert (run.returncode, run.stderr) == (0, "")
    named = {Path(name) for name in run.stdout.split("\0")[:-1]}
    groups = kinds(photos, "--kind", kind)
    assert {path.name for path in named} == {
        name for group in groups for name, of in group.items() if of != "best"
    }
    for path in named:
        path.unlink()
    assert kinds(photos, "--kind", kind) == []


def test_only_sure_copies_are_named_for_removal(photos: Path) -> None:
    (photos / "mirrored.png").unlink()
    run = dedupe(photos, "--copies")
    assert sorted(Path(line).name for line in run.stdout.splitlines()) == [
        "cat (1).jpg", "cat-small.jpg", "cat.webp",
    ]  # fmt: skip


def test_paths_that_other_programs_would_misread(tmp_path: Path) -> None:
    shutil.copy(CAT, tmp_path / "a")
    shutil.copy(CAT, tmp_path / "-rf.jpg")
    run = dedupe("--copies", "--", "a", "-rf.jpg", cwd=tmp_path)
    assert run.stdout == f".{os.sep}-rf.jpg\n"
    (tmp_path / "-rf.jpg").rename(tmp_path / "b\nc.jpg")
    run = dedupe(".", "a", "--copies", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert "--null" in run.stderr
    run = dedupe(".", "a", "--copies", "--null", cwd=tmp_path)
    assert run.stdout == "b\nc.jpg\0"


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", ["a.jpg", "d.jpg"])
def test_two_names_of_one_file_are_no_copies(
    tmp_path: Path, link: Callable[[Path, Path], None], name: str
) -> None:
    shutil.copy(CAT, tmp_path / "cat.jpg")
    link(tmp_path / "cat.jpg", tmp_path / name)
    assert kinds(tmp_path, tmp_path / "cat.jpg", tmp_path / ".." / tmp_path.name) == []
    if link is os.symlink:
        shutil.copy(CAT, tmp_path / "b.jpg")
        os.utime(tmp_path / "b.jpg", (0, 0))
        assert kinds(tmp_path) == [{"b.jpg": "best", "cat.jpg": "identical"}]


@pytest.mark.parametrize("kind", ["identical", "re-encoded"])
def test_a_link_is_never_the_best_and_never_named_for_removal(tmp_path: Path, kind: str) -> None:
    album, kept = tmp_path / "album", tmp_path / "elsewhere" / "cat.jpg"
    album.mkdir()
    kept.parent.mkdir()
    if kind == "identical":
        shutil.copy(CAT, kept)
    else:
        with Image.open(CAT) as image:
            encode(image.resize((902, 600)), kept, quality=95)
    os.utime(kept, (0, 0))
    (album / "a.jpg").symlink_to(kept)
    shutil.copy(CAT, album / "b.jpg")
    assert kinds(album, "--kind", kind) == [{"b.jpg": "best", "a.jpg": kind}]
    assert dedupe(album, "--copies", "--kind", kind).stdout == ""
    text = dedupe(album, "--kind", kind)
    assert "symbolic link" in text.stdout.splitlines()[1]
    assert "1 copy of 1 photo, 0 bytes" in text.stderr
    (group,) = map(json.loads, dedupe(album, "-f", "jsonl", "--kind", kind).stdout.splitlines())
    assert [group["best"]["link"], group["copies"][0]["link"]] == [False, True]


def test_photos_taken_one_after_another_are_near(tmp_path: Path) -> None:
    exif = Image.Exif()
    for second in range(2):
        exif.get_ifd(0x8769)[0x9003] = f"2024:06:01 10:00:0{second}"
        with Image.open(CAT) as image:
            encode(image, tmp_path / f"{second}.jpg", exif=exif, quality=90 - second)
    assert kinds(tmp_path) == [{"0.jpg": "best", "1.jpg": "near"}]
    assert dedupe(tmp_path, "--copies").stdout == ""


def test_animations_with_the_same_first_picture_are_no_sure_copies(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (300, 200), colour) for colour in ("red", "green")]
    with Image.open(CAT) as image:
        for number, frame in enumerate(frames):
            for end in ("gif", "webp", "png"):
                options = {"save_all": True, "append_images": [frame]}
                first = image.resize((300, 200))
                encode(first, tmp_path / end / f"{number}.{end}", **options)
    for end in ("gif", "webp", "png"):
        (group,) = kinds(tmp_path / end)
        assert set(group.values()) == {"best", "near"}
        assert dedupe(tmp_path / end, "--copies").stdout == ""


def test_a_damaged_picture_is_not_the_best_and_not_removed_if_it_is_larger(tmp_path: Path) -> None:
    whole = CAT.read_bytes()
    (tmp_path / "large.jpg").write_bytes(whole[:-400])
    with Image.open(CAT) as image:
        encode(image.resize((225, 150)), tmp_path / "small.jpg")
    assert kinds(tmp_path) == [{"small.jpg": "best", "large.jpg": "near"}]
    assert dedupe(tmp_path, "--copies", "--kind", "near").stdout == ""
    assert "(truncated)" in dedupe(tmp_path).stdout


def test_blank_pictures_are_copies_only_if_identical(tmp_path: Path) -> None:
    for level in (200, 201):
        encode(Image.new("RGB", (300, 200), (level,) * 3), tmp_path / f"{level}.png")
    assert kinds(tmp_path, "--kind", "similar") == []
    shutil.copy(tmp_path / "200.png", tmp_path / "copy.png")
    ((first, second),) = (group.values() for group in kinds(tmp_path, "--kind", "similar"))
    assert {first, second} == {"best", "identical"}


def test_a_second_run_finds_the_same_by_the_index(photos: Path, tmp_path: Path) -> None:
    index = tmp_path / "photos.sqlite3"
    first = dedupe(photos, "--index", index, "--kind", "similar")
    assert index.exists()
    again = dedupe(photos, "--index", index, "--kind", "similar")
    assert (again.stdout, again.stderr) == (first.stdout, first.stderr)


def test_a_picture_that_fails_does_not_stop_the_others(photos: Path) -> None:
    (photos / "broken.jpg").write_bytes(CAT.read_bytes()[:300])
    run = dedupe(photos, "--kind", "identical")
    assert run.returncode == 1
    assert "broken.jpg: " in run.stderr
    assert "cat (1).jpg" in run.stdout


def test_a_photo_alone(tmp_path: Path) -> None:
    run = dedupe(CAT)
    assert (run.returncode, run.stdout) == (0, "")
    assert run.stderr == "pictell: no copies in 1 photo\n"
    assert json.loads(dedupe(CAT, "--format", "json").stdout) == []


def test_a_model_without_embedding_finds_the_surest_copies(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\nbird\n")
    model = write(tmp_path / "model.onnx", NOTHING)
    words = ("--model", model, "--labels", tmp_path / "labels.txt", "--preset", "unit")
    run = dedupe(photos, *words)
    assert (run.returncode, run.stdout) == (2, "")
    assert "--kind re-encoded" in run.stderr
    assert len(kinds(photos, *words, "--kind", "re-encoded")) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no photo given"),
        (("-",), "- is standard input"),
        (("https://example.org/a.jpg",), "is a URL"),
        (("--copies", "--format", "json", CAT), "--copies lists paths"),
        (("--null", CAT), "--null needs"),
        (("--min-likeness", "0.9", CAT), "--kind similar"),
        (("--min-likeness", "0.9", "--kind", "near", CAT), "--kind similar"),
        (("--min-likeness", "2", "--kind", "similar", CAT), "must be in 0..1"),
        (("--kind", "exact", CAT), "--kind"),
        (("--isolate", CAT), "--kind identical"),
    ],
)
def test_wrong_use_is_one_line(words: tuple[str | Path, ...], message: str) -> None:
    run = dedupe(*words)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_without_the_extra_the_command_names_it_first(photos: Path, tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['imagehash'] = None; from pictell.cli.main import main; "
    code = f"{hidden}sys.argv[1:] = ['dedupe', {str(photos)!r}]; sys.exit(main())"
    run = subprocess.run(
        [str(Path(PICTELL).with_name("python")), "-c", code],
        capture_output=True, text=True,
        env=environment(PICTELL_PHOTO_INDEX=str(tmp_path / "index")),
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (2, "")
    assert "pip install 'pictell[photos]'" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not (tmp_path / "index").exists()
