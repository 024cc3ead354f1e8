"""Where a table lies, and whether this run may write there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from pictell.batch.description import difference
from pictell.batch.rows import PartFormat
from pictell.batch.storage import JOB, OWN, Folder, LocalFolder, part_files, part_name, read_rows
from pictell.errors import OutputError, UsageError
from pictell.files import os_reason
from pictell.user_folders import cache_folder

LOCK = "lock"
PARTS_SUFFIX = ".parts"


@dataclass(frozen=True, slots=True)
class Output:
    """Where a table lies: the folder of its parts, of ``format`` files.

    ``file`` is the name of the one file that is made of them beside the folder, if the user gave
    one. ``state`` is the folder of this machine for the lock and the manifest.
    """

    folder: Folder
    format: str
    file: str | None
    state: Path


def open_output(text: str, format_: str | None, formats: Sequence[str]) -> Output:
    """The output that a user names: a folder, or a file whose suffix is one of ``formats``.

    Raises ``UsageError``.
    """
    if not text:
        raise UsageError("--output is empty: name a folder or a file")
    suffix = PurePosixPath(text).suffix.lower().removeprefix(".")
    is_file = suffix in formats and not text.endswith("/")
    if is_file and format_ not in {None, suffix}:
        raise UsageError(f"--output {text} is not {format_}: leave --format out")
    chosen = suffix if is_file else format_ or formats[0]
    file = PurePosixPath(text).name if is_file else None
    if "://" not in text:
        path = Path(f"{text}{PARTS_SUFFIX}" if is_file else text)
        return Output(LocalFolder(path), chosen, file, path / OWN)
    # Only runs with a storage pay for importing its library.
    from pictell.batch.remote import RemoteFolder

    folder = RemoteFolder(f"{text}{PARTS_SUFFIX}" if is_file else text)
    cache = cache_folder() / "batch"
    return Output(folder, chosen, file, cache / sha256(folder.name.encode()).hexdigest()[:16])


def check_output(
    output: Output, format_: PartFormat, description: Mapping[str, Any], *, adopt: bool
) -> bool:
    """Whether nothing says how the rows of a table are made: it is new, or ``adopt`` takes it.

    Raises ``UsageError`` for a table that is made in another way, or is not known to be made in
    this one, and for parts or a file of another program.
    """
    name, content = output.folder.name, output.folder.read(JOB)
    before = _parse(content)
    if before is not None:
        if found := difference(before, description):
            raise UsageError(
                f"{name} was made {found}: give the same options again, or another --output"
            )
        return False
    if output.folder.stamps():
        _check_parts(output, format_, description.get("model"))
        if not adopt:
            state = "missing" if content is None else "damaged"
            raise UsageError(
                f"{name} has parts, but {JOB}, which says how they were made, is {state}: give "
                "the same options as before and --adopt, or another --output"
            )
    elif content is None and output.file and output.folder.exists_beside(output.file):
        raise UsageError(
            f"{output.file} exists and has no {name}, so no table of pictell is replaced: "
            "give another --output"
        )
    return True


@contextmanager
def writing(
    output: Output, format_: PartFormat, description: Mapping[str, Any], *, adopt: bool
) -> Iterator[None]:
    """Hold the lock of a table, which is begun if it is new. Raises as ``check_output``."""
    with _locked(output):
        # Another run may have begun it since it was checked.
        if check_output(output, format_, description, adopt=adopt):
            content = json.dumps(description, ensure_ascii=False, indent=2, sort_keys=True)
            if output.folder.read(JOB) is not None:  # it is damaged
                output.folder.remove(JOB)
            output.folder.write(JOB, content.encode(), None)
        if isinstance(output.folder, LocalFolder):
            output.folder.remove_drafts()
        yield


@contextmanager
def _locked(output: Output) -> Iterator[None]:
    """Hold the lock of an output; the system releases it if the process is killed."""
    from filelock import FileLock, Timeout

    try:
        output.state.mkdir(parents=True, exist_ok=True)
        lock = FileLock(output.state / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"another pictell batch is writing to {output.folder.name}: "
            "wait until it has ended, or give another --output"
        ) from None
    except OSError as error:
        # That of a table in a storage is in the user's cache folder.
        raise OutputError(f"{output.state} cannot be written: {os_reason(error)}") from error
    try:
        yield
    finally:
        lock.release()


def _parse(content: bytes | None) -> dict[str, Any] | None:
    """The description in a file, ``None`` if it is missing or damaged."""
    try:
        found = json.loads(content or b"null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _check_parts(output: Output, format_: PartFormat, model: object) -> None:
    """Raise ``UsageError`` unless there are parts of pictell that this model may have made."""
    folder = output.folder
    numbers = sorted(part_files(folder, output.format))
    if not numbers:
        (other, *_) = sorted({name.rpartition(".")[2] for name in folder.stamps()})
        raise UsageError(
            f"{folder.name} has parts of {other}: give --format {other}, or another --output"
        )
    for number in numbers:
        try:
            rows = read_rows(folder, part_name(number, output.format), format_)
        except OutputError:  # another part may be whole
            continue
        if others := {row["model"] for row in rows if row.get("model")} - {model}:
            before = ", ".join(sorted(others))
            raise UsageError(
                f"{folder.name} was made with another --model ({before}, now {model}): "
                "give the same model, or another --output"
            )
        return
    raise UsageError(f"{folder.name} has parts of another program: give another --output")
