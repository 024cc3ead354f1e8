"""Runs on a table: what is labelled again, what is copied, what is dropped, and what is refused."""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import pictell
from batch_runs import DESCRIPTION, Runs, draw
from pictell.batch.job import Job
from pictell.batch.manifest import Plan
from pictell.batch.output import open_output
from pictell.batch.part import Choice
from pictell.batch.storage import LocalFolder
from pictell.errors import OutputError, UsageError
from pictell.reports.tables import TABLES, table_format
from pictell.types import Source


def parts(runs: Runs) -> list[str]:
    return sorted(path.name for path in Path(runs.output).glob("part-*"))


def test_each_picture_gets_one_row_in_numbered_parts(runs: Runs, photos: Path) -> None:
    plan = runs(photos)
    assert (plan.listed, plan.planned, plan.again, plan.gone) == (7, 7, 0, 0)
    assert parts(runs) == ["part-00001.jsonl", "part-00002.jsonl", "part-00003.jsonl"]
    rows = runs.rows()
    assert [*rows] == [*(f"{number}.png" for number in range(6)), "broken.png"]
    assert rows["0.png"]["predictions"][0]["label"] == "dark"
    assert rows["broken.png"]["error"]["code"] == "broken_picture"
    assert rows["0.png"]["size_bytes"] == (photos / "0.png").stat().st_size


def test_a_second_run_does_and_changes_nothing(runs: Runs, photos: Path) -> None:
    runs(photos)
    before = {path: path.stat().st_mtime_ns for path in Path(runs.output).glob("part-*")}
    assert runs(photos).planned == 0
    assert runs.ran == []
    assert before == {path: path.stat().st_mtime_ns for path in Path(runs.output).glob("part-*")}


def test_only_new_and_changed_pictures_are_labelled(runs: Runs, photos: Path) -> None:
    runs(photos)
    draw(photos / "0.png", 250)
    draw(photos / "new.png", 99)
    plan = runs(photos)
    assert (plan.planned, plan.again, sorted(runs.ran)) == (2, 1, ["0.png", "new.png"])
    rows = runs.rows()
    assert len(rows) == 8
    assert rows["0.png"]["predictions"][0]["label"] == "bright"
    # The part of the old row has the others still.
    assert len((Path(runs.output) / "part-00001.jsonl").read_text().splitlines()) == 2


def test_a_part_without_rows_is_removed(runs: Runs, photos: Path) -> None:
    runs(photos, part_size=1)
    draw(photos / "0.png", 250)
    runs(photos)
    assert "part-00001.jsonl" not in parts(runs)
    assert len(runs.rows()) == 7


def test_the_same_content_has_the_same_row(runs: Runs, photos: Path) -> None:
    shutil.copy(photos / "0.png", photos / "00.png")
    runs(photos)
    assert sorted(runs.ran) == sorted(path.name for path in photos.iterdir())
    shutil.copy(photos / "0.png", photos / "z.png")
    shutil.copy(photos / "broken.png", photos / "zz.png")
    runs(photos)
    rows = runs.rows()
    for name in ("00.png", "z.png"):
        assert rows[name]["source"].endswith(f"/{name}")
        for key in rows[name].keys() - {"source", "uri", "version"}:
            assert rows[name][key] == rows["0.png"][key]
    assert rows["zz.png"]["error"]["code"] == "broken_picture"


def test_a_copy_of_a_content_that_has_just_changed(runs: Runs, photos: Path) -> None:
    runs(photos)
    # The copy is labelled while the part with the changed original is written.
    shutil.copy(photos / "0.png", photos / "z.png")
    draw(photos / "0.png", 250)
    runs(photos, part_size=1)
    rows = runs.rows()
    assert rows["0.png"]["predictions"][0]["label"] == "bright"
    assert rows["z.png"]["predictions"][0]["label"] == "dark"


def test_a_row_is_of_the_bytes_whose_checksum_it_has(
    classifier: pictell.Classifier, runs: Runs, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (photos / "0.png").read_bytes()
    shutil.copy(photos / "0.png", photos / "00.png")
    run_pictures = classifier.model.run_pictures

    def change_first(*arguments: Any) -> Any:
        draw(photos / "0.png", 250)
        return run_pictures(*arguments)

    with monkeypatch.context() as changing:
        changing.setattr(classifier.model, "run_pictures", change_first)
        runs(photos, part_size=20)
    for name in ("0.png", "00.png"):
        row = runs.rows()[name]
        assert row["sha256"] == sha256(before).hexdigest()
        assert row["predictions"][0]["label"] == "dark"
    runs(photos)
    assert runs.ran == ["0.png"]
    assert runs.rows()["0.png"]["predictions"][0]["label"] == "bright"


def test_a_content_goes_through_the_model_once(
    classifier: pictell.Classifier, runs: Runs, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, run_pictures = list[str](), classifier.model.run_pictures

    def count(sources: list[Source], *rest: Any) -> Any:
        prepared.extend(Path(one.name).name for one in sources)
        return run_pictures(sources, *rest)

    monkeypatch.setattr(classifier.model, "run_pictures", count)
    shutil.copy(photos / "0.png", photos / "00.png")
    runs(photos)
    assert prepared.count("0.png") + prepared.count("00.png") == 1
    prepared.clear()
    os.utime(photos / "1.png")
    shutil.copy(photos / "2.png", photos / "z.png")
    runs(photos)
    assert prepared == []
    assert runs.rows()["1.png"]["version"] == str((photos / "1.png").stat().st_mtime_ns)


def test_pictures_that_fill_the_memory_wait_for_each_other(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(150):
        draw(tmp_path / "photos" / f"{number}.png", number)
    monkeypatch.setattr("pictell.batch.part.MAX_BYTES_IN_FLIGHT", 100)
    runs(tmp_path / "photos", part_size=40)
    assert len(runs.rows()) == 150


def test_failed_pictures_are_tried_again_if_the_user_says_so(runs: Runs, photos: Path) -> None:
    runs(photos)
    assert runs(photos, retry_failed=True).planned == 1
    assert runs.ran == ["broken.png"]
    draw(photos / "broken.png", 200)
    runs(photos)
    assert "error" not in runs.rows()["broken.png"]
    assert runs(photos, retry_failed=True).planned == 0


def test_rows_of_deleted_pictures_stay_until_they_are_pruned(runs: Runs, photos: Path) -> None:
    runs(photos)
    (photos / "3.png").unlink()
    assert runs(photos).gone == 1
    assert len(runs.rows()) == 7
    runs(photos, prune=True)
    assert "3.png" not in runs.rows()
    assert len(runs.rows()) == 6
    assert runs(photos).gone == 0


def test_rows_that_arrive_fill_the_last_part(runs: Runs, photos: Path) -> None:
    runs(photos, part_size=5)
    for number in range(4):
        draw(photos / f"new{number}.png", 201 + number)
        draw(photos / f"{number}.png", 100 + number)
        runs(photos, part_size=5, fill=True)
    assert parts(runs) == ["part-00001.jsonl", "part-00002.jsonl", "part-00003.jsonl"]
    assert len(runs.rows()) == 11
    assert runs(photos).planned == 0


def test_another_model_is_refused(runs: Runs, photos: Path) -> None:
    runs(photos)
    before = runs.rows()
    with pytest.raises(UsageError, match="another --model") as raised:
        runs(photos, description=DESCRIPTION | {"model": "other"})
    assert "another --output" in str(raised.value)
    assert runs.rows() == before


def test_a_second_run_at_the_same_time_is_refused(runs: Runs, photos: Path) -> None:
    output = open_output(runs.output, None, TABLES)
    with (
        Job.open(output, table_format("jsonl"), DESCRIPTION),
        pytest.raises(UsageError, match="another pictell batch"),
    ):
        runs(photos)
    assert runs(photos).planned == 7


def test_parts_of_another_program_are_left_alone(runs: Runs, photos: Path) -> None:
    other = Path(runs.output) / "part-00001.jsonl"
    other.parent.mkdir()
    other.write_text("{}\n")
    with pytest.raises(UsageError, match="another program"):
        runs(photos)
    assert other.read_text() == "{}\n"
    assert [path.name for path in other.parent.iterdir()] == ["part-00001.jsonl"]


@pytest.mark.parametrize("format_", TABLES)
def test_one_file_is_made_of_the_parts(
    runs: Runs, photos: Path, tmp_path: Path, format_: str
) -> None:
    runs.output = str(tmp_path / f"all.{format_}")
    runs(photos)
    first = Path(runs.output).read_bytes()
    rows = table_format(format_).read(first)
    assert [Path(row["source"]).name for row in rows][-2:] == ["5.png", "broken.png"]
    assert len(rows) == 7
    runs(photos)
    assert Path(runs.output).read_bytes() == first
    draw(photos / "0.png", 77)
    runs(photos)
    assert len(table_format(format_).read(Path(runs.output).read_bytes())) == 7


def test_a_file_of_another_program_is_not_replaced(
    runs: Runs, photos: Path, tmp_path: Path
) -> None:
    other = tmp_path / "all.csv"
    other.write_text("mine")
    runs.output = str(other)
    with pytest.raises(UsageError, match=r"all\.csv exists"):
        runs(photos)
    assert other.read_text() == "mine"
    assert not (tmp_path / "all.csv.parts").exists()


def test_a_part_that_is_deleted_is_labelled_again(runs: Runs, photos: Path) -> None:
    runs(photos)
    before = runs.rows()
    (Path(runs.output) / "part-00002.jsonl").unlink()
    assert runs(photos).planned == 3
    assert sorted(runs.rows()) == sorted(before)


def test_a_damaged_part_is_named(runs: Runs, photos: Path) -> None:
    runs(photos)
    path = Path(runs.output) / "part-00002.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(OutputError, match=r"part-00002\.jsonl is damaged: delete it"):
        runs(photos)
    path.unlink()
    runs(photos)
    assert len(runs.rows()) == 7


@pytest.mark.parametrize(
    ("output", "content"),
    [
        ("labels", b'{"uri": null, "size_bytes": 1, "version": "1", "sha256": "a"}\n'),
        ("labels", b'{"uri": "a", "size_bytes": 1, "version": [], "sha256": "a"}\n'),
        ("labels.csv", b'source,uri\n"' + b"a" * 200_000),
        ("labels.parquet", None),
    ],
)
def test_a_part_with_other_content_is_named(
    runs: Runs, photos: Path, tmp_path: Path, output: str, content: bytes | None
) -> None:
    runs.output = str(tmp_path / output)
    runs(photos)
    (path,) = tmp_path.glob("labels*/part-00002.*")
    whole = path.read_bytes()
    # The footer of a Parquet file says where the bytes are.
    path.write_bytes(content or whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(OutputError, match=r"part-00002\.\w+ is damaged: delete it"):
        runs(photos)


@pytest.mark.parametrize("lost", ["manifest", "all"])
def test_parts_that_the_manifest_does_not_know_are_read(
    runs: Runs, photos: Path, lost: str
) -> None:
    # As after a kill between the writing of a part and that of the manifest.
    runs(photos)
    before = runs.rows()
    own = Path(runs.output) / ".pictell"
    if lost == "all":
        for path in own.glob("manifest*"):
            path.unlink()
    else:
        with sqlite3.connect(own / "manifest.sqlite3") as connection:
            connection.execute("DELETE FROM source WHERE part = 2")
            connection.execute("DELETE FROM part WHERE number = 2")
        connection.close()
    assert runs(photos).planned == 0
    assert runs.rows() == before


def test_the_newest_of_two_rows_stays_without_the_manifest(runs: Runs, photos: Path) -> None:
    # As after a kill between the part with a new row and the one without the old row.
    runs(photos)
    old = (Path(runs.output) / "part-00001.jsonl").read_bytes()
    draw(photos / "0.png", 250)
    runs(photos)
    after = runs.rows()
    (Path(runs.output) / "part-00001.jsonl").write_bytes(old)
    for path in (Path(runs.output) / ".pictell").glob("manifest*"):
        path.unlink()
    assert runs(photos).planned == 0
    assert runs.rows() == after


class Killed(BaseException):
    """The end of a process."""


class DyingFolder(LocalFolder):
    """A folder whose process is killed before or after one of its writes."""

    def __init__(self, path: Path, writes_left: int, before: bool) -> None:
        super().__init__(path)
        self.writes_left, self.before = writes_left, before

    def write(self, name: str, content: bytes, known: str | None) -> str:
        with self._dying():
            return super().write(name, content, known)

    def remove(self, name: str) -> None:
        with self._dying():
            super().remove(name)

    def write_beside(self, name: str, write: Callable[[BinaryIO], None]) -> None:
        with self._dying():
            super().write_beside(name, write)

    @contextmanager
    def _dying(self) -> Iterator[None]:
        self.writes_left -= 1
        if self.before and self.writes_left < 0:
            raise Killed
        yield
        if self.writes_left < 0:
            raise Killed


@pytest.mark.parametrize("before", [True, False])
def test_wherever_a_run_is_killed_the_next_one_makes_the_same_table(
    runs: Runs, photos: Path, tmp_path: Path, before: bool
) -> None:
    # New parts, compaction, a part without rows, pruned rows, and the one file.
    start, runs.output = tmp_path / "start", str(tmp_path / "labels.jsonl")
    runs(photos, part_size=2)
    (tmp_path / "labels.jsonl.parts").rename(start)
    for name in ("0.png", "1.png", "2.png"):
        draw(photos / name, 201 + int(name[0]))
    draw(photos / "new.png", 99)
    (photos / "4.png").unlink()
    expected, kills = None, 0
    for writes in range(20):
        shutil.rmtree(tmp_path / "labels.jsonl.parts", ignore_errors=True)
        shutil.copytree(start, tmp_path / "labels.jsonl.parts")
        dying = DyingFolder(tmp_path / "labels.jsonl.parts", writes, before)
        try:
            runs(photos, part_size=2, prune=True, folder=dying)
        except Killed:
            kills += 1
            runs(photos, part_size=2, prune=True)
        table = (tmp_path / "labels.jsonl").read_bytes()
        names = sorted(Path(json.loads(line)["source"]).name for line in table.splitlines())
        assert names == ["0.png", "1.png", "2.png", "3.png", "5.png", "broken.png", "new.png"]
        expected = expected or sorted(table.splitlines())
        assert sorted(table.splitlines()) == expected
    assert 5 < kills < 20


LOST = {"missing": None, "empty": b"", "cut off": b'{"layout": 1, "mo', "other": b"[1]"}


@pytest.mark.parametrize("content", LOST.values(), ids=LOST)
@pytest.mark.parametrize("format_", TABLES)
def test_a_table_without_its_description_is_taken_if_the_user_says_so(
    runs: Runs, photos: Path, tmp_path: Path, format_: str, content: bytes | None
) -> None:
    runs.output = str(tmp_path / f"labels.{format_}")
    runs(photos)
    before = table_format(format_).read(Path(runs.output).read_bytes())
    job = tmp_path / f"labels.{format_}.parts" / ".pictell" / "job.json"
    job.unlink()
    if content is not None:
        job.write_bytes(content)
    files = contents(tmp_path)
    with pytest.raises(UsageError, match=r"has parts, but .*/job.json.* --adopt"):
        runs(photos)
    if format_ != "csv":  # which does not say which model it is of
        with pytest.raises(UsageError, match="another --model"):
            runs(photos, description=DESCRIPTION | {"model": "other"}, adopt=True)
    assert contents(tmp_path) == files
    assert runs(photos, adopt=True).planned == 0
    assert table_format(format_).read(Path(runs.output).read_bytes()) == before
    assert runs(photos).planned == 0


def contents(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_table_without_its_folder_of_state_is_taken(runs: Runs, photos: Path) -> None:
    # As after a copy that leaves hidden files out. Another part may be damaged.
    runs(photos)
    shutil.rmtree(Path(runs.output) / ".pictell")
    first = Path(runs.output) / "part-00001.jsonl"
    whole = first.read_bytes()
    first.write_bytes(whole[:-30])
    with pytest.raises(OutputError, match=r"part-00001\.jsonl is damaged: delete it"):
        runs(photos, adopt=True)
    first.write_bytes(whole)
    assert runs(photos).planned == 0


def test_a_new_table_whose_description_is_damaged_begins_again(runs: Runs, photos: Path) -> None:
    job = Path(runs.output) / ".pictell" / "job.json"
    job.parent.mkdir(parents=True)
    job.write_bytes(b"")
    assert runs(photos).planned == 7


def test_parts_of_another_format_make_no_second_table(runs: Runs, photos: Path) -> None:
    runs(photos)
    shutil.rmtree(Path(runs.output) / ".pictell")
    files = contents(Path(runs.output))
    with pytest.raises(UsageError, match="give --format jsonl"):
        runs(photos, format_="csv", adopt=True)
    assert contents(Path(runs.output)) == files


def test_parts_of_another_program_are_not_taken(runs: Runs, photos: Path) -> None:
    other = Path(runs.output) / "part-00001.jsonl"
    other.parent.mkdir()
    other.write_text("{}\n")
    with pytest.raises(UsageError, match="another program"):
        runs(photos, adopt=True)
    assert contents(other.parent) == {other: b"{}\n"}


def dry_run(runs: Runs, photos: Path) -> Plan:
    """The plan of a run that changes nothing, and looks at each file in the folder of the table."""
    output = open_output(runs.output, None, TABLES)
    before = {path: path.stat().st_mtime_ns for path in output.state.parent.rglob("*")}
    with Job.open(output, table_format("jsonl"), DESCRIPTION, dry=True) as job:
        plan = job.plan(runs.entries(photos))
        if plan.planned:
            assert job.estimate(runs.classifier, Choice(), plan).pictures == plan.planned
    after = {path: path.stat().st_mtime_ns for path in output.state.parent.rglob("*")}
    assert after == before
    return plan


@pytest.mark.parametrize("lost", ["nothing", "part of the manifest", "manifest", "all"])
def test_a_dry_run_knows_the_table_and_changes_nothing(runs: Runs, photos: Path, lost: str) -> None:
    if lost != "all":
        runs(photos)
    own = Path(runs.output) / ".pictell"
    if lost == "manifest":
        (own / "manifest.sqlite3").unlink()
    elif lost == "part of the manifest":
        with closing(sqlite3.connect(own / "manifest.sqlite3")) as connection, connection:
            connection.execute("DELETE FROM source WHERE part = 2")
            connection.execute("DELETE FROM part WHERE number = 2")
    draw(photos / "new.png", 99)
    assert dry_run(runs, photos).planned == (8 if lost == "all" else 1)


def test_a_dry_run_works_beside_a_run(runs: Runs, photos: Path) -> None:
    runs(photos)
    draw(photos / "new.png", 99)
    output = open_output(runs.output, None, TABLES)
    with Job.open(output, table_format("jsonl"), DESCRIPTION) as job:
        job.plan(runs.entries(photos))
        assert dry_run(runs, photos).planned == 1
        job.run(runs.classifier, Choice(), 3)
        assert dry_run(runs, photos).planned == 0


def test_a_part_that_another_run_has_written_is_left_alone(
    runs: Runs, photos: Path, tmp_path: Path
) -> None:
    # As on a network drive without locks.
    output = open_output(runs.output, None, TABLES)
    with Job.open(output, table_format("jsonl"), DESCRIPTION) as job:
        job.plan(runs.entries(photos))
        shutil.copytree(runs.output, tmp_path / "moved")
        elsewhere = Runs(runs.classifier, str(tmp_path / "moved"))
        elsewhere(photos / "4.png")
        shutil.copy(tmp_path / "moved" / "part-00001.jsonl", runs.output)
        with pytest.raises(OutputError, match="another run has written"):
            job.run(runs.classifier, Choice(), 3)
    assert [*runs.rows()] == ["4.png"]
    assert runs(photos).planned == 6
    assert len(runs.rows()) == 7


def test_drafts_of_killed_runs_are_removed(runs: Runs, photos: Path) -> None:
    runs(photos)
    draft = Path(runs.output) / ".draft-0123456789abcdef"
    draft.write_bytes(b"half")
    runs(photos)
    assert not draft.exists()


def test_a_manifest_that_cannot_be_read_says_what_to_do(runs: Runs, photos: Path) -> None:
    runs(photos)
    before = runs.rows()
    manifest = Path(runs.output) / ".pictell" / "manifest.sqlite3"
    manifest.write_bytes(b"x" * 5000)
    with pytest.raises(OutputError, match="delete it"):
        runs(photos)
    manifest.unlink()
    assert runs(photos).planned == 0
    assert runs.rows() == before


def test_a_picture_named_twice_has_one_row(runs: Runs, photos: Path, tmp_path: Path) -> None:
    output = open_output(runs.output, None, TABLES)
    with Job.open(output, table_format("jsonl"), DESCRIPTION) as job:
        entries = [*runs.entries(photos), *runs.entries(photos / "0.png")]
        assert job.plan(entries).listed == 7


def test_a_folder_has_the_same_pictures_by_any_path(
    runs: Runs, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(photos)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert runs(Path("../photos")).planned == 0
    # The system follows a link before "..".
    (tmp_path / "link").symlink_to(photos)
    assert runs(Path("../link/../photos")).planned == 0
    assert len(runs.rows()) == 7


def test_names_of_any_bytes_are_kept(runs: Runs, photos: Path) -> None:
    name = os.fsdecode(b"\xe9=.png")
    (photos / "0.png").rename(photos / name)
    runs(photos)
    row = runs.rows()[name]
    assert row["uri"].endswith("/%E9%3D.png")
    assert runs(photos).planned == 0


def test_missing_files_of_a_list_are_rows(runs: Runs, photos: Path) -> None:
    runs(photos / "none.png")
    assert runs.rows()["none.png"]["error"]["code"] == "source_not_found"
    assert runs(photos / "none.png").planned == 0
    draw(photos / "none.png", 10)
    assert runs(photos / "none.png").planned == 1
    assert "error" not in runs.rows()["none.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names")
def test_a_pipe_is_not_waited_for(runs: Runs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    runs(tmp_path / "pipe.jpg")
    error = runs.rows()["pipe.jpg"]["error"]
    assert error == {"code": "source_unreadable", "message": "a named pipe, not a file"}


def test_rows_are_json_that_a_result_reads(runs: Runs, photos: Path) -> None:
    runs(photos)
    for row in runs.rows().values():
        record = json.loads(json.dumps(row))
        assert pictell.Result.from_dict(record).source == row["source"]
