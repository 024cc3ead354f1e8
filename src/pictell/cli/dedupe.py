"""``pictell dedupe``: near-duplicates of photos, listed and never deleted."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pictell.cli.amounts import photos, size
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.output import say, write, write_json, write_json_lines
from pictell.cli.parser import Parser, probability
from pictell.cli.photo_options import (
    Surveyed,
    add_photo_options,
    check_photo_options,
    survey_photos,
)
from pictell.cli.progress import Progress
from pictell.cli.terminal import line_columns
from pictell.errors import UsageError
from pictell.images.perceptual_hash import check_hashing
from pictell.reports.escape import visible
from pictell.reports.text import display_width
from pictell.results import percent, warning_mark

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.collection.candidates import Candidates, PhotoFile
    from pictell.collection.copies import Group, Kind

EXAMPLE = """\
List the photos that are copies of each other; nothing is deleted or changed:

  pictell dedupe samples/
  pictell dedupe samples/ --kind re-encoded
  pictell dedupe samples/ --format json
  pictell dedupe PHOTOS/ --copies --null | xargs -0 trash

The first photo of each group is the best one: the largest, then the one with most bytes, then the
oldest. The others are identical to it (the same bytes), re-encoded (the same picture in another
size, format or quality), or near (slightly cropped, turned, edited, or taken at the same moment).
With --kind similar, more photos are found, and some of them only show similar things.

With --copies, only the paths of the others are listed, and only if they are identical or
re-encoded, unless --kind says otherwise. The best one is never listed, and neither is a symbolic
link, which takes no room. A link is the best one only if the group has nothing else.
"""
KINDS = ("identical", "re-encoded", "near", "similar")
BY_EMBEDDING = ("near", "similar")
# The cosine of two photos that are similar; other models have other ones.
MIN_LIKENESS = 0.87
KEEP, COPY = "keep?", "     "
LINK = " (symbolic link)"


def run(words: list[str]) -> int:
    """Write the groups of copies; return the exit status. Raises ``PictellError``."""
    options = make_parser().parse(words)
    check_photo_options(options)
    _check(options)
    with survey_photos(options, lambda model: _check_model(model, options.kind)) as found:
        compared = _candidates(found, options)
        from pictell.collection.copies import Kind, find_copies

        groups = find_copies(compared, Kind(options.kind), options.min_likeness)
    for error in compared.failed:
        say(f"{error.source}: {error.message}")
    _write(groups, options)
    if not options.quiet:
        _say_how_many(groups, len(compared.files))
    return SOME_FAILED if compared.failed else found.exit_status


def _candidates(found: Surveyed, options: argparse.Namespace) -> Candidates:
    """The photos with what their kind of copies needs."""
    # They import the image library.
    from pictell.collection.candidates import candidates

    with Progress("comparing", len(found.survey.photos), quiet=options.quiet) as progress:
        return candidates(
            found.survey,
            found.index,
            found.classifier.model.limits,
            fingerprints=options.kind != "identical",
            embeddings=options.kind in BY_EMBEDDING,
            count=progress.count,
        )


def _check_model(classifier: Classifier, kind: str) -> None:
    if kind in BY_EMBEDDING and classifier.spec.embedding is None:
        name = classifier.spec.name
        raise UsageError(f"{name} has no embedding: give --kind re-encoded, or another model")


def make_parser() -> Parser:
    """The parser of the command."""
    parser = Parser("pictell dedupe", "[OPTION …] PHOTO …", EXAMPLE)
    add_photo_options(parser, answers=False)
    parser.add_format(("text", "json", "jsonl"))
    add = parser.add_argument_group("the copies").add_argument
    copies = "only the paths of the copies, not of the best one; with --null, NUL between them"
    add("--copies", action="store_true", help=copies)
    kind = "the least alike copies that count (near; with --copies re-encoded)"
    add("--kind", choices=KINDS, metavar="K", help=f"{', '.join(KINDS)}: {kind}")
    likeness = "how alike the embeddings of similar photos are at least, 0 to 1 (0.87)"
    add("--min-likeness", type=probability, metavar="P", help=likeness)
    return parser


def _check(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for options that contradict each other; fill in the kind."""
    if options.kind != "identical":
        check_hashing("photos")
        if options.limits.isolate:
            raise UsageError(
                "--isolate does not cover the comparison of pictures, which decodes them in this "
                "process: leave it out, or give --kind identical"
            )
    if options.copies and options.format != "text":
        raise UsageError(f"--copies lists paths, not {options.format}: leave one out")
    if options.null and options.from_file is None and not options.copies:
        raise UsageError("--null needs paths: give --from-file or --copies")
    if options.min_likeness is not None and options.kind != "similar":
        raise UsageError("--min-likeness is for similar photos: give --kind similar too")
    if options.min_likeness is None:
        options.min_likeness = MIN_LIKENESS
    if options.kind is None:
        options.kind = "re-encoded" if options.copies else "near"


def _write(groups: Sequence[Group], options: argparse.Namespace) -> None:
    if options.copies:
        write(_names(groups, "\0" if options.null else "\n"))
    elif options.format == "json":
        write_json([_record(group) for group in groups])
    elif options.format == "jsonl":
        write_json_lines(map(_record, groups))
    else:
        write(_text(groups))


def _names(groups: Sequence[Group], end: str) -> Iterator[bytes]:
    """The paths of what may be removed. Raises ``UsageError`` for one that is no line."""
    paths = [str(file.photo.path) for group in groups for file in group.removable()]
    # Other programs would read it as an option.
    paths = [f".{os.sep}{path}" if path.startswith("-") else path for path in paths]
    for path in paths:
        if end in path:
            raise UsageError(f"the path {path!r} has a line break: give --null")
    shown = paths if line_columns() is None else map(visible, paths)
    return (os.fsencode(path) + end.encode() for path in shown)


def _record(group: Group) -> dict[str, object]:
    """A group as JSON shows it."""
    copies = [
        _file_record(copy.file)
        | {"kind": copy.kind.value, "likeness": copy.likeness and round(copy.likeness, 6)}
        for copy in group.copies
    ]
    return {"best": _file_record(group.best), "copies": copies}


def _file_record(file: PhotoFile) -> dict[str, object]:
    taken = file.photo.taken
    return {
        "path": str(file.photo.path),
        "sha256": file.photo.digest,
        "width": file.width,
        "height": file.height,
        "bytes": file.n_bytes,
        "link": file.is_link,
        "taken": None if taken is None else taken.isoformat(),
        "warnings": list(file.warnings),
    }


def _text(groups: Sequence[Group]) -> Iterator[bytes]:
    """A paragraph for each group."""
    for number, group in enumerate(groups):
        kinds = ["", *(_in_words(copy.kind, copy.likeness) for copy in group.copies)]
        files = [group.best, *(copy.file for copy in group.copies)]
        paths = [visible(str(file.photo.path)) for file in files]
        widest = max(map(display_width, paths))
        lines = [
            f"{KEEP if not kind else COPY}  {path}{' ' * (widest - display_width(path))}  "
            f"{f'{file.width}x{file.height}':>11}  {size(file.n_bytes):>8}  {kind}"
            f"{warning_mark(file.warnings)}{LINK if file.is_link else ''}".rstrip()
            for path, file, kind in zip(paths, files, kinds, strict=True)
        ]
        yield ("\n" * (number > 0) + "\n".join(lines) + "\n").encode()


def _in_words(kind: Kind, likeness: float | None) -> str:
    return f"{kind.value} {percent(max(likeness or 0, 0))}" if kind == "similar" else kind.value


def _say_how_many(groups: Sequence[Group], total: int) -> None:
    copies = [copy for group in groups for copy in group.copies]
    if not copies:
        say(f"no copies in {photos(total)}")
        return
    n_bytes = sum(copy.file.n_bytes for copy in copies if not copy.file.is_link)
    noun = "copy" if len(copies) == 1 else "copies"
    say(f"{photos(total)}: {len(copies):,} {noun} of {photos(len(groups))}, {size(n_bytes)}")
