"""The options of the commands for a photo collection, and the survey of the photos they name."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import defaults
from pictell.cli.answer_options import (
    add_answer_options,
    add_limits,
    check_answer_options,
    load_classifier,
)
from pictell.cli.model_options import add_engine_options, add_model_options, report_crashes
from pictell.cli.output import say
from pictell.cli.parser import Parser
from pictell.cli.pictures import check_list, named_sources
from pictell.cli.progress import Progress
from pictell.errors import UsageError
from pictell.images.formats import SUFFIXES
from pictell.images.sources import STDIN, ignore, is_url
from pictell.types import Source

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.collection.survey import Survey
    from pictell.index.photos import PhotoIndex


@dataclass(frozen=True)
class Surveyed:
    """The photos of a command line; ``exit_status`` is 1 if some of them could not be read.

    ``skipped`` are the files in its folders that are not pictures.
    """

    classifier: Classifier
    index: PhotoIndex
    survey: Survey
    exit_status: int
    skipped: tuple[Path, ...] = ()


def add_photo_options(parser: Parser, *, answers: bool = True) -> None:
    """Add the photos and the options that ``survey_photos`` reads.

    Without ``answers``, there are no options for these.
    """
    add = parser.add_argument
    photos = "a folder with everything below it, a file or a pattern"
    add("pictures", nargs="*", metavar="PHOTO", help=photos)
    add("--from-file", metavar="LIST", help="the photos listed in LIST, one a line; - is stdin")
    add("-0", "--null", action="store_true", help="NUL separates the entries of LIST")
    index = "keep what is known of the photos in FILE (a file in the user's data folder)"
    add("--index", metavar="FILE", help=index)
    add("-m", "--model", metavar="M", help="a model's name, folder or file (default)")
    add("-q", "--quiet", action="store_true", help="no progress and no summary; only errors")
    parser.set_defaults(allow_private=False, proxy=None)
    if answers:
        add_answer_options(parser)
    else:
        parser.set_defaults(min_confidence=None, max_depth=None, flat=False, labels_from=None)
    add_limits(parser, downloads=False)
    parser.fold(add_model_options(parser), "--labels, --preset and more: see pictell --help")
    add_engine_options(parser)


def check_photo_options(options: argparse.Namespace) -> None:
    """Check what ``add_photo_options`` added and fill in the defaults. Raises ``UsageError``."""
    if not options.pictures and options.from_file is None:
        raise UsageError("no photo given: name a file or a folder")
    for name in options.pictures:
        if name == STDIN or is_url(name):
            what = "standard input" if name == STDIN else "a URL"
            raise UsageError(f"{name} is {what}, not a file: this command takes files and folders")
    check_list(options.from_file)
    _check_sidecars(options)
    _check_index(options.index)
    check_answer_options(options)
    defaults.fill(options, "model", "min_confidence")


def _check_sidecars(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` if nothing but sidecars is named: a shell names them beside photos."""
    from pictell.collection.companions import is_sidecar

    def is_photo(name: str) -> bool:
        return not is_sidecar(name) or os.path.isdir(name)

    if options.from_file is None and not any(map(is_photo, options.pictures)):
        raise UsageError(f"{options.pictures[0]} is a sidecar: give its photo, or a folder")


def photo_sources(
    options: argparse.Namespace, on_skip: Callable[[Path], object] = ignore
) -> list[Source]:
    """The photos of a command line, without the sidecars and films that are named beside them."""
    from pictell.collection.companions import without_companions

    return without_companions(list(named_sources(options, on_skip)))


def _check_index(name: str | None) -> None:
    """Raise ``UsageError`` for an ``--index`` that cannot be a file of its own."""
    if name is None:
        return
    path = Path(name)
    if path.suffix.lower() in SUFFIXES:
        raise UsageError(f"--index {name}: {path.suffix} is for pictures: give another name")
    if os.path.isdir(path) or not path.name:
        raise UsageError(f"--index {name}: a folder, not a file: add the name of a file")
    if not os.path.isdir(path.parent):
        raise UsageError(f"--index {name}: there is no folder {path.parent}: make it first")
    if os.path.lexists(path):
        _check_index_file(path)


def _check_index_file(path: Path) -> None:
    """Raise ``UsageError`` for a file of the user's own."""
    from pictell.index.database import is_foreign
    from pictell.index.photos import LAYOUT

    if path.exists() and not path.is_file():
        raise UsageError(f"--index {path}: not a regular file: give another name")
    # A file that cannot be read is not used, and a note says why.
    with suppress(OSError):
        if is_foreign(path, LAYOUT):
            raise UsageError(f"{path} is not an index of pictell: name another file with --index")


@contextmanager
def survey_photos(
    options: argparse.Namespace, prepare: Callable[[Classifier], None] = lambda classifier: None
) -> Iterator[Surveyed]:
    """Survey the photos; the index and the classifier are open inside ``with``.

    Photos that cannot be read are named on stderr, and so is an index that is not used. ``prepare``
    is called before any photo is read, so that what it raises costs no time.
    """
    from pictell.collection.companions import without_paired_raws
    from pictell.collection.survey import survey
    from pictell.index.photos import PhotoIndex

    report_crashes(options.model)
    index_path = None if options.index is None else Path(options.index)
    with load_classifier(options, wait=False) as classifier:
        prepare(classifier)
        # All are listed before the index is open: a list may look into files that are not pictures,
        # and to close a file ends the locks that this process has on it.
        skipped = list[Path]()
        sources = photo_sources(options, skipped.append)
        with PhotoIndex.open(index_path) as index:
            said = _say_note(index, None)
            sources = [one for one in sources if not _is_part(index, one)]
            sources = without_paired_raws(sources)
            with Progress(total=len(sources), quiet=options.quiet) as progress:
                found = survey(classifier, sources, index, progress.watch)
            said = _say_note(index, said)
            others = tuple(path for path in skipped if not index.is_part(path))
            yield Surveyed(classifier, index, found, progress.exit_status, others)
            _say_note(index, said)


def _say_note(index: PhotoIndex, said: str | None) -> str | None:
    """Say why the index is not used, unless it was said already."""
    if index.note is not None and index.note != said:
        say(index.note)
    return index.note


def _is_part(index: PhotoIndex, source: Source) -> bool:
    return isinstance(source.content, Path) and index.is_part(source.content)
